"""Output as a PyTorch distributed checkpoint, loaded as torch's users do, and sharded over processes.

    distributed.py STOCKPOT

By hand, with tests/field/venv's Python. Merges two small models into a distributed checkpoint and into safetensors, on one
rank and on three, and compares the latter with what torch reads of the former: into a state dict, by its own converter, into
tensors that two processes share by rows and by columns. Then the converter's opposite: what torch makes of the state dict is
merged again.
"""

import os
import sys
import tempfile
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from safetensors.torch import load_file, save_file
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save, torch_save_to_dcp
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard, zeros

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.program import Program, write_recipe  # noqa: E402

PORT = "29631"
FLOAT8 = "float8_e4m3fn float8_e5m2".split()
COPIED = "int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool".split()


def model(seed):
    generator = torch.Generator().manual_seed(seed)
    tensors = {f"model.layers.{i}.up.weight": torch.randn(300, 257, generator=generator) for i in range(12)}
    tensors["model.norm.weight"] = torch.randn(257, generator=generator).bfloat16()
    tensors["model.scalar"] = torch.randn(1, generator=generator).reshape(())
    tensors["model.empty"] = torch.zeros(0, 3)
    tensors |= {f"copied.{name}": torch.arange(6).reshape(2, 3).to(getattr(torch, name)) for name in COPIED}
    return tensors


def merge(program, folder, *options, ranks=1, out_dtype=None):
    weights = [{"model": str(folder / f"{m}.safetensors"), "parameters": {"weight": 0.5}} for m in "ab"]
    recipe = {"merge_method": "linear", "models": weights} | ({"out_dtype": out_dtype} if out_dtype else {})
    out = folder / f"out-{len(list(folder.glob('out-*')))}"
    file = write_recipe(recipe, folder / "recipe.yaml")
    program.must_run("raw", file, out, "--quiet", *options, ranks=ranks)
    return out


def check_same(got, want, how):
    assert sorted(got) == sorted(want), f"{how}: other names"
    for name, tensor in want.items():
        same = got[name].dtype == tensor.dtype and got[name].shape == tensor.shape
        assert same and torch.equal(got[name].view(-1).view(torch.uint8), tensor.view(-1).view(torch.uint8)), (
            f"{how}: {name} differs"
        )
    print(f"{how}: {len(want)} tensors as in the safetensors output")


def converted(checkpoint, folder):
    dcp_to_torch_save(checkpoint, folder / "converted.pt")
    return torch.load(folder / "converted.pt", weights_only=True)


def loaded(checkpoint, want):
    state = {name: torch.zeros_like(tensor) for name, tensor in want.items()}
    dcp.load(state, checkpoint_id=checkpoint, no_dist=True)
    return state


def of_two(rank, checkpoint, want_file):
    """Each process reads its half: of even layers by rows, of the others by columns."""
    warnings.simplefilter("ignore")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=PORT)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    want = {name: tensor for name, tensor in load_file(want_file).items() if "layers" in name}
    state = {
        name: zeros(*tensor.shape, dtype=tensor.dtype, device_mesh=mesh, placements=[Shard(i % 2)])
        for i, (name, tensor) in enumerate(want.items())
    }
    dcp.load(state, checkpoint_id=checkpoint)
    for name, tensor in want.items():
        assert isinstance(state[name], DTensor) and torch.equal(state[name].full_tensor(), tensor), name
    dist.destroy_process_group()


def main(binary):
    warnings.simplefilter("ignore")
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for seed, name in enumerate("ab"):
            save_file(model(seed), folder / f"{name}.safetensors")
        for out_dtype in (None, "bfloat16", *FLOAT8):
            want_file = merge(program, folder, out_dtype=out_dtype) / "model.safetensors"
            want = load_file(want_file)
            for ranks in (1, 3):
                options = ("--output-format", "dcp", "--out-shard-size", "1MB", "--unit", "64KiB")
                checkpoint = merge(program, folder, *options, ranks=ranks, out_dtype=out_dtype) / "distcp"
                title = f"{out_dtype or 'as it is'}, {ranks} ranks"
                check_same(loaded(checkpoint, want), want, f"{title}, dcp.load")
                check_same(converted(checkpoint, folder), want, f"{title}, dcp_to_torch_save")
            if out_dtype is None:
                mp.spawn(of_two, (checkpoint, want_file), nprocs=2)
                print(f"{title}, two processes: rows and columns as in the safetensors output")
        torch.save(want, folder / "want.pt")
        torch_save_to_dcp(folder / "want.pt", folder / "of-torch")
        recipe = {"merge_method": "passthrough", "models": [{"model": str(folder / "of-torch")}]}
        program.must_run("raw", write_recipe(recipe, folder / "again.yaml"), folder / "again", "--quiet")
        check_same(load_file(folder / "again" / "model.safetensors"), want, "torch_save_to_dcp, read by Stockpot")


if __name__ == "__main__":
    main(sys.argv[1])
