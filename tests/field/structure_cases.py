"""Recipes about which layers of which models make the output: whole models, slices, modules, stages, names of another
age, adapters."""

import json

import torch
from adapters import KINDS, merged
from expectations import average, average_by_depth, retied, stacked, task_arithmetic
from family import BF16_ROUNDING, Case, weighted
from layouts import LAYOUTS
from loading import load


def source(model, start, end, **parameters):
    return {"model": model, "layer_range": [start, end]} | ({"parameters": parameters} if parameters else {})


def whole_models(f):
    base, a, b = f.state("base"), f.state("a"), f.state("b")
    task = {"merge_method": "task_arithmetic", "base_model": "base", "models": weighted(a=0.5, b=0.3)}
    linear = {"merge_method": "linear", "models": weighted(a=0.75, b=0.5)}
    yield Case("linear", linear, lambda: average([a, b], [0.75, 0.5]))
    yield Case("task_arithmetic", task, lambda: task_arithmetic(base, [a, b], [0.5, 0.3]), 1e-6)
    yield Case("passthrough", {"merge_method": "passthrough", "models": [{"model": "a"}]}, lambda: a)
    half = linear | {"out_dtype": "bfloat16"}
    yield Case("linear to bfloat16", half, lambda: average([a, b], [0.75, 0.5]), BF16_ROUNDING, check=stored_bfloat16)
    for method in ("ties", "slerp", "nuslerp", "model_stock", "arcee_fusion"):
        yield Case(method, of_method(method))
    yield Case("modules: default" if not f.architecture.other_stacks else "modules: all", all_modules(f), lambda: a)


def of_method(method):
    recipe = {"merge_method": method, "base_model": "base", "models": weighted(a=0.6, b=0.4), "parameters": {}}
    if method == "ties":
        recipe["parameters"] = {"density": [0.9, 0.4]}
    if method == "slerp":
        recipe["parameters"] = {"t": [{"filter": "attn", "value": [0, 0.5, 1]}, {"value": 0.4}]}
    if method in ("slerp", "arcee_fusion", "model_stock"):
        recipe["models"] = [{"model": "base"}, {"model": "a"}] + ([{"model": "b"}] if method == "model_stock" else [])
    return recipe


def stored_bfloat16(loaded):
    config = loaded.config
    assert (config.get("dtype") or config.get("torch_dtype")) == "bfloat16", config
    model = loaded.architecture.auto.from_pretrained(loaded.directory)
    assert model.dtype == torch.bfloat16, model.dtype


MODULES = {
    "t5": ("encoder", "decoder", "shared"),
    "whisper": ("encoder", "decoder"),
    "llava": ("language_model.model.layers", "vision_tower.encoder.layers"),  # the projector goes with the first
}


def all_modules(f):
    names = MODULES.get(f.name, ("default",))
    return {"merge_method": "passthrough", "modules": {name: {"models": [{"model": "a"}]} for name in names}}


def writes_head(f, slices):
    """Whether the output's embedding is one model's and its head another's, by a name that is known."""
    first, last = ({id(state) for state, *_ in part} for part in (slices[0], slices[-1]))
    return f.name in ("gemma2", "gpt2") and first != last


def slices(f):
    if f.name in ("t5", "whisper"):
        return
    n, stack = f.layers(), f.architecture.stack
    a, b = f.state("a"), f.state("b")

    def case(title, recipe, *parts):
        def expected():
            made = stacked(stack, parts)
            if not writes_head(f, parts):
                made = retied(f.architecture, made)
            return {name: a[name] if in_other_stack(f, name) else value for name, value in made.items()}

        used = [first + k for (_, _, first, end), *_ in parts for k in range(end - first)]
        return Case(f"slices: {title}", recipe, expected, check=kinds_follow(f, used))

    yield case("up-merge", assembled([source("a", 0, n - 1)], [source("b", 1, n)]), [(a, 1, 0, n - 1)], [(b, 1, 1, n)])
    yield case("first two layers", assembled([source("a", 0, 2)]), [(a, 1, 0, 2)])
    mixed = assembled(
        [source("a", 0, 2, weight=3), source("b", n - 2, n, weight=1)], [source("b", 1, n, weight=1)], method="linear"
    )
    yield case("other layers of each", mixed, [(a, 3, 0, 2), (b, 1, n - 2, n)], [(b, 1, 1, n)])
    backwards = range(n)[::-1]
    turned = assembled(*([source("a", k, k + 1)] for k in backwards))
    yield case("layers in reverse", turned, *([(a, 1, k, k + 1)] for k in backwards))


def in_other_stack(f, name):
    """Whether a tensor goes with a stack that top-level slices are not about."""
    parts = [stack.split(".")[:2] for stack in f.architecture.other_stacks.values()]
    return name.split(".")[:2] in parts


def assembled(*slices, method="passthrough"):
    return {"merge_method": method, "slices": [{"sources": sources} for sources in slices]}


