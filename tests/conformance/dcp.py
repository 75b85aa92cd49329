"""PyTorch distributed checkpoints as outputs and as inputs.

dcp.py STOCKPOT

As outputs: read back by Python's own zipfile and pickle, the same values as the safetensors output, the same bytes on one
rank and on three, in little memory; an input like any other, that gives the same weights.
As inputs: tests/data/dcp was made by torch on several ranks (make.py there), with a safetensors file of the whole tensors
beside each; larger ones, cut in all ways, are written by support/dcp.py.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import dcp  # noqa: E402
from support.checkpoints import digests, read_model, write_model, write_safetensors  # noqa: E402
from support.families import family  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

TORCH = Path(__file__).resolve().parents[1] / "data" / "dcp"
LITTLE = ("--unit", "64KiB", "--chunk", "64KiB", "--memory-per-rank", "24MiB")
MANY = ("--out-shard-size", "600k")
HOSTILE_NAMES = ["a/b", "100%/x", "model.ünïcode", "model.rng.weight", "model.optim.w", "dataloader"]  # the last as in a trainer's


def recipe(method):
    weights = [{"model": m, "parameters": {"weight": w, "density": 0.4}} for m, w in (("a", 0.5), ("b", 1.5))]
    return {"merge_method": method, "base_model": "base", "models": weights, "parameters": {"rescale": False}}


class Forms:
    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, 0

    def merge(self, command, recipe, *options, ranks=1):
        self.runs += 1
        out = self.folder / f"out-{self.runs}"
        file = write_recipe(recipe, f"{out}.yaml")
        self.program.must_run(command, file, out, "--quiet", *options, ranks=ranks)
        return out

    def copy(self, model, *options, ranks=1):
        recipe = {"merge_method": "passthrough", "models": [{"model": str(model)}]}
        return (self.merge("raw", recipe, *options, ranks=ranks) / "model.safetensors").read_bytes()

    # ---- outputs

    def output(self, method):
        roots = ("--model-root", self.folder / "models")
        dcp_output = (*roots, *MANY, "--output-format", "dcp")
        plain = self.merge("merge", recipe(method), *roots)
        want = read_model(plain).tensors
        one = self.merge("merge", recipe(method), *dcp_output)
        three = self.merge("merge", recipe(method), *dcp_output, *LITTLE, ranks=3)
        found = [{k: v for k, v in digests(out).items() if k != "README.md"} for out in (one, three)]
        assert found[0] == found[1], f"{method}: three ranks give other bytes"
        files = sorted(path.name for path in (one / "distcp").iterdir())
        assert files == [".metadata"] + sorted(f"__{k}_0.distcp" for k in range(len(files) - 1)), files
        assert len(files) > 3, "the shard size made no difference"
        assert not list(one.glob("*.safetensors*"))
        got = dcp.read(one / "distcp")
        assert sorted(got) == sorted(want)
        for name, array in want.items():
            same = got[name].dtype == array.dtype and got[name].shape == array.shape
            assert same and got[name].tobytes() == array.tobytes(), f"{method}: {name} differs"
        for out, ranks in ((one, 1), (three, 3)):
            self.program.must_run("verify", out, ranks=ranks)
        again = self.copy(one, *LITTLE, ranks=2)
        assert again == (plain / "model.safetensors").read_bytes(), f"{method}: read again it is something else"
        print(f"{method}: {len(want)} tensors in {len(files) - 1} files, on any ranks; verified; an input again")
        return one

    def damage(self, out):
        """verify sees every byte of the folder: tensors, what lies between them, .metadata."""
        for path in sorted((out / "distcp").iterdir()):
            content = path.read_bytes()
            step = len(content) // 7
            for at in range(step // 2, len(content), step):
                path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
                outcome = self.program.run("verify", out)
                assert outcome.code == 10, f"{path.name}, byte {at}: {outcome}"
            path.write_bytes(content)
        (out / "distcp" / "__99_0.distcp").write_bytes(b"")
        assert self.program.run("verify", out).code == 10, "a foreign file"
        (out / "distcp" / "__99_0.distcp").unlink()
        for name in ("pytorch_model.bin", "model.safetensors", "model.safetensors.index.json", ".metadata"):
            (out / name).write_bytes((out / "distcp" / "__0_0.distcp").read_bytes())
            outcome = self.program.run("verify", out)
            assert outcome.code == 10 and f"{name}: not of this output" in outcome.stderr, outcome
            assert len(outcome.stderr.splitlines()) == 2, f"only {name} is wrong: {outcome}"
            (out / name).unlink()
        self.program.must_run("verify", out)
        print("verify: damage anywhere in the folder is found")

    # ---- inputs

    def twins(self):
        names = sorted(path.name for path in TORCH.iterdir() if path.is_dir() and path.name != "__pycache__")
        assert names == ["alone", "columns", "mesh", "plain", "rows"], names
        for name in names:
            one, other = (self.copy(TORCH / f"{name}{end}") for end in ("", ".safetensors"))
            assert one == other, f"{name} does not give what torch saved"
        print(f"copied {len(names)} checkpoints of torch: the tensors that torch saved")

    def cuts(self):
        """Larger tensors than a strip, cut in all ways, read by units that begin anywhere."""
        random = np.random.default_rng(8)
        arrays = {
            "rows": random.standard_normal((300, 257)).astype(np.float32),
            "columns": random.standard_normal((301, 500)).astype(np.float16),
            "both": random.standard_normal((400, 300)).astype(np.float32),
            "middle": random.standard_normal((20, 90, 33)).astype(np.float32),
            "odd": random.standard_normal((90, 90)).astype(np.float32),
            "line": random.standard_normal(200_000).astype(np.float32),
        }
        boxes = {
            "rows": [([0, 0], [1, 257]), ([1, 0], [250, 257]), ([251, 0], [49, 257])],
            "columns": [([0, 3], [301, 490]), ([0, 0], [301, 3]), ([0, 493], [301, 7])],
            "both": [([r, c], [h, w]) for r, h in ((0, 150), (150, 250)) for c, w in ((100, 200), (0, 100))],
            "middle": [([0, 0, 0], [20, 41, 33]), ([0, 41, 0], [20, 49, 20]), ([0, 41, 20], [20, 49, 13])],
            "odd": [([0, 0], [30, 60]), ([0, 60], [60, 30]), ([30, 0], [60, 30]), ([60, 30], [30, 60]), ([30, 30], [30, 30])],
            "line": [([0], [70_001]), ([70_001], [129_999])],
        }
        tensors = {}
        for number, (name, array) in enumerate(arrays.items()):
            tensors[name] = dcp.tensor(name, array, boxes[name], file=f"__{number % 2}_0.distcp")
        dcp.write(self.folder / "cuts", tensors)
        write_safetensors(self.folder / "cuts.safetensors", arrays)
        want = self.copy(self.folder / "cuts.safetensors")
        assert self.copy(self.folder / "cuts") == want
        assert self.copy(self.folder / "cuts", *LITTLE, ranks=3) == want
        print(f"{len(arrays)} tensors in pieces of all shapes: as if they were whole")


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, model in family(2, seed=5).items():
            for i, hostile in enumerate(HOSTILE_NAMES):
                model.tensors[hostile] = np.full((2, 3), i + 0.5, np.float32)
            model.tensors["scalar"] = np.full((), 2.5, np.float32)
            model.tensors["empty"] = np.zeros((0, 4), np.float32)
            write_model(folder / "models" / name, model)
        forms = Forms(program, folder)
        forms.damage(forms.output("task_arithmetic"))
        forms.output("ties")
        forms.twins()
        forms.cuts()


if __name__ == "__main__":
    main(sys.argv[1])
