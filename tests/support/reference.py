"""What a merge should give, by NumPy on whole tensors: written from the published formulas, slow and plain.

`merge(recipe, models)` takes a recipe as a dictionary and the models as reference text -> placement.Model. Element-wise
work is float32 in the order in which the formulas are written, so that the result can be compared bit by bit; sums are
float64 and only close to the program's, which adds in another order. Where a float64 tensor takes part, elements and
coefficients are float64.
"""

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from support import philox
from support.placement import Layout, look_up
from support.trims import magnitude_mask, norm, rescaled

BF16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = {np.dtype(t) for t in (np.float16, np.float32, np.float64)} | {BF16}
NAMED_DTYPES = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": BF16,
}
# trim, sign consensus, normalize, rescale
TASK_FAMILY = {
    "task_arithmetic": (None, False, False, False),
    "ties": ("magnitude", True, True, False),
    "dare_linear": ("bernoulli", False, False, True),
    "dare_ties": ("bernoulli", True, False, True),
}


@dataclass
class Merged:
    """One output tensor: as computed, and in which dtype it is stored."""

    values: np.ndarray
    dtype: np.dtype
    exact: bool = True  # whether the program has to give these bits
    doubtful: np.ndarray | None = None  # where a vote is decided by the rounding of a sum

    @property
    def stored(self):
        return narrow(self.values, self.dtype)


def narrow(values, dtype):
    """One rounding to nearest even. float64 to 16 bits goes through a float32 rounded to odd, which loses nothing."""
    if values.dtype != np.float64 or dtype.itemsize != 2:
        with np.errstate(over="ignore"):
            return values.astype(dtype)
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
    too_far = np.abs(nearest.astype(np.float64)) > np.abs(values)
    truncated = np.where(too_far, np.nextafter(nearest, np.float32(0)), nearest).astype(np.float32)
    inexact = truncated.astype(np.float64) != values
    odd = (truncated.view(np.uint32) | inexact.astype(np.uint32)).view(np.float32)
    with np.errstate(over="ignore"):
        return odd.astype(dtype)


class Tensor:
    """One output tensor of a plan: the arrays that take part and how to ask for parameters."""

    def __init__(self, place, recipe, models, seed):
        self.place, self.recipe, self.seed = place, recipe, seed
        self.arrays = [(s, models[s.model].tensors[s.name]) for s in place.sources if s.name in models[s.model].tensors]
        base = place.base
        self.base = models[base.model].tensors.get(base.name) if base is not None else None
        self.dtype = self._output_dtype()
        present = [a for _, a in self.arrays] + ([self.base] if self.base is not None else [])
        self.shape = self._common_shape(present)
        self.work = np.float64 if any(a.dtype == np.float64 for a in present) else np.float32

    def _common_shape(self, present):
        if self.recipe["merge_method"] in TASK_FAMILY and self.base is not None:
            return self.base.shape
        return tuple(min(sizes) for sizes in zip(*(a.shape for a in present), strict=True))

    def _output_dtype(self):
        for key in ("out_dtype", "dtype"):
            if self.recipe.get(key):
                return NAMED_DTYPES[self.recipe[key]]
        return self.base.dtype if self.base is not None else self.arrays[0][1].dtype

    def widen(self, array):
        if self.recipe.get("stockpot", {}).get("round_inputs") and self.recipe.get("dtype"):
            array = narrow(array, NAMED_DTYPES[self.recipe["dtype"]])
        return array[tuple(slice(0, n) for n in self.shape)].astype(self.work)

    def inputs(self):
        return [self.widen(a) for _, a in self.arrays]

    def coefficient(self, number):
        return self.work(number)

    def shared(self, parameter, default):
        return look_up(self.place.levels, parameter, self.place.name, self.place.depth, default)

    def of(self, source, parameter, default=None):
        return look_up([source.parameters, *self.place.levels], parameter, source.name, self.place.depth, default)


def linear(t):
    one = t.recipe["merge_method"] == "uniform_soup"
    weights = [1.0 if one else float(t.of(s, "weight")) for s, _ in t.arrays]
    total, mass = np.zeros(t.shape, t.work), t.work(0)
    for weight, x in zip(weights, t.inputs()):
        total = total + t.coefficient(weight) * x
        mass = mass + t.coefficient(weight)
    return Merged(total / mass if t.shared("normalize", True) else total, t.dtype)


