"""Worked examples of every method as data: small inputs, a recipe, what comes out to 7 digits.

The numbers were computed by an implementation that shares nothing with this repository. The tensor `t` is 2 x 3.
"""

from dataclasses import dataclass

import numpy as np

from support.placement import Model

SEED = 42
CONFIG = {"architectures": ["Example"], "model_type": "example"}
P = [1, -2, 0.5, 0, 3, -1]
T_VALUES = {
    "P": P,
    "A": [1.5, -3, 0.75, 0, 5, -1.5],
    "B": [0.75, -2.5, 1.5, 0.75, 3, -0.5],
    "C": [2, -1.5, 0, 0.25, 2, -1],
    "D": [1.5, -2.5, 0.75, 0.5, 4, -1],
    "P2": [2, -4, 1, 0, 6, -2],
    "negP": [-1, 2, -0.5, 0, -3, 1],
    "zero": [0] * 6,
}
U_DELTAS = {"P": [0, 0], "A": [4, -0.125], "B": [0.0625, -3], "C": [0.125, 0.0625]}
# Models in which few elements change, for the methods that tell shared from unique changes. The deltas of `u` make the
# whole-model counts (shared, unique) (1, 3), (2, 5), (1, 1).
SPARSE_DELTAS = {
    "P": ([0] * 6, [0] * 6),
    "A": ([0.5, 0, 0, 0, 2, 0], [1, 1, 0, 0, 0, 0]),
    "B": ([0, 0, 1, 0.75, 1, 0], [0, 0, 1, 1, 1, 1]),
    "C": ([0, 0, 0, 0.25, 0, 0.5], [0] * 6),
}


def model_of(**tensors):
    return Model({name: np.array(values, np.float32) for name, values in tensors.items()}, dict(CONFIG))


def matrix(values):
    return np.array(values, np.float32).reshape(2, 3)


def families():
    """Name of a set of models -> the models."""
    return {
        "one": {key: model_of(t=matrix(values)) for key, values in T_VALUES.items()},
        "two": {
            key: model_of(t=matrix(T_VALUES[key]), u=1 + np.array(delta, np.float32)) for key, delta in U_DELTAS.items()
        },
        "sparse": {key: model_of(t=matrix(P) + matrix(t), u=u) for key, (t, u) in SPARSE_DELTAS.items()},
    }


@dataclass
class Example:
    title: str
    recipe: dict
    wants: dict  # tensor -> values
    family: str = "one"


def recipe(method, models, base=None, shared=None, **per_model):
    entries = [{"model": m, "parameters": {k: v[i] for k, v in per_model.items()}} for i, m in enumerate(models)]
    made = {"merge_method": method, "models": entries, "parameters": shared or {}, "dtype": "float32"}
    return made | ({"base_model": base} if base else {})


def task(method, models="ABC", weights=(1, 1, 1), density=None, **shared):
    per_model = {"weight": list(weights)} | ({"density": [density] * len(models)} if density is not None else {})
    return recipe(method, list(models), "P", shared, **per_model)


def on_base(method, models="ABC", **shared):
    return recipe(method, list(models), "P", shared)


