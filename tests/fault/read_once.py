"""Several merges of the same models in one recipe: what they have in common is read once, and every output has the bytes that it has
alone, also where memory has no room for all, after kills, and when one of them fails.

    read_once.py STOCKPOT

Needs a build with STOCKPOT_FAULTS.
"""

import hashlib
import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import write_safetensors  # noqa: E402
from support.crash_sweep import KILLED, temporary_folder  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

NUMERIC, STORAGE = 5, 7
OPTIONS = ("--quiet", "--threads", "2", "--unit", "64KiB", "--chunk", "64KiB", "--out-shard-size", "600k", "--journal-every", "0")
ROOMY = "64MiB"


def digest_of(out):
    """Of the weights."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*.safetensors*")}


def write_family(folder):
    for seed, name in enumerate(("base", "a", "b", "c")):
        draw = np.random.default_rng(seed)
        (folder / name).mkdir()
        (folder / name / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}')
        shapes = {"model.embed_tokens.weight": (700, 96), "model.norm.weight": (96,)}
        shapes |= {f"model.layers.{i}.mlp.up_proj.weight": (256, 96 + 32 * i) for i in range(8)}
        dtypes = {"c": np.float16}  # not of the size of the others' strips, and of other values
        tensors = {
            tensor: draw.standard_normal(shape, dtype=np.float32).astype(dtypes.get(name, ml_dtypes.bfloat16))
            for tensor, shape in shapes.items()
        }
        write_safetensors(folder / name / "model.safetensors", tensors)


def stages(folder):
    """Documents of a recipe, of which none uses another."""

    def stage(name, method, models, base=False, **parameters):
        entries = [{"model": str(folder / m), "parameters": {"weight": w}} for m, w in models]
        document = {"name": name, "merge_method": method, "models": entries, "parameters": parameters}
        return document | ({"base_model": str(folder / "base")} if base else {})

    ab = (("a", 0.5), ("b", 0.3))
    yield stage("linear-1", "linear", ab)
    yield stage("ties-1", "ties", ab, base=True, density=0.3)
    yield stage("linear-2", "linear", (("a", 0.1), ("b", 2.0)))
    yield stage("ties-2", "ties", ab, base=True, density=0.7)
    yield stage("linear of others", "linear", (("a", 0.5), ("c", 0.5)))
    yield stage("linear-3", "linear", (("a", 1.0), ("b", -0.5)))
    yield stage("whole-model", "ties", ab, base=True, density=0.4, scope="model")
    yield stage("copy", "passthrough", (("a", 1.0),))
    yield stage("turned", "linear", (("b", 0.5), ("a", 0.5)))


class Cases:
    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, 0
        self.stages = list(stages(folder))
        text = "\n---\n".join(json.dumps(document) for document in self.stages)
        self.recipe = write_recipe(text, folder / "all.yaml")
        self.expected = {document["name"]: self.alone(document) for document in self.stages}

    def alone(self, document):
        out = self.folder / "alone"
        recipe = write_recipe({key: value for key, value in document.items() if key != "name"}, self.folder / "alone.yaml")
        self.program.must_run("merge", recipe, out, *OPTIONS)
        digest = digest_of(out)
        shutil.rmtree(out)
        return digest

    def merge(self, out, memory=ROOMY, ranks=1, fault=""):
        options = (*OPTIONS, "--memory-per-rank", memory)
        return self.program.run("multi", self.recipe, "-I", out, *options, ranks=ranks, env={"STOCKPOT_FAULT": fault})

    def new_place(self):
        self.runs += 1
        return self.folder / f"place-{self.runs}"

    def check(self, title, out):
        for name, digest in self.expected.items():
            assert digest_of(out / name) == digest, f"{title}: {name}: other bytes than alone"

    def reads(self, ranks):
        """Each byte is read once, whatever merges it, by whatever rank."""
        out = self.new_place()
        outcome = self.merge(out, ranks=ranks)
        assert outcome.code == 0, outcome
        self.check(f"{ranks} ranks", out)
        total = 0
        model = sum(a.nbytes for a in load_file(self.folder / "a/model.safetensors").values())
        for name in self.expected:
            record = json.loads((out / name / "stockpot_run.json").read_text())
            assert set(record["made_with"]) == set(self.expected) - {name}, f"{name} was made with {record['made_with']}"
            read, found = (sum(rank[key] for rank in record["per_rank"]) for key in ("bytes_read", "bytes_found"))
            assert read + found == len(record["models"]) * model, f"{name} read {read} bytes and found {found}"
            total += read
        print(f"{ranks} ranks: read {total / model:.2f} times the size of a model, {len(self.expected)} merges of 4 models")
        assert total == 4 * model, "some bytes were read twice"

    def little_memory(self):
        """No room for what all of them keep together, or for some of them at a time."""
        for memory in ("5MiB", "6MiB", "8MiB"):
            out = self.new_place()
            outcome = self.merge(out, memory=memory)
            assert outcome.code == 0, f"{memory}: {outcome}"
            self.check(memory, out)

    def kills(self):
        """Each of these kills is somewhere else; the same command line makes what is left."""
        seen = Counter()
        for ranks in (1, 2):
            for nth in range(10, 700, 97):
                out = self.new_place()
                outcome = self.merge(out, ranks=ranks, fault=f"any:rank=0:nth={nth}:kill")
                assert outcome.code in (0, KILLED), f"call {nth}: {outcome}"
                seen[outcome.code] += 1
                outcome = self.merge(out, ranks=3 - ranks)
                assert outcome.code == 0, f"after a kill before call {nth}: {outcome}"
                self.check(f"after a kill before call {nth}", out)
        assert seen[KILLED] > 8, seen

    def goes_on(self, title, out):
        outcome = self.merge(out)
        assert outcome.code == 0, f"{title}: {outcome}"
        self.check(title, out)
        resumed = [json.loads((out / name / "stockpot_run.json").read_text())["units_resumed"] for name in self.expected]
        assert sum(resumed) > 0, f"{title}: all began anew"

    def failure(self):
        """One output cannot be written: none is published, and all are gone on with."""
        out = self.new_place()
        outcome = self.merge(out, ranks=2, fault="pwrite:rank=0:nth=4:times=0:path=ties-2.stockpot/data/model:EIO")
        assert outcome.code == STORAGE and "ties-2" in outcome.stderr, outcome
        assert not any((out / name).exists() for name in self.expected), "published although the sweep failed"
        self.goes_on("after a failure", out)

    def no_plan(self):
        """Where a plan cannot be recorded, nothing has begun: nothing stays that looks as if it had."""
        out = self.new_place()
        outcome = self.merge(out, fault="any:rank=0:nth=1:times=0:path=ties-2.stockpot/plan.json:EIO")
        assert outcome.code == STORAGE and "ties-2" in outcome.stderr, outcome
        assert not list(out.glob("*.stockpot")), f"left behind: {list(out.iterdir())}"

    def mistake(self):
        """One merge comes to infinities. It is not the others' fault: what they have done is gone on with, without it."""
        weight = [{"filter": "layers.7", "value": 1e30}, {"value": 1.0}]  # late: much is merged before
        bad = {"name": "too much", "merge_method": "linear", "models": [{"model": str(self.folder / "c"), "parameters": {"weight": weight}}]}
        bad |= {"parameters": {"normalize": False}}
        recipe = write_recipe(self.recipe.read_text() + "\n---\n" + json.dumps(bad), self.folder / "bad.yaml")
        out = self.new_place()
        outcome = self.program.run("multi", recipe, "-I", out, *OPTIONS, "--memory-per-rank", ROOMY)
        assert outcome.code == NUMERIC and not any((out / name).exists() for name in self.expected), outcome
        self.goes_on("after a mistake", out)


def main(binary):
    program = Program(binary)
    with temporary_folder() as temporary:
        write_family(Path(temporary))
        cases = Cases(program, Path(temporary))
        for ranks in (1, 2, 3):
            cases.reads(ranks)
        cases.little_memory()
        cases.failure()
        cases.no_plan()
        cases.mistake()
        cases.kills()


if __name__ == "__main__":
    main(sys.argv[1])
