"""Experts one by one, stacked, and stacked with every matrix transposed: merged in the anchor's layout, whichever the
others have.

transposed.py STOCKPOT
"""

import itertools
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import digests, read_model, write_model  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.reference import BF16  # noqa: E402

EXPERTS, HIDDEN, INNER, LAYERS = 3, 160, 220, 2  # a stack is more than a block of 65,536 elements
CONFIG = {"architectures": ["SomeMoeForCausalLM"], "num_hidden_layers": LAYERS, "hidden_size": HIDDEN}
NORMS = [f"model.layers.{n}.input_layernorm.weight" for n in range(LAYERS)]


def matrices(random, dtype):
    """(layer, expert, part) -> matrix, as a linear layer has it."""
    shapes = {"gate": (INNER, HIDDEN), "up": (INNER, HIDDEN), "down": (HIDDEN, INNER)}
    every = itertools.product(range(LAYERS), range(EXPERTS), shapes)
    return {key: random.standard_normal(shapes[key[2]]).astype(np.float32).astype(dtype) for key in every}


def one_by_one(made):
    return {f"model.layers.{n}.mlp.experts.{e}.{part}_proj.weight": m for (n, e, part), m in made.items()}


def stacked(made, turn=False):
    tensors = {}
    for n in range(LAYERS):
        gate_up = [np.concatenate([made[n, e, "gate"], made[n, e, "up"]]) for e in range(EXPERTS)]
        down = [made[n, e, "down"] for e in range(EXPERTS)]
        for name, stack in (("gate_up_proj", gate_up), ("down_proj", down)):
            tensors[f"model.layers.{n}.mlp.experts.{name}"] = np.stack([m.T if turn else m for m in stack])
    return tensors


def transposed(made):
    return stacked(made, turn=True)


LAYOUTS = (one_by_one, stacked, transposed)


def check(program, folder, dtypes):
    """A linear merge of two models, the second in every layout."""
    random = np.random.default_rng(np.dtype(dtypes[0]).itemsize)
    makes = [matrices(random, dtype) for dtype in dtypes]
    norms = {name: np.ones(HIDDEN, dtypes[0]) for name in NORMS}
    for (made, who), layout in itertools.product(zip(makes, "ab"), LAYOUTS):
        write_model(folder / f"{who}-{layout.__name__}", Model(layout(made) | norms, CONFIG))
    wide = np.float64 if np.float64 in dtypes else np.float32
    weights = [wide(0.25), wide(0.5)]
    merged = {k: weights[0] * makes[0][k].astype(wide) + weights[1] * makes[1][k].astype(wide) for k in makes[0]}
    for anchor, other in itertools.product(LAYOUTS, LAYOUTS):
        names = [f"a-{anchor.__name__}", f"b-{other.__name__}"]
        models = [{"model": m, "parameters": {"weight": float(w)}} for m, w in zip(names, weights)]
        recipe = {"merge_method": "linear", "models": models, "parameters": {"normalize": False}}
        recipe["dtype"] = np.dtype(wide).name
        outs = []
        for ranks, options in ((1, ()), (2, ("--memory-per-rank", "16MiB", "--chunk", "64KiB")), (3, ())):
            outs.append(folder / f"{'-'.join(names)}-{ranks}")
            places = ("--model-root", folder, "--no-write-model-card")
            program.merge(recipe, outs[-1], *places, *options, ranks=ranks)
        title = f"{names[0]} with {names[1]}"
        assert len({json.dumps(digests(out)) for out in outs}) == 1, f"{title}: depends on ranks or memory"
        tensors = read_model(outs[0]).tensors
        wanted = anchor(merged)
        assert tensors.keys() == wanted.keys() | set(NORMS), f"{title}: {sorted(tensors)}"
        for name, values in wanted.items():
            assert np.array_equal(tensors[name], values), f"{title}: {name}"


def one_at_a_time(program, folder):
    """Whole matrices that wait for their next strip are much memory: merges that keep such do not share a sweep."""

    def made_with(other):
        models = [{"model": str(folder / m), "parameters": {"weight": 0.5}} for m in ("a-one_by_one", other)]
        documents = [{"name": name, "merge_method": "linear", "models": models} for name in ("first", "second")]
        out = folder / f"stages of {other}"
        recipe = write_recipe("\n---\n".join(json.dumps(document) for document in documents), folder / "stages.yaml")
        program.must_run("multi", recipe, "-I", out, "--quiet")
        return json.loads((out / "first" / "stockpot_run.json").read_text())["made_with"]

    assert made_with("b-one_by_one") == ["second"], "these could have shared a sweep"
    assert made_with("b-transposed") == [], "each of these keeps whole matrices"


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        for dtypes in ((BF16, BF16), (np.float64, np.float32)):
            folder = Path(temporary) / np.dtype(dtypes[0]).name
            check(program, folder, dtypes)
        one_at_a_time(program, folder)
    print(f"{len(LAYOUTS)} layouts of experts, each read as every other, on 1, 2 and 3 ranks")


if __name__ == "__main__":
    main(sys.argv[1])
