"""Small model families with everything that real checkpoints have and that is easy to get wrong."""

import ml_dtypes
import numpy as np

from support.placement import Model

BLOCK = 65536  # elements; the leaf of every reduction of the program
BF16 = ml_dtypes.bfloat16

LAYERS = 3
LAYER_TENSORS = {
    "self_attn.q_proj.weight": ((257, 256), BF16),  # a block ends inside the last row but one
    "self_attn.k_proj.bias": ((33,), np.float32),
    "mlp.down_proj.weight": ((64, 129), np.float16),
    "input_layernorm.weight": ((96,), np.float32),
}
LOOSE_TENSORS = {
    "model.embed_tokens.weight": ((300, 40), np.float32),
    "model.norm.weight": ((96,), BF16),
    "lm_head.weight": ((300, 40), BF16),
    "edge_below_block": ((BLOCK - 1,), np.float32),
    "edge_at_block": ((BLOCK,), BF16),
    "edge_above_block": ((BLOCK + 1,), np.float16),
    "edge_three_blocks": ((3, BLOCK + 7), np.float32),
    "scalar": ((), np.float32),
    "scalar_bf16": ((), BF16),
    "empty": ((0, 7), np.float32),
}
DOUBLE_TENSORS = {"double.weight": ((301, 219), np.float64)}

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 40,
    "num_hidden_layers": LAYERS,
    "rms_norm_eps": 1e-06,
    "vocab_size": 300,
    "tie_word_embeddings": False,
}


def shapes(layers=LAYERS, doubles=True):
    found = dict(LOOSE_TENSORS)
    for layer in range(layers):
        found.update({f"model.layers.{layer}.{name}": what for name, what in LAYER_TENSORS.items()})
    return found | (DOUBLE_TENSORS if doubles else {})


def integers():
    return {
        "model.position_ids": np.arange(512, dtype=np.int64).reshape(1, 512) * (2**40 + 1),
        "model.mask": np.arange(35, dtype=np.uint8).reshape(5, 7) % 2 == 1,
        "model.steps": np.array(-7, dtype=np.int32),
        "model.codes": np.arange(256, dtype=np.uint8),
    }


def base_values(random, shape):
    """Normal numbers with a few zeros of both signs and numbers that are subnormal in float16."""
    values = random.standard_normal(shape) * 0.05
    flat = values.reshape(-1)
    for i, special in enumerate((0.0, -0.0, 3e-7, -(2.0**-30), 2.0**-133)):
        if flat.size > 8:
            flat[i::97] = special
    return values


def change(random, values, coarse):
    """A fine-tune: most elements move a little, a quarter not at all; `coarse` makes many magnitudes equal."""
    delta = random.standard_normal(values.shape) * 0.01
    if coarse:
        delta = np.round(delta * 256) / 256
    return np.where(random.random(values.shape) < 0.25, 0, delta)


def family(tunes, seed=1, layers=LAYERS, doubles=True):
    """`base` and as many fine-tunes, named `a`, `b`, ...: name -> Model. In `b` some changes are those of `a` turned
    round, so that a vote between them ties."""
    random = np.random.default_rng(seed)
    names = "abcdefgh"[:tunes]
    made = {name: {} for name in ("base", *names)}
    for i, (name, (shape, dtype)) in enumerate(shapes(layers, doubles).items()):
        base = base_values(random, shape).astype(dtype)
        wide = base.astype(np.float64)
        first = None
        made["base"][name] = base
        for tune in names:
            delta = change(random, wide, coarse=i % 2 == 0)
            if tune == "b":
                delta = np.where(random.random(shape) < 0.2, -first, delta)
            first = delta if first is None else first
            made[tune][name] = (wide + delta).astype(dtype)
    config = CONFIG | {"num_hidden_layers": layers}
    return {name: Model(tensors | integers(), dict(config)) for name, tensors in made.items()}
