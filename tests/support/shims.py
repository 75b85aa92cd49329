"""Libraries that are preloaded into the program, to make system calls do what other systems do."""

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "fault"


def build_shim(name, folder):
    """The path of the library that fault/NAME.c becomes; nothing if there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / f"{name}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCES / f"{name}.c", "-ldl"], check=True)
    return str(library)
