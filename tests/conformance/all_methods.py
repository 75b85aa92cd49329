"""Every method with every option on tensors that are easy to get wrong: values against the NumPy reference, and the
same bytes on several ranks and with little memory.

    all_methods.py STOCKPOT

All that fails is listed, not only the first.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small, and a test has one core
import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import awkward, reference, variants  # noqa: E402
from support.checkpoints import digests, read_model  # noqa: E402
from support.checks import Checks  # noqa: E402
from support.compare import assert_merged  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

MATRIX_METHODS = ("tsvm", "iso_c", "iso_cts")
SEED = 2**40 + 7
THREE_RANKS = ["--unit", "64KiB", "--chunk", "64KiB", "--memory-per-rank", "24MiB"]
LITTLE = ["--chunk", "64KiB", "--memory-per-rank", "16MiB"]
MATRIX_MEMORY = ["--memory-per-rank", "128MiB"]

# Where null directions of a task vector are among those that a method takes, or entries cancel but for rounding, the
# result is anybody's: method or title -> parts of names.
OPEN = {
    "tsvm": ["one_changed", "scaled.f32"],
    "iso_cts": ["one_changed", "scaled", "rows_unchanged"],
}
# Lists of models that may lack a tensor, by what the method does then.
LACKING = {
    "task vectors": ["a", "bc", "abc"],
    "averages": ["a", ["base", "a", "c"]],
    "stock": ["abc", "c"],
}


def parameters_of(recipe):
    own = {name for entry in recipe["models"] for name in entry["parameters"]}
    return own | recipe["parameters"].keys()


def lacking(recipe):
    """Which models may lack tensors so that the method can still do something."""
    method, n = recipe["merge_method"], len(recipe["models"])
    if method == "passthrough" or n == 1:
        return ["".join(entry["model"] for entry in recipe["models"])] if "base_model" in recipe else []
    if method in ("slerp", "arcee_fusion", "nearswap"):
        return [[entry["model"]] for entry in recipe["models"] if entry["model"] != recipe["base_model"]]
    if method == "nuslerp":
        others = ["base"] if "base_model" in recipe else []
        return [[*others, entry["model"]] for entry in recipe["models"]]
    if method == "multislerp" and "base_model" in recipe:
        return LACKING["averages"][:1]
    if method == "consensus":  # its least number of models has to be there
        return ["a", "abc"]
    if method == "model_stock":
        return LACKING["stock"] if n > 2 else ["ab"]
    return LACKING["averages" if "base_model" not in recipe else "task vectors"]


class AllMethods(Checks):
    def __init__(self, program, folder):
        super().__init__(program, folder)
        self.declared = {method: self.parameters(method) for method in self.known}

    def parameters(self, method):
        text = self.program.must_run("methods", method).stdout.partition("parameters:")[2]
        return {line.split()[0] for line in text.splitlines() if line.startswith("  ") and line[2:3].strip()}

    def agrees(self, title, recipe, root, models, *options):
        """The program against the reference -> the output's directory."""
        out = self.merge(recipe, root, *options, seed=SEED)
        expected, got = reference.merge(recipe, models, SEED), read_model(out).tensors
        is_open = [part for key in (title, recipe["merge_method"]) for part in OPEN.get(key, [])]
        for name in [name for name in expected if any(part in name for part in is_open)]:
            assert got.pop(name).shape == expected.pop(name).values.shape, name
        assert_merged(got, expected, root)
        return out

    def same_bytes(self, recipe, root, out, options, ranks):
        other = self.merge(recipe, root, *options, seed=SEED, ranks=ranks)
        found = [{k: v for k, v in digests(o).items() if k != "README.md"} for o in (out, other)]
        assert found[0] == found[1], f"{root}: other bytes with {' '.join(options)} on {ranks} ranks"

    def check_values(self, families, chosen):
        for number, (title, recipe) in enumerate(chosen.items()):
            unknown = parameters_of(recipe) - self.declared[recipe["merge_method"]]
            if unknown:
                self.failures.append(f"{title}: no such parameter: {', '.join(sorted(unknown))}")
                continue
            outs = {
                name: self.attempt(title, lambda n=name, m=models: self.agrees(title, recipe, n, m))
                for name, models in families.items()
            }
            options, ranks = (THREE_RANKS, 3) if number % 3 == 0 else (LITTLE, 1)
            if recipe["merge_method"] in MATRIX_METHODS:
                options = [*options, *MATRIX_MEMORY]
            if outs["shapes"]:
                self.attempt(title, lambda out=outs["shapes"]: self.same_bytes(recipe, "shapes", out, options, ranks))
            self.clear()
            print(f"{title}: {sum(out is not None for out in outs.values())} families")

    def check_absences(self, chosen):
        for title, recipe in chosen.items():
            absent = lacking(recipe)
            if not absent:
                continue
            root, models = f"holes of {title}", awkward.holes(*absent)
            self.write(root, models)
            if spans_model(recipe):
                self.attempt(title, lambda: self.is_refused(recipe, root, "TEN002"))
            else:
                self.attempt(title, lambda: self.agrees(title, recipe, root, models, "--allow-crimes"))
        print(f"tensors that models lack: {len(chosen)} recipes")

    def check_what_the_base_lacks(self, chosen):
        self.write("no base", awkward.holes(["base"]))
        needs_base = {t: r for t, r in chosen.items() if "base_model" in r and r["base_model"] == "base"}
        for title, recipe in needs_base.items():
            if reference.METHODS[recipe["merge_method"]].lone == "holder" and len(recipe["models"]) == 1 + (
                recipe["merge_method"] == "slerp"
            ):
                continue  # the only holder is copied
            self.attempt(title, lambda r=recipe: self.is_refused(r, "no base", "TEN00"))
        print(f"tensors that the base lacks: {len(needs_base)} recipes")

    def check_tied_heads(self, chosen):
        models = awkward.tied()
        self.write("tied", models)
        for title, recipe in chosen.items():
            self.attempt(title, lambda r=recipe: self.agrees(title, r, "tied", models))
        print(f"a head that is tied to the embedding: {len(chosen)} recipes")

    def check_embeddings(self, chosen):
        families = {"larger": awkward.embeddings(smaller=False), "smaller": awkward.embeddings(smaller=True)}
        for root, models in families.items():
            self.write(root, models)
        for title, recipe in chosen.items():
            for root, models in families.items():
                keeps_base = reference.METHODS[recipe["merge_method"]].cut == "base"
                if root == "smaller" and keeps_base and len(recipe["models"]) > 1:
                    self.attempt(title, lambda r=root: self.is_refused(recipe, r, "TEN004"))
                else:
                    self.attempt(title, lambda r=root, m=models: self.agrees(title, recipe, r, m))
        print(f"embeddings of different size: {len(chosen)} recipes")

    def check_misfits(self, chosen):
        models = awkward.misfits()
        self.write("misfits", models)
        for title, recipe in chosen.items():
            taking_part = {entry["model"] for entry in recipe["models"]} | ({recipe.get("base_model")} - {None})
            if {"b"} < taking_part:
                self.attempt(title, lambda: self.is_refused(recipe, "misfits", "TEN004"))
                skipping = recipe | {"stockpot": {"on_mismatch": "skip"}}
                if reference.METHODS[recipe["merge_method"]].cut == "base" and not spans_model(recipe):
                    self.attempt(title, lambda: self.agrees(title, skipping, "misfits", models, "--allow-crimes"))
        print("matrices of different shape: refused, or left out")

    def is_refused(self, recipe, root, code):
        file = write_recipe(recipe, self.folder / "refused.yaml")
        planned = self.program.run("plan", file, "--model-root", self.folder / root, "--allow-crimes")
        assert planned.code != 0 and code in planned.stderr, f"{root}: not refused with {code}: {planned}"


