"""Laws that merges obey whatever the numbers are: outputs are compared with inputs or with each other.

    properties.py STOCKPOT

All that fails is listed, not only the first.
"""

import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import variants  # noqa: E402
from support.awkward import fine_tuned, models_of  # noqa: E402
from support.checks import Checks  # noqa: E402
from support.program import Program  # noqa: E402
from support.variants import recipe  # noqa: E402

F32, BF16 = np.float32, ml_dtypes.bfloat16
SHAPES = {"scalar": (), "vector": (33,), "matrix": (40, 24), "cube": (3, 5, 4), "blocks": (257, 260)}


def plain(dtype=F32):
    random = np.random.default_rng(1)
    return {name: fine_tuned(random, shape, [dtype] * 4) for name, shape in SHAPES.items()}


class Properties(Checks):
    def each(self, law, recipes, check):
        """check(recipe) says for all tensors whether the law holds; `recipes` is title -> recipe."""
        able = {title: r for title, r in recipes.items() if r["merge_method"] in self.known}
        for title, recipe_ in able.items():
            wrong = self.attempt(f"{law}: {title}", lambda r=recipe_: [name for name, fine in check(r) if not fine])
            self.holds(f"{law}: {title}: {', '.join(wrong or [])}", not wrong)
        print(f"{law}: {len(able)} recipes")

    def unchanged_models_leave_the_base(self):
        copies = {f"{n}.{np.dtype(t)}": [v[0]] * 4 for t in (F32, BF16, np.float64) for n, v in plain(t).items()}
        self.write("copies", models_of(copies))

        def same(recipe_):
            got = self.merged(recipe_, "copies")
            for name, arrays in copies.items():
                # The cosine of the mean of right angles is 6e-17: nothing in float32, a unit in float64.
                doubled = "angle_mean" in recipe_["parameters"] and got[name].dtype == np.float64
                allowed = np.spacing(np.abs(arrays[0])) if doubled else 0
                yield name, (np.abs(got[name] - arrays[0]) <= allowed).all()

        on_base = {t: r for t, r in variants.all_variants().items() if "base_model" in r}
        mixes = ("slerp", "nearswap, little")  # shares of the same value, which need not add up to it
        self.each("unchanged", {t: r for t, r in on_base.items() if not t.startswith(mixes)}, same)

    def density_one_trims_nothing(self):
        self.write("plain", models_of(plain()))
        everything = {"weight": [0.7, -0.4, 1.3], "density": [1, 1, 1]}
        sums = {m: recipe(m, **everything) for m in ("dare_linear", "della_linear", "breadcrumbs")}
        votes = {m: recipe(m, {"normalize": False}, **everything) for m in ("ties", "breadcrumbs_ties", "della")}
        for plainly, others in (
            (recipe("task_arithmetic", weight=everything["weight"]), sums),
            (recipe("dare_ties", **everything), votes),
        ):
            want = self.merged(plainly, "plain")

            def same(recipe_, want=want):
                got = self.merged(recipe_, "plain")
                return ((name, got[name].tobytes() == array.tobytes()) for name, array in want.items())

            self.each("density 1", others, same)

    def ends_are_models(self):
        made = plain()

        def is_model(recipe_):
            got = self.merged(recipe_, "plain")
            for name, (base, a, *_) in made.items():
                error = np.abs(got[name].astype(np.float64) - a)
                yield name, (error <= 2.0**-23 * np.maximum(np.abs(base), np.abs(a))).all()

        def is_end(recipe_):
            got = self.merged(recipe_, "plain")
            for name, arrays in made.items():
                want = arrays[recipe_["parameters"]["t"]]
                yield name, (np.abs(got[name] - want) <= np.spacing(np.abs(want))).all()

        self.each("one model of weight 1", {"": recipe("task_arithmetic", models="a", weight=[1])}, is_model)
        ends = {f"t = {t}": recipe("slerp", {"t": t}, models=["base", "a"]) for t in (0, 1)}
        self.each("ends", ends, is_end)

    def powers_of_two_pass_through(self):
        made = {}
        for name, (base, *tunes) in plain().items():
            made[name] = [np.zeros_like(base), *(np.where(np.abs(x) < 1e-20, F32(0), x) for x in tunes)]
        for k in (0, -5, 9):
            scaled = {name: [array * F32(2.0**k) for array in arrays] for name, arrays in made.items()}
            self.write(f"scaled by {k}", models_of(scaled))

        def scales(recipe_):
            got = {k: self.merged(recipe_, f"scaled by {k}") for k in (0, -5, 9)}
            for name in made:
                yield name, all(np.array_equal(got[k][name], got[0][name] * F32(2.0**k)) for k in (-5, 9))

        linear_in_changes = ("task_arithmetic", "ties", "breadcrumbs", "magmax", "consensus", "metagpt")
        ratio_by_norms = ("l1", "l2", "linf")
        chosen = {
            title: r
            for title, r in variants.all_variants().items()
            if r["merge_method"].startswith((*linear_in_changes, "dare", "della"))
            and "lines" not in r["parameters"]
            and (
                r["parameters"].get("rescale_mode", "l1") not in ratio_by_norms
                or (r["merge_method"].startswith(linear_in_changes) and not r["parameters"].get("rescale"))
            )
        }
        self.each("powers of two", chosen, scales)

    def trims_keep_exactly_as_many(self):
        random, densities = np.random.default_rng(3), (0.29, 1e-9, 0.5, 0.999)
        made = {}
        for n in (100, 7, 65537):
            for density in densities:
                x = (random.integers(1, 9, n) * random.choice([-1, 1], n)).astype(F32)  # few magnitudes, so many ties
                made[f"n{n}.d{density}"] = [np.zeros_like(x), x]
        self.write("counted", models_of(made))
        by_name = [[{"filter": f".d{density}", "value": density} for density in densities]]

        def counts(recipe_):
            got = self.merged(recipe_, "counted")
            least = 1 if recipe_["merge_method"] == "ties" else 0
            for name, (_, x) in made.items():
                yield name, np.count_nonzero(got[name]) == max(least, int(float(name.split(".d")[1]) * x.size))

        chosen = {
            f"{method}, {order}": recipe(method, {"tie_break": order}, models="a", weight=[1], density=by_name)
            for method in ("ties", "breadcrumbs", "breadcrumbs_ties")
            for order in ("index", "hash")
        }
        self.each("kept", chosen, counts)

    def order_of_models_is_rounding(self):
        ordered = ("slerp", "nuslerp", "magmax", "passthrough", "nearswap", "arcee_fusion")
        chosen = {t: r for t, r in variants.all_variants().items() if r["merge_method"] not in ordered}

        def same(recipe_):
            got = self.merged(recipe_, "plain")
            turned = self.merged(recipe_ | {"models": recipe_["models"][::-1]}, "plain")
            for name, array in got.items():
                error = np.abs(array.astype(np.float64) - turned[name]).max()
                yield name, error <= 1e-5 * np.abs(array).max()

        self.each("order", {t: r for t, r in chosen.items() if len(r["models"]) > 1}, same)

    def right_angles_have_closed_forms(self):
        """Three models that share no element, of one length, on a base of zeros."""
        random = np.random.default_rng(4)
        parts = [np.zeros((3, 50), F32) for _ in range(3)]
        for m, part in enumerate(parts):
            values = random.standard_normal(50)
            part[m] = values / np.linalg.norm(values)
        self.write("orthogonal", models_of({"t": [np.zeros((3, 50), F32), *parts]}))
        first, last = np.sin(np.pi / 2 * 0.7), np.sin(np.pi / 2 * 0.3)
        third = 1 / np.sqrt(3)
        cases = {
            "slerp": (recipe("slerp", {"t": 0.3}, models="ab", base="a"), (first, last, 0)),
            "nuslerp": (recipe("nuslerp", models="ab", base=None, weight=[0.7, 0.3]), (first, last, 0)),
            "nuslerp, base": (recipe("nuslerp", models="ab", weight=[0.7, 0.3]), (first, last, 0)),
            "multislerp": (recipe("multislerp", base=None, weight=[1, 1, 1]), (third, third, third)),
            "karcher": (recipe("karcher", base=None), (third, third, third)),
            "geometric_median": (recipe("geometric_median", base=None), (1 / 3, 1 / 3, 1 / 3)),
            "model_stock": (recipe("model_stock"), (0, 0, 0)),
            "metagpt": (recipe("metagpt"), (1 / 3, 1 / 3, 1 / 3)),
        }

        def is_closed_form(recipe_):
            want = next(shares for r, shares in cases.values() if r is recipe_)
            want = sum(share * part.astype(np.float64) for share, part in zip(want, parts))
            return [("t", np.abs(self.merged(recipe_, "orthogonal")["t"] - want).max() < 2e-7)]

        self.each("right angles", {title: r for title, (r, _) in cases.items()}, is_closed_form)


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        properties = Properties(Program(binary), Path(temporary))
        properties.unchanged_models_leave_the_base()
        properties.density_one_trims_nothing()
        properties.ends_are_models()
        properties.powers_of_two_pass_through()
        properties.trims_keep_exactly_as_many()
        properties.order_of_models_is_rounding()
        properties.right_angles_have_closed_forms()
        properties.finish()


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(sys.argv[1])