def passthrough(t):
    ((source, array),) = t.arrays
    scale = t.of(source, "scale")
    if scale is not None:
        return Merged(t.coefficient(scale) * t.widen(array), t.dtype)
    converts = bool(t.recipe.get("out_dtype") or t.recipe.get("dtype"))
    return Merged(t.widen(array) if converts else array, t.dtype if converts else array.dtype)


def slerp(t):
    if t.base is None or not t.arrays:
        return Merged(t.widen(t.base) if t.base is not None else t.inputs()[0], t.dtype)
    v0, v1 = t.widen(t.base), t.inputs()[0]
    weight = float(t.shared("t", None))
    n0, n1 = norm(v0, "l2"), norm(v1, "l2")
    dot = float((v0.astype(np.float64) * v1.astype(np.float64)).sum())
    c = dot / ((n0 if n0 > 1e-8 else 1.0) * (n1 if n1 > 1e-8 else 1.0))
    c0, c1 = 1 - weight, weight
    if abs(c) <= float(t.shared("dot_threshold", 0.9995)):
        angle = np.arccos(c)
        c0, c1 = np.sin(angle - angle * weight) / np.sin(angle), np.sin(angle * weight) / np.sin(angle)
    return Merged(t.coefficient(c0) * v0 + t.coefficient(c1) * v1, t.dtype, exact=False)


def stock_ratio(deltas, eps, clamp, mean):
    """t of model stock for one unit (flat deltas)."""
    n = len(deltas)
    wide = [d.reshape(-1).astype(np.float64) for d in deltas]
    gram = [[float((a * b).sum()) for b in wide] for a in wide]
    cosines = []
    for j in range(n):
        for k in range(j + 1, n):
            below = max(np.sqrt(gram[j][j]) * np.sqrt(gram[k][k]), eps)
            cosines.append(0.0 if below == 0 else min(max(gram[j][k] / below, -1.0), 1.0))
    c = np.cos(np.mean(np.arccos(cosines))) if mean == "angle" else np.mean(cosines)
    d = 1 + (n - 1) * c
    ratio = 0.0 if d < 1e-6 else n * c / d
    return min(max(ratio, 0.0), 1.0) if clamp == "unit" else ratio


def model_stock(t):
    if not t.arrays:
        return Merged(t.widen(t.base), t.dtype)
    b, xs = t.widen(t.base), t.inputs()
    deltas = [x - b for x in xs]
    options = (float(t.shared("cos_eps", 1e-6)), t.shared("t_clamp", "none"), t.shared("angle_mean", "cosine"))
    if t.shared("filter_wise", False):
        rows = [d.reshape(-1, d.shape[-1]) if d.ndim > 1 else d.reshape(1, -1) for d in deltas]
        ratios = [stock_ratio([r[i] for r in rows], *options) for i in range(len(rows[0]))]
        shape = b.shape[:-1] + (1,) if b.ndim > 1 else ()
        ratio = np.array(ratios).reshape(shape)
    else:
        ratio = np.array(stock_ratio(deltas, *options))
    ratio = ratio.astype(t.work)
    total = np.zeros(t.shape, t.work)
    for x in xs:
        total = total + x
    mean = total / t.coefficient(len(xs))
    return Merged(ratio * mean + (t.work(1) - ratio) * b, t.dtype, exact=False)


