"""Makes the distributed checkpoints in this folder, and NAME.safetensors files with the whole tensors.

make.py        needs torch and safetensors; the folders were made with torch 2.15

rows      4 ranks: tensors cut by rows as FSDP does it, unevenly, one with fewer rows than ranks; training state beside them
columns   3 ranks: tensors cut by columns as tensor-parallel layers are
mesh      2 x 2 ranks: cut by rows and by columns, one tensor with three dimensions by its middle one
alone     2 ranks that write without knowing of each other: each has metadata of its own
plain     1 rank: every tensor whole, all kinds of types, a scalar, an empty tensor, a transposed view
"""

import os
import shutil
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from safetensors.torch import save_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

HERE = Path(__file__).resolve().parent


def numbers(*shape, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(dtype)


def rows():
    """-> mesh, {name: (tensor, placements)}"""
    return (4,), {
        "model.embed_tokens.weight": (numbers(13, 6, dtype=torch.bfloat16, seed=1), [Shard(0)]),
        "model.layers.0.up.weight": (numbers(8, 5, seed=2), [Shard(0)]),
        "model.layers.1.up.weight": (numbers(2, 3, 5, seed=3), [Shard(0)]),
        "model.norm.weight": (numbers(3, dtype=torch.bfloat16, seed=4), [Shard(0)]),
        "model.empty": (torch.zeros(0, 3), [Shard(0)]),
        "lm_head.weight": (numbers(13, 6, dtype=torch.float16, seed=5), [Replicate()]),
    }


def columns():
    return (3,), {
        "model.embed_tokens.weight": (numbers(5, 8, dtype=torch.bfloat16, seed=11), [Shard(1)]),
        "model.layers.0.up.weight": (numbers(7, 9, seed=12), [Shard(1)]),
        "model.layers.0.down.weight": (numbers(9, 2, seed=13), [Shard(1)]),
        "model.experts": (numbers(3, 4, 5, dtype=torch.float16, seed=14), [Shard(2)]),
    }


def mesh():
    return (2, 2), {
        "model.embed_tokens.weight": (numbers(7, 5, dtype=torch.bfloat16, seed=21), [Shard(0), Shard(1)]),
        "model.layers.0.up.weight": (numbers(9, 6, seed=22), [Shard(1), Shard(0)]),
        "model.experts": (numbers(4, 6, 3, seed=23), [Shard(0), Shard(1)]),
        "model.norm.weight": (numbers(6, seed=24), [Replicate(), Shard(0)]),
    }


def alone():
    return (2,), {
        "model.embed_tokens.weight": (numbers(5, 4, dtype=torch.bfloat16, seed=41), [Shard(0)]),
        "model.norm.weight": (numbers(6, seed=42), [Replicate()]),
    }


def training_state():
    return {
        "optimizer.state.exp_avg": torch.ones(3, 3),
        "step": 17,
        "note": "text",
    }


def distributed(rank, name, port):
    shape, tensors = globals()[name]()
    world = shape[0] * (shape[1] if len(shape) > 1 else 1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=world)
    where = init_device_mesh("cpu", shape)
    state = {key: distribute_tensor(tensor, where, placements) for key, (tensor, placements) in tensors.items()}
    if name == "rows":
        state |= training_state()
    dcp.save(state, checkpoint_id=HERE / name, use_collectives=name != "alone")
    dist.destroy_process_group()


def plain():
    types = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool complex64".split()
    types += ["float8_e4m3fn", "float8_e5m2"]
    tensors = {f"types.{name}": (numbers(2, 3, seed=i) * 8).to(getattr(torch, name)) for i, name in enumerate(types)}
    tensors["scalar"] = numbers(1, seed=31).reshape(())
    tensors["empty"] = torch.zeros(0, 4)
    tensors["turned"] = numbers(4, 3, seed=32).t()
    return tensors


def flat(tensors):
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def main():
    warnings.simplefilter("ignore")
    for number, name in enumerate(["rows", "columns", "mesh", "alone"]):
        shutil.rmtree(HERE / name, ignore_errors=True)
        shape, tensors = globals()[name]()
        ranks = shape[0] * (shape[1] if len(shape) > 1 else 1)
        mp.spawn(distributed, (name, 29610 + number), nprocs=ranks)
        save_file(flat({key: tensor for key, (tensor, _) in tensors.items()}), HERE / f"{name}.safetensors")
    shutil.rmtree(HERE / "plain", ignore_errors=True)
    dcp.save(plain(), checkpoint_id=HERE / "plain", no_dist=True)
    save_file(flat(plain()), HERE / "plain.safetensors")


if __name__ == "__main__":
    main()
