"""One rank or all of them are killed at random moments, again and again, until the same command line has finished the merge.

    random_kills.py STOCKPOT [KILLS] [SEED]

The number of kills is 25 by default. Each time the merge goes on with another number of ranks. Needs a build with
STOCKPOT_FAULTS, which makes writes slow enough for kills to hit them.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.crash_sweep import digest_of, temporary_folder, write_small_family  # noqa: E402
from support.program import MPI_ENVIRONMENT, Program, write_recipe  # noqa: E402

OPTIONS = ("--threads", "1", "--unit", "64KiB", "--chunk", "64KiB", "--out-shard-size", "600k", "--journal-every", "0")
LAG = "pwrite:times=0:path=data/model:lag"


def ranks_of(mpirun):
    listed = subprocess.run(["pgrep", "-P", str(mpirun.pid)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


def start(program, recipe, out, ranks, session):
    command = [program.binary, "merge", str(recipe), str(out), "--quiet", *OPTIONS]
    if ranks > 1:
        command = ["mpirun", "-n", str(ranks), "--oversubscribe", *command]
    env = {**os.environ, **MPI_ENVIRONMENT, "OMPI_MCA_orte_tmpdir_base": session, "STOCKPOT_FAULT": LAG}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=env, text=True, start_new_session=True, **pipes)


def kill_something(process, ranks, draw):
    """@return what was killed, or nothing if it had ended."""
    victims = ranks_of(process) if ranks > 1 else [process.pid]
    if not victims or process.poll() is not None:
        return None
    chosen = victims if draw.random() < 0.3 else [draw.choice(victims)]
    for pid in chosen:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
    return "all ranks" if len(chosen) > 1 else "one rank"


def one_merge(program, recipe, out, draw, kills, expected):
    """Goes on until it is finished. @return how often it was killed."""
    killed = 0
    while True:
        ranks = draw.choice([1, 1, 2, 3, 5])
        with tempfile.TemporaryDirectory(prefix="mpi") as session:
            process = start(program, recipe, out, ranks, session)
            if killed < kills:
                time.sleep(draw.uniform(*((0.3, 1.4) if ranks > 1 else (0.02, 0.6))))
                killed += kill_something(process, ranks, draw) is not None
            stdout, stderr = process.communicate(timeout=60)
        if process.returncode == 0:
            return killed
        assert killed, f"ended by itself with {process.returncode}: {stdout}{stderr}"
        # A kill after the last rename comes too late.
        assert not out.exists() or digest_of(out) == expected, f"something unfinished is under the final name: {stderr}"


def main(binary, kills, seed):
    program, draw = Program(binary), random.Random(seed)
    print(f"seed {seed}", flush=True)
    with temporary_folder() as temporary:
        folder = Path(temporary)
        write_small_family(folder)
        entries = [{"model": str(folder / m), "parameters": {"weight": 1, "density": 0.5}} for m in "ab"]
        recipe = {"merge_method": "ties", "base_model": str(folder / "base"), "models": entries}
        recipe = write_recipe(recipe | {"parameters": {"scope": "model"}}, folder / "ties.yaml")
        program.must_run("merge", recipe, folder / "expected", "--quiet", *OPTIONS)
        expected = digest_of(folder / "expected")
        done = merges = resumed = 0
        while done < kills:
            out = folder / f"out-{merges}"
            done += one_merge(program, recipe, out, draw, min(8, kills - done), expected)
            merges += 1
            assert digest_of(out) == expected, f"merge {merges}: other bytes"
            assert not Path(f"{out}.stockpot").exists(), f"merge {merges}: the staging directory is still there"
            resumed += json.loads((out / "stockpot_run.json").read_text())["units_resumed"]
        print(f"{done} kills, {merges} merges, all with the same bytes; {resumed} units were not made again")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[2:]]
    main(sys.argv[1], *(numbers + [25, int(time.time())][len(numbers) :]))
