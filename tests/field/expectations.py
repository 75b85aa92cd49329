"""What merges have to give, computed with torch from the state_dicts that the library loads."""

import re

import torch

# Loose tensors after the layers, in names of the running models.
POST = re.compile(
    r"^(lm_head|proj_out|cls)\.|(^|\.)language_model\.norm\.|^model\.norm\.|^transformer\.ln_f\.|final_layer_norm\.\w+$"
)


def average(states, weights, normalize=True):
    """The weighted mean (or sum) of equally named tensors."""
    total = sum(weights) if normalize else 1
    return {name: sum(w * s[name].double() for s, w in zip(states, weights)) / total for name in states[0]}


def task_arithmetic(base, tunes, weights):
    return {
        name: value.double() + sum(w * (t[name].double() - value.double()) for t, w in zip(tunes, weights))
        for name, value in base.items()
    }


def layer_of(name, stack):
    """(layer, rest of the name) of a tensor of the stack, else None."""
    match = re.match(re.escape(stack) + r"\.(\d+)\.(.*)", name)
    return (int(match[1]), match[2]) if match else None


def depth_of(name, stacks):
    """0 at the first layer, 1 at the last, 0 outside: where a gradient is read. `stacks` is stack -> layers."""
    for stack, layers in stacks.items():
        if found := layer_of(name, stack):
            return found[0] / (layers - 1)
    return 0


def gradient(values, depth):
    at = depth * (len(values) - 1)
    low = int(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def average_by_depth(states, gradients, stacks):
    made = {}
    for name in states[0]:
        weights = [gradient(g, depth_of(name, stacks)) for g in gradients]
        made.update(average([{name: s[name]} for s in states], weights))
    return made


def stacked(stack, slices):
    """Layers `start ... end - 1` of each slice on top of one another. A slice is a list of (state, weight, start, end);
    what lies before the layers comes from the first slice, what lies after them from the last."""
    made, placed = {}, 0

    def mean(sources, name_of):
        parts = [(weight, state[name_of(start)].double()) for state, weight, start, _ in sources]
        return sum(w * part for w, part in parts) / sum(w for w, _ in parts)

    for sources in slices:
        first, _, start, end = sources[0]
        for j in range(end - start):
            for name in first:
                found = layer_of(name, stack)
                if found and found[0] == start + j:
                    rest = found[1]
                    made[f"{stack}.{placed}.{rest}"] = mean(sources, lambda s: f"{stack}.{s + j}.{rest}")
            placed += 1
    for name in slices[0][0][0]:
        if not layer_of(name, stack):
            sources = slices[-1] if POST.search(name) else slices[0]
            made[name] = mean(sources, lambda _: name)
    return made


def retied(architecture, state):
    """A tied head is its embedding, from wherever its model comes."""
    first, *others = architecture.vocab_tensors
    if architecture.tied:
        for name in others:
            if name in state and state[name].dim() == 2:
                state[name] = state[first]
    return state


def largest_error(got, want):
    """The largest difference over all tensors, as a share of the tensor's largest element, and where it is."""
    worst = (0.0, "")
    for name, value in want.items():
        error = (got[name].double() - value.double()).abs().max().item()
        worst = max(worst, (error / max(value.abs().max().item(), 1e-30), name))
    return worst


def assert_close(got, want, tolerance):
    missing, extra = sorted(want.keys() - got.keys()), sorted(got.keys() - want.keys())
    assert not missing and not extra, f"missing {missing}, unexpected {extra}"
    shapes = {name: (tuple(got[name].shape), tuple(v.shape)) for name, v in want.items()}
    wrong = {name: pair for name, pair in shapes.items() if pair[0] != pair[1]}
    assert not wrong, f"shapes (got, expected): {wrong}"
    error, name = largest_error(got, want)
    assert error <= tolerance, f"{name} is off by {error:.2g} of its largest element"
    assert all(torch.isfinite(value).all() for value in got.values()), "not finite"