def table():
    """Number of the example -> recipe and what becomes of `t`."""
    slerp_ac = [1.656935, -2.669348, 0.5706589, 0.06445216, 4.32001, -1.399126]
    iso_ab = [1.644896, -2.944961, 2.037318, 0.9523845, 4.564887, -0.4376125]
    rows = {
        1: (recipe("linear", "ABC", weight=[0.5, 0.3, 0.2]), [1.375, -2.55, 0.825, 0.275, 3.8, -1.1]),
        2: (recipe("linear", "AB", shared={"normalize": False}, weight=[1, 2]), [3, -8, 3.75, 1.5, 11, -2.5]),
        3: (recipe("uniform_soup", "ABC"), [1.416667, -2.333333, 0.75, 0.3333333, 3.333333, -1]),
        4: (recipe("slerp", "AC", "A", {"t": 0.25}), slerp_ac),
        5: (recipe("slerp", "PA", "P", {"t": 0.25}), [1.125297, -2.250595, 0.5626487, 0, 3.500944, -1.125297]),
        6: (recipe("slerp", ["P", "P2"], "P", {"t": 0.25}), [1.25, -2.5, 0.625, 0, 3.75, -1.25]),
        7: (
            recipe("slerp", ["zero", "P"], "zero", {"t": 0.5}),
            [0.7071068, -1.414214, 0.3535534, 0, 2.12132, -0.7071068],
        ),
        8: (recipe("slerp", ["negP", "P"], "negP", {"t": 0.25}), [-0.5, 1, -0.25, 0, -1.5, 0.5]),
        9: (recipe("nuslerp", "AC", weight=[3, 1]), slerp_ac),
        10: (
            recipe("nuslerp", "AC", shared={"nuslerp_flatten": False, "nuslerp_row_wise": False}, weight=[3, 1]),
            [1.667733, -2.684322, 0.5734088, 0.06291137, 4.264797, -1.380097],
        ),
        11: (
            recipe("nuslerp", "AC", shared={"nuslerp_flatten": False, "nuslerp_row_wise": True}, weight=[3, 1]),
            [1.627481, -2.627368, 0.5714885, 0.06265128, 4.253739, -1.401584],
        ),
        12: (
            recipe("nuslerp", "AB", "P", weight=[3, 1]),
            [1.35753, -3.074506, 1.083141, 0.2695841, 4.789567, -1.267669],
        ),
        13: (recipe("nuslerp", ["P", "negP"], weight=[3, 1]), [0.5, -1, 0.25, 0, 1.5, -0.5]),
        14: (
            recipe("multislerp", "ABC", weight=[1, 1, 1]),
            [1.624756, -2.42183, 0.7504827, 0.3983552, 3.363433, -1.052352],
        ),
        15: (
            recipe("multislerp", "ABC", "P", weight=[1, 1, 2]),
            [2.410553, -2.155613, 0.6829488, 0.9041893, 2.56106, -0.8567484],
        ),
        16: (recipe("karcher", "ABC"), [1.6282, -2.422074, 0.7501211, 0.399693, 3.361428, -1.052624]),
        17: (recipe("karcher", "AB"), [1.109934, -2.839013, 1.251505, 0.4643586, 4.009352, -0.9551477]),
        18: (recipe("karcher", ["P", "negP"]), P),
        19: (recipe("passthrough", "A", scale=[0.5]), [0.75, -1.5, 0.375, 0, 2.5, -0.75]),
        20: (
            task("task_arithmetic", weights=(1, 0.5, 0.25), **{"lambda": 0.5}),
            [1.3125, -2.5625, 0.8125, 0.21875, 3.875, -1.125],
        ),
        21: (
            task("task_arithmetic", weights=(1, 0.5, 0.25), normalize=True),
            [1.357143, -2.642857, 0.8571429, 0.25, 4, -1.142857],
        ),
        22: (task("ties", density=0.5), [1.75, -2.75, 1.5, 0.75, 5, -1]),
        23: (task("ties", weights=(1, 0.5, 2), density=0.5), [1.833333, -2.833333, 1.5, 0.75, 5, -1]),
        24: (task("ties", density=1), [1.75, -2.75, 1.125, 0.5, 5, -0.5]),
        25: (task("ties", "A", (-0.5,), 1), T_VALUES["A"]),
        26: (task("breadcrumbs", density=0.5, gamma=0.2), [2.5, -3, 0, 0.75, 3, -1]),
        27: (task("breadcrumbs_ties", density=0.5, gamma=0.2), [2.5, -3.5, 0, 0.75, 3, -0.5]),
        # the trimmed task vector of A is [0, -1, 0; 0, 2, -0.5]
        28: (task("breadcrumbs", "A", (1,), density=0.5, gamma=0), [1, -3, 0.5, 0, 5, -1.5]),
        29: (on_base("sce", select_topk=1), [1.657692, -2.861789, 0.9573171, 0.4766667, 5, -0.5]),
        30: (on_base("sce", select_topk=0.5), [1, -2.90099, 0.8985149, 0, 5, -1]),
        31: (on_base("sce", select_topk=1, weight_floor=1e9), [1.75, -2.75, 1.125, 0.5, 5, -0.5]),
        32: (on_base("model_stock", "AB"), [1.024587, -2.147519, 0.6229325, 0.0737595, 3.196692, -1]),
        33: (on_base("model_stock", "AD"), [1.469711, -2.704567, 0.7348557, 0.2348556, 4.409133, -1.234856]),
        34: (
            on_base("model_stock", "AD", filter_wise=True),
            [1.486023, -2.729034, 0.7430113, 0.2322942, 4.393765, -1.232294],
        ),
        35: (on_base("model_stock", "ABD"), [1.179484, -2.478623, 0.8589671, 0.2991392, 3.717934, -1]),
        36: (on_base("nearswap", "A", t=0.25), [1.25, -2.25, 0.75, 0, 3.25, -1.25]),
        37: (on_base("nearswap", "B", t=0.5), [0.75, -2.5, 1, 0.5, 3, -0.5]),
        38: (on_base("arcee_fusion", "A"), [1, -2, 0.5, 0, 5, -1]),
        39: (on_base("arcee_fusion", "B"), [1, -2.5, 1.5, 0, 3, -1]),
        40: (on_base("magmax"), [2, -3, 1.5, 0.75, 5, -0.5]),
        41: (on_base("magmax", elect="sum"), [2, -3, 1.5, 0.75, 5, -1.5]),
        42: (on_base("consensus", mask_lambda=0.5, min_models=2), [2.25, -3, 0.5, 0, 3, -1]),
        43: (on_base("consensus", mask_lambda=0.5, min_models=1), [2.25, -3, 1.25, 1, 4, -1]),
        44: (on_base("metagpt"), [1.469512, -2.521342, 0.7179878, 0.2179878, 3.835366, -1.167683]),
        45: (task("task_arithmetic", lines={"alpha": 0.25, "beta": 0.75}), [1.3125, -2.25, 0.6875, 0.25, 3.25, -1]),
        46: (on_base("pcb", scope="tensor", ratio=0.5, clip=1e-4), [2, -3, 1.25, 0.7414782, 4, -1]),
        47: (on_base("tsvm", "AB"), [1.152897, -3.105509, 1.501679, -0.147145, 5.020164, -0.3104144]),
        48: (on_base("iso_c", "AB"), iso_ab),
        49: (on_base("iso_c"), [2.077267, -2.952267, 1.176511, 1.065334, 4.178401, -1.037689]),
        50: (
            on_base("iso_cts", "AB", common_fraction=0),
            [1.160289, -2.891828, 2.012057, -0.08992639, 4.512182, -0.0985651],
        ),
        51: (on_base("iso_cts", "AB", common_fraction=0.5), iso_ab),
        52: (recipe("median", "ABC"), [1.5, -2.5, 0.75, 0.25, 3, -1]),
        53: (
            recipe("geometric_median", "ABC"),
            [1.213289, -2.374301, 0.9774527, 0.4644845, 3.2083, -0.8411819],
        ),
    }
    return [Example(f"example {n}", recipe_, {"t": t}) for n, (recipe_, t) in rows.items()]


