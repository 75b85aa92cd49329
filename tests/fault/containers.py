"""Runs that cannot see one another's processes: machines of one name, and containers of one machine, which share a file system.

    containers.py STOCKPOT

Needs a build with STOCKPOT_FAULTS. Other machines and containers are namespaces; skipped where that is not allowed.
"""

import json
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.crash_sweep import digest_of, linear_of_two, temporary_folder, write_small_family  # noqa: E402
from support.program import Program  # noqa: E402
from support.started import Started  # noqa: E402

EXISTS, RESUMABLE, KILLED = 6, 75, 137
CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc")
OTHER_CONTAINER = (*CONTAINER, "--uts", "sh", "-c", 'hostname other && exec "$@"', "sh")
OPTIONS = ("--threads", "1", "--unit", "64KiB", "--chunk", "64KiB", "--journal-every", "0")
KILL = "pwrite:rank=0:nth=5:path=data/model:kill"
SLOW = "pwrite:times=0:path=data/model:slow"


class Containers:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        write_small_family(folder)
        self.recipe = linear_of_two(folder)
        program.must_run("merge", self.recipe, folder / "expected", "--quiet", *OPTIONS)
        self.expected = digest_of(folder / "expected")

    def merge(self, out, *options, fault="", **how):
        env = {"STOCKPOT_FAULT": fault}
        return self.program.run("merge", self.recipe, out, "--quiet", *OPTIONS, *options, env=env, **how)

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
        other = self.other_machine()
        if subprocess.run([*other, "true"], capture_output=True, check=False).returncode != 0:
            print("skipped: a machine of the same name, since no file of /proc can be covered here")
            return
        run = Started(self.program, self.recipe, self.folder / "same-name", *OPTIONS, fault=SLOW).wait_for_journal()
        self.check_refused("a machine of the same name", run, lambda: self.merge(run.out, prefix=other), "--break-lock")

    def check_container_that_lives(self):
        place = self.folder / "lives"
        run = Started(self.program, self.recipe, place, *OPTIONS, fault=SLOW, prefix=CONTAINER).wait_for_journal()
        for title, prefix in (("from outside", ()), ("from another container", OTHER_CONTAINER)):
            outcome = self.merge(place, prefix=prefix)
            assert outcome.code == EXISTS and "wait until it has ended" in outcome.stderr, f"{title}: {outcome}"
        self.check_refused("a container that lives", run, lambda: self.merge(place), "wait until it has ended")

    def check_container_that_was_killed(self):
        """The kernel knows: the same command line goes on."""
        places = {"outside": (), "in the next container": CONTAINER, "in one of another name": OTHER_CONTAINER}
        for number, (title, prefix) in enumerate(places.items()):
            for ranks in (1, 2):
                out = self.folder / f"killed-{number}-{ranks}"
                for again in range(2):  # the lock of who took over, too
                    killed = self.merge(out, prefix=CONTAINER if again == 0 else prefix or CONTAINER, fault=KILL, ranks=ranks)
                    assert killed.code not in (0, EXISTS), f"{title}: {killed}"
                status = self.program.run("status", out)
                assert status.code == RESUMABLE, f"{title}: {status}"
                self.check_goes_on(title, out, prefix=prefix, ranks=ranks)
        print("a container that was killed: taken over from anywhere on its machine")

    def check_killed_at_every_call_for_the_lock(self):
        points = 0
        while True:
            out = self.folder / f"point-{points}"
            killed = self.merge(out, prefix=CONTAINER, fault=f"any:path=.stockpot/lock:nth={points + 1}:kill")
            if killed.code == 0:
                break
            assert killed.code == KILLED, killed
            points += 1
            done = self.merge(out, prefix=OTHER_CONTAINER)
            assert done.code == 0 and digest_of(out) == self.expected, f"call {points} for the lock: going on: {done}"
            assert not Path(f"{out}.stockpot").exists(), f"call {points} for the lock: left behind"
        assert points > 10, points
        print(f"a container that was killed at one of {points} calls for the lock: gone on with")

    def check_file_system_without_locks(self):
        """Nobody knows then, and the user decides."""
        for number, (first, second) in enumerate((("lock:EOPNOTSUPP;", ""), ("", "is_locked:EOPNOTSUPP"), ("link:EPERM;", ""))):
            title, out = f"no locks: {first or second}", self.folder / f"no-locks-{number}"
            killed = self.merge(out, prefix=CONTAINER, fault=first + KILL)
            assert killed.code == KILLED, f"{title}: {killed}"
            outcome = self.merge(out, fault=second)
            token = re.search("--break-lock ([0-9a-f]{16})", outcome.stderr)
            assert outcome.code == EXISTS and token, f"{title}: {outcome}"
            self.check_goes_on(title, out, "--break-lock", token.group(1), fault=second)
        print("file systems without locks: refused with the token")

    def check_goes_on(self, title, out, *options, **how):
        done = self.merge(out, *options, **how)
        assert done.code == 0 and digest_of(out) == self.expected, f"{title}: going on: {done}"
        assert json.loads((out / "stockpot_run.json").read_text())["attempt"] > 1, f"{title}: began anew"
        assert not Path(f"{out}.stockpot").exists(), f"{title}: left behind"


def can_unshare():
    command = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "hostname", "other"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


def main(binary):
    if not can_unshare():
        print("skipped: no namespaces")
        return
    with temporary_folder() as temporary:
        tests = Containers(Program(binary), Path(temporary))
        tests.check_machine_of_the_same_name()
        tests.check_container_that_lives()
        tests.check_container_that_was_killed()
        tests.check_killed_at_every_call_for_the_lock()
        tests.check_file_system_without_locks()


if __name__ == "__main__":
    main(sys.argv[1])
