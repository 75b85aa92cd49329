"""One rank is slow: the others do what it has not begun. The same bytes, all of them, whatever becomes of whom.

    slow_rank.py STOCKPOT

Needs a build with STOCKPOT_FAULTS, which makes a rank's reads slow.
"""

import json
import signal
import sys
import time
from pathlib import Path

import ml_dtypes
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import write_safetensors  # noqa: E402
from support.crash_sweep import digest_of, temporary_folder  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.started import Started  # noqa: E402

STORAGE, STOPPED = 7, 75
RANKS, SLOW_RANK = 3, 2
TENSORS, SIDE = 40, 512
# Some hundred reads of each rank, of 20 ms each where it is slow.
OPTIONS = ("--threads", "1", "--unit", "64KiB", "--chunk", "64KiB", "--out-shard-size", "600k", "--journal-every", "0")
SLOW = f"pread:rank={SLOW_RANK}:times=0:path=/tune-:lag"


def write_family(folder):
    for seed, name in enumerate(("base", "tune-1", "tune-2")):
        draw = np.random.default_rng(seed)
        (folder / name).mkdir()
        (folder / name / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}')
        tensors = {
            f"model.layers.{i}.mlp.up_proj.weight": draw.standard_normal((SIDE, SIDE), dtype=np.float32).astype(ml_dtypes.bfloat16)
            for i in range(TENSORS)
        }
        write_safetensors(folder / name / "model.safetensors", tensors)


def recipes(folder):
    def recipe(name, method, base=False, **parameters):
        entries = [{"model": str(folder / f"tune-{i}"), "parameters": {"weight": 0.5}} for i in (1, 2)]
        whole = {"merge_method": method, "models": entries, "parameters": parameters}
        return write_recipe({**whole, **({"base_model": str(folder / "base")} if base else {})}, folder / f"{name}.yaml")

    yield "linear", recipe("linear", "linear"), ()
    # Small memory: several waves of each rank, so that some have not begun.
    yield "ties", recipe("ties", "ties", base=True, density=0.4), ("--memory-per-rank", "10MiB")
    yield "linear as dcp", recipe("linear", "linear"), ("--output-format", "dcp")
    yield "linear as hdf5", recipe("linear", "linear"), ("--output-format", "hdf5")


class Cases:
    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, 0

    def new_output(self):
        self.runs += 1
        return self.folder / f"out-{self.runs}"

    def merge(self, recipe, *options, ranks=RANKS, fault=""):
        out = self.new_output()
        self.program.must_run("merge", recipe, out, "--quiet", *OPTIONS, *options, ranks=ranks, env={"STOCKPOT_FAULT": fault}, timeout=300)
        return digest_of(out), json.loads((out / "stockpot_run.json").read_text())

    def takes_over(self, title, recipe, options):
        expected, alone = self.merge(recipe, *options, ranks=1)
        digest, record = self.merge(recipe, *options, fault=SLOW)
        units = [rank["units"] for rank in record["per_rank"]]
        taken = [rank["units_taken_over"] for rank in record["per_rank"]]
        assert digest == expected, f"{title}: other bytes where work was taken over"
        assert sum(taken[:SLOW_RANK]) > 0 and taken[SLOW_RANK] == 0, f"{title}: units taken over by rank: {taken}"
        assert sum(units) == sum(rank["units"] for rank in alone["per_rank"]), f"{title}: units by rank: {units}"
        print(f"{title}: units of each rank {units}, of these taken over {taken}", flush=True)

    def stays_where_it_was_dealt(self, recipe):
        digest, record = self.merge(recipe, "--no-take-over", fault=SLOW)
        assert all(rank["units_taken_over"] == 0 for rank in record["per_rank"]), record["per_rank"]
        assert digest == self.merge(recipe, ranks=1)[0]

    def started(self, recipe, fault):
        return Started(self.program, recipe, self.new_output(), *OPTIONS, ranks=RANKS, fault=fault)

    def goes_on(self, title, run, recipe):
        assert not run.out.exists(), f"{title}: something unfinished is under the final name"
        self.program.must_run("merge", recipe, run.out, "--quiet", *OPTIONS, ranks=2)
        assert digest_of(run.out) == self.merge(recipe, ranks=1)[0], f"{title}: other bytes"
        assert json.loads((run.out / "stockpot_run.json").read_text())["units_resumed"] > 0, f"{title}: began anew"

    def stop(self, recipe):
        """Each rank's own share takes five seconds, the slow one's much longer: at six, others have begun to help."""
        run = self.started(recipe, f"rate=4MB; pread:rank={SLOW_RANK}:times=0:path=/tune-:slow")
        time.sleep(6)
        run.process.send_signal(signal.SIGUSR1)
        code, text, _ = run.end(30)
        assert code == STOPPED, f"stopped: {code}: {text}"
        self.goes_on("stopped", run, recipe)

    def failure(self, recipe, rank):
        """A rank fails while idle ones wait for work, also the one that they ask."""
        late = f"pread:rank={rank}:nth={25 if rank == SLOW_RANK else 60}:times=0:path=/tune-:EIO"
        run = self.started(recipe, f"{late}; {SLOW}")
        code, text, _ = run.end(60)
        assert code == STORAGE and text.count("stockpot: ") == 1, f"rank {rank} fails: {code}: {text}"
        self.goes_on(f"rank {rank} fails", run, recipe)


def main(binary):
    program = Program(binary)
    with temporary_folder() as temporary:
        folder = Path(temporary)
        write_family(folder)
        cases = Cases(program, folder)
        for title, recipe, options in recipes(folder):
            cases.takes_over(title, recipe, options)
        linear = folder / "linear.yaml"
        cases.stays_where_it_was_dealt(linear)
        cases.stop(linear)
        for rank in range(RANKS):
            cases.failure(linear, rank)


if __name__ == "__main__":
    main(sys.argv[1])