def kinds_follow(f, used):
    """A list in config.json that says a kind for each layer has to follow the layers."""

    def check(loaded):
        before = json.loads((f.folder / "a" / "config.json").read_text()).get("layer_types")
        if before:
            assert loaded.config["layer_types"] == [before[k] for k in used], loaded.config["layer_types"]

    return check


def gradients(f):
    if f.architecture.other_stacks:
        return
    a, b = f.state("a"), f.state("b")
    recipe = {"merge_method": "linear", "models": weighted(a=[0.9, 0.1, 0.3], b=[0.1, 0.9])}
    expected = average_by_depth([a, b], [[0.9, 0.1, 0.3], [0.1, 0.9]], {f.architecture.stack: f.layers()})
    yield Case("gradients of weights", recipe, lambda: expected, 1e-6)


def modules(f):
    base, a, b = f.state("base"), f.state("a"), f.state("b")
    if f.name == "t5":
        yield t5_modules(f, a, b)
    if f.name == "whisper":
        each = {"encoder": {"models": weighted(a=0.8, b=0.2)}, "decoder": {"models": weighted(a=0.3, b=0.7)}}

        def halves():
            first, second = average([a, b], [0.8, 0.2]), average([a, b], [0.3, 0.7])
            return {name: (first if name.startswith("model.encoder") else second)[name] for name in a}

        yield Case("modules: encoder and decoder", {"merge_method": "linear", "modules": each}, halves)
    if f.name == "llava":
        text = {MODULES["llava"][0]: {"models": weighted(a=0.5, b=0.5)}}
        recipe = {"merge_method": "linear", "base_model": "base", "modules": text}
        recipe["stockpot"] = {"unlisted_modules": "copy"}

        def text_only():
            mean = average([a, b], [0.5, 0.5])
            return {name: (base if in_other_stack(f, name) else mean)[name] for name in base}

        yield Case("modules: text, the vision tower copied", recipe, text_only)


def t5_modules(f, a, b):
    n = f.layers("decoder.block")
    recipe = {
        "merge_method": "linear",
        "base_model": "base",
        "modules": {
            "encoder": {"models": weighted(a=1, b=1)},
            "decoder": {
                "slices": [
                    {"sources": [source("a", 0, 2, weight=1), source("b", 0, 2, weight=3)]},
                    {"sources": [source("b", 1, n, weight=1)]},
                ]
            },
            "shared": {"models": weighted(a=1)},
        },
    }

    def expected():
        made = stacked("decoder.block", [[(a, 1, 0, 2), (b, 3, 0, 2)], [(b, 1, 1, n)]])
        encoder = average([a, b], [1, 1])
        made = {name: encoder[name] if name.startswith("encoder.") else value for name, value in made.items()}
        made["shared.weight"] = a["shared.weight"]
        return retied(f.architecture, made)

    return Case("modules: decoder of slices", recipe, expected)


def stages(f):
    base, a, b = f.state("base"), f.state("a"), f.state("b")
    documents = [
        {"name": "half", "merge_method": "linear", "models": weighted(a=1, b=1)},
        {"merge_method": "task_arithmetic", "base_model": "base", "models": weighted(half=0.5, b=0.25)},
    ]
    half = average([a, b], [1, 1])
    yield Case("two stages", documents, lambda: task_arithmetic(base, [half, b], [0.5, 0.25]), 1e-6)


def layouts(f):
    """Inputs of different age: in the order of the anchor's names, with the same numbers."""
    base, a = f.state("base"), f.state("a")
    for layout in LAYOUTS.get(f.name, {}):
        for first, second in (("base", f"a-{layout}"), (f"base-{layout}", "a")):
            recipe = {"merge_method": "linear", "models": weighted(**{first: 1, second: 1})}
            yield Case(f"names of another age: {first} and {second}", recipe, lambda: average([base, a], [1, 1]))


def with_adapters(f):
    kinds = KINDS.get(f.name, {})
    if not kinds:
        return
    base = load(f.architecture, f.folder / "base").model
    a = f.state("a")
    for kind in kinds:
        name = f"lora-{kind}"
        alone = {"merge_method": "passthrough", "models": [{"model": f"base+{name}"}]}
        yield Case(f"adapter: {kind}", alone, lambda name=name: merged(base, f.folder / name), 1e-6)
    first = f"lora-{next(iter(kinds))}"
    beside = {"merge_method": "linear", "models": weighted(**{f"base+{first}": 1, "a": 1})}
    yield Case(
        "adapter beside a model", beside, lambda: average([merged(base, f.folder / first), a], [1, 1]), 1e-6
    )
    half = {"merge_method": "passthrough", "models": [{"model": f"base+{first}*0.5"}]}
    yield Case(
        "adapter by half", half, lambda: average([f.state("base"), merged(base, f.folder / first)], [1, 1]), 1e-6
    )
