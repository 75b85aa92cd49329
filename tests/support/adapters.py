"""LoRA adapters as the peft library writes them, and what a model is with them, in NumPy.

`merged` follows the papers' formulas on whole tensors. Arithmetic is in `dtype`: in float32 the terms of a product are
added in ascending order of the rank, so that a low-rank change has to agree bit for bit; norms are NumPy's own sums in
float64, so that what goes through DoRA agrees to a few units in the last place.
"""

import json
import math
import re
from pathlib import Path

import numpy as np

from support.checkpoints import write_safetensors

PREFIX = "base_model.model."
DEFAULTS = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "base_model_name_or_path": "base",
    "bias": "none",
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "layer_replication": None,
    "layers_pattern": None,
    "loftq_config": {},
    "lora_dropout": 0.0,
    "megatron_config": None,
    "megatron_core": "megatron.core",
    "modules_to_save": None,
    "revision": None,
    "target_modules": [],
    "rank_pattern": {},
    "alpha_pattern": {},
    "use_dora": False,
    "use_rslora": False,
}


class Adapter:
    """Tensors under the names of peft's files, without the prefix, and settings that differ from the defaults."""

    def __init__(self, r=8, lora_alpha=8, **settings):
        self.tensors = {}
        self.config = {**DEFAULTS, "r": r, "lora_alpha": lora_alpha, **settings}

    def write(self, directory):
        directory = Path(directory)
        directory.mkdir(parents=True)
        (directory / "adapter_config.json").write_text(json.dumps(self.config, indent=2))
        write_safetensors(
            directory / "adapter_model.safetensors", {PREFIX + name: t for name, t in self.tensors.items()}
        )
        return directory

    def setting(self, pattern, otherwise, path):
        for expression, value in self.config[pattern].items():
            if re.match(rf"^(.*\.)?({expression})$", path):
                return value
        return self.config[otherwise]

    def rank(self, path):
        return self.setting("rank_pattern", "r", path)

    def scale(self, path):
        rank = self.rank(path)
        return self.setting("alpha_pattern", "lora_alpha", path) / (
            math.sqrt(rank) if self.config["use_rslora"] else rank
        )

    def modules(self):
        parts = (".lora_A.", ".lora_embedding_A")
        return sorted({name.split(p)[0] for name in self.tensors for p in parts if p in name})

    # Training makes B zero at first and moves it: any numbers will do here.

    def add_linear(self, random, path, shape, dtype=np.float32, transposed=False):
        out, inputs = reversed(shape[:2]) if transposed else shape[:2]
        kernel = tuple(shape[2:])
        self._add(random, f"{path}.lora_A.weight", (self.rank(path), inputs) + kernel, dtype)
        self._add(random, f"{path}.lora_B.weight", (out, self.rank(path)) + kernel, dtype)
        self._add_magnitude(random, path, out)

    def add_embedding(self, random, path, shape, dtype=np.float32):
        self._add(random, f"{path}.lora_embedding_A", (self.rank(path), shape[0]), dtype)
        self._add(random, f"{path}.lora_embedding_B", (shape[1], self.rank(path)), dtype)
        self._add_magnitude(random, path, shape[1])

    def _add(self, random, name, shape, dtype):
        self.tensors[name] = (random.standard_normal(shape) * 0.1).astype(dtype)

    def _add_magnitude(self, random, path, length):
        if self.config["use_dora"]:
            magnitude = 0.5 + random.random(length)
            self.tensors[f"{path}.lora_magnitude_vector"] = magnitude.astype(np.float32)


def product(left, right, dtype):
    """left @ right, terms in ascending order."""
    total = np.zeros((left.shape[0], right.shape[1]), dtype)
    for k in range(left.shape[1]):
        total += left[:, k, None].astype(dtype) * right[None, k, :].astype(dtype)
    return total


def low_rank(adapter, path, shape, dtype):
    """B A as the tensor stores it, and the axis that the inputs have there."""
    get = adapter.tensors.get
    if get(f"{path}.lora_embedding_A") is not None:
        a, b = get(f"{path}.lora_embedding_A"), get(f"{path}.lora_embedding_B")
        return product(b, a, dtype).T, 0
    a, b = (get(f"{path}.lora_{x}.weight") for x in "AB")
    change = product(b.reshape(b.shape[:2]), a.reshape(a.shape[:2]), dtype)
    if shape[:2] == change.shape and not (adapter.config["fan_in_fan_out"] and shape[0] == shape[1]):
        return change.reshape(shape), 1
    return change.T, 0


def with_pair(weight, adapter, path, factor, dtype):
    change, axis = low_rank(adapter, path, weight.shape, dtype)
    magnitude = adapter.tensors.get(f"{path}.lora_magnitude_vector")
    if magnitude is None:
        return weight + dtype(adapter.scale(path) * factor) * change
    matrix = weight.reshape(weight.shape[:2])
    direction = matrix + dtype(adapter.scale(path)) * change.reshape(matrix.shape)
    norms = np.sqrt((direction.astype(np.float64) ** 2).sum(axis=axis))
    scales = np.where(norms == 0, 0, magnitude.astype(np.float64) / norms).astype(dtype)
    whole = (direction * np.expand_dims(scales, axis)).reshape(weight.shape)
    return whole if factor == 1 else weight + dtype(factor) * (whole - weight)


def saved_tensors(adapter):
    """name of the model's tensor -> the adapter's, for those that are saved whole."""
    return {
        name.replace(".base_layer.", ".").replace(".modules_to_save.", "."): tensor
        for name, tensor in adapter.tensors.items()
        if ".lora_" not in name
    }


def merged(tensors, adapters, dtype=np.float32):
    """A model's tensors with [(adapter, weight)] added in that order, as arrays of `dtype`; float64 tensors in float64."""
    result = {}
    for name, stored in tensors.items():
        work = np.float64 if stored.dtype == np.float64 else dtype
        values = stored.astype(work)
        path, kind = name.rsplit(".", 1) if "." in name else (name, "")
        for adapter, weight in adapters:
            saved = saved_tensors(adapter).get(name)
            if saved is not None:
                values = saved.astype(work) if weight == 1 else values + work(weight) * (saved.astype(work) - values)
            if kind == "weight" and path in adapter.modules():
                values = with_pair(values, adapter, path, weight, work)
            bias = adapter.tensors.get(f"{path}.lora_B.bias") if kind == "bias" else None
            if bias is not None:
                values = values + work(adapter.scale(path) * weight) * bias.astype(work)
        result[name] = values
    return result
