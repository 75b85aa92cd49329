"""Files of the safetensors package go in, the same package reads what comes out; values against the NumPy reference.

    interop.py STOCKPOT

Every method, on one rank and on three: the same bytes.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import reference  # noqa: E402
from support.checkpoints import digests, read_model, weight_files, write_model  # noqa: E402
from support.compare import assert_merged, same_bits  # noqa: E402
from support.families import family  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

SEED = 7
SHARD_BYTES = 300_000


def entries(**parameters):
    """One entry per model; a parameter is a list with a value for each."""
    return [{"model": m, "parameters": {k: v[i] for k, v in parameters.items()}} for i, m in enumerate("abc")]


def task(method, density=None, **shared):
    densities = {"density": density} if density else {}
    return {
        "merge_method": method,
        "base_model": "base",
        "models": entries(weight=[0.7, -0.4, 1.3], **densities),
        "parameters": shared,
    }


def recipes():
    """title -> (recipe, whether the family has float64 tensors)."""
    some, whole = [0.53, 0.2, 1.0], [0.37, 0.37, 0.37]
    pair = [{"model": "base"}, {"model": "a"}]
    made = {
        "linear": {"merge_method": "linear", "models": entries(weight=[0.5, 0.3, 0.1])},
        "linear, a sum in bf16": {
            "merge_method": "linear",
            "models": entries(weight=[1, -0.25, 1e-3]),
            "parameters": {"normalize": False},
            "dtype": "bfloat16",
        },
        "passthrough": {"merge_method": "passthrough", "models": [{"model": "a"}]},
        "passthrough with scale": {
            "merge_method": "passthrough",
            "models": [{"model": "a", "parameters": {"scale": 0.3}}],
        },
        "passthrough to f16": {"merge_method": "passthrough", "models": [{"model": "a"}], "out_dtype": "float16"},
        "task_arithmetic": task("task_arithmetic", **{"lambda": 0.7}),
        "task_arithmetic, normalized": task("task_arithmetic", normalize=True),
        "ties": task("ties", some),
        "ties, paper": task("ties", whole, scope="model", zero_sign="majority") | {"dtype": "float32"},
        "ties, authors' threshold": task("ties", whole, scope="model", trim_rule="at_least", normalize=False),
        "ties, threshold per tensor": task("ties", some, trim_rule="at_least", zero_sign="majority"),
        "ties, rescaled": task("ties", some, rescale=True),
        "ties, rescaled by 2-norm": task("ties", some, rescale=True, rescale_mode="l2"),
        "ties, rescaled by maximum": task("ties", some, rescale=True, rescale_mode="linf"),
        "dare_linear": task("dare_linear", some),
        "dare_linear, paper": task("dare_linear", some, rescale_mode="inv_density"),
        "dare_ties": task("dare_ties", some),
        "dare_ties, paper": task("dare_ties", some, rescale_mode="inv_density", normalize=True),
        "dare_ties, not rescaled": task("dare_ties", some, rescale=False),
        "slerp": {"merge_method": "slerp", "base_model": "base", "models": pair, "parameters": {"t": 0.3}},
        "slerp, hardly ever lerp": {
            "merge_method": "slerp",
            "base_model": "base",
            "models": pair,
            "parameters": {"t": 0.3, "dot_threshold": 0.99999},
            "out_dtype": "float32",
        },
        "model_stock": task("model_stock"),
        "model_stock, filters": task("model_stock", filter_wise=True, cos_eps=0) | {"out_dtype": "float32"},
        "model_stock, angles": task("model_stock", angle_mean="angle", t_clamp="unit"),
    }
    for name in ("model_stock", "model_stock, filters", "model_stock, angles"):
        made[name]["models"] = [{"model": m} for m in "abc"]
    return {title: (recipe, recipe.get("parameters", {}).get("scope") != "model") for title, recipe in made.items()}


def natural(name):
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def expected_shards(tensors, limit):
    """Names by file: in natural order, a new file when the next tensor would not fit any more."""
    shards, size = [[]], 0
    for name in sorted(tensors, key=natural):
        if shards[-1] and size + tensors[name].nbytes > limit:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += tensors[name].nbytes
    return shards


def check_shards(out, tensors):
    files = weight_files(out)
    want = expected_shards(tensors, SHARD_BYTES)
    names = [f"model-{k + 1:05}-of-{len(want):05}.safetensors" for k in range(len(want))]
    assert [f.name for f in files] == names, [f.name for f in files]
    for file, held in zip(files, want, strict=True):
        got = read_names(file)
        assert sorted(got) == sorted(held), f"{file.name} holds {sorted(got)}, not {sorted(held)}"


def read_names(file):
    header = file.read_bytes()
    length = int.from_bytes(header[:8], "little")
    assert (8 + length) % 4096 == 0, f"{file.name}: data starts at {8 + length}"
    return re.findall(r'"([^"]+)":\{"dtype"', header[8 : 8 + length].decode())


class Interop:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.families = {doubles: family(3, seed=3, doubles=doubles) for doubles in (True, False)}
        for doubles, models in self.families.items():
            for i, (name, model) in enumerate(models.items()):
                write_model(self.inputs(doubles) / name, model, shards=1 + i % 3)

    def inputs(self, doubles):
        return self.folder / ("with_doubles" if doubles else "without_doubles")

    def check(self, number, title, recipe, doubles):
        options = ["--random-seed", SEED, "--model-root", self.inputs(doubles)]
        if number % 3 == 0:
            options += ["--out-shard-size", SHARD_BYTES]
        alone, three = self.folder / f"alone-{number}", self.folder / f"three-{number}"
        self.program.merge(recipe, alone, *options)
        self.program.merge(recipe, three, *options, "--unit", "64KiB", "--chunk", "64KiB", "--threads", 2, ranks=3)
        merged = reference.merge(recipe, self.families[doubles], seed=SEED)
        got = read_model(alone).tensors
        assert_merged(got, merged, title)
        if number % 3 == 0:
            check_shards(alone, got)
        assert without_recipe(digests(alone)) == without_recipe(digests(three)), (
            f"{title}: three ranks give other bytes"
        )
        exact = sum(m.exact for m in merged.values())
        print(f"{title}: {len(merged)} tensors, {exact} bit for bit; one rank and three agree")

    def check_integers(self):
        """Integer and boolean tensors of the base survive every method, whatever the dtype."""
        originals = self.families[True]["base"].tensors
        counted = 0
        for out in sorted(path for path in self.folder.glob("alone-*") if path.is_dir()):
            got = read_model(out).tensors
            for name, array in originals.items():
                if array.dtype.kind in "iub":
                    assert same_bits(got[name], array), f"{out.name}: {name} changed"
                    counted += 1
        assert counted > 0
        print(f"integer tensors: {counted} copies bit for bit")

    def check_sharing(self):
        """The small units really make ranks share tensors; else one rank and three would agree for no reason."""
        recipe, doubles = recipes()["ties"]
        file = write_recipe(recipe, self.folder / "planned.yaml")
        options = ["--ranks", 3, "--unit", "64KiB", "--chunk", "64KiB", "--model-root", self.inputs(doubles)]
        plan = json.loads(self.program.must_run("plan", file, "--json", "--quiet", *options).stdout)
        assert plan["tensors"]["shared"] > 0, plan
        print(f"sharing: {plan['tensors']['shared']} tensors are spread over three ranks")

    def check_instruction_sets(self):
        recipe, doubles = recipes()["dare_ties"]
        results = {}
        for isa in ("baseline", None):
            out = self.folder / f"isa-{isa}"
            env = {"STOCKPOT_ISA": isa} if isa else {}
            self.program.merge(recipe, out, "--random-seed", SEED, "--model-root", self.inputs(doubles), env=env)
            results[isa] = without_recipe(digests(out))
        assert results["baseline"] == results[None], "the instruction set changes the bytes"
        print("instruction sets: baseline and the best one give the same bytes")


def without_recipe(found):
    """The model card names the output directory, so it differs."""
    return {name: digest for name, digest in found.items() if name != "README.md"}


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        interop = Interop(Program(binary), Path(temporary))
        for number, (title, (recipe, doubles)) in enumerate(recipes().items()):
            interop.check(number, title, recipe, doubles)
        interop.check_integers()
        interop.check_sharing()
        interop.check_instruction_sets()


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(sys.argv[1])
