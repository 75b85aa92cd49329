"""One rank cannot open, read or write; the disk is full: every rank ends with the same code, once, and nothing hangs.

    one_rank_fails.py STOCKPOT

System calls are made to fail by failing_calls.c, preloaded; needs a C compiler. Full disks are small tmpfs mounts in a
mount namespace of their own; skipped where that is not allowed.
"""

import errno
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import write_model  # noqa: E402
from support.families import family  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.refusals import Refusal, check_all, check_report  # noqa: E402
from support.shims import build_shim  # noqa: E402

INPUT, STORAGE, NO_SPACE = 4, 7, 8
# Small units, so that every rank of three has work in every file.
OPTIONS = ("--unit", "64KiB", "--chunk", "64KiB", "--out-shard-size", "400k")


def recipe(folder, method="ties"):
    entries = [{"model": str(folder / m), "parameters": {"weight": 1, "density": 0.5}} for m in "ab"]
    return {"merge_method": method, "base_model": str(folder / "base"), "models": entries}


def failing(shim, call, path, error, rank, after=0):
    return {
        "LD_PRELOAD": shim,
        "FAILING_CALL": call,
        "FAILING_PATH": path,
        "FAILING_ERRNO": str(error),
        "FAILING_RANK": str(rank),
        "FAILING_AFTER": str(after),
    }


def call_cases(shim, folder, rank):
    weights = "model-00002-of-00003.safetensors"
    data = ".stockpot/data/model-"
    good = recipe(folder)

    def case(title, code, says, **call):
        return Refusal(
            f"{title} on rank {rank}", good, code, says, OPTIONS, env=failing(shim, rank=rank, **call), goes_on=True, hint=False
        )

    return [
        case(
            "an input cannot be opened",
            STORAGE,
            [weights, "EACCES|[Pp]ermission"],
            call="open",
            path=f"/a/{weights}",
            error=errno.EACCES,
        ),
        case("an input is gone", INPUT, [weights], call="open", path=f"/a/{weights}", error=errno.ENOENT),
        case(
            "an input ends early",
            INPUT,
            [weights, r"  byte    \d+ of \d+"],
            call="pread",
            path=f"/a/{weights}",
            error=0,
        ),
        case(
            "the disk is full while writing",
            NO_SPACE,
            [r"data/model-\d+"],
            call="pwrite",
            path=data,
            error=errno.ENOSPC,
            after=1,
        ),
        case("a write fails", STORAGE, [r"data/model-\d+"], call="pwrite", path=data, error=errno.EIO, after=1),
        case("the last sync fails", STORAGE, ["data/"], call="fsync", path=data, error=errno.EIO),
    ]


def check_mount(program, folder, title, options, code, ranks):
    """A merge into a tmpfs mounted with these options, in a mount namespace that ends with the command."""
    place = Path(tempfile.mkdtemp(dir=folder))
    script = f'mount -t tmpfs -o {options} tmpfs {place} && {{ "$@"; code=$?; ls -A {place}; exit $code; }}'
    arguments = ["merge", write_recipe(recipe(folder), f"{place}.yaml"), place / "out", "--quiet"]
    outcome = program.run(*arguments, prefix=["unshare", "--mount", "sh", "-c", script, "sh"], ranks=ranks)
    title = f"{title}, {ranks} ranks"
    check_report(title, outcome, Refusal(title, {}, code, [str(place)], hint=code == NO_SPACE))
    assert outcome.stdout.strip() == "", f"{title}: left behind: {outcome.stdout}"
    print(f"{title}: refused with nothing left behind")


