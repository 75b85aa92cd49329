"""A model of weight 0 is not read, and no bit depends on that.

    weight_zero.py STOCKPOT

A weight of 1e-300 is read, but is 0 in the float32 that it multiplies with: what comes out must be the same. Where tensors
are float64 the recipe without the model says the same.
"""

import json
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.awkward import CONFIG  # noqa: E402
from support.checkpoints import read_model, write_model  # noqa: E402
from support.families import base_values, change  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program  # noqa: E402

F32, F64, BF16 = np.float32, np.float64, ml_dtypes.bfloat16
READ_AS_ZERO = 1e-300
SHAPES = {"scalar": (), "vector": (33,), "matrix": (40, 24), "blocks": (257, 260)}
LAYERS = [f"model.layers.{i}.mlp.weight" for i in range(3)]
TUNES = "abcdef"
TRIMMED = {"density": 0.4}
METHODS = {
    "linear": {},
    "linear, sum": {"normalize": False},
    "uniform_soup": {},
    "task_arithmetic": {"lambda": 0.7},
    "task_arithmetic, normalised": {"normalize": True},
    "ties": TRIMMED,
    "ties, by count, majority": TRIMMED | {"sign_consensus": "count", "zero_sign": "majority"},
    "ties, majority": TRIMMED | {"zero_sign": "majority"},
    "ties, hash": TRIMMED | {"tie_break": "hash", "rescale": True},
    "dare_linear": TRIMMED,
    "dare_linear, l2": TRIMMED | {"rescale_mode": "l2", "normalize": True},
    "dare_ties": TRIMMED,
    "della": TRIMMED | {"epsilon": 0.1},
    "della_linear": TRIMMED | {"epsilon": 0.1, "rescale_mode": "linf"},
    "breadcrumbs": TRIMMED | {"gamma": 0.02},
    "breadcrumbs_ties": TRIMMED | {"gamma": 0.02, "normalize": True},
}
READ_ALL = ("consensus", "pcb", "tsvm")


def family_of(random, shape, dtypes):
    """A base and fine-tunes, in which zeros are of both signs, some in all models at once, and some changes cancel."""
    values = base_values(random, shape)
    deltas = [change(random, values, coarse=True) for _ in dtypes[1:]]
    deltas[1] = np.where(random.random(shape) < 0.2, -deltas[0], deltas[1])
    arrays = [np.asarray(values + d).astype(t) for d, t in zip([0 * values, *deltas], dtypes, strict=True)]
    for array in arrays:
        array.reshape(-1)[5::17] = -0.0
    return arrays


def write_models(folder):
    random = np.random.default_rng(5)
    shapes = SHAPES | {name: (9, 31) for name in LAYERS}
    made = {name: family_of(random, shape, [F32] + [BF16, F32] * 3) for name, shape in shapes.items()}
    doubles = family_of(random, (65, 33), [F64] * 7)
    for i, model in enumerate(("base", *TUNES)):
        tensors = {name: arrays[i] for name, arrays in made.items()}
        write_model(folder / model, Model(tensors | {"double": doubles[i]}, CONFIG))


def tensors_of(directory):
    return read_model(directory).tensors


class Suite:
    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, 0

    def merged(self, method, weights, parameters, *options):
        """`weights` is model -> weight. @return tensors and bytes read."""
        self.runs += 1
        out = self.folder / f"out-{self.runs}"
        models = [{"model": str(self.folder / m), "parameters": {"weight": w}} for m, w in weights.items()]
        recipe = {"merge_method": method.split(",")[0], "models": models, "parameters": parameters, "dtype": "float32"}
        if not method.startswith(("linear", "uniform")):
            recipe["base_model"] = str(self.folder / "base")
        self.program.merge(recipe, out, "--random-seed", 3, *options)
        record = json.loads((out / "stockpot_run.json").read_text())
        return tensors_of(out), sum(rank["bytes_read"] for rank in record["per_rank"])

    def same(self, title, got, want):
        assert got.keys() == want.keys()
        differing = [name for name in want if got[name].tobytes() != want[name].tobytes()]
        assert not differing, f"{title}: other bits in {', '.join(differing)}"

    def check(self, method, parameters):
        for names in ("ab", "abc", TUNES):  # few models are summed in one loop, many one after the other
            for idle in (names[0], names[-1], names[:-1]):
                title = f"{method}, {idle} of {names}"
                weights = {m: 0.0 if m in idle else 0.3 + 0.1 * i for i, m in enumerate(names)}
                all_read = {m: w or READ_AS_ZERO for m, w in weights.items()}
                got, read = self.merged(method, weights, parameters)
                without, read_without = self.merged(method, {m: w for m, w in weights.items() if w}, parameters)
                want, read_all = self.merged(method, all_read, parameters)
                assert read == read_without < read_all, f"{title}: {read} bytes read, {read_without} without, {read_all} with"
                self.same(title, got, without)
                del got["double"], want["double"]  # 1e-300 is something there
                self.same(f"{title}, all read", got, want)

    def check_layers(self):
        """A weight that is 0 in the first layer and everywhere outside of layers."""
        slope = [{"filter": "layers", "value": [0, 1]}, {"value": 0}]
        almost = [{"filter": "layers", "value": [READ_AS_ZERO, 1]}, {"value": READ_AS_ZERO}]
        got, read = self.merged("dare_ties", {"a": 0.5, "b": slope}, TRIMMED)
        want, read_all = self.merged("dare_ties", {"a": 0.5, "b": almost}, TRIMMED)
        assert read < read_all, f"{read} bytes read of {read_all}"
        del got["double"], want["double"]
        self.same("a gradient", got, want)

    def check_nobody(self):
        """Weights that are all 0: the base, but for zeros, which may lose their sign."""
        got, _ = self.merged("task_arithmetic", {"a": 0, "b": 0}, {})
        want, _ = self.merged("task_arithmetic", {"a": READ_AS_ZERO, "b": READ_AS_ZERO}, {})
        base = tensors_of(self.folder / "base")
        assert all((got[name] == array.astype(F32)).all() for name, array in base.items())
        del got["double"], want["double"]
        self.same("nobody", got, want)

    def check_others(self):
        for method in READ_ALL:
            _, read = self.merged(method, {"a": 1, "b": 0, "c": 1}, {})
            _, read_all = self.merged(method, {"a": 1, "b": 1, "c": 1}, {})
            assert read == read_all, f"{method}: {read} bytes read of {read_all}"

    def check_nan_is_not_noticed(self):
        """docs/methods.md says so."""
        tensors = tensors_of(self.folder / "a")
        tensors["vector"] = np.full((33,), np.nan, F32)
        write_model(self.folder / "broken", Model(tensors, CONFIG))
        got, _ = self.merged("linear", {"broken": 0, "b": 1}, {})
        assert np.isfinite(got["vector"]).all()
        got, _ = self.merged("linear", {"broken": 0, "b": 1}, {}, "--nonfinite", "propagate")
        assert np.isnan(got["vector"]).all()


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_models(folder)
        suite = Suite(Program(binary), folder)
        for method, parameters in METHODS.items():
            suite.check(method, parameters)
            print(f"{method}: as if all were read", flush=True)
        suite.check_layers()
        suite.check_nobody()
        suite.check_others()
        suite.check_nan_is_not_noticed()
        print(f"{suite.runs} merges")


if __name__ == "__main__":
    main(*sys.argv[1:])
