"""Every method killed in the middle of its output and gone on with, by one rank and by two, gives the bytes of a merge that
nobody disturbed: what a pass finds out has to be there again, whether it is in the journal or not.

    resume_methods.py STOCKPOT

Needs a build with STOCKPOT_FAULTS.
"""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import variants  # noqa: E402
from support.checkpoints import write_model  # noqa: E402
from support.crash_sweep import digest_of, temporary_folder  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

# Several units of each matrix, and a commit after each.
SMALL = ("--unit", "64KiB", "--chunk", "64KiB", "--memory-per-rank", "128MiB", "--journal-every", "0")
LARGE = ("--unit", "4MiB", "--memory-per-rank", "128MiB", "--journal-every", "0")
# Those whose counters are fewer than a hundredth of a large tensor's bytes, so that the journal has the totals of each pass.
COUNTING = ("ties", "ties, hash", "breadcrumbs", "sce, some", "consensus, ties", "pcb, tensor", "arcee_fusion")


def write_family(folder, shape):
    draw = np.random.default_rng(7)
    base = draw.normal(0, 0.02, (2, *shape)).astype(np.float32)
    for name in ("base", "a", "b", "c"):
        change = 0 if name == "base" else draw.normal(0, 1e-3, base.shape).astype(np.float32)
        matrices = {f"model.layers.{i}.mlp.up_proj.weight": matrix for i, matrix in enumerate(base + change)}
        write_model(folder / name, Model(matrices, {"model_type": "llama", "num_hidden_layers": 2}))


class ResumeMethods:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def merge(self, recipe, models, out, options, **how):
        file = write_recipe(recipe, f"{out}.yaml")
        options = ["--model-root", self.folder / models, "--allow-crimes", "--quiet", "--threads", 1, *options]
        return self.program.run("merge", file, out, *options, **how)

    def check(self, number, title, recipe, models, options, writes):
        """@return what went wrong."""
        out, expected = self.folder / f"out-{models}-{number}", self.folder / f"expected-{models}-{number}"
        undisturbed = self.merge(recipe, models, expected, options)
        if undisturbed.code != 0:
            return f"{title}: {undisturbed}"
        for ranks, written in ((1, writes), (2, 1)):
            fault = {"STOCKPOT_FAULT": f"pwrite:path=data/model:nth={written + 1}:kill"}
            killed = self.merge(recipe, models, out, options, env=fault)
            if killed.code == 0:
                return f"{title}: ended before write {written + 1}"
            done = self.merge(recipe, models, out, options, ranks=ranks)
            if done.code != 0:
                return f"{title}: going on with {ranks} ranks after {written} writes: {done}"
            if digest_of(out) != digest_of(expected):
                return f"{title}: other bytes after going on with {ranks} ranks after {written} writes"
            shutil.rmtree(out)
        shutil.rmtree(expected)
        return None

    def check_all(self, chosen, models, options, writes):
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda at: self.check(at[0], *at[1], models, options, writes), enumerate(chosen.items()))
            failures = [failure for failure in found if failure]
        print(f"{models} matrices: {len(chosen)} recipes, {len(failures)} failures", flush=True)
        return failures


def main(binary):
    everything = variants.all_variants()
    with temporary_folder() as temporary:
        tests = ResumeMethods(Program(binary), Path(temporary))
        write_family(tests.folder / "small", (512, 384))
        write_family(tests.folder / "large", (2048, 3584))
        failures = tests.check_all(everything, "small", SMALL, writes=2)
        failures += tests.check_all({title: everything[title] for title in COUNTING}, "large", LARGE, writes=9)
    assert not failures, "\n".join([f"{len(failures)} failures", *failures])


if __name__ == "__main__":
    main(sys.argv[1])