def check_stages_elsewhere(program, folder):
    """Space is asked for where it is needed: not for stages in another place, or that are there; but before the first is made."""
    first, last = recipe(folder), recipe(folder)
    first["name"] = last["models"][0]["model"] = "halfway"
    both = write_recipe(f"{json.dumps(first)}\n---\n{json.dumps(last)}\n", folder / "stages.yaml")
    program.must_run("merge", both, folder / "measured", "--quiet")
    kilobytes = sum(f.stat().st_size for f in (folder / "measured").iterdir()) // 1024
    for title, parts, places, code in (
        ("stages in another place", 1.5, (folder / "stages",), 0),
        ("stages that are there", 3.5, ("I", "I"), 0),
        ("stages in the same place", 1.5, ("I",), NO_SPACE),
    ):
        place = Path(tempfile.mkdtemp(dir=folder))
        mount = f"mount -t tmpfs -o size={int(parts * kilobytes)}k tmpfs {place}"
        merges = [f'"$@" {place}/out-{n} -I {place / stages}' for n, stages in enumerate(places)]
        script = f"{mount} && {' && '.join(merges)}; code=$?; ls -A {place}; exit $code"
        outcome = program.run("merge", both, "--quiet", prefix=["unshare", "--mount", "sh", "-c", script, "sh"])
        assert outcome.code == code and (code == 0 or outcome.stdout == ""), f"{title}: {outcome}"
    check_stages_beside_a_mount(program, folder, both, kilobytes)
    print("space is asked for where stages are to go")


def check_stages_beside_a_mount(program, folder, both, kilobytes):
    """An output that grows in a mount has its stages beside that."""
    for title, beside, within, code in (
        ("room for each on its own side", 1.5, 1.5, 0),
        ("too little for the output", 3.5, 0.5, NO_SPACE),
        ("too little for its stages", 0.5, 3.5, NO_SPACE),
    ):
        place = Path(tempfile.mkdtemp(dir=folder))
        out = place / "out"
        small = [f"mount -t tmpfs -o size={int(parts * kilobytes)}k tmpfs" for parts in (beside, within)]
        script = f'{small[0]} {place} && mkdir {out} && {small[1]} {out} && "$@"; code=$?; ls -A {out}; exit $code'
        prefix = ["unshare", "--mount", "sh", "-c", script, "sh"]
        outcome = program.run("merge", both, out, "--quiet", "--commit=marker", prefix=prefix)
        assert outcome.code == code and (code == 0 or outcome.stdout == ""), f"{title}: {outcome}"
        assert f"{out}.stockpot" not in outcome.stderr, f"{title}: found out when it was too late: {outcome}"


def can_mount(folder):
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def check_file_limit(program, folder):
    """A limit on the size of files: EFBIG in the middle of the work. Open MPI itself cannot start under it."""
    for ranks in (1,):
        out = folder / f"limited-{ranks}"
        prefix = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh"]
        outcome = program.run(
            "merge", write_recipe(recipe(folder), f"{out}.yaml"), out, "--quiet", prefix=prefix, ranks=ranks
        )
        title = f"files of at most 64 blocks, {ranks} ranks"
        assert outcome.code in (STORAGE, NO_SPACE), f"{title}: {outcome}"
        check_report(title, outcome, Refusal(title, {}, outcome.code, ["data/"]))
        assert not out.exists() and not Path(f"{out}.stockpot").exists(), f"{title}: something is left"
    print("a limit on the size of files: refused")


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, model in family(2, seed=4, doubles=False).items():
            write_model(folder / name, model, shards=3)
        if shim := build_shim("failing_calls", folder):
            check_all(program, folder, call_cases(shim, folder, rank=1), ranks=(3,))
            check_all(program, folder, call_cases(shim, folder, rank=0), ranks=(1, 3))
        else:
            print("skipped: no C compiler for failing calls")
        if can_mount(folder):
            for ranks in (1, 3):
                check_mount(program, folder, "a full disk", "size=1m", NO_SPACE, ranks)
                check_mount(program, folder, "a disk that is read only", "ro,size=64m", STORAGE, ranks)
            check_stages_elsewhere(program, folder)
        else:
            print("skipped: no mount for a small disk")
        check_file_limit(program, folder)


if __name__ == "__main__":
    main(sys.argv[1])
