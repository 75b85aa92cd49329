"""Storage that lies, fails or is full: what a merge says then, what it leaves, and that it goes on to the same bytes.

    storage.py STOCKPOT [PART OF A TITLE]

Needs a build with STOCKPOT_FAULTS; a C compiler for HDF5, whose calls a preloaded library has to fail; a mount namespace for
full disks. What is not there is skipped with a sentence.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import write_model  # noqa: E402
from support.crash_sweep import digest_of, temporary_folder  # noqa: E402
from support.families import family  # noqa: E402
from support.program import Outcome, Program, write_recipe  # noqa: E402
from support.refusals import Refusal, check_report  # noqa: E402
from support.storage_cases import (  # noqa: E402
    DCP,
    HDF5,
    INPUT,
    NAMES_MISSING,
    NO_SPACE,
    OUTPUT_FILES,
    SLOW,
    STORAGE,
    Case,
    all_cases,
)

# Small units and a commit after each, so that there is something to go on with.
OPTIONS = ("--quiet", "--threads", "1", "--unit", "64KiB", "--chunk", "64KiB", "--out-shard-size", "600k", "--journal-every", "0")
WORKERS = 3  # runs at a time: much of each is waiting


class Suite:
    def __init__(self, program, folder, on_disk, only):
        self.program, self.folder, self.on_disk, self.only = program, folder, on_disk, only
        self.models = family(2, seed=4, doubles=False)
        for name, model in self.models.items():
            write_model(folder / name, model, shards=2)
        self.recipe = self.recipe_of("a", "b")
        self.expected = {}
        for options in ((), HDF5, DCP):
            out = folder / f"expected{'-'.join(options)}"
            program.must_run("merge", self.recipe, out, *OPTIONS, *options)
            self.expected[options] = digest_of(out)

    def recipe_of(self, *models):
        entries = [{"model": str(self.folder / m), "parameters": {"weight": 1}} for m in models]
        return write_recipe({"merge_method": "linear", "models": entries}, self.folder / f"{'-'.join(models)}.yaml")

    def out(self, title):
        return self.folder / re.sub(r"\W+", "-", title)

    def wanted(self, title):
        return self.only in title

    def goes_on(self, case, out, ranks):
        self.program.must_run("merge", self.recipe, out, *OPTIONS, *case.options, ranks=ranks)
        assert digest_of(out) == self.expected[case.options], f"{case.title}: other bytes after going on"
        assert not Path(f"{out}.stockpot").exists(), f"{case.title}: the staging directory is still there"
        record = json.loads((out / "stockpot_run.json").read_text())
        assert not case.resumes or record["units_resumed"] > 0, f"{case.title}: began anew"

    def check(self, place, case):
        # Files in memory are not reserved.
        out = self.on_disk / re.sub(r"\W+", "-", case.title) if "fallocate" in case.title else self.out(case.title)
        env = case.fault if isinstance(case.fault, dict) else {"STOCKPOT_FAULT": case.fault}
        outcome = self.program.run("merge", self.recipe, out, *OPTIONS, *case.options, ranks=case.ranks, env=env)
        if case.code == 0:
            assert outcome.code == 0, f"{case.title}: {outcome}"
            assert digest_of(out) == self.expected[case.options], f"{case.title}: other bytes"
            if "once" in case.title:
                ranks = json.loads((out / "stockpot_run.json").read_text())["per_rank"]
                assert sum(rank["calls_repeated"] for rank in ranks) > 0, f"{case.title}: the report counts nothing"
            return
        self.check_failed(case, out, outcome)
        self.goes_on(case, out, (1, 3, 2)[place % 3])

    def check_failed(self, case, out, outcome):
        hint = case.code in (INPUT, NO_SPACE)
        check_report(case.title, outcome, Refusal(case.title, {}, case.code, case.says, hint=hint))
        assert not out.exists(), f"{case.title}: something unfinished is under the final name"
        kept = Path(f"{out}.stockpot").exists()
        assert case.kept is None or kept == case.kept, f"{case.title}: staging directory is {'' if kept else 'not '}there"

    def run_all(self, cases):
        cases = [case for case in cases if self.wanted(case.title)]
        with ThreadPoolExecutor(WORKERS) as pool:
            futures = [pool.submit(self.check, i, case) for i, case in enumerate(cases)]
        failures = [str(future.exception()) for future in futures if future.exception()]
        assert not failures, f"{len(failures)} of {len(cases)} failed:\n" + "\n".join(failures)
        print(f"{len(cases)} cases of calls that fail: code, one report, nothing under OUT, the same bytes in the end", flush=True)

    def failed_sync_is_not_repeated(self):
        title = "a sync that failed is not repeated"
        if not self.wanted(title):
            return
        trace = self.folder / "trace"
        fault = f"trace={trace}; fdatasync:path={OUTPUT_FILES}-00001:nth=2:EIO; {SLOW}"
        outcome = self.program.run("merge", self.recipe, self.out(title), *OPTIONS, env={"STOCKPOT_FAULT": fault})
        assert outcome.code == STORAGE, f"{title}: {outcome}"
        syncs = [line for line in trace.read_text().splitlines() if re.search(rf"sync \S*{OUTPUT_FILES}-00001", line)]
        assert len(syncs) == 2, f"{title}: {syncs}"
        self.goes_on(Case(title, ""), self.out(title), 2)
        print(f"{title}: code 7, and no other call for that file")

    def changing_input(self):
        """The merge is stopped in the middle of its data; meanwhile somebody writes to an input."""

        def touch(path):
            os.utime(path)

        def append(path):
            with path.open("ab") as file:
                file.write(b"more")

        def replace(path):
            shutil.copy(path, f"{path}.new")
            os.replace(f"{path}.new", path)

        def cut(path):
            os.truncate(path, path.stat().st_size // 2)

        for change in (touch, append, replace, cut):
            title = f"input changed during the run, {change.__name__}"
            if self.wanted(title):
                self.change_meanwhile(title, change)

    def change_meanwhile(self, title, change):
        name, out = f"a-{change.__name__}", self.out(title)
        write_model(self.folder / name, self.models["a"], shards=2)
        recipe = self.recipe_of(name, "b")
        env = {**os.environ, "STOCKPOT_FAULT": f"pwrite:path={OUTPUT_FILES}:nth=6:stop"}
        command = [self.program.binary, "merge", str(recipe), str(out), *OPTIONS]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=env, **pipes) as process:
            end = time.monotonic() + 20
            while Path(f"/proc/{process.pid}/stat").read_text().split(") ")[1][0] != "T":
                assert time.monotonic() < end and process.poll() is None, f"{title}: did not stop"
                time.sleep(0.01)
            change(self.folder / name / "model-00002-of-00002.safetensors")
            process.send_signal(signal.SIGCONT)
            stdout, stderr = process.communicate(timeout=60)
        outcome = Outcome(process.returncode, stdout, stderr, 0)
        says = ["FMT007|truncated" if change.__name__ == "cut" else "changed while it was read", f"{name}/model-00002"]
        self.check_failed(Case(title, "", INPUT, says), out, outcome)
        print(f"{title}: code 4, nothing published")

    def limited_files(self):
        """RLIMIT_FSIZE. Open MPI cannot start several ranks under it."""
        title = "a limit on the size of files"
        if not self.wanted(title):
            return
        out = self.out(title)
        for options in ((), HDF5):
            prefix = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash"]
            outcome = self.program.run("merge", self.recipe, out, *OPTIONS, *options, prefix=prefix)
            self.check_failed(Case(title, "", NO_SPACE, [r"data/model"], options=options), out, outcome)
            self.goes_on(Case(title, "", options=options), out, 3)
            shutil.rmtree(out)
        print(f"{title}: code 8, goes on without it")

    def small_disk(self, title, event, fault, says, options=()):
        """A tmpfs that is filled when `event`, a file below it, appears; `fault` gives the filler time."""
        if not self.wanted(title):
            return
        place, kept = self.out(f"{title} {len(options)}"), self.out(f"{title} {len(options)} copied")
        place.mkdir()
        script = f"""
            mount -t tmpfs -o size=8m tmpfs {place} || exit 99
            fill() {{ cat /dev/zero > {place}/filler 2>/dev/null; }}
            if [ -z "{event}" ]; then fill; else (until ls {place}/{event} >/dev/null 2>&1; do :; done; fill) & fi
            STOCKPOT_FAULT="{fault}" "$@"; code=$?
            wait; rm {place}/filler; [ ! -e {place}/out ] || exit 98
            [ $code = {NO_SPACE} ] || exit $code
            "$@" && cp -a {place}/out {kept} && [ ! -e {place}/out.stockpot ] || exit 97
            exit $code"""
        prefix = ["unshare", "-Urm", "sh", "-c", script, "sh"]
        outcome = self.program.run("merge", self.recipe, place / "out", *OPTIONS, *options, prefix=prefix)
        check_report(title, outcome, Refusal(title, {}, NO_SPACE, says))
        assert digest_of(kept) == self.expected[options], f"{title}: other bytes"
        print(f"{title}{', HDF5' if options else ''}: code 8, the same bytes when there is space again", flush=True)

    def small_disks(self):
        command = ["unshare", "-Urm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(self.folder / "a")]
        if not shutil.which("unshare") or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            print("skipped: full disks, since no small one can be mounted here")
            return
        title = "a disk that is full before the start"
        self.small_disk(title, "", "", ["OUT003|not enough space|No space left"])
        self.small_disk(title, "", "", ["OUT003|not enough space|No space left"], HDF5)
        second = "out.stockpot/data/model-00001*"
        self.small_disk("a disk that fills up before the second file", second, "ftruncate:path=data/model-00002:slow", NAMES_MISSING)
        journal = "out.stockpot/journal/A*.log"
        self.small_disk("a disk that fills up before the journal", journal, "pwrite:path=journal/:slow", [*NAMES_MISSING, "journal"])
        # On a busy machine the disk may be full sooner, or only when the file is closed, and then nobody knows what is missing.
        full, says = "out.stockpot/data/model.h5", [r"data/model\.h5", r"missing +\d+ bytes|H5\w+ failed"]
        self.small_disk("a disk that fills up before HDF5's data", full, "fallocate:path=model.h5:slow", says, HDF5)


def build_shim(folder):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    source, shim = Path(__file__).with_name("failing_calls.c"), folder / "failing_calls.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
    return str(shim)


def main(binary, only):
    start = time.monotonic()
    with temporary_folder() as temporary, tempfile.TemporaryDirectory() as on_disk:
        suite = Suite(Program(binary), Path(temporary), Path(on_disk), only)
        shim = build_shim(Path(temporary))
        if shim is None:
            print("skipped: no C compiler for HDF5's calls")
        suite.run_all(all_cases(shim))
        suite.failed_sync_is_not_repeated()
        suite.changing_input()
        suite.limited_files()
        suite.small_disks()
    print(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