def spans_model(recipe):
    """Whether statistics are of the whole model, so that all models have to have all tensors."""
    method, shared = recipe["merge_method"], recipe["parameters"]
    if method == "consensus":
        return shared.get("inner") == "ties"
    found = reference.METHODS[method]
    return found.whole is not None and shared.get("scope", found.scope) == "model"


def first_of_each(chosen):
    """One variant for each method and each scope."""
    found = {}
    for title, recipe in chosen.items():
        found.setdefault((recipe["merge_method"], spans_model(recipe), "base_model" in recipe), title)
    return {title: chosen[title] for title in found.values()}


def main(binary):
    everything = variants.all_variants()
    with tempfile.TemporaryDirectory() as temporary:
        tests = AllMethods(Program(binary), Path(temporary))
        chosen = {title: r for title, r in everything.items() if r["merge_method"] in tests.known}
        families = {"shapes": awkward.shapes(), "doubles": awkward.doubles(), "relations": awkward.relations()}
        for name, models in families.items():
            tests.write(name, models)
        tests.check_values(families, chosen)
        few = first_of_each(chosen)
        tests.check_absences(few)
        tests.check_what_the_base_lacks(few)
        tests.check_embeddings(few)
        tests.check_tied_heads(few)
        tests.check_misfits(few)
        tests.finish()


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(sys.argv[1])
