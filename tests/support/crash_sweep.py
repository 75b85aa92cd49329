"""Kills a merge before each of its file calls, lets the same command line finish it, and compares what came out."""

import hashlib
import json
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from support.checkpoints import write_model
from support.families import family
from support.program import write_recipe

KILLED, HELD = 137, 6


def write_small_family(folder):
    """`base`, `a` and `b`, of two files each."""
    for name, model in family(2, seed=4, doubles=False).items():
        write_model(folder / name, model, shards=2)


def linear_of_two(folder):
    """The recipe's file. For models of write_small_family()."""
    entries = [{"model": str(folder / m), "parameters": {"weight": 1}} for m in "ab"]
    return write_recipe({"merge_method": "linear", "models": entries}, folder / "linear.yaml")


def digest_of(out):
    """Of all that a loader reads: the weights, the index, the manifest, the small files. Not the record of the run, and not
    the card, whose title is the directory's name."""
    whole = hashlib.sha256()
    for path in sorted(p for p in Path(out).rglob("*") if p.is_file()):
        if path.name in ("stockpot_run.json", "README.md", "COMMITTED", "UNFINISHED"):
            continue
        whole.update(f"{path.relative_to(out)} {path.stat().st_size}\n".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


@dataclass
class Point:
    rank: int
    number: int
    call: str

    def __str__(self):
        return f"rank {self.rank}, call {self.number} ({self.call})"


@dataclass
class Sweep:
    """One merge, killed again and again."""

    program: object
    recipe: Path
    folder: Path
    options: tuple
    ranks: int
    before: object = None  # called with OUT: what is there before the merge begins
    resume_ranks: tuple = (1, 3, 5)
    faults: str = ""  # besides the kill, in every run
    seen: Counter = field(default_factory=Counter)

    def run(self, out, fault="", ranks=None):
        env = {"STOCKPOT_FAULT": ";".join(filter(None, (self.faults, fault)))}
        return self.program.run(
            "merge", self.recipe, out, "--quiet", *self.options, ranks=ranks or self.ranks, env=env, timeout=120
        )

    def prepare(self, out):
        self.prepare_nothing(out)
        if self.before:
            self.before(Path(out))

    def reference(self):
        out = self.folder / "reference"
        self.prepare(out)
        outcome = self.run(out, ranks=1)
        assert outcome.code == 0, f"the merge itself: {outcome}"
        return digest_of(out)

    def points(self):
        """Every call of an undisturbed merge, by rank."""
        out, trace = self.folder / "traced", self.folder / "trace"
        self.prepare(out)
        trace.unlink(missing_ok=True)
        outcome = self.run(out, f"trace={trace}")
        assert outcome.code == 0, f"the traced merge: {outcome}"
        points = []
        for line in trace.read_text().splitlines():
            rank, number, call, path = (line.split(" ", 3) + [""])[:4]
            points.append(Point(int(rank), int(number), f"{call} {Path(path).name}"))
        return sorted(points, key=lambda p: (p.rank, p.number))

    def check(self, place, point, expected, after=()):
        """Kills at a point, then perhaps again while going on, then goes on with another number of ranks."""
        self.check_kill(place, point, f"any:rank={point.rank}:nth={point.number}:kill", expected, after)

    def check_kill(self, place, point, fault, expected, after=()):
        out = self.folder / f"out-{place}"
        self.prepare(out)
        before = digest_of(out) if out.exists() else None
        killed = self.run(out, fault)
        self.seen["killed" if killed.code != 0 else "ended before the point"] += 1
        if "--commit=marker" in self.options and not (out / "COMMITTED").exists():
            pass  # it says itself that it is not finished
        elif out.exists():
            found = digest_of(out)
            assert found in (before, expected), f"{point}: something unfinished is under the final name"
        elif before is not None:
            self.seen["no output for the moment"] += 1
        for number in after:
            self.run(out, f"any:rank=0:nth={number}:kill", ranks=1)
        ranks = self.resume_ranks[place % len(self.resume_ranks)]
        done = self.go_on(out, ranks)
        assert done.code == 0, f"{point}: going on with {ranks} ranks: {done}"
        assert digest_of(out) == expected, f"{point}: other bytes after going on with {ranks} ranks"
        assert not (out / "UNFINISHED").exists(), f"{point}: it is said to be unfinished"
        assert not Path(f"{out}.stockpot").exists(), f"{point}: the staging directory is still there"
        record = json.loads((out / "stockpot_run.json").read_text())
        if record["units_resumed"] > 0:
            self.seen["went on with finished units"] += 1
        self.prepare_nothing(out)

    def go_on(self, out, ranks):
        """mpirun may end before all of its ranks: for a moment the lock is still theirs."""
        for _ in range(20):
            done = self.run(out, ranks=ranks)
            if done.code != HELD:
                break
            time.sleep(0.5)
        return done

    def prepare_nothing(self, out):
        for path in (Path(out), Path(f"{out}.stockpot")):
            shutil.rmtree(path, ignore_errors=True)


def chosen(points, most):
    """All, or about `most` of them: calls that change something first, others spread evenly."""
    if most is None or len(points) <= most:
        return points
    weighty = [p for p in points if not p.call.startswith(("pread", "open-read", "close"))]
    light = [p for p in points if p not in weighty]
    step = max(1, -(-len(weighty) * 4 // (most * 3)))
    some = weighty[::step]
    left = max(1, most - len(some))
    some += light[:: max(1, -(-len(light) // left))]
    return sorted(some, key=lambda p: (p.rank, p.number))


def temporary_folder():
    shm = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None)
