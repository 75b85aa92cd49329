"""Checks of one script: models that are written, merges that are run, and a list of everything that failed."""

import shutil

from support.checkpoints import read_model, write_model
from support.reference import METHODS


class Checks:
    def __init__(self, program, folder):
        self.program, self.folder, self.outputs = program, folder, folder / "outputs"
        self.failures, self.runs = [], 0
        self.outputs.mkdir()
        self.known = {line.split()[0] for line in program.must_run("methods").stdout.splitlines() if line.strip()}

    def write(self, root, models):
        for name, model in models.items():
            write_model(self.folder / root / name, model)

    def merge(self, recipe, root, *options, seed=0, ranks=1):
        """-> the output's directory, which lives until clear()."""
        self.runs += 1
        out = self.outputs / f"out-{self.runs}"
        options = ["--model-root", self.folder / root, "--random-seed", seed, *options]
        self.program.merge(recipe, out, *options, ranks=ranks)
        return out

    def merged(self, recipe, root, *options, **how):
        """-> name -> array."""
        tensors = read_model(self.merge(recipe, root, *options, **how)).tensors
        self.clear()
        return tensors

    def clear(self):
        shutil.rmtree(self.outputs)
        self.outputs.mkdir()

    def holds(self, title, condition):
        if not condition:
            self.failures.append(title)

    def attempt(self, title, step):
        """What step() returns, or nothing if it fails."""
        try:
            return step()
        except AssertionError as failure:
            self.failures.append(f"{title}: {str(failure)[:700]}")
            return None

    def finish(self):
        missing = sorted(METHODS.keys() - self.known)
        self.holds(f"the program has no method {', '.join(missing)}", not missing)
        assert not self.failures, "\n".join([f"{len(self.failures)} failures", *self.failures])
