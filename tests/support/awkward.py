"""Model families made of what is easy to get wrong: odd shapes, types that mix, changes that tie, cancel or lack.

Every family has `base` and the fine-tunes a, b, c.
"""

import ml_dtypes
import numpy as np

from support.families import base_values, change
from support.placement import Model

F32, F16, F64, BF16 = np.float32, np.float16, np.float64, ml_dtypes.bfloat16
NAMES = ("base", "a", "b", "c")
LAYERS = 3
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 12,
    "num_hidden_layers": LAYERS,
    "vocab_size": 30,
    "tie_word_embeddings": False,
}
IN_LAYERS = {"self_attn.q_proj.weight": (24, 16), "mlp.down_proj.weight": (16, 39), "input_layernorm.weight": (17,)}
AWKWARD = {
    "scalar": (),
    "single": (1,),
    "vector": (33,),
    "column": (40, 1),
    "row": (1, 40),
    "one_by_one": (1, 1),
    "odd": (5, 7),
    "tall": (129, 16),
    "cube": (3, 5, 4),
    "four": (2, 1, 3, 3),
    "empty": (0, 7),
    "empty_vector": (0,),
}
LARGE = {  # of several blocks of 65536 elements; blocks end inside rows, rows are longer than a block
    "long": (65537,),
    "blocks": (257, 260),
    "long_rows": (3, 65543),
}
EMBEDDINGS = ("model.embed_tokens.weight", "lm_head.weight")


def integers():
    return {"model.position_ids": np.arange(60, dtype=np.int64).reshape(1, 60) * (2**40 + 1)} | {
        "model.mask": np.arange(35, dtype=np.uint8).reshape(5, 7) % 2 == 1,
        "model.steps": np.array(-7, dtype=np.int32),
    }


def layered():
    return {f"model.layers.{n}.{name}": shape for n in range(LAYERS) for name, shape in IN_LAYERS.items()}


def models_of(tensors):
    """`tensors` is name -> arrays of base, a, b, c; None, and what the list is short of, is what a model lacks."""
    made = {name: Model(integers(), dict(CONFIG)) for name in NAMES}
    for name, arrays in tensors.items():
        for model, array in zip(made.values(), arrays, strict=False):
            if array is not None:
                model.tensors[name] = array
    return made


def fine_tuned(random, shape, dtypes, coarse=False):
    """A base and three models that moved a little; of 0 some moved together, and some against each other."""
    values = base_values(random, shape)
    deltas = [change(random, values, coarse) for _ in range(3)]
    deltas[1] = np.where(random.random(shape) < 0.2, -deltas[0], deltas[1])
    base = values.astype(dtypes[0])
    wide = base.astype(np.float64)
    return [base, *((wide + d).astype(dtype) for d, dtype in zip(deltas, dtypes[1:]))]


def shapes():
    """All shapes, large ones too, in the three types that are computed in float32."""
    random, dtypes = np.random.default_rng(1), (F32, BF16, F16)
    named = layered() | AWKWARD | LARGE | {name: (30, 12) for name in EMBEDDINGS} | {"model.norm.weight": (12,)}
    return models_of(
        {
            name: fine_tuned(random, shape, [dtypes[i % 3]] * 4, coarse=i % 2 == 0)
            for i, (name, shape) in enumerate(named.items())
        }
    )


def doubles():
    """float64 in some tensors or in some models of a tensor; other tensors mix the small types."""
    random = np.random.default_rng(2)
    mixed = ([F64] * 4, [F32, F64, F32, F32], [BF16, F32, F16, BF16], [F16, F16, BF16, F32], [F64, F32, BF16, F16])
    named = layered() | AWKWARD | {"long": LARGE["long"]}
    return models_of(
        {name: fine_tuned(random, shape, mixed[i % len(mixed)]) for i, (name, shape) in enumerate(named.items())}
    )


def related(random, shape, dtype):
    """How models can depend on each other -> base, a, b, c."""
    base, a, b, c = fine_tuned(random, shape, [F64] * 4)
    step = np.where(random.random(shape) < 0.5, 2.0**-7, -(2.0**-7))
    rows = np.arange(shape[0])[:, None] % 2 == 0
    found = {
        "unchanged": (base, base, base, base),
        "alike": (base, a, a, a),
        "two_alike": (base, a, b, a),
        "one_changed": (base, base, b, base),
        "opposite": (base, a, 2 * base - a, c),
        "one_magnitude": (base, base + step, base - step, base + np.roll(step, 1)),
        "negated": (base, a, -a, c),
        "of_zero": (0 * base, a, b, c),
        "zeros": (0 * base,) * 4,
        "rows_unchanged": (base, np.where(rows, base, a), np.where(rows, base, b), np.where(rows, base, c)),
        "scaled": (base, base + 4 * (a - base), base - 0.5 * (a - base), base + 16 * (a - base)),
    }
    return {name: [v.astype(dtype) for v in values] for name, values in found.items()}


def relations():
    """Matrices of 12 x 18 whose changes tie, cancel, are equal or are none."""
    random, tensors = np.random.default_rng(3), {}
    for label, dtype in (("f32", F32), ("bf16", BF16), ("f64", F64)):
        tensors |= {f"{name}.{label}": values for name, values in related(random, (12, 18), dtype).items()}
    return models_of(tensors | {name: fine_tuned(random, shape, [F32] * 4) for name, shape in layered().items()})


def holes(*lacking):
    """One tensor for each of `lacking`, a list of the models that lack it."""
    random = np.random.default_rng(4)
    tensors = {name: fine_tuned(random, shape, [F32] * 4) for name, shape in layered().items()}
    for absent in lacking:
        name, arrays = f"without_{'_'.join(absent)}", fine_tuned(random, (9, 14), [BF16] * 4)
        tensors[name] = [None if model in absent else array for model, array in zip(NAMES, arrays)]
    return models_of(tensors)


def embeddings(smaller):
    """Embeddings of another size than the base's: all larger, or some `smaller`."""
    random = np.random.default_rng(5)
    tensors = {name: fine_tuned(random, shape, [F32] * 4) for name, shape in layered().items()}
    sizes = [(30, 12), (33, 12), (28, 12), (31, 11)] if smaller else [(30, 12), (33, 12), (30, 12), (31, 14)]
    for name in EMBEDDINGS:
        arrays = fine_tuned(random, (33, 14), [BF16] * 4)
        tensors[name] = [array[:rows, :columns].copy() for array, (rows, columns) in zip(arrays, sizes)]
    made = models_of(tensors)
    for model, (rows, _) in zip(made.values(), sizes):
        model.config["vocab_size"] = rows
    return made


def tied():
    """b has no head: its embedding serves as one."""
    random = np.random.default_rng(7)
    tensors = {name: fine_tuned(random, shape, [F32] * 4) for name, shape in layered().items()}
    made = models_of(tensors | {name: fine_tuned(random, (30, 12), [BF16] * 4) for name in EMBEDDINGS})
    del made["b"].tensors["lm_head.weight"]
    made["b"].config["tie_word_embeddings"] = True
    return made


def misfits():
    """A matrix that b has in another shape."""
    random = np.random.default_rng(6)
    tensors = {name: fine_tuned(random, shape, [F32] * 4) for name, shape in layered().items()}
    base, a, _, c = fine_tuned(random, (7, 11), [F32] * 4)
    tensors["misfit"] = [base, a, fine_tuned(random, (7, 12), [F32] * 4)[0], c]
    return models_of(tensors)
