"""Examples worked by hand or published: the reference gives them, and so does the program.

worked_examples.py STOCKPOT
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import philox, reference  # noqa: E402
from support.checkpoints import read_model, write_model  # noqa: E402
from support.placement import Model, evaluate  # noqa: E402
from support.program import Program  # noqa: E402

BASE = [1, -2, 0.5, 0, 3, -1]
VALUES = {
    "P": BASE,
    "A": [1.5, -3, 0.75, 0, 5, -1.5],
    "B": [0.75, -2.5, 1.5, 0.75, 3, -0.5],
    "C": [2, -1.5, 0, 0.25, 2, -1],
    "D": [1.5, -2.5, 0.75, 0.5, 4, -1],
    "P2": [2, -4, 1, 0, 6, -2],
    "negP": [-1, 2, -0.5, 0, -3, 1],
    "zero": [0] * 6,
}
U_DELTAS = {"P": [0, 0], "A": [4, -0.125], "B": [0.0625, -3], "C": [0.125, 0.0625]}


def recipe(method, models, base=None, shared=None, per_model=None):
    entries = [
        {"model": m, "parameters": {k: v[i] for k, v in (per_model or {}).items()}} for i, m in enumerate(models)
    ]
    made = {"merge_method": method, "models": entries, "parameters": shared or {}, "dtype": "float32"}
    return made | ({"base_model": base} if base else {})


def task(method, models="ABC", weights=(1, 1, 1), density=None, **shared):
    per_model = {"weight": list(weights)} | ({"density": [density] * len(models)} if density is not None else {})
    return recipe(method, list(models), "P", shared, per_model)


ONE_TENSOR = [
    (recipe("linear", "ABC", per_model={"weight": [0.5, 0.3, 0.2]}), [1.375, -2.55, 0.825, 0.275, 3.8, -1.1]),
    (recipe("linear", "AB", shared={"normalize": False}, per_model={"weight": [1, 2]}), [3, -8, 3.75, 1.5, 11, -2.5]),
    (recipe("slerp", "AC", "A", {"t": 0.25}), [1.656935, -2.669348, 0.5706589, 0.06445216, 4.32001, -1.399126]),
    (recipe("slerp", "PA", "P", {"t": 0.25}), [1.125297, -2.250595, 0.5626487, 0, 3.500944, -1.125297]),
    (recipe("slerp", ["P", "P2"], "P", {"t": 0.25}), [1.25, -2.5, 0.625, 0, 3.75, -1.25]),
    (recipe("slerp", ["zero", "P"], "zero", {"t": 0.5}), [0.7071068, -1.414214, 0.3535534, 0, 2.12132, -0.7071068]),
    (recipe("slerp", ["negP", "P"], "negP", {"t": 0.25}), [-0.5, 1, -0.25, 0, -1.5, 0.5]),
    (recipe("passthrough", "A", per_model={"scale": [0.5]}), [0.75, -1.5, 0.375, 0, 2.5, -0.75]),
    (
        task("task_arithmetic", weights=(1, 0.5, 0.25), **{"lambda": 0.5}),
        [1.3125, -2.5625, 0.8125, 0.21875, 3.875, -1.125],
    ),
    (
        task("task_arithmetic", weights=(1, 0.5, 0.25), normalize=True),
        [1.357143, -2.642857, 0.8571429, 0.25, 4, -1.142857],
    ),
    (task("ties", density=0.5), [1.75, -2.75, 1.5, 0.75, 5, -1]),
    (task("ties", weights=(1, 0.5, 2), density=0.5), [1.833333, -2.833333, 1.5, 0.75, 5, -1]),
    (task("ties", density=1), [1.75, -2.75, 1.125, 0.5, 5, -0.5]),
    (task("ties", "A", (-0.5,), 1), VALUES["A"]),
    (recipe("model_stock", "AB", "P"), [1.024587, -2.147519, 0.6229325, 0.0737595, 3.196692, -1]),
    (recipe("model_stock", "AD", "P"), [1.469711, -2.704567, 0.7348557, 0.2348556, 4.409133, -1.234856]),
    (
        recipe("model_stock", "AD", "P", {"filter_wise": True}),
        [1.486023, -2.729034, 0.7430113, 0.2322942, 4.393765, -1.232294],
    ),
    (recipe("model_stock", "ABD", "P"), [1.179484, -2.478623, 0.8589671, 0.2991392, 3.717934, -1]),
    (task("dare_linear", density=0.5), [1.772727, -2.416667, 0.8863636, 0, 3.924242, 0.5]),
    (task("dare_linear", density=0.5, rescale_mode="inv_density"), [2, -2, 1, 0, 5, 0]),
    (task("dare_ties", density=0.5), [1.772727, -3.5, 0.8863636, 0, 6.090909, 0.5]),
    (task("dare_ties", density=0.5, rescale_mode="inv_density"), [2, -1, 1, 0, 7, 0]),
]
TWO_TENSORS = [
    (task("ties", density=0.5, scope="model", zero_sign="majority"), [1.75, -2.75, 1.5, 0.75, 5, -1], [5, -2]),
    (
        task("ties", density=0.5, scope="model", zero_sign="majority", trim_rule="at_least"),
        [1.75, -2.75, 1.5, 0.5, 5, -0.5],
        [5, -2],
    ),
]


def models(second_tensor):
    made = {}
    for key, values in VALUES.items():
        tensors = {"t": np.array(values, np.float32).reshape(2, 3)}
        if second_tensor and key in U_DELTAS:
            tensors["u"] = np.array([1, 1], np.float32) + np.array(U_DELTAS[key], np.float32)
        made[key] = Model(tensors, {"architectures": ["Example"], "model_type": "example"})
    return made


def check_random_words():
    hex_words = lambda columns: " ".join(f"{int(w[0]):08x}" for w in columns)  # noqa: E731
    ones = 0xFFFFFFFF
    assert hex_words(philox.philox4x32_10((0, 0, 0, 0), (0, 0))) == "6627e8d5 e169c58d bc57ac4c 9b00dbd8"
    assert hex_words(philox.philox4x32_10((ones,) * 4, (ones, ones))) == "408f276d 41c83b0e a20bc7c6 6d5451fd"
    pi = ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0))
    assert hex_words(philox.philox4x32_10(*pi)) == "d16cfe09 94fdcceb 5001e420 24126ea1"
    assert philox.stream(0, "A", "t") == 0x1A1D277E5EE6488E
    first = [f"{w:08x}" for w in philox.words(42, "A", "t", 6)]
    assert first == "11d65715 dca430b8 69c67780 6215eb2d 65e4422a e824fa97".split()
    print("random words: three published vectors, one stream")


def check_gradients():
    points = [0, 0.5, 0.3, 0.7, 1]
    for layer, want in ((0, 0), (5, 0.3225806), (10, 0.4419355), (16, 0.3258065), (31, 1)):
        got = evaluate(points, "weight", f"model.layers.{layer}.w", layer / 31)
        assert abs(got - want) < 1e-7, (layer, got)
    print("gradients: five depths of 32 layers")


def close(got, want):
    return np.allclose(got.reshape(-1), want, rtol=2e-7, atol=6e-7)


def check(program, folder, number, recipe_, wants):
    made = models(second_tensor="u" in wants)
    expected = reference.merge(recipe_, made, seed=42)
    out = folder / f"out-{number}"
    program.merge(recipe_, out, "--random-seed", 42, "--model-root", folder / ("two" if "u" in wants else "one"))
    got = read_model(out).tensors
    for name, want in wants.items():
        method = f"{number}: {recipe_['merge_method']} {name}"
        assert close(expected[name].stored, want), f"{method}: the reference gives {expected[name].stored}, not {want}"
        assert close(got[name], want), f"{method}: the program gives {got[name]}, not {want}"


def main(binary):
    program = Program(binary)
    check_random_words()
    check_gradients()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, second in (("one", False), ("two", True)):
            for key, model in models(second).items():
                write_model(folder / name / key, model)
        cases = [(r, {"t": t}) for r, t in ONE_TENSOR] + [(r, {"t": t, "u": u}) for r, t, u in TWO_TENSORS]
        for number, (recipe_, wants) in enumerate(cases):
            check(program, folder, number, recipe_, wants)
            print(f"example {number}: {recipe_['merge_method']} {recipe_['parameters']}")


if __name__ == "__main__":
    main(sys.argv[1])
