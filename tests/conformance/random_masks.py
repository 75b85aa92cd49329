"""Statistics of the random masks: rates, independence, and that what they leave is right on average.

    random_masks.py STOCKPOT

Bounds are of five standard deviations, and the seeds are fixed.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.awkward import F32, models_of  # noqa: E402
from support.checks import Checks  # noqa: E402
from support.program import Program  # noqa: E402
from support.variants import recipe  # noqa: E402

SIGMAS = 5
SEEDS = 64
MILLION = (1000, 1000)


class Masks(Checks):
    """Models of ones on a base of zeros: what comes out is the mask; weights 1, 2, 4 tell three models' masks apart."""

    def __init__(self, program, folder):
        super().__init__(program, folder)
        self.densities = (0.001, 0.1, 0.5, 0.9, 0.999)
        made = {f"{p}.t": [np.zeros(MILLION, F32)] + [np.ones(MILLION, F32)] * 3 for p in self.densities}
        made["other"] = made["0.5.t"]
        self.write("ones", models_of(made))
        random = np.random.default_rng(5)
        self.values = random.standard_normal(MILLION).astype(F32)
        self.write("million", models_of({"t": [np.zeros(MILLION, F32), self.values]}))

    def masks(self, models, bits):
        cases = [{"filter": f"{p}.t", "value": p} for p in self.densities] + [{"value": 0.5}]
        per_model = {"weight": bits, "density": [cases] * len(models)}
        got = self.merged(recipe("dare_linear", {"rescale": False}, models, **per_model), "ones", seed=9)
        unpacked = {name: v.astype(np.int64).reshape(-1) for name, v in got.items() if v.dtype == F32}
        return {m: {n: v & bit != 0 for n, v in unpacked.items()} for m, bit in zip(models, bits)}

    def is_likely(self, title, found, p, n):
        fair = abs(found - p) <= SIGMAS * np.sqrt(p * (1 - p) / n)
        self.holds(f"{title}: rate {found}, not {p}", fair)

    def check_dare(self):
        found = self.masks("abc", [1, 2, 4])
        for p in self.densities:
            a, b = found["a"][f"{p}.t"], found["b"][f"{p}.t"]
            self.is_likely(f"density {p}", a.mean(), p, a.size)
            self.is_likely(f"two models at {p}", (a & b).mean(), p * p, a.size)
            for lag in range(1, 9):
                self.is_likely(f"lag {lag} at {p}", (a[lag:] & a[:-lag]).mean(), p * p, a.size - lag)
        names = found["a"]["0.5.t"] & found["a"]["other"]
        self.is_likely("two tensors", names.mean(), 0.25, names.size)
        turned = self.masks("cab", [4, 1, 2]) | {"alone": self.masks("b", [1])["b"]}
        for model, like in (("a", "a"), ("b", "b"), ("c", "c"), ("alone", "b")):
            same = all(np.array_equal(mask, found[like][name]) for name, mask in turned[model].items())
            self.holds(f"masks of {model} depend on the other models", same)
        print("masks of dare: rates, independence, order of models")

    def check_della(self):
        """Equal magnitudes rank by index, so probabilities rise along each row."""
        if "della_linear" not in self.known:
            return
        shared = recipe("della_linear", {"rescale": False}, "a", weight=[1], density=[0.5], epsilon=[0.3])
        mask = self.merged(shared, "ones", seed=9)["0.5.t"] != 0
        p = 0.2 + 0.6 * np.arange(1000) / 999
        for decile in range(10):
            part = slice(100 * decile, 100 * decile + 100)
            self.is_likely(f"della, decile {decile}", mask[:, part].mean(), p[part].mean(), mask[:, part].size)
        self.is_likely("della", mask.mean(), 0.5, mask.size)
        print("masks of della: rates by decile of rank")

    def check_restored_norm(self):
        shared = recipe("dare_linear", models="a", weight=[1], density=[0.3])
        got = self.merged(shared, "million", seed=9)["t"]
        ratio = np.abs(got.astype(np.float64)).sum() / np.abs(self.values.astype(np.float64)).sum()
        self.holds(f"l1 norm changes by {ratio}", abs(ratio - 1) <= 1e-6)

    def check_unbiased(self, method, mode, p, **more):
        if method not in self.known:
            return
        shared = recipe(method, {"rescale_mode": mode}, "a", weight=[1], density=[0.5], **more)
        total = np.zeros(MILLION)
        for seed in range(SEEDS):
            total += self.merged(shared, "million", seed=seed)["t"]
        error = np.abs(total / SEEDS - self.values)
        far = error > SIGMAS * np.abs(self.values) * np.sqrt((1 - p) / (p * SEEDS))
        self.holds(f"{method} is biased in {far.mean()} of the elements", far.mean() <= 1e-5)
        spread = np.sqrt((self.values.astype(np.float64) ** 2 * ((1 - p) / (p * SEEDS))).sum()) / total.size
        shift = abs((total / SEEDS).mean() - self.values.mean(dtype=np.float64))
        self.holds(f"{method} moves the mean by {shift}", shift <= SIGMAS * spread)
        print(f"masks of {method}: unbiased over {SEEDS} seeds")

    def check(self):
        self.check_dare()
        self.check_della()
        self.check_restored_norm()
        self.check_unbiased("dare_linear", "inv_density", 0.5)
        ranks = np.argsort(np.argsort(np.abs(self.values), axis=1, kind="stable"), axis=1, kind="stable")
        self.check_unbiased("della_linear", "inv_prob", 0.2 + 0.6 * ranks / 999, epsilon=[0.3])


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        masks = Masks(Program(binary), Path(temporary))
        masks.check()
        masks.finish()


if __name__ == "__main__":
    main(sys.argv[1])
