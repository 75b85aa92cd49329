"""A merge that runs by itself, while the test does something to it."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from support.program import MPI_ENVIRONMENT


class Started:
    """A merge that runs by itself."""

    def __init__(self, program, recipe, out, *options, ranks=1, fault="", prefix=()):
        command = [program.binary, "merge", str(recipe), str(out), "--quiet", *map(str, options)]
        if ranks > 1:
            command = ["mpirun", "-n", str(ranks), "--oversubscribe", *command]
        command = [*prefix, *command]
        self.session = tempfile.TemporaryDirectory(prefix="mpi")
        env = {**os.environ, **MPI_ENVIRONMENT, "OMPI_MCA_orte_tmpdir_base": self.session.name, "STOCKPOT_FAULT": fault}
        self.out, self.start = out, time.monotonic()
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def staged(self, pattern):
        return list(Path(f"{self.out}.stockpot").glob(pattern))

    def wait_until(self, is_so, what):
        while not is_so():
            assert self.process.poll() is None, f"ended early: {self.end(5)}"
            assert time.monotonic() - self.start < 60, f"waited in vain for {what}"
            time.sleep(0.05)
        return self

    def wait_for(self, pattern, size=0):
        """Until such a file is staged, of so many bytes at least."""
        return self.wait_until(lambda: any(p.stat().st_size >= size for p in self.staged(pattern)), pattern)

    def wait_for_journal(self):
        """Until some unit is on storage."""
        return self.wait_for("journal/*.log", 128)

    def wait_for_writes(self):
        """Until data is written that was not when it is called."""
        before = time.time()
        return self.wait_until(lambda: any(p.stat().st_mtime > before for p in self.staged("data/model*")), "writes")

    def rank_pids(self):
        listed = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]

    def end(self, seconds):
        asked = time.monotonic()
        try:
            stdout, stderr = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"has not ended after {seconds} s: {self.process.communicate()}") from None
        self.session.cleanup()
        return self.process.returncode, stdout + stderr, time.monotonic() - asked
