"""The run record says where the time of every rank went: phases are there, not negative, and add up to the time that passed. A trace has
what every thread of every rank did, and changes nothing.

    where_time_goes.py STOCKPOT
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.program import Program, write_recipe  # noqa: E402

PHASES = ["start", "plan", "open", "prepare", "merging", "finish", "record", "waiting"]
OF_EARLIER_MERGES = ("verify", "publish")  # what is published before them
WORKER_PHASES = ["idle", "read", "observe", "conclude", "merge", "digest", "write"]
THREADS = 2
OPTIONS = ("--threads", THREADS, "--unit", "64KiB", "--chunk", "64KiB")


def is_about(value, expected):
    """As close as a busy machine lets two looks at the clock be."""
    return abs(value - expected) <= 0.05 * expected + 0.05


def recipe(folder, method, **parameters):
    models = [{"model": str(folder / "family" / name)} for name in ("tune-1", "tune-2")]
    parameters = {"weight": 0.5, **parameters}
    base = str(folder / "family" / "base")
    return {"merge_method": method, "base_model": base, "models": models, "parameters": parameters}


def check_rank(rank, seconds, what):
    assert rank["host"], what
    phases = [phase for phase in rank["phases"] if phase not in OF_EARLIER_MERGES]
    assert phases == PHASES, f"{what}: phases {list(rank['phases'])}"
    assert list(rank["worker_phases"]) == WORKER_PHASES, f"{what}: phases of workers {list(rank['worker_phases'])}"
    for phases in (rank["phases"], rank["worker_phases"]):
        assert all(time >= 0 for time in phases.values()), f"{what}: negative times in {phases}"
    assert abs(sum(rank["phases"].values()) - rank["wall_seconds"]) < 1e-6, f"{what}: phases do not add up: {rank}"
    assert 0 < rank["wall_seconds"] <= seconds + 0.05, f"{what}: {rank['wall_seconds']} s of {seconds} s"
    assert rank["busy_seconds"] == rank["phases"]["merging"], what
    # Workers are timed while the main thread merges, and while it waits for other ranks in between.
    of_workers = sum(rank["worker_phases"].values()) / THREADS
    least, most = rank["busy_seconds"], rank["busy_seconds"] + rank["phases"]["waiting"]
    in_between = 0.95 * least - 0.05 <= of_workers <= 1.05 * most + 0.05
    assert in_between, f"{what}: workers {of_workers} s, {least} to {most} s"
    assert rank["reads"]["calls"] > 0 and rank["reads"]["slowest_seconds"] <= rank["reads"]["seconds"], what
    assert rank["journal"]["commits"] > 0, what


def check_record(out, ranks, seconds, what):
    record = json.loads((out / "stockpot_run.json").read_text())
    shown = record["per_rank"]
    assert [rank["rank"] for rank in shown] == list(range(ranks)), what
    for rank in shown:
        check_rank(rank, seconds, f"{what}, rank {rank['rank']} of {ranks}")
    assert record["wall_seconds"] == max(rank["wall_seconds"] for rank in shown), what
    busy = [rank["busy_seconds"] for rank in shown]
    assert abs(record["measured_imbalance"] - max(busy) / (sum(busy) / ranks)) < 1e-9, what
    assert record["slowest_rank"]["busy_seconds"] == max(busy), what
    return shown


def check_merges(program, folder):
    kinds = {
        "linear": recipe(folder, "linear"),
        "ties": recipe(folder, "ties", density=0.5),
        "whole-model ties": recipe(folder, "ties", density=0.5, scope="model"),
    }
    for what, document in kinds.items():
        for ranks in (1, 3):
            out = folder / f"{what}-{ranks}".replace(" ", "-")
            file = write_recipe(document, f"{out}.yaml")
            done = program.must_run("merge", file, out, *OPTIONS, ranks=ranks)
            shown = check_record(out, ranks, done.seconds, what)
            observed = sum(rank["worker_phases"]["observe"] for rank in shown)
            assert (observed > 0) == (what != "linear"), f"{what}: {observed} s for statistics"
            for phase in ("read", "merge", "digest", "write"):
                assert sum(rank["worker_phases"][phase] for rank in shown) > 0, f"{what}: no time for {phase}"


def check_stages(program, folder):
    """The second stage's record begins where the first one's ended."""
    text = "\n---\n".join(
        [
            json.dumps({"name": "first", **recipe(folder, "linear")}),
            json.dumps({"merge_method": "linear", "models": [{"model": "first"}], "parameters": {"weight": 1}}),
        ]
    )
    reads = []
    for verify in ((), ("--verify",)):
        out, kept = (folder / f"{what}-{len(verify)}" for what in ("stages", "kept"))
        file = write_recipe(text, f"{out}.yaml")
        done = program.must_run("merge", file, out, *OPTIONS, *verify, "--intermediate-dir", kept, ranks=2)
        first = check_record(kept / "first", 2, done.seconds, "first stage")
        second = check_record(out, 2, done.seconds, "second stage")
        for a, b in zip(first, second):
            assert a["phases"]["start"] > 0 and b["phases"]["start"] == 0, "only one stage has the start of the program"
            assert a["wall_seconds"] + b["wall_seconds"] <= done.seconds + 0.05, "more than the program"
        reads.append(sum(rank["reads"]["calls"] for rank in second))
    assert reads[0] == reads[1], f"reading the first stage back is counted in the second: {reads}"


def check_table(program, folder):
    file = write_recipe(recipe(folder, "linear"), folder / "table.yaml")
    told = program.must_run("merge", file, folder / "table", *OPTIONS, "-v", "--verify", ranks=2)
    assert "of a worker thread, while merging" in told.stderr, told
    assert "rank    1" in told.stderr, told
    quiet = program.must_run("merge", file, folder / "quiet", *OPTIONS, ranks=2)
    assert "while merging" not in quiet.stderr, quiet
    assert len(told.stdout.splitlines()) == len(quiet.stdout.splitlines()) == 1, told


def check_events(trace, record, ranks):
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    threads = {}
    for event in events:
        assert event["ts"] >= 0 and event["dur"] >= 0, event
        threads.setdefault((event["pid"], event["tid"]), []).append(event)
    everyone = {(rank, thread) for rank in range(ranks) for thread in range(THREADS + 1)}
    assert {rank for rank, _ in threads} == set(range(ranks)), f"events of {sorted(threads)}"
    assert {(rank, 0) for rank in range(ranks)} <= threads.keys() <= everyone, f"events of {sorted(threads)}"
    for thread, timeline in threads.items():
        for before, after in zip(timeline, timeline[1:]):
            rounding = 0.002
            assert before["ts"] + before["dur"] <= after["ts"] + rounding, f"{thread}: {before} and {after} overlap"
    # The same looks at the clock make events and phases.
    for rank in record["per_rank"]:
        for phase in ("read", "observe", "merge", "digest", "write"):
            mine = [e for e in events if (e["pid"], e["name"]) == (rank["rank"], phase) and e["tid"] > 0]
            seconds = sum(event["dur"] for event in mine) / 1e6
            assert abs(seconds - rank["worker_phases"][phase]) < 1e-5, f"{phase} of rank {rank['rank']}: {seconds} s"
            assert all(event["args"]["tensor"] and event["args"]["count"] > 0 for event in mine), mine


def check_trace(program, folder):
    for what, parameters in (("linear", {}), ("ties", {"density": 0.5})):
        file = write_recipe(recipe(folder, what, **parameters), folder / "traced.yaml")
        plain, traced, trace = folder / f"{what}-plain", folder / f"{what}-traced", folder / f"{what}.json"
        program.must_run("merge", file, plain, *OPTIONS)
        for ranks in (1, 3):  # the second time over the trace of the first
            program.must_run("merge", file, traced, *OPTIONS, "--trace", trace, "--overwrite", ranks=ranks)
            record = json.loads((traced / "stockpot_run.json").read_text())
            check_events(json.loads(trace.read_text()), record, ranks)
            manifests = [(out / "stockpot-manifest.json").read_bytes() for out in (plain, traced)]
            assert manifests[0] == manifests[1], f"{what}: a trace changes the output"
            assert {path.name for path in plain.iterdir()} == {path.name for path in traced.iterdir()}, what


def check_refused_traces(program, folder):
    file = write_recipe(recipe(folder, "linear"), folder / "refused.yaml")
    out = folder / "refused"
    usage, exists = 2, 6
    for trace, code in ((out / "trace.json", usage), (folder / "nowhere" / "trace.json", usage), (file, exists)):
        refused = program.run("merge", file, out, *OPTIONS, "--trace", trace, ranks=2)
        assert refused.code == code, refused
        assert len(refused.reports) == 1, refused
        assert not out.exists() and not Path(f"{out}.stockpot").exists(), "before anything is made"
    assert file.read_text().startswith("{"), "the recipe is still there"
    # The output is worth more than its trace.
    trace = folder / "gone" / "trace.json"
    trace.parent.mkdir()
    (trace.parent / "trace.json.new").mkdir()  # in the way of the file that is renamed
    told = program.must_run("merge", file, out, *OPTIONS, "--trace", trace)
    assert "is not written" in told.stderr and (out / "stockpot-manifest.json").exists(), told


def main():
    program = Program(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program.must_run("synth", folder / "family", "--threads", THREADS)
        check_merges(program, folder)
        check_stages(program, folder)
        check_table(program, folder)
        check_trace(program, folder)
        check_refused_traces(program, folder)


main()
