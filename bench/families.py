"""Families of checkpoints that benchmarks merge, and what mpirun needs to start merges anywhere."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from program import MPI_ENVIRONMENT  # noqa: E402, F401


def family_of(stockpot, work, shape, hollow=False):
    """A base and three tunes, each one file as long as it has data; made once."""
    family = work / f"{shape}-{'hollow' if hollow else 'family'}"
    if not family.exists():
        options = ["--hollow"] if hollow else ["--out-shard-size", "0"]
        subprocess.run([stockpot, "synth", family, "--arch", shape, "--tunes", "3", *options], check=True, stdout=subprocess.DEVNULL)
    return family
