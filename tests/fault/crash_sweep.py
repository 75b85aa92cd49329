"""Killed at any call, the same command line finishes the merge, with another number of ranks, to the same bytes.

    crash_sweep.py STOCKPOT [--all]

Without --all the sweeps on two ranks visit a sample of the points, so that they end in about two minutes; on one rank all of
them are visited. Needs a build with STOCKPOT_FAULTS.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.crash_sweep import Sweep, chosen, temporary_folder, write_small_family  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

# Small units and a commit after each, so that there is something to go on with at most points.
OPTIONS = ("--threads", "1", "--unit", "128KiB", "--chunk", "64KiB", "--out-shard-size", "600k", "--journal-every", "0")


def recipe(folder, method, **parameters):
    entries = [{"model": str(folder / m), "parameters": {"weight": 1, "density": 0.5}} for m in "ab"]
    base = {"base_model": str(folder / "base")} if method != "linear" else {}
    if method == "linear":
        entries = [{"model": str(folder / m), "parameters": {"weight": 1}} for m in "ab"]
    return {"merge_method": method, **base, "models": entries, "parameters": parameters}


def stages(folder):
    """Two documents, of which the second merges what the first makes."""
    first = json.dumps({"name": "half/way", **recipe(folder, "linear")})
    second = recipe(folder, "linear")
    second["models"][0]["model"] = "half/way"
    return f"{first}\n---\n{json.dumps(second)}\n"


def an_old_output(out):
    out.mkdir()
    (out / "precious").write_text("of an earlier merge")
    (out / "config.json").write_text("{}")


def sweep(title, make, most, again=False):
    start = time.monotonic()
    with temporary_folder() as temporary:
        made = make(Path(temporary))
        expected = made.reference()
        points = made.points()
        visited = chosen(points, most)
        with ThreadPoolExecutor(WORKERS) as pool:
            after = [(1 + 7 * i % 200, 60) if again else () for i in range(len(visited))]
            list(pool.map(lambda i: made.check(i, visited[i], expected, after[i]), range(len(visited))))
        seen = ", ".join(f"{count} {what}" for what, count in sorted(made.seen.items()))
    seconds = time.monotonic() - start
    print(f"{title}: {len(visited)} of {len(points)} points, {seen}, {seconds:.0f} s", flush=True)
    return made.seen


def check_renames(make):
    """Other calls move with the time that commits take; renames are always the same ones."""
    with temporary_folder() as temporary:
        made = make(Path(temporary))
        expected = made.reference()
        calls = [point.call.split(" ")[0] for point in made.points()]
        renames = [(call, n + 1) for call in ("rename", "rename_if_absent") for n in range(calls.count(call))]
        for place, (call, number) in enumerate(renames):
            made.check_kill(place, f"{call} {number}", f"{call}:rank=0:nth={number}:kill", expected)
        assert made.seen["no output for the moment"] > 0, "no rename comes between two others"
    print(f"killed before each of {len(renames)} renames", flush=True)


WORKERS = 4  # runs at a time: most of each is waiting for mpirun


def main(binary, everything):
    program = Program(binary)
    with temporary_folder() as temporary:
        models = Path(temporary)
        write_small_family(models)

        def case(name, content, ranks, options=OPTIONS, **more):
            file = write_recipe(content, models / f"{name}.yaml")
            return lambda folder: Sweep(program, file, folder, options, ranks, **more)

        linear = recipe(models, "linear")
        whole = recipe(models, "ties", scope="model")
        most = None if everything else 60
        over = (*OPTIONS, "--overwrite")
        sweep("linear, one rank", case("linear", linear, 1, resume_ranks=(1,)), None)
        sweep("linear, one rank, killed three times", case("linear", linear, 1, resume_ranks=(1,)), None, again=True)
        sweep("overwrite, one rank", case("linear", linear, 1, over, before=an_old_output, resume_ranks=(1,)), None)
        two_renames = {"before": an_old_output, "faults": "exchange:times=0:EINVAL"}
        renamed = case("linear", linear, 1, over, resume_ranks=(1,), **two_renames)
        sweep("overwrite by two renames, one rank", renamed, None)
        check_renames(renamed)
        sweep("whole-model TIES, one rank", case("whole", whole, 1, resume_ranks=(1,)), None)
        sweep("two stages, one rank", case("stages", stages(models), 1, resume_ranks=(1,)), None)
        marker = (*OPTIONS, "--commit=marker")
        sweep("committed by a marker, one rank", case("linear", linear, 1, marker, resume_ranks=(1,)), None)
        hdf5 = (*OPTIONS, "--output-format", "hdf5")
        sweep("HDF5, one rank", case("linear", linear, 1, hdf5, resume_ranks=(1,)), None)
        dcp = (*OPTIONS, "--output-format", "dcp")
        seen = sweep("distributed checkpoint, one rank", case("linear", linear, 1, dcp, resume_ranks=(1,)), None)
        assert seen["went on with finished units"] > 0, "no point found anything to go on with"
        sweep("distributed checkpoint, two ranks", case("linear", linear, 2, dcp), most)
        seen = sweep("linear, two ranks", case("linear", linear, 2), most)
        assert seen["went on with finished units"] > 0, "no point found anything to go on with"
        sweep("overwrite, two ranks", case("linear", linear, 2, over, before=an_old_output), most and most // 2)
        sweep("whole-model TIES, two ranks", case("whole", whole, 2), most and most // 2)


if __name__ == "__main__":
    main(sys.argv[1], "--all" in sys.argv[2:])
