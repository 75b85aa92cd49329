"""--kernel-copies: the same bytes and manifests as written ones, on any ranks, after refusals, short copies, failures and kills. The
report says how much the kernel copied.

    kernel_copies.py STOCKPOT

Needs a build with STOCKPOT_FAULTS, and a file system with copy_file_range.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import write_safetensors  # noqa: E402
from support.crash_sweep import KILLED, digest_of  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.same_bytes import SameBytes  # noqa: E402

USAGE = 2
DCP, HDF5 = ("--output-format", "dcp"), ("--output-format", "hdf5")
OPTIONS = ("--quiet", "--threads", "2", "--unit", "512KiB", "--chunk", "128KiB", "--out-shard-size", "3M", "--journal-every", "0")
ALWAYS = ("--kernel-copies", "always")
SHAPES = {"large.weight": (1023, 1021), "norm.weight": (999,), "other.weight": (701, 703), "tiny.weight": (3,), "empty.weight": (0, 4)}
OUTPUT_BYTES = sum(4 * int(np.prod(shape)) for shape in SHAPES.values())


def has_kernel_copies(folder):
    one, other = folder / "one", folder / "other"
    one.write_bytes(bytes(4096))
    try:
        with one.open("rb") as source, other.open("wb") as sink:
            return os.copy_file_range(source.fileno(), sink.fileno(), 4096) == 4096
    except OSError:
        return False


def write_model(folder):
    draw = np.random.default_rng(1)
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}')
    write_safetensors(
        folder / "model.safetensors", {tensor: draw.standard_normal(shape, dtype=np.float32) for tensor, shape in SHAPES.items()}
    )


def passthrough(model, path, **more):
    return write_recipe({"merge_method": "passthrough", "models": [{"model": str(model)}], **more}, path)


def copied_by_kernel(out):
    return sum(rank["bytes_copied_by_kernel"] for rank in json.loads((out / "stockpot_run.json").read_text())["per_rank"])


class Suite(SameBytes):
    def __init__(self, program, folder):
        write_model(folder / "a")
        super().__init__(program, folder, passthrough(folder / "a", folder / "recipe.yaml"), OPTIONS)
        self.expected = {
            options: digest_of(self.merged(f"written{len(options)}", "--kernel-copies", "never", *options)) for options in ((), DCP)
        }

    def bytes_are_the_same(self):
        for ranks in (1, 3):
            out = self.same_bytes(f"always-{ranks}", *ALWAYS, "--verify", ranks=ranks)
            assert copied_by_kernel(out) == OUTPUT_BYTES, copied_by_kernel(out)
            self.program.must_run("verify", out)
        assert copied_by_kernel(self.same_bytes("never", "--kernel-copies", "never")) == 0
        self.same_bytes("by default")
        out = self.same_bytes("distributed", *ALWAYS, *DCP, expected=DCP)
        assert copied_by_kernel(out) == OUTPUT_BYTES, copied_by_kernel(out)
        assert copied_by_kernel(self.merged("hdf5", *ALWAYS, *HDF5)) == 0
        assert copied_by_kernel(self.same_bytes("read directly", *ALWAYS, "--direct", "reads")) == OUTPUT_BYTES

    def what_changes_is_written(self):
        """Another type, or values: the kernel has no part in it."""
        for name, more in {"rounded": {"dtype": "bfloat16"}, "scaled": {"parameters": {"scale": 0.5}}}.items():
            recipe = passthrough(self.folder / "a", self.folder / f"{name}.yaml", **more)
            expected = digest_of(self.merged(f"{name} and written", "--kernel-copies", "never", recipe=recipe))
            out = self.merged(name, *ALWAYS, recipe=recipe)
            assert digest_of(out) == expected, f"{name}: other bytes"
            assert copied_by_kernel(out) == 0, f"{name}: {copied_by_kernel(out)}"

    def another_file_system_is_not_asked(self):
        memory = Path("/dev/shm")
        if not memory.is_dir() or memory.stat().st_dev == self.folder.stat().st_dev:
            return
        with tempfile.TemporaryDirectory(dir=memory) as elsewhere:
            write_model(Path(elsewhere) / "a")
            trace = self.folder / "elsewhere.trace"
            out = self.merged("elsewhere", *ALWAYS, recipe=passthrough(Path(elsewhere) / "a", self.folder / "elsewhere.yaml"), fault=f"trace={trace}")
        assert copied_by_kernel(out) == 0 and "copy_file_range" not in trace.read_text()

    def what_is_refused_is_written(self):
        for error in ("EXDEV", "EINVAL", "EOPNOTSUPP"):
            trace = self.folder / f"{error}.trace"
            out = self.same_bytes(error, *ALWAYS, "--threads", "1", fault=f"copy_file_range:times=0:{error}; trace={trace}")
            calls = len([line for line in trace.read_text().splitlines() if " copy_file_range " in line])
            assert copied_by_kernel(out) == 0 and calls == 2, f"{error}: asked {calls} times, for two files"

    def what_fails_is_written(self):
        for fault in ("copy_file_range:nth=3:EIO", "copy_file_range:nth=2:times=0:ENOSPC", "copy_file_range:nth=5:EINTR"):
            out = self.same_bytes(fault, *ALWAYS, fault=fault)
            assert 0 < copied_by_kernel(out) <= OUTPUT_BYTES, copied_by_kernel(out)
        for fault in ("copy_file_range:times=0:few", "copy_file_range:times=0:short"):
            out = self.same_bytes(fault, *ALWAYS, fault=fault, ranks=2)
            assert copied_by_kernel(out) == OUTPUT_BYTES, copied_by_kernel(out)

    def killed_and_gone_on(self):
        for call in ("copy_file_range:nth=9:kill", "copy_file_range:nth=14:after"):
            for then in (ALWAYS, ("--kernel-copies", "never")):
                name = f"{call} {then[-1]}"
                out, outcome = self.run(name, *ALWAYS, fault=call)
                assert outcome.code == KILLED and not out.exists(), f"{name}: {outcome}"
                self.same_bytes(name, *then)

    def ways_that_exclude_it_say_so(self):
        for other in (("--direct", "writes"), ("--sparse-files",)):
            out, outcome = self.run("excluded", *ALWAYS, *other)
            assert outcome.code == USAGE and "--kernel-copies always excludes" in outcome.stderr and not out.exists(), outcome
            self.same_bytes(f"with {other[0]}", *other)


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if not has_kernel_copies(folder):
            print("no copies by the kernel on this file system: skipped")
            return
        suite = Suite(Program(binary), folder)
        for test in (
            "bytes_are_the_same",
            "what_changes_is_written",
            "another_file_system_is_not_asked",
            "what_is_refused_is_written",
            "what_fails_is_written",
            "killed_and_gone_on",
            "ways_that_exclude_it_say_so",
        ):
            getattr(suite, test)()
            print(f"{test}: as expected", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
