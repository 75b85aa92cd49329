"""PyTorch files as inputs: what torch reads from a file is what is merged, whatever form the file has.

pytorch.py STOCKPOT

tests/data/pytorch was made by torch (make.py there), with a safetensors file of the same tensors beside each; further
files are written by support/pytorch_bytes.py. A merge of either form has to give the same bytes.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import families  # noqa: E402
from support.checkpoints import read_file, read_model, write_model, write_safetensors  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.pytorch_bytes import write_state_dict  # noqa: E402

PYTORCH = Path(__file__).resolve().parents[1] / "data" / "pytorch"


def weights(out):
    return (out / "model.safetensors").read_bytes()


class Forms:
    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, 0

    def merge(self, command, recipe, *options, **how):
        self.runs += 1
        out = self.folder / f"out-{self.runs}"
        file = write_recipe(recipe, f"{out}.yaml")
        self.program.must_run(command, file, out, "--quiet", "--threads", 2, *options, **how)
        return out

    def copy(self, file, *options):
        return weights(self.merge("raw", {"merge_method": "passthrough", "models": [{"model": str(file)}]}, *options))

    def twins(self):
        """Each file of torch against its safetensors twin, tensor by tensor and byte by byte."""
        names = sorted(file.stem for file in PYTORCH.glob("*.safetensors"))
        assert len(names) >= 8
        for name in names:
            one, other = (self.copy(PYTORCH / f"{name}{end}") for end in (".pt", ".safetensors"))
            assert one == other, f"{name}.pt does not give what torch reads from it"
        print(f"copied {len(names)} files of torch: the tensors that torch reads")

    def raw(self):
        """Example of the documentation: a merge of a .pt file with a .safetensors file."""
        twin = PYTORCH / "plain.safetensors"
        third = self.folder / "third.safetensors"
        write_safetensors(third, {n: t + np.float32(1) for n, t in read_file(twin).items()})
        outputs = []
        for first in (PYTORCH / "plain.pt", twin):
            recipe = {"merge_method": "sce", "base_model": str(first), "dtype": "float32",
                      "models": [{"model": str(third)}], "parameters": {"select_topk": 0.15}}
            outputs.append(weights(self.merge("raw", recipe, "-i")))
        assert outputs[0] == outputs[1], "raw files: .pt and .safetensors give different bytes"

    def layouts(self):
        """pytorch_model.bin, and shards with an index; the copy of a hub cache."""
        cache = self.folder / "cache" / "models--org--m"
        snapshot = cache / "snapshots" / ("a" * 40)
        snapshot.parent.mkdir(parents=True)
        shutil.copytree(PYTORCH / "shards", snapshot)
        (cache / "refs").mkdir()
        (cache / "refs" / "main").write_text("a" * 40)
        recipes = [{"merge_method": "passthrough", "models": [{"model": str(PYTORCH / name)}]}
                   for name in ("same", "model", "shards")]
        recipes.append({"merge_method": "passthrough", "models": [{"model": "org/m"}]})
        outputs = [weights(self.merge("merge", recipe, env={"HF_HUB_CACHE": str(cache.parent)})) for recipe in recipes]
        assert len(set(outputs)) == 1, "layouts of one model give different bytes"
        (snapshot / "pytorch_model-00002-of-00002.bin").unlink()
        half = self.program.run("inspect", snapshot)
        assert half.code == 4 and "REF006" in half.stderr, f"half a download is not noticed: {half}"

    def safetensors_are_preferred(self):
        both = self.folder / "both"
        shutil.copytree(PYTORCH / "same", both)
        (both / "pytorch_model.bin").write_bytes(b"never looked at")
        self.program.must_run("inspect", both)

    def family(self):
        """A family written in both forms, with every type and size: one recipe, 1 and 3 ranks, the same bytes."""
        models = families.family(2, seed=5, layers=1)
        for name, model in models.items():
            write_model(self.folder / "st" / name, model)
            folder = self.folder / "pt" / name
            folder.mkdir(parents=True)
            (folder / "config.json").write_text(json.dumps(model.config))
            write_state_dict(folder / "pytorch_model.bin", model.tensors)
        base, *others = sorted(models, key=lambda name: name != "base")
        recipe = {"merge_method": "ties", "base_model": base, "dtype": "float32",
                  "models": [{"model": name, "parameters": {"weight": 0.5, "density": 0.4}} for name in others]}
        digests = {
            self.digest(self.merge("merge", recipe, "--model-root", self.folder / root, ranks=ranks))
            for root, ranks in (("st", 1), ("pt", 1), ("pt", 3))
        }
        assert len(digests) == 1, f"forms of a family give different digests: {digests}"

    @staticmethod
    def digest(out):
        return json.loads((out / "stockpot-manifest.json").read_text())["output"]["digest"], weights(out)

    def tied(self):
        """A head that is the embedding's storage is tied, as a copy of it would be."""
        config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 0}
        folder = self.folder / "tied"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        shutil.copy(PYTORCH / "tied.pt", folder / "pytorch_model.bin")
        out = self.merge("merge", {"merge_method": "linear", "models": [{"model": str(folder), "parameters": {"weight": 1}}]})
        assert sorted(read_model(out).tensors) == ["model.embed_tokens.weight"], "a tied head was written"

    def adapter(self):
        """An adapter as adapter_model.bin gives what adapter_model.safetensors gives."""
        random = np.random.default_rng(3)
        tensors = {f"base_model.model.model.layers.0.mlp.lora_{side}.weight": random.normal(size=shape).astype(np.float32)
                   for side, shape in (("A", (2, 4)), ("B", (4, 2)))}
        outputs = []
        for form, write in (("safetensors", write_safetensors), ("bin", write_state_dict)):
            folder = self.folder / f"adapter-{form}"
            folder.mkdir()
            (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 4}')
            write(folder / f"adapter_model.{form}", tensors)
            recipe = {"merge_method": "passthrough", "models": [{"model": f"{PYTORCH / 'model'}+{folder}"}]}
            outputs.append(weights(self.merge("merge", recipe)))
        assert outputs[0] == outputs[1] and outputs[0] != self.copy(PYTORCH / "model"), "adapter_model.bin is not read"


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        forms = Forms(Program(binary), Path(temporary))
        for check in (forms.twins, forms.raw, forms.layouts, forms.safetensors_are_preferred, forms.family, forms.tied,
                      forms.adapter):
            check()
        print(f"{forms.runs} merges of PyTorch files")


if __name__ == "__main__":
    main(sys.argv[1])
