"""--direct: the same bytes and manifests past the page cache as through it, on any ranks, after kills, after transfers that are
short or fail, and where the file system has no such transfers. The report says which way bytes went.

    direct_files.py STOCKPOT

Needs a build with STOCKPOT_FAULTS, and a file system with O_DIRECT.
"""

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import write_safetensors  # noqa: E402
from support.crash_sweep import KILLED, digest_of  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.same_bytes import SameBytes  # noqa: E402

STORAGE, NO_SPACE = 7, 8
DCP = ("--output-format", "dcp")
OPTIONS = ("--quiet", "--threads", "2", "--unit", "512KiB", "--chunk", "1MiB", "--out-shard-size", "3M", "--journal-every", "0")
SHAPES = {"large.weight": (1023, 1021), "norm.weight": (999,), "other.weight": (701, 703), "tiny.weight": (3,)}


def has_direct_transfers(folder):
    probe = folder / "probe"
    probe.write_bytes(bytes(4096))
    try:
        os.close(os.open(probe, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        return False
    return True


def write_models(folder):
    for seed, name in enumerate("ab"):
        draw = np.random.default_rng(seed)
        (folder / name).mkdir()
        (folder / name / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}')
        tensors = {tensor: draw.standard_normal(shape, dtype=np.float32) for tensor, shape in SHAPES.items()}
        write_safetensors(folder / name / "model.safetensors", tensors)


def record_of(out):
    return json.loads((out / "stockpot_run.json").read_text())


class Suite(SameBytes):
    def __init__(self, program, folder):
        write_models(folder)
        models = [{"model": str(folder / name), "parameters": {"weight": 0.5}} for name in "ab"]
        recipe = write_recipe({"merge_method": "linear", "models": models}, folder / "recipe.yaml")
        super().__init__(program, folder, recipe, OPTIONS)
        self.expected = {options: digest_of(self.merged(f"expected{len(options)}", *options)) for options in ((), DCP)}

    def bytes_are_the_same(self):
        for what in ("none", "reads", "writes", "all"):
            for ranks in (1, 3):
                out = self.same_bytes(f"{what}-{ranks}", "--direct", what, "--verify", ranks=ranks)
                of_ranks = [rank["direct"] for rank in record_of(out)["per_rank"]]
                read, written, refused = (sum(rank[key] for rank in of_ranks) for key in ("bytes_read", "bytes_written", "files_refused"))
                size = sum(np.prod(shape) for shape in SHAPES.values()) * 4
                least = {True: 0.9, False: 0}  # edges, and what is small, go the other way
                assert least[what in ("reads", "all")] * 2 * size <= read <= 2 * size * (what in ("reads", "all")), f"{what}: read {read}"
                assert least[what in ("writes", "all")] * size <= written <= size * (what in ("writes", "all")), f"{what}: wrote {written}"
                assert refused == 0, f"{what}: refused {refused}"
        for options in ((), ("--direct", "reads")):
            outcome = self.program.must_run("verify", self.folder / "all-3", *options)
            assert "refused" not in outcome.stderr, outcome
        self.same_bytes("dcp", *DCP, "--direct", "all", expected=DCP)

    def damage_is_found(self):
        out = self.merged("damaged", "--direct", "all")
        [first, *_] = sorted(out.glob("*.safetensors"))
        with first.open("r+b") as file:
            file.seek(-100_000, os.SEEK_END)
            file.write(b"damage")
        outcome = self.program.run("verify", out, "--direct", "reads")
        assert outcome.code == 10, outcome

    def what_is_refused_goes_the_other_way(self):
        faults = {
            "open_direct:times=0:EINVAL": 4,  # two inputs, two files of the output
            "pread_direct:times=0:EINVAL; pwrite_direct:times=0:EINVAL": 4,
            "pread_direct:nth=3:EINVAL; pwrite_direct:nth=3:EOPNOTSUPP": 2,
            "open_direct:path=/a/:ENOENT": 1,
        }
        for fault, files in faults.items():
            out = self.same_bytes(fault, "--direct", "all", fault=fault)
            record = record_of(out)
            assert record["per_rank"][0]["direct"]["files_refused"] == files, f"{fault}: {record['per_rank'][0]['direct']}"
            assert any(warning.startswith(f"--direct: refused {files} time") for warning in record["warnings"]), record["warnings"]
        out = self.folder / "all-3"
        outcome = self.program.run("verify", out, "--direct", "reads", env={"STOCKPOT_FAULT": "open_direct:times=0:EINVAL"})
        assert outcome.code == 0 and "--direct: refused" in outcome.stderr, outcome

    def short_transfers_go_on(self):
        for fault in ("pread:times=0:few; pwrite:times=0:few", "pread:times=0:short; pwrite:times=0:short", "pread_direct:nth=2:zero"):
            out = self.same_bytes(fault, "--direct", "all", fault=fault)
            assert record_of(out)["per_rank"][0]["direct"]["files_refused"] == 0, fault
        self.same_bytes("few on three ranks", *DCP, "--direct", "all", fault="pwrite:times=0:few", ranks=3, expected=DCP)

    def failures_are_what_they_were(self):
        once = "pread_direct:path=/a/:nth=2:EIO; pread_direct:path=/b/:ESTALE; pwrite_direct:nth=2:EIO; pwrite_direct:nth=5:EINTR"
        out = self.same_bytes("once", "--direct", "all", fault=once)
        assert record_of(out)["per_rank"][0]["calls_repeated"] == 3
        cases = {
            "pread_direct:path=/a/:nth=2:times=0:EIO": (STORAGE, [r"read failed: Input/output", r"a/model.safetensors", r"^  byte    \d+ of \d+", r"^  tensor"]),
            "pwrite_direct:nth=4:times=0:EIO": (STORAGE, [r"write failed: Input/output", r"data/model", r"^  byte +\d+"]),
            "pwrite_direct:nth=4:times=0:ENOSPC": (NO_SPACE, [r"^  missing +\d+ bytes", r"data/model"]),
            "pwrite_direct:nth=4:times=0:EDQUOT": (NO_SPACE, [r"^  missing +\d+ bytes", r"data/model"]),
            "fdatasync:path=data/model:nth=2:EIO": (STORAGE, [r"fdatasync failed"]),
            "pwrite_direct:rank=1:times=0:ENOSPC": (NO_SPACE, [r"^  missing +\d+ bytes"]),
        }
        for fault, (code, says) in cases.items():
            out, outcome = self.run(fault, "--direct", "all", fault=fault, ranks=2 if "rank" in fault else 1)
            assert outcome.code == code and not out.exists(), f"{fault}: {outcome}"
            for pattern in says:
                assert re.search(pattern, outcome.stderr, re.MULTILINE), f"{fault}: no '{pattern}' in {outcome.stderr}"
            self.same_bytes(fault, "--direct", "writes", ranks=2)

    def killed_and_gone_on(self):
        """The way may change between attempts, and pages that a killed one left in the cache do no harm."""
        for first, then in (("all", "all"), ("none", "all"), ("all", "none")):
            for call in ("pwrite:path=data/model:nth=9:kill", "pwrite:path=data/model:nth=14:after", "fdatasync:path=data/model:after"):
                name = f"{first} then {then}, {call}"
                out, outcome = self.run(name, "--direct", first, fault=call)
                assert outcome.code == KILLED and not out.exists(), f"{name}: {outcome}"
                self.same_bytes(name, "--direct", then)
        out, outcome = self.run("wrong", "--direct", "all", fault="pwrite:path=data/model:nth=9:kill")
        assert outcome.code == KILLED, outcome
        for file in Path(f"{out}.stockpot/data").glob("*.safetensors"):
            header = 8 + int.from_bytes(file.read_bytes()[:8], "little")
            with file.open("r+b") as damaged:
                damaged.seek(header)
                damaged.write(os.urandom(file.stat().st_size - header))
        self.same_bytes("wrong", "--direct", "all")

    def hdf5_says_no(self):
        out = self.merged("hdf5", "--direct", "all", "--output-format", "hdf5")
        record = record_of(out)
        assert any("HDF5" in warning and "page cache" in warning for warning in record["warnings"]), record["warnings"]
        assert record["per_rank"][0]["direct"]["bytes_written"] == 0 < record["per_rank"][0]["direct"]["bytes_read"]


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if not has_direct_transfers(folder):
            print("no direct transfers on this file system: skipped")
            return
        suite = Suite(Program(binary), folder)
        for test in (
            "bytes_are_the_same",
            "damage_is_found",
            "what_is_refused_goes_the_other_way",
            "short_transfers_go_on",
            "failures_are_what_they_were",
            "killed_and_gone_on",
            "hdf5_says_no",
        ):
            getattr(suite, test)()
            print(f"{test}: as expected", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
