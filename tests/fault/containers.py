"""Runs that cannot see one another's processes: machines of one name, and containers of one machine, which share a file system.

    containers.py STOCKPOT

Needs a build with STOCKPOT_FAULTS. Other machines and containers are namespaces; skipped where that is not allowed.
"""

import shutil
import subprocess
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.crash_sweep import digest_of, linear_of_two, temporary_folder, write_small_family  # noqa: E402
from support.program import Program  # noqa: E402
from support.started import Started  # noqa: E402

EXISTS = 6
OPTIONS = ("--threads", "1", "--unit", "64KiB", "--chunk", "64KiB", "--journal-every", "0")
SLOW = "pwrite:times=0:path=data/model:slow"


class Containers:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        write_small_family(folder)
        self.recipe = linear_of_two(folder)
        program.must_run("merge", self.recipe, folder / "expected", "--quiet", *OPTIONS)
        self.expected = digest_of(folder / "expected")

    def merge(self, out, *options, prefix=(), fault=""):
        env = {"STOCKPOT_FAULT": fault}
        return self.program.run("merge", self.recipe, out, "--quiet", *OPTIONS, *options, prefix=prefix, env=env)

    def other_machine(self):
        """Of the same name, booted at another time."""
        boot = self.folder / "boot"
        boot.write_text(f"{uuid.uuid4()}\n")
        script = f'mount --bind {boot} /proc/sys/kernel/random/boot_id && exec "$@"'
        return ("unshare", "--mount", "sh", "-c", script, "sh")

    def check_refused(self, title, run, start, says):
        """Another start of a merge that runs: refused, and the merge is unharmed."""
        outcome = start()
        assert outcome.code == EXISTS and says in outcome.stderr, f"{title}: {outcome}"
        code, text, _ = run.end(60)
        assert code == 0 and digest_of(run.out) == self.expected, f"{title}: the first start: {code}: {text}"
        assert not Path(f"{run.out}.stockpot").exists(), f"{title}: left behind"
        print(f"{title}: refused, the first goes on")

    def check_machine_of_the_same_name(self):
        run = Started(self.program, self.recipe, self.folder / "same-name", *OPTIONS, fault=SLOW).wait_for_journal()
        other = self.other_machine()
        self.check_refused("a machine of the same name", run, lambda: self.merge(run.out, prefix=other), "--break-lock")


def can_unshare():
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


def main(binary):
    if not can_unshare():
        print("skipped: no namespaces")
        return
    with temporary_folder() as temporary:
        tests = Containers(Program(binary), Path(temporary))
        tests.check_machine_of_the_same_name()


if __name__ == "__main__":
    main(sys.argv[1])
