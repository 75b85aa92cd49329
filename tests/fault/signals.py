"""Stops on request, before a deadline, and jobs in which something does not answer: the right code, soon, and nothing lost.

    signals.py STOCKPOT [CASE ...]

Needs a build with STOCKPOT_FAULTS, which makes writes slow enough to be interrupted.
"""

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.crash_sweep import digest_of, linear_of_two, temporary_folder, write_small_family  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.started import Started  # noqa: E402

STORAGE, EXISTS, STOPPED = 7, 6, 75
OPTIONS = ("--threads", "1", "--unit", "64KiB", "--chunk", "64KiB", "--out-shard-size", "600k", "--journal-every", "0")
SLOW = "pwrite:times=0:path=data/model:slow"
SLOW_READS, HANGING_READS = "pread:times=0:path=data/model:slow", "pread:times=0:path=data/model:hang"
SLOW_AFTER_HEADERS = "pread:nth=8:times=0:path=data/model:slow"


class Cases:
    def __init__(self, program, folder, recipe, expected):
        self.program, self.folder, self.recipe, self.expected = program, folder, recipe, expected

    def started(self, title, *options, recipe=None, **more):
        out = self.folder / title.replace(" ", "-").replace(",", "")
        return Started(self.program, recipe or self.recipe, out, *OPTIONS, *options, **{"fault": SLOW, **more})

    def half_done(self, title, *options, **more):
        """An attempt that was killed, and a second one that begins with reading all units of the first."""
        killed = "pwrite:nth=20:path=data/model:kill; pwrite:times=0:path=data/model:lag"
        self.started(title, **{**more, "fault": killed, "ranks": 1}).end(60)
        return self.started(title, "--resume-check", "all", *options, **more)

    def goes_on(self, title, run, ranks):
        assert not run.out.exists(), f"{title}: something unfinished is under the final name"
        self.program.must_run("merge", self.recipe, run.out, "--quiet", "--verify=readback", *OPTIONS, ranks=ranks)
        assert digest_of(run.out) == self.expected, f"{title}: other bytes"
        record = json.loads((run.out / "stockpot_run.json").read_text())
        assert record["units_resumed"] > 0, f"{title}: began anew"
        return record["units_resumed"]

    def check(self, title, run, codes, says, seconds, ranks=1):
        code, text, took = run.end(seconds)
        assert code in codes, f"{title}: exit code {code}: {text}"
        assert says in text, f"{title}: does not say {says!r}: {text}"
        resumed = self.goes_on(title, run, ranks)
        print(f"{title}: code {code} after {took:.1f} s, went on with {resumed} units", flush=True)

    def signals(self):
        for name, number in (("USR1", signal.SIGUSR1), ("TERM", signal.SIGTERM), ("INT", signal.SIGINT)):
            run = self.started(f"SIG{name}").wait_for_journal()
            run.process.send_signal(number)
            self.check(f"SIG{name}", run, [STOPPED], "stopped on request", 20)
        run = self.started("SIGUSR1 to mpirun", ranks=3).wait_for_journal()
        run.process.send_signal(signal.SIGUSR1)
        self.check("SIGUSR1 to mpirun", run, [STOPPED], "stopped on request", 30, ranks=2)
        # mpirun gives its own code, and ranks two seconds.
        run = self.started("SIGTERM to mpirun", ranks=3).wait_for_journal()
        run.process.send_signal(signal.SIGTERM)
        self.check("SIGTERM to mpirun", run, range(1, 256), "", 30, ranks=2)
        run = self.started("SIGUSR1 to one rank", ranks=3).wait_for_journal()
        os.kill(run.rank_pids()[-1], signal.SIGUSR1)
        self.check("SIGUSR1 to one rank", run, [STOPPED], "stopped on request", 30, ranks=5)

    def report(self):
        run = self.started("SIGUSR2").wait_for_journal()
        run.process.send_signal(signal.SIGUSR2)
        code, text, _ = run.end(60)
        assert code == 0 and "rank 0 of 1: " in text, f"SIGUSR2: {code}: {text}"

    def deadline(self):
        run = self.started("deadline", "--deadline", "5", "--reserve", "2", ranks=2)
        self.check("a deadline", run, [STOPPED], "stopped before the deadline", 30, ranks=3)

    def silence(self):
        run = self.started("a stopped rank", "--stall-timeout", "3", ranks=3).wait_for_journal()
        os.kill(run.rank_pids()[1], signal.SIGSTOP)
        self.check("a stopped rank", run, [STORAGE], "has not been heard of", 40, ranks=2)
        hang = f"pwrite:rank=1:nth=5:path=data/model:hang; {SLOW}"
        run = self.started("a write that never ends", "--stall-timeout", "3", ranks=3, fault=hang)
        self.check("a write that never ends", run, [STORAGE], "a write has not ended", 40, ranks=2)
        both = "pwrite:rank=0:nth=5:path=data/model:hang; " + "pwrite:rank=1:nth=4:times=0:path=data/model:EIO; " + SLOW
        run = self.started("a failing rank, one that hangs", "--abort-grace", "2", "--stall-timeout", "0", ranks=3, fault=both)
        self.check("a failing rank, one that hangs", run, [STORAGE], "data/model", 40, ranks=2)

    def resume_check(self):
        late = ("--deadline", "3", "--reserve", "1")
        for title, number, options, says in (
            ("TERM in the resume check", signal.SIGTERM, (), "stopped on request"),
            ("USR1 in the resume check", signal.SIGUSR1, (), "stopped on request"),
            ("a deadline in the resume check", None, late, "stopped before the deadline"),
        ):
            run = self.half_done(title, *options, fault=SLOW_READS, ranks=1 + (number == signal.SIGUSR1))
            if number:
                run.wait_for("lock.*")
                os.kill((run.rank_pids() or [run.process.pid])[-1], number)
            self.check(title, run, [STOPPED], says, 20)
            assert not run.staged("journal/A00002*"), f"{title}: it was over before"
        for ranks in (1, 2):
            title = f"a hanging read in the resume check, {ranks} ranks"
            run = self.half_done(title, "--stall-timeout", "2", fault=HANGING_READS, ranks=ranks)
            self.check(title, run, [STORAGE], "a read has not ended", 20)

    def life_in_the_resume_check(self):
        title, trace = "life in the resume check", self.folder / "trace"
        code, text, _ = self.half_done(title, fault=f"trace={trace}; pread:times=0:path=data/model:lag").end(60)
        calls = [line.split(" ", 3)[2:] for line in trace.read_text().splitlines()]
        reads = [n for n, (call, path) in enumerate(calls) if call == "pread" and "data/model" in path]
        signs = [n for n, (call, path) in enumerate(calls) if call == "touch" and "/lock" in path]
        assert code == 0 and signs[0] < reads[-1], f"{title}: {code}, {signs} in {reads}: {text}"
        print("life in the resume check: the lock shows it")

    def resume_check_of_a_stage(self):
        title = "TERM in the resume check of a stage"
        first, last = (json.loads(self.recipe.read_text()) for _ in range(2))
        first["name"] = last["models"][0]["model"] = "halfway"
        both = write_recipe(f"{json.dumps(first)}\n---\n{json.dumps(last)}\n", self.folder / "stages.yaml")
        run = self.half_done(title, recipe=both, fault=SLOW_READS)
        run.wait_for("stages/halfway.stockpot/lock.*").process.send_signal(signal.SIGTERM)
        code, text, _ = run.end(20)
        assert code == STOPPED and run.staged("stages/halfway.stockpot/journal/A00001*"), f"{title}: {code}: {text}"
        print(f"{title}: code {code}, what was done of it is still there")

    def readback(self):
        read_back = ("--verify=readback", "--threads", "1")
        for title, number, options in (
            ("TERM in the read-back", signal.SIGTERM, ()),
            ("USR1 in the read-back", signal.SIGUSR1, ()),
            ("a deadline in the read-back", None, ("--deadline", "3", "--reserve", "1")),
        ):
            ranks = 1 + (number == signal.SIGUSR1)
            run = self.started(title, *read_back, *options, fault=SLOW_AFTER_HEADERS, ranks=ranks)
            if number:
                run.wait_for("data/stockpot-manifest.json")
                os.kill((run.rank_pids() or [run.process.pid])[-1], number)
            self.check(title, run, [STOPPED], "stopped", 20)
        hang = "pread:rank=1:path=data/model:nth=2:hang"
        run = self.started("a hanging read in the read-back", *read_back, "--stall-timeout", "2", fault=hang, ranks=2)
        self.check("a hanging read in the read-back", run, [STORAGE], "a read has not ended", 20)

    def commit(self):
        hang = f"fdatasync:path=data/model:times=0:hang; {SLOW}"
        title = "a commit that hangs after a stop"
        run = self.half_done(title, "--journal-every", "60", "--stall-timeout", "2", fault=hang)
        run.wait_for("lock.*").wait_for_writes().process.send_signal(signal.SIGUSR1)
        self.check(title, run, [STORAGE], "a sync has not ended", 20)
        both = f"fdatasync:rank=1:path=data/model:times=0:hang; pwrite:rank=0:path=data/model:nth=4:times=0:EACCES; {SLOW}"
        for grace, stall in ((2, 60), (60, 2)):
            title = f"a commit that hangs after a failure, grace {grace} s"
            options = ("--abort-grace", grace, "--stall-timeout", stall)
            run = self.half_done(title, *options, fault=both, ranks=2)
            self.check(title, run, [STORAGE], "Permission denied", 30)

    def waiting_for_the_end_of_a_failure(self):
        slow_removal = "unlink:rank=0:times=0:slow; rmdir:rank=0:times=0:slow"
        run = self.started("a slow end", ranks=3, fault=f"pwrite:times=0:path=data/model:EACCES; {slow_removal}")
        code, text, took = run.end(60)
        assert code == STORAGE and "Permission denied" in text and not run.staged("*"), f"a slow end: {code}: {text}"
        print(f"a failure whose end all wait for: code {code} after {took:.1f} s")

    def two_starts(self):
        first = self.started("two starts").wait_for_journal()
        second = self.program.run("merge", self.recipe, first.out, "--quiet", *OPTIONS)
        assert second.code == EXISTS and second.seconds < 5, f"the second start: {second}"
        assert str(first.process.pid) in second.stderr, f"does not name the first: {second}"
        code, text, _ = first.end(60)
        assert code == 0 and digest_of(first.out) == self.expected, f"the first start: {code}: {text}"
        print("two starts: the second ends with 6, the first as ever")


def main(binary):
    program = Program(binary)
    with temporary_folder() as temporary:
        folder = Path(temporary)
        write_small_family(folder)
        recipe = linear_of_two(folder)
        program.must_run("merge", recipe, folder / "expected", "--quiet", *OPTIONS)
        cases = Cases(program, folder, recipe, digest_of(folder / "expected"))
        for case in (cases.two_starts, cases.signals, cases.report, cases.deadline, cases.silence, cases.resume_check,
                     cases.life_in_the_resume_check, cases.resume_check_of_a_stage, cases.readback, cases.commit,
                     cases.waiting_for_the_end_of_a_failure):
            if len(sys.argv) < 3 or case.__name__ in sys.argv[2:]:
                case()


if __name__ == "__main__":
    main(sys.argv[1])