class TaskMerge:
    """Task vectors of one tensor on their way: trimmed, rescaled, voted on, added to the base."""

    def __init__(self, t):
        self.t = t
        self.trim, self.votes, normalize, rescale = TASK_FAMILY[t.recipe["merge_method"]]
        self.normalize = bool(t.shared("normalize", normalize))
        self.mode = t.shared("rescale_mode", "l1") if t.shared("rescale", rescale) else "none"
        self.base = t.widen(t.base)
        self.deltas = [x - self.base for x in t.inputs()]
        self.densities = [float(t.of(s, "density", 1.0)) for s, _ in t.arrays]

    def masks(self):
        if self.trim == "magnitude":
            rule = self.t.shared("trim_rule", "exact")
            return [magnitude_mask(d, rho, rule) for d, rho in zip(self.deltas, self.densities)]
        if self.trim == "bernoulli":
            return [
                philox.kept(self.t.seed, s.key, self.t.place.name, d.size, rho).reshape(d.shape)
                for (s, _), d, rho in zip(self.t.arrays, self.deltas, self.densities)
            ]
        return [np.ones(d.shape, dtype=bool) for d in self.deltas]

    def weighted(self, masks):
        """f32(w) * delta', trimmed by these masks."""
        values = []
        for (source, _), delta, rho, mask in zip(self.t.arrays, self.deltas, self.densities, masks):
            trimmed = np.where(mask, delta, delta.dtype.type(0))
            if self.trim is not None:
                trimmed = rescaled(delta, trimmed, rho, self.mode)
            values.append(self.t.coefficient(self.t.of(source, "weight")) * trimmed)
        return values

    def tally(self, values):
        """s of the election."""
        count = self.t.shared("sign_consensus", "sum") == "count"
        total = np.zeros(self.t.shape, self.t.work)
        for v in values:
            total = total + (np.sign(v) if count else v)
        return total

    def combine(self, values, zero_sign):
        work, t = self.t.work, self.t
        weights = [t.coefficient(t.of(s, "weight")) for s, _ in t.arrays]
        a, doubtful = np.zeros(t.shape, work), None
        if self.votes:
            s = self.tally(values)
            sign = np.where(s > 0, 1, np.where(s < 0, -1, zero_sign))
            mass = np.zeros(t.shape, work)
            for weight, v in zip(weights, values):
                agrees = (np.sign(v) == sign).astype(work)
                a = a + agrees * v
                mass = mass + agrees * weight
            mass = np.where(mass == 0, work(1), mass)
            if self.mode in ("l1", "l2"):
                spread = sum((np.abs(v) for v in values), np.zeros(t.shape, work))
                doubtful = (spread > 0) & (np.abs(s) < 1e-6 * spread)
        else:
            mass = work(0)
            for weight, v in zip(weights, values):
                a = a + v
                mass = mass + weight
            mass = work(1) if abs(mass) < 1e-8 else mass
        if self.normalize:
            a = a / mass
        scale = float(t.shared("lambda", 1.0))
        if scale != 1:
            a = t.coefficient(scale) * a
        exact = self.trim is None or self.mode not in ("l1", "l2")
        return Merged(self.base + a, t.dtype, exact, doubtful)


def majority_sign(tallies):
    total = sum(int(np.sign(s).sum()) for s in tallies)
    return 1 if total > 0 else -1


def task_family(t):
    if not t.arrays:
        return Merged(t.widen(t.base), t.dtype)
    merge = TaskMerge(t)
    values = merge.weighted(merge.masks())
    zero_sign = majority_sign([merge.tally(values)]) if t.shared("zero_sign", "positive") == "majority" else 1
    return merge.combine(values, zero_sign)


def whole_model_ties(tensors):
    """TIES as its authors do it: one trim per model over all tensors in name order, one majority sign."""
    tensors = sorted(tensors, key=lambda t: t.place.name.encode())
    merges = [TaskMerge(t) for t in tensors]
    rule = tensors[0].shared("trim_rule", "exact")
    masks = []
    for m in range(len(merges[0].deltas)):
        flat = np.concatenate([merge.deltas[m].reshape(-1) for merge in merges])
        mask = magnitude_mask(flat, merges[0].densities[m], rule)
        masks.append(np.split(mask, np.cumsum([merge.deltas[m].size for merge in merges])[:-1]))
    values = [
        merge.weighted([masks[m][i].reshape(merge.base.shape) for m in range(len(masks))])
        for i, merge in enumerate(merges)
    ]
    zero_sign = 1
    if tensors[0].shared("zero_sign", "positive") == "majority":
        zero_sign = majority_sign([merge.tally(v) for merge, v in zip(merges, values)])
    return {t.place.name: merge.combine(v, zero_sign) for t, merge, v in zip(tensors, merges, values)}


METHODS = {
    "linear": linear,
    "uniform_soup": linear,
    "passthrough": passthrough,
    "slerp": slerp,
    "model_stock": model_stock,
    **{name: task_family for name in TASK_FAMILY},
}


def is_merged(t):
    present = [a for _, a in t.arrays] + ([t.base] if t.base is not None else [])
    return all(a.dtype in FLOATS and a.size for a in present)


def copied(t):
    array = t.base if t.base is not None else t.arrays[0][1]
    return Merged(array, t.dtype if array.dtype in FLOATS else array.dtype)


def merge(recipe, models, seed=0):
    """Output tensor name -> Merged, for every tensor that the recipe makes."""
    method = recipe["merge_method"]
    result, together = {}, []
    for place in Layout(recipe, models).placements():
        t = Tensor(place, recipe, models, seed)
        if not is_merged(t):
            result[place.name] = copied(t)
        elif method == "ties" and t.shared("scope", "tensor") == "model":
            together.append(t)
        else:
            result[place.name] = METHODS[method](t)
    if together:
        result.update(whole_model_ties(together))
    return result