def whole_models():
    ties = {"scope": "model", "zero_sign": "majority"}
    return [
        Example(
            "whole-model ties, exact",
            task("ties", density=0.5, **ties),
            {"t": [1.75, -2.75, 1.5, 0.75, 5, -1], "u": [5, -2]},
            "two",
        ),
        Example(
            "whole-model ties, at_least",
            task("ties", density=0.5, trim_rule="at_least", **ties),
            {"t": [1.75, -2.75, 1.5, 0.5, 5, -0.5], "u": [5, -2]},
            "two",
        ),
        Example(
            "metagpt over two tensors",
            on_base("metagpt"),
            {"t": [1.300061, -2.732566, 0.9316471, 0.2548151, 4.149767, -1.148052]},
            "two",
        ),
    ]


def sparse_changes():
    wants = {
        "ram": ({}, [1.5, -2, 1.5, 0.5, 4.5, -0.5]),
        "ramplus_tl": ({}, [1.51, -2, 1.52, 0.5, 4.5, -0.49]),
        "ramplus_tl, far": ({"r": 0.5, "alpha": 2}, [1.75, -2, 2.5, 0.5, 4.5, -0.25]),
        "ramplus": ({"r": 0.5, "alpha": 2}, [1.583333, -2, 1.7, 0.5, 4.5, -0.25]),
    }
    return [
        Example(title, on_base(title.partition(",")[0], **shared), {"t": t}, "sparse")
        for title, (shared, t) in wants.items()
    ]


def random_masks():
    wants = {
        ("dare_linear", "l1"): [1.772727, -2.416667, 0.8863636, 0, 3.924242, 0.5],
        ("dare_linear", "inv_density"): [2, -2, 1, 0, 5, 0],
        ("dare_ties", "l1"): [1.772727, -3.5, 0.8863636, 0, 6.090909, 0.5],
        ("dare_ties", "inv_density"): [2, -1, 1, 0, 7, 0],
        ("della_linear", "l1"): [3.15, -2.85, 0.5, 0, 5.1, 0.5],
        ("della_linear", "inv_prob"): [3.333333, -1, 0.5, 0, 4.333333, 0],
        ("della", "l1"): [2.075, -3.5, 0.5, 0, 6.4, 0.5],
        ("della", "inv_prob"): [2.166667, 0, 0.5, 0, 5.666667, 0],
    }
    return [
        Example(
            f"{method}, {mode}",
            task(method, density=0.5, rescale_mode=mode, **({"epsilon": 0.25} if "della" in method else {})),
            {"t": t},
        )
        for (method, mode), t in wants.items()
    ]


def all_examples():
    return [*table(), *whole_models(), *sparse_changes(), *random_masks()]


GRADIENT = [0, 0.5, 0.3, 0.7, 1]
GRADIENT_LAYERS = 32
GRADIENT_VALUES = {0: 0, 5: 0.3225806, 10: 0.4419355, 16: 0.3258065, 31: 1}
OUTSIDE_LAYERS = ("model.embed_tokens.weight", "model.norm.weight", "lm_head.weight")


def gradient_example():
    """A model of ones, so that a weight is what comes out of it."""
    names = [*OUTSIDE_LAYERS, *(f"model.layers.{n}.mlp.up_proj.weight" for n in range(GRADIENT_LAYERS))]
    ones = Model({name: np.ones((1, 2), np.float32) for name in names}, CONFIG | {"num_hidden_layers": GRADIENT_LAYERS, "tie_word_embeddings": False})
    wants = {f"model.layers.{n}.mlp.up_proj.weight": [value] * 2 for n, value in GRADIENT_VALUES.items()}
    wants |= {name: [0, 0] for name in OUTSIDE_LAYERS}
    linear = recipe("linear", ["ones"], shared={"normalize": False}, weight=[GRADIENT])
    return Example("gradient over 32 layers", linear, wants, "gradient"), {"ones": ones}
