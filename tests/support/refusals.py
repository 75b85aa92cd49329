"""A merge that must not happen: the right exit code, one clear report, and nothing left behind."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from support.program import write_recipe

WORKERS = 3  # starting MPI is mostly waiting
# For hostile files: seconds of the processor, several times what the longest case takes, and address space, of which libraries
# have most. Sanitizers need the latter, and ten times as long.
SANITIZED = "SANITIZED_TESTS" in os.environ
LIMITS = ("prlimit", "--cpu=60") if SANITIZED else ("prlimit", "--cpu=5", f"--as={600 << 20}")


@dataclass
class Refusal:
    """`says` are regular expressions that the report has to match; `code` is the exit code."""

    title: str
    recipe: dict | str
    code: int
    says: list
    options: tuple = ()
    threads: int = 1
    out: str = ""  # default: a new name for each run
    env: dict | None = None
    survives: bool = False  # something lies at `out` and has to stay
    goes_on: bool = False  # without `env` the same command line succeeds, perhaps with what was left behind
    hint: bool = True  # False where what is wrong says what to do


def tree(path):
    """Everything below a path, with sizes: to see that nothing changed."""
    path = Path(path)
    if not path.is_dir():
        return None if not path.exists() else path.read_bytes()
    return sorted((str(p.relative_to(path)), p.stat().st_size if p.is_file() else -1) for p in path.rglob("*"))


def check_report(title, outcome, case):
    """Exit code and report of a run that had to fail as `case` says."""
    assert outcome.code == case.code, f"{title}: not exit code {case.code} but {outcome}"
    if outcome.diagnostics:
        assert not outcome.reports and len(set(outcome.diagnostics)) == len(outcome.diagnostics), (
            f"{title}: says it twice: {outcome}"
        )
    else:
        assert len(outcome.reports) == 1, f"{title}: not one report but {len(outcome.reports)}: {outcome}"
    for pattern in case.says:
        assert re.search(pattern, outcome.stderr, re.MULTILINE), f"{title}: does not say {pattern!r}: {outcome}"
    hint = re.search(r"^  hint    \S|^ *= help: ", outcome.stderr, re.MULTILINE)
    assert hint or not case.hint, f"{title}: no hint: {outcome}"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", outcome.stderr), f"{title}: control characters: {outcome}"


def check_refused(program, folder, case, ranks):
    title = f"{case.title}, {ranks} rank{'s' if ranks > 1 else ''}"
    name = re.sub(r"\W+", "-", title)
    out = Path(case.out or folder / f"out-{name}")
    before = tree(out)
    recipe = write_recipe(case.recipe, folder / f"{name}.yaml")
    outcome = program.run("merge", recipe, out, "--quiet", "--threads", case.threads, *case.options, ranks=ranks, env=case.env)
    check_report(title, outcome, case)
    if case.survives:
        assert tree(out) == before, f"{title}: what lay at OUT changed"
    else:
        assert not out.exists(), f"{title}: {out} came into being"
    if case.goes_on:
        program.must_run("merge", recipe, out, "--quiet", "--threads", case.threads, *case.options, ranks=ranks)
    assert not Path(f"{out}.stockpot").exists(), f"{title}: the staging directory is still there"
    return outcome


def check_all(program, folder, cases, ranks=(1, 3)):
    """Runs every case on every number of ranks, and reports all that failed."""
    jobs = [(case, r) for r in ranks for case in cases]
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [(case, r, pool.submit(check_refused, program, folder, case, r)) for case, r in jobs]
    failures = [f"{future.exception()}" for _, _, future in futures if future.exception()]
    assert not failures, f"{len(failures)} of {len(jobs)} failed:\n" + "\n".join(failures)
    print(f"refused {len(cases)} cases, {len(jobs)} runs: exit code, one report with a hint, nothing left behind")
