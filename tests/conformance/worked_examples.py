"""Examples worked by hand or published: the reference gives them, and so does the program.

    worked_examples.py STOCKPOT
    worked_examples.py --reference-only

All that fail are listed, not only the first.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import examples, philox, reference, trims  # noqa: E402
from support.checkpoints import read_model, write_model  # noqa: E402
from support.program import Program  # noqa: E402
from support.reference.averages import median_coefficients, stock_ratio  # noqa: E402
from support.reference.selections import row_divergences, sce_variances  # noqa: E402

CLOSE = 1e-6  # of the largest magnitude


def is_close(got, want):
    return np.abs(np.asarray(got, np.float64).reshape(-1) - want).max() <= CLOSE * np.abs(want).max()


def check_random_words():
    hex_words = lambda columns: " ".join(f"{int(w[0]):08x}" for w in columns)  # noqa: E731
    ones = 0xFFFFFFFF
    assert hex_words(philox.philox4x32_10((0, 0, 0, 0), (0, 0))) == "6627e8d5 e169c58d bc57ac4c 9b00dbd8"
    assert hex_words(philox.philox4x32_10((ones,) * 4, (ones, ones))) == "408f276d 41c83b0e a20bc7c6 6d5451fd"
    pi = ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0))
    assert hex_words(philox.philox4x32_10(*pi)) == "d16cfe09 94fdcceb 5001e420 24126ea1"
    for key, stream, words in (
        ("A", 0x1A1D277E5EE6488E, "11d65715 dca430b8 69c67780 6215eb2d 65e4422a e824fa97"),
        ("B", 0x1173EC7E59FEB6A3, "81993eaa 2010a620 dc1a3e7f d48b1101 6f130e8f 0e399f1e"),
        ("C", 0x08C9D17E5515A818, "9097b322 2fd0249f e700416c d42402e1 26bba9a4 de8f36f4"),
    ):
        assert philox.stream(0, key, "t") == stream
        assert [f"{w:08x}" for w in philox.words(42, key, "t", 6)] == words.split()
    print("random words: three published vectors, three streams")


def check_steps():
    """What the examples say of the way to their results."""
    values = {key: np.array(v, np.float32) for key, v in examples.T_VALUES.items()}
    d = {key: values[key] - values["P"] for key in "ABCD"}

    def kept(masks):
        return [np.where(mask, d[key], 0).tolist() for key, mask in zip("ABC", masks)]

    assert kept([trims.magnitude_mask(d[key], 0.5, "exact") for key in "ABC"]) == [
        [0.5, -1, 0, 0, 2, 0],
        [0, -0.5, 1, 0.75, 0, 0],
        [1, 0.5, 0, 0, -1, 0],
    ]
    assert kept([trims.without_outliers(d[key], 0.5, 0.2) for key in "ABC"]) == [
        [0.5, -1, 0, 0, 0, -0.5],
        [0, -0.5, 0, 0.75, 0, 0.5],
        [1, 0.5, -0.5, 0, 0, 0],
    ]
    assert kept([philox.kept(42, key, "t", 6, 0.5) for key in "ABC"]) == [
        [0.5, 0, 0.25, 0, 2, 0],
        [0, -0.5, 0, 0, 0, 0.5],
        [0, 0.5, 0, 0, -1, 0],
    ]
    assert [trims.keep_probabilities(d[key].reshape(2, 3), 0.5, 0.25).reshape(-1).tolist() for key in "ABC"] == [
        [0.5, 0.75, 0.25, 0.25, 0.75, 0.5],
        [0.25, 0.5, 0.75, 0.75, 0.25, 0.5],
        [0.75, 0.25, 0.5, 0.5, 0.75, 0.25],
    ]
    variances = [0.2638889, 0.3888889, 0.375, 0.09722222, 1.555556, 0.1666667]
    assert is_close(sce_variances([d[key] for key in "ABC"]), variances)
    for models, want in (("AB", 0.1966920), ("AD", 0.9394225), ("ABD", 0.7179342)):
        assert is_close([stock_ratio([d[key] for key in models], 1e-6, "none", "cosine")], [want])
    shares = median_coefficients([values[key] for key in "ABC"], [1, 1, 1], 1e-6, 1e-12, 100)
    assert is_close(shares, [0.2226660, 0.5403021, 0.2370319])
    base, changed = values["P"].reshape(2, 3), values["A"].reshape(2, 3)
    importance = np.abs(changed - base) * row_divergences(base, changed)[:, None]
    assert is_close(importance, [0.009685884, 0.01937177, 0.004842942, 0, 0.0811653, 0.02029132])
    print("steps: masks, probabilities, variances, ratios, shares, importance")


class Examples:
    def __init__(self, program, folder):
        self.program, self.folder, self.failures = program, folder, []

    def write(self, families):
        for name, models in families.items():
            for key, model in models.items():
                write_model(self.folder / name / key, model)

    def compare(self, title, who, got, wants):
        wrong = [name for name, want in wants.items() if not is_close(got[name], want)]
        self.failures += [f"{title}: {who} gives {got[name].tolist()} for {name}, not {wants[name]}" for name in wrong]
        return not wrong

    def check(self, example, models):
        expected = reference.merge(example.recipe, models, seed=examples.SEED)
        right = self.compare(
            example.title, "the reference", {name: m.stored for name, m in expected.items()}, example.wants
        )
        if self.program is not None:
            right = self.run(example) and right
        print(f"{example.title}: {example.recipe['merge_method']} {'as published' if right else 'FAILS'}")

    def run(self, example):
        out = self.folder / f"out of {example.title}"
        try:
            self.program.merge(
                example.recipe, out, "--random-seed", examples.SEED, "--model-root", self.folder / example.family
            )
        except AssertionError as refusal:
            self.failures.append(f"{example.title}: {refusal}")
            return False
        return self.compare(example.title, "the program", read_model(out).tensors, example.wants)


def main(argument):
    program = None if argument == "--reference-only" else Program(argument)
    check_random_words()
    check_steps()
    families = examples.families()
    gradient, families["gradient"] = examples.gradient_example()
    with tempfile.TemporaryDirectory() as temporary:
        checks = Examples(program, Path(temporary))
        if program is not None:
            checks.write(families)
        for example in [*examples.all_examples(), gradient]:
            checks.check(example, families[example.family])
    assert not checks.failures, "\n".join([f"{len(checks.failures)} examples fail", *checks.failures])


if __name__ == "__main__":
    main(sys.argv[1])
