"""--sparse-files: runs without data, and models with some. The same bytes and manifests as without the option, files that
take space for their headers alone, also after a kill, after wrong bytes of an earlier attempt, and where nothing can be
punched.

    sparse_files.py STOCKPOT

Needs a build with STOCKPOT_FAULTS, and a file system with holes.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import write_safetensors  # noqa: E402
from support.crash_sweep import KILLED, digest_of, temporary_folder  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

SPARSE = "--sparse-files"
OPTIONS = ("--quiet", "--threads", "1", "--unit", "256KiB", "--chunk", "256KiB", "--journal-every", "0")


def allocated(out):
    return sum(path.stat().st_blocks * 512 for path in Path(out).rglob("*") if path.is_file())


def manifest_digest(out):
    return hashlib.sha256((Path(out) / "stockpot-manifest.json").read_bytes()).hexdigest()


def recipe_of(folder, method, models, base=None):
    entries = [{"model": str(m), "parameters": {"weight": 0.5, "density": 0.5} if base else {"weight": 0.5}} for m in models]
    recipe = {"merge_method": method, "models": entries, **({"base_model": str(base)} if base else {})}
    return write_recipe(recipe, folder / f"{method}-{Path(models[0]).parent.name}.yaml")


def has_holes(folder):
    probe = folder / "probe"
    with probe.open("wb") as file:
        file.truncate(1 << 24)
    return probe.stat().st_blocks < 64


def write_mixed_models(folder):
    """Two models: noise, zeros, noise with a run of zeros in it, and a single number at the end of zeros."""
    for seed, name in enumerate("ab"):
        draw = np.random.default_rng(seed)
        noise = draw.standard_normal((512, 1024), dtype=np.float32)
        part, last = noise.copy(), np.zeros(1 << 19, np.float32)
        part[100:400] = 0
        last[-1] = seed + 1
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}')
        tensors = {"last.weight": last, "noise.weight": noise, "part.weight": part, "zeros.weight": np.zeros((1024, 512), np.float32)}
        write_safetensors(folder / name / "model.safetensors", tensors)
    return [folder / name for name in "ab"]


class Suite:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.family = folder / "family"
        program.must_run("synth", self.family, "--arch", "gpt2", "--tunes", 2, "--hollow", "--out-shard-size", "100MB")
        tunes = [self.family / f"tune-{i}" for i in (1, 2)]
        self.hollow = recipe_of(folder, "linear", tunes)
        self.ties = recipe_of(folder, "ties", tunes, self.family / "base")
        self.mixed = recipe_of(folder, "linear", write_mixed_models(folder / "mixed"))

    def run(self, recipe, out, *options, fault="", ranks=1):
        env = {"STOCKPOT_FAULT": fault}
        return self.program.run("merge", recipe, out, *OPTIONS, *options, ranks=ranks, env=env)

    def merged(self, recipe, name, *options, **more):
        out = self.folder / name
        outcome = self.run(recipe, out, *options, **more)
        assert outcome.code == 0, f"{name}: {outcome}"
        return out

    def manifests_do_not_know(self):
        for recipe in (self.hollow, self.ties):
            full = self.merged(recipe, f"{recipe.stem}-full")
            size = sum(file.stat().st_size for file in full.glob("*.safetensors"))
            assert allocated(full) >= size > 1e8, "zeros are data without the option"
            for ranks in (1, 2):
                out = self.merged(recipe, f"{recipe.stem}-sparse-{ranks}", SPARSE, ranks=ranks)
                assert digest_of(out) == digest_of(full), f"{out.name}: other bytes"
                assert manifest_digest(out) == manifest_digest(full), f"{out.name}: another manifest"
                assert allocated(out) < 1e6, f"{out.name} takes {allocated(out)} bytes"
                for options in ((), (SPARSE,)):
                    self.program.must_run("verify", out, *options)
            shutil.rmtree(full)

    def numbers_are_written(self):
        full = self.merged(self.mixed, "mixed-full")
        out = self.merged(self.mixed, "mixed-sparse", SPARSE, "--verify")
        assert digest_of(out) == digest_of(full), "other bytes"
        written = (3 << 20) + (1 << 18)  # two of noise, less the run of zeros in one, and the last chunk of `last`
        assert written - (1 << 20) < allocated(out) < written + (1 << 20), f"takes {allocated(out)} bytes"
        self.program.must_run("verify", out, SPARSE)
        dcp = ("--output-format", "dcp")
        full, out = self.merged(self.mixed, "dcp-full", *dcp), self.merged(self.mixed, "dcp-sparse", SPARSE, *dcp)
        assert digest_of(out) == digest_of(full), "dcp: other bytes"

    def killed_and_gone_on(self):
        expected = digest_of(self.folder / "mixed-full")
        for first, then in (((SPARSE,), (SPARSE,)), ((), (SPARSE,)), ((SPARSE,), ())):
            for call in ("punch_hole:nth=5:kill", "pwrite:path=data/model:nth=6:kill", "fdatasync:path=data/model:after"):
                name = f"killed-{'-'.join((*first, 'then', *then))}-{call}".replace("/", "-")
                outcome = self.run(self.mixed, self.folder / name, *first, fault=call)
                if "punch" in call and not first:
                    assert outcome.code == 0, "something was punched without the option"
                    continue
                assert outcome.code == KILLED, f"{name}: {outcome}"
                assert digest_of(self.merged(self.mixed, name, *then)) == expected, f"{name}: other bytes"

    def wrong_bytes_are_no_zeros(self):
        """Whatever the interrupted attempt left: where units are not done, or are found to differ, zeros are zeros."""
        out = self.folder / "wrong"
        outcome = self.run(self.mixed, out, SPARSE, fault="pwrite:path=data/model:nth=4:kill")
        assert outcome.code == KILLED, outcome
        [file] = Path(f"{out}.stockpot/data").glob("*.safetensors")
        header = 8 + int.from_bytes(file.read_bytes()[:8], "little")
        with file.open("r+b") as damaged:
            damaged.seek(header)
            damaged.write(os.urandom(file.stat().st_size - header))
        self.merged(self.mixed, "wrong", SPARSE)
        assert digest_of(out) == digest_of(self.folder / "mixed-full"), "wrong bytes stayed"

    def no_holes_here(self):
        expected = digest_of(self.folder / "mixed-full")
        faults = ("punch_hole:times=0:EOPNOTSUPP", "lseek:times=0:EINVAL", "lseek:nth=2:times=0:EINVAL", "punch_hole:nth=2:EINTR", "punch_hole:nth=3:EIO")
        for fault in faults:
            out = self.merged(self.mixed, f"no-{fault}", SPARSE, fault=fault)
            assert digest_of(out) == expected, f"{fault}: other bytes"
        outcome = self.run(self.mixed, self.folder / "full-disk", SPARSE, fault="punch_hole:times=0:ENOSPC")
        assert outcome.code == 8, outcome

    def hdf5_says_no(self):
        out = self.merged(self.mixed, "hdf5", SPARSE, "--output-format", "hdf5")
        record = json.loads((out / "stockpot_run.json").read_text())
        assert any("HDF5" in warning and "holes" in warning for warning in record["warnings"]), record["warnings"]


def main(binary):
    with temporary_folder() as temporary:
        folder = Path(temporary)
        if not has_holes(folder):
            print("no holes on this file system: skipped")
            return
        suite = Suite(Program(binary), folder)
        for test in ("manifests_do_not_know", "numbers_are_written", "killed_and_gone_on", "wrong_bytes_are_no_zeros", "no_holes_here", "hdf5_says_no"):
            getattr(suite, test)()
            print(f"{test}: as expected", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
