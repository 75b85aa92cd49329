"""Makes the PyTorch files in this folder, and expected.safetensors files with what torch reads from them.

make.py        needs torch, numpy and safetensors; the files were made with torch 2.15

Each NAME.pt goes with NAME.safetensors: the same tensors, contiguous. `model/` and `shards/` are one model as
pytorch_model.bin, in one file and in two with an index.
"""

import argparse
import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent


def numbers(*shape, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(dtype)


def flat(tensors):
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def save(name, saved, tensors, **options):
    torch.save(saved, HERE / f"{name}.pt", **options)
    save_file(flat(tensors), HERE / f"{name}.safetensors")


def all_dtypes():
    tensors = {
        name: (numbers(2, 3, seed=i) * 8).to(getattr(torch, name))
        for i, name in enumerate(
            "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool".split()
        )
    }
    for name in "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz".split():
        tensors[name] = numbers(2, 3).to(getattr(torch, name))
    tensors["complex64"] = torch.complex(numbers(2), numbers(2, seed=1))
    return tensors


def views():
    base = numbers(6, 10)
    cube = numbers(3, 4, 5, seed=1)
    return {
        "plain": base,
        "transposed": base.t(),
        "rows": base[2:5],
        "columns": base[:, 3:7],
        "every_second": base[::2, 1::3],
        "permuted": cube.permute(2, 0, 1),
        "expanded": numbers(1, 5, seed=2).expand(4, 5),
        "overlapping": torch.arange(10.0).as_strided((4, 4), (2, 1)),
        "scalar": base[3, 4],
        "empty": base[:0],
        "ones": numbers(1, 4, 1, seed=3).transpose(0, 2),
    }


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(7, 4)
        self.layer = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
        self.head = torch.nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.layer(self.embed(ids)))


def checkpoint(network):
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.tensor([1, 2])).sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "state_dict": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=0.1, tags={"a"}),
    }


def models():
    tensors = {}
    for i, name in enumerate(["embed_tokens.weight", "norm.weight", "layers.0.mlp.weight", "layers.1.mlp.weight"]):
        shape = (4,) if name.startswith("norm") else (5, 4) if name.startswith("embed") else (4, 4)
        tensors[f"model.{name}"] = numbers(*shape, dtype=torch.bfloat16, seed=i)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 2}
    for folder in ("model", "shards", "same"):
        (HERE / folder).mkdir(exist_ok=True)
        (HERE / folder / "config.json").write_text(json.dumps(config))
    torch.save(OrderedDict(tensors), HERE / "model" / "pytorch_model.bin")
    save_file(tensors, HERE / "same" / "model.safetensors", metadata={"format": "pt"})
    names = list(tensors)
    weight_map = {}
    for k, part in enumerate([names[:2], names[2:]]):
        file = f"pytorch_model-{k + 1:05}-of-00002.bin"
        torch.save({name: tensors[name] for name in part}, HERE / "shards" / file)
        weight_map.update({name: file for name in part})
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": weight_map}
    (HERE / "shards" / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def main():
    torch.manual_seed(0)
    plain = {"a": numbers(2, 3), "b": numbers(4, seed=1)}
    save("plain", plain, plain)
    save("protocol4", plain, plain, pickle_protocol=4)
    save("dtypes", all_dtypes(), all_dtypes())
    save("views", views(), views())
    network = Network()
    state = network.state_dict()
    save("module", state, {k: v for k, v in state.items()})
    parameters = {name: torch.nn.Parameter(t) for name, t in plain.items()}
    save("parameters", parameters, plain)
    saved = checkpoint(network)
    save("checkpoint", saved, saved["state_dict"])
    nested = {"model": {"encoder": {"w": plain["a"]}, "stack": [plain["b"], numbers(3, seed=2)], "steps": 7}}
    flattened = {"encoder.w": plain["a"], "stack.0": plain["b"], "stack.1": numbers(3, seed=2)}
    save("nested", nested, flattened)
    embedding = numbers(5, 4)
    torch.save({"model.embed_tokens.weight": embedding, "lm_head.weight": embedding}, HERE / "tied.pt")
    torch.save(plain, HERE / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save({"w": plain["a"].to_sparse(), "b": plain["b"]}, HERE / "sparse.pt")
    torch.save({"w": torch.quantize_per_tensor(plain["a"], 0.1, 0, torch.qint8)}, HERE / "quantised.pt")
    torch.save({"w": torch.complex(plain["b"], plain["b"]).conj()}, HERE / "conjugate.pt")
    torch.save({"w": plain["a"].to(torch.complex128)}, HERE / "complex128.pt")
    torch.save(network.layer, HERE / "whole_module.pt")
    torch.save({"holder": argparse.Namespace(w=plain["a"]), "b": plain["b"]}, HERE / "hidden.pt")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), HERE / "script.pt")
    models()


if __name__ == "__main__":
    main()
