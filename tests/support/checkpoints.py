"""Checkpoints written and read by other people's packages: safetensors for the weights, json for the rest."""

import hashlib
import json
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import TensorSpec, deserialize, safe_open, serialize_file

from support.placement import Model

DTYPE_NAMES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
}


def write_safetensors(path, tensors):
    tensors = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in tensors.items()}
    specs = {
        name: TensorSpec(dtype=a.dtype.name, shape=a.shape, data_ptr=a.ctypes.data, data_len=a.nbytes)
        for name, a in tensors.items()
    }
    serialize_file(specs, str(path), metadata={"format": "pt"})


def write_model(directory, model, shards=1):
    """A directory in Hugging Face layout; `shards` files of about equally many tensors, with an index if several."""
    directory = Path(directory)
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(model.config, indent=2))
    if shards == 1:
        write_safetensors(directory / "model.safetensors", model.tensors)
        return directory
    weight_map = {}
    names = sorted(model.tensors)
    for k in range(shards):
        file = f"model-{k + 1:05}-of-{shards:05}.safetensors"
        part = names[k::shards]
        write_safetensors(directory / file, {name: model.tensors[name] for name in part})
        weight_map.update({name: file for name in part})
    total = sum(a.nbytes for a in model.tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    return directory


def weight_files(directory):
    """Files of a checkpoint in the order of their names. The index has to agree with what the files hold."""
    directory = Path(directory)
    index = directory / "model.safetensors.index.json"
    if not index.exists():
        return [directory / "model.safetensors"]
    weight_map = json.loads(index.read_text())["weight_map"]
    files = sorted({directory / name for name in weight_map.values()})
    for file in files:
        with safe_open(str(file), framework="np") as opened:
            mapped = sorted(name for name, where in weight_map.items() if where == file.name)
            assert sorted(opened.keys()) == mapped, f"{file} holds other tensors than the index says"
    return files


def read_file(path):
    tensors = {}
    for name, entry in deserialize(Path(path).read_bytes()):
        dtype = np.dtype(DTYPE_NAMES[entry["dtype"]])
        tensors[name] = np.frombuffer(bytes(entry["data"]), dtype).reshape(entry["shape"])
    return tensors


def read_model(directory):
    directory = Path(directory)
    config = directory / "config.json"
    tensors = {}
    for file in weight_files(directory):
        tensors.update(read_file(file))
    return Model(tensors, json.loads(config.read_text()) if config.exists() else {})


def digests(directory):
    """SHA-256 of everything that must not depend on who computed it: weights, index, manifest, companion files."""
    files = sorted(p for p in Path(directory).rglob("*") if p.is_file() and p.name != "stockpot_run.json")
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
