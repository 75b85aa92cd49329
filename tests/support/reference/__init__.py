"""What a merge should give, by NumPy on whole tensors: written from the published formulas, slow and plain.

`merge(recipe, models)` takes a recipe as a dictionary and the models as reference text -> placement.Model. Element-wise
work is float32 in the order in which the formulas are written, so that the result can be compared bit by bit; sums are
float64 and only close to the program's, which adds in another order. Where a float64 tensor takes part, elements and
coefficients are float64.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np

from support.placement import Layout
from support.reference import averages, competition, matrices, selections, spherical, task_vectors
from support.reference.tensors import BF16, FLOATS, NAMED_DTYPES, Merged, Tensor, narrow

__all__ = ["BF16", "FLOATS", "METHODS", "NAMED_DTYPES", "Merged", "Method", "Tensor", "merge", "narrow"]


@dataclass
class Method:
    """A method's function, from one tensor to Merged; `whole` is the one for all tensors together, in order of name.

    `lone` says what a tensor becomes that not all have: "base" is copied where no model has the tensor, and "holder"
    copies a tensor that exactly one has, base or not. `cut` says to what embeddings of different size are cut.
    """

    one: Callable
    whole: Callable | None = None
    scope: str = "tensor"
    lone: str | None = "base"
    cut: str = "common"


FAMILY = {name: Method(task_vectors.task_family, cut="base") for name in task_vectors.FAMILY}
METHODS = FAMILY | {
    "linear": Method(averages.linear, lone=None),
    "uniform_soup": Method(averages.linear, lone=None),
    "passthrough": Method(averages.passthrough, lone=None),
    "median": Method(averages.median, lone=None),
    "geometric_median": Method(averages.geometric_median, lone=None),
    "model_stock": Method(averages.model_stock),
    "nearswap": Method(averages.nearswap),
    "slerp": Method(spherical.slerp, lone="holder"),
    "nuslerp": Method(spherical.nuslerp, lone="holder"),
    "multislerp": Method(spherical.multislerp, lone=None),
    "karcher": Method(spherical.karcher, lone=None),
    "ties": Method(task_vectors.task_family, task_vectors.whole_model_ties, cut="base"),
    "sce": Method(selections.sce),
    "ram": Method(selections.ram),
    "ramplus_tl": Method(selections.ram),
    "ramplus": Method(selections.ram, selections.whole_model_ram, "model"),
    "arcee_fusion": Method(selections.arcee_fusion, lone="holder"),
    "magmax": Method(selections.magmax, cut="base"),
    "consensus": Method(competition.consensus, competition.consensus_of_ties, cut="base"),
    "metagpt": Method(competition.metagpt, competition.whole_model_metagpt, "model", cut="base"),
    "pcb": Method(competition.pcb, competition.whole_model_pcb, "model", cut="base"),
    "tsvm": Method(matrices.tsvm, cut="base"),
    "iso_c": Method(matrices.iso_c, cut="base"),
    "iso_cts": Method(matrices.iso_cts, cut="base"),
}


def copied(t):
    """Integers, booleans and tensors without elements, as they are."""
    array = t.base if t.base is not None else t.arrays[0][1]
    return Merged(array, t.dtype if array.dtype in FLOATS else array.dtype)


def spans_model(t, method):
    if t.recipe["merge_method"] == "consensus":
        return t.shared("inner", "task_arithmetic") == "ties"
    return method.whole is not None and t.shared("scope", method.scope) == "model"


def without_merging(t, method):
    """What becomes of a tensor that only one model has, where that is not a merge of one."""
    if method.lone is not None and not t.arrays:
        return t.alone(t.base)
    if method.lone == "holder" and t.base is None and len(t.arrays) == 1 and t.lacks:
        return t.alone(t.arrays[0][1])
    return None


def compute(tensors, method):
    result, together = {}, []
    for t in tensors:
        lone = without_merging(t, method) if t.is_merged() else copied(t)
        if lone is not None:
            result[t.name] = lone
        elif spans_model(t, method):
            together.append(t)
        else:
            result[t.name] = method.one(t)
    if together:
        together.sort(key=lambda t: t.name.encode())
        result.update(zip((t.name for t in together), method.whole(together), strict=True))
    return result


def layer_scale_found(tensors, result):
    """alpha of `lines: {alpha: auto}`: how long the plain sum of the task vectors is, against what was merged."""
    plain = merged = 0.0
    for t in tensors:
        if result[t.name].change is None:
            continue
        total = np.zeros(t.shape, t.work)
        for x in t.inputs():
            total = total + (x - t.widen(t.base))
        plain += float(np.abs(total.astype(np.float64)).sum())
        merged += float(np.abs(result[t.name].change.astype(np.float64)).sum())
    n = max(len(t.place.sources) for t in tensors)
    return plain / (n * merged) if merged > 0 else 0.0


def merge(recipe, models, seed=0):
    """Output tensor name -> Merged, for every tensor that the recipe makes."""
    method = METHODS[recipe["merge_method"]]
    tensors = [Tensor(place, recipe, models, seed, method.cut) for place in Layout(recipe, models).placements()]
    result = compute(tensors, method)
    if any((t.raw("lines") or {}).get("alpha") == "auto" for t in tensors):
        alpha = layer_scale_found(tensors, result)
        for t in tensors:
            t.found_alpha = alpha
        result = compute(tensors, method)
        for merged in result.values():
            merged.exact = merged.exact and merged.change is None
    return result
