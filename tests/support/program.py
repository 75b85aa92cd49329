"""Starts stockpot as a user would: alone, or on several ranks by mpirun."""

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 60

MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
}


@dataclass
class Outcome:
    code: int
    stdout: str
    stderr: str
    seconds: float

    def __str__(self):
        return f"exit code {self.code} after {self.seconds:.1f} s\n{self.stdout}{self.stderr}"

    @property
    def reports(self):
        """The lines that open an error report: 'stockpot: kind: sentence'."""
        return [line for line in self.stderr.splitlines() if line.startswith("stockpot: ")]

    @property
    def diagnostics(self):
        """The lines that open a mistake in a recipe, of which there may be several: 'r.yaml:3:4: error[CFG001]'."""
        return [line for line in self.stderr.splitlines() if ": error[" in line]


def write_recipe(recipe, path):
    text = recipe if isinstance(recipe, str) else json.dumps(recipe, indent=1)
    Path(path).write_text(text)
    return Path(path)


class Program:
    def __init__(self, binary):
        self.binary = str(Path(binary).resolve())
        assert os.access(self.binary, os.X_OK), f"{binary} is not a program"

    def run(self, *arguments, ranks=1, env=None, prefix=(), timeout=TIMEOUT_SECONDS):
        """Runs `stockpot ARGUMENTS`, under mpirun if ranks > 1. `prefix` is a command that starts the command."""
        command = [self.binary, *map(str, arguments)]
        if ranks > 1:
            command = ["mpirun", "-n", str(ranks), "--oversubscribe", *command]
        start = time.monotonic()
        # A session directory of its own: Open MPI's default one is shared, and one job that ends removes it while
        # another starts.
        with tempfile.TemporaryDirectory(prefix="mpi") as session:
            variables = {**os.environ, **MPI_ENVIRONMENT, "OMPI_MCA_orte_tmpdir_base": session, **(env or {})}
            done = subprocess.run(
                [*prefix, *command],
                env=variables,
                timeout=timeout,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        return Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - start)

    def must_run(self, *arguments, **options):
        outcome = self.run(*arguments, **options)
        assert outcome.code == 0, f"stockpot {' '.join(map(str, arguments))}: {outcome}"
        return outcome

    def merge(self, recipe, out, *options, ranks=1, **run_options):
        """Merges a recipe given as a dictionary or as text; its file lies beside the output. JSON is YAML, too."""
        file = write_recipe(recipe, f"{out}.yaml")
        return self.must_run("merge", file, out, "--quiet", "--threads", 1, *options, ranks=ranks, **run_options)
