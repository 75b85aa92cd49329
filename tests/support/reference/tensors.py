"""One output tensor of a plan as its inputs and parameters; the result, and how closely it has to be met."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from support import philox
from support.placement import look_up

BF16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = {np.dtype(t) for t in (np.float16, np.float32, np.float64)} | {BF16}
NAMED_DTYPES = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": BF16,
}
EMBEDDING_ENDINGS = (
    "embed_tokens.weight",
    "lm_head.weight",
    "wte.weight",
    "tok_embeddings.weight",
    "word_embeddings.weight",
    "embed_in.weight",
    "embed_out.weight",
)
HEADS = ("lm_head.weight", "embed_out.weight")
CLOSE = 1e-6  # of the largest magnitude, for methods whose coefficients come from sums
CLOSE_MATRIX = 1e-5  # the same for those that decompose a matrix


@dataclass
class Merged:
    """One output tensor: as computed, and in which dtype it is stored."""

    values: np.ndarray
    dtype: np.dtype
    exact: bool = True  # whether the program has to give these bits
    doubtful: np.ndarray | None = None  # where the rounding of a sum decides between two values
    tolerance: float = CLOSE
    change: np.ndarray | None = None  # what was added to the base
    zero_sign: bool = True  # whether the sign of a zero counts

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


def is_embedding(name):
    return name.endswith(EMBEDDING_ENDINGS) or name == "output.weight"


def stored_array(model, name):
    """A tensor of a model; a head that is tied to the embedding is the embedding."""
    if name in model.tensors or name not in HEADS or not model.config.get("tie_word_embeddings"):
        return model.tensors.get(name)
    return next((array for other, array in model.tensors.items() if is_embedding(other)), None)


class Tensor:
    """One output tensor of a plan: the arrays that take part and how to ask for parameters."""

    def __init__(self, place, recipe, models, seed, cut):
        self.place, self.recipe, self.seed, self.name = place, recipe, seed, place.name
        self.arrays = [(s, stored_array(models[s.model], s.name)) for s in place.sources]
        self.arrays = [(s, array) for s, array in self.arrays if array is not None]
        base = place.base
        self.base = stored_array(models[base.model], base.name) if base is not None else None
        self.lacks = len(self.arrays) + (self.base is not None) < len(place.sources) + (base is not None)
        self.dtype = self._output_dtype()
        self.shape = self._fitted_shape(cut)
        self.work = np.float64 if any(a.dtype == np.float64 for a in self._present()) else np.float32
        self.found_alpha = None

    def _present(self):
        return [a for _, a in self.arrays] + ([self.base] if self.base is not None else [])

    def _fitted_shape(self, cut):
        first = self.base if self.base is not None else self.arrays[0][1]
        present = self._present()
        if is_embedding(self.name) and all(a.ndim == 2 for a in present):
            if cut == "common" or self.base is None:
                return tuple(min(sizes) for sizes in zip(*(a.shape for a in present), strict=True))
            assert all(n <= m for a in present for n, m in zip(first.shape, a.shape)), f"{self.name}: below the base"
        elif any(a.shape != first.shape for a in present):
            assert self.recipe.get("stockpot", {}).get("on_mismatch") == "skip", f"{self.name}: shapes differ"
            self.arrays = [(s, a) for s, a in self.arrays if a.shape == first.shape]
        return first.shape

    def _output_dtype(self):
        for key in ("out_dtype", "dtype"):
            if self.recipe.get(key):
                return NAMED_DTYPES[self.recipe[key]]
        return self.base.dtype if self.base is not None else self.arrays[0][1].dtype

    def is_merged(self):
        return all(a.dtype in FLOATS and a.size for a in self._present())

    def widen(self, array):
        if self.recipe.get("stockpot", {}).get("round_inputs") and self.recipe.get("dtype"):
            array = narrow(array, NAMED_DTYPES[self.recipe["dtype"]])
        return array[tuple(slice(0, n) for n in self.shape)].astype(self.work)

    def inputs(self):
        return [self.widen(a) for _, a in self.arrays]

    def deltas(self):
        base = self.widen(self.base)
        return [x - base for x in self.inputs()]

    def zeros(self):
        return np.zeros(self.shape, self.work)

    def rows(self, values):
        """The same elements as a matrix; what has fewer than two dimensions is one row."""
        return values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values.reshape(1, -1)

    def coefficient(self, number):
        return self.work(number)

    def shared(self, parameter, default=None):
        return look_up(self.place.levels, parameter, self.name, self.place.depth, default)

    def of(self, source, parameter, default=None):
        return look_up([source.parameters, *self.place.levels], parameter, source.name, self.place.depth, default)

    def all_of(self, parameter, default=None):
        """The parameter's value for each model that takes part."""
        return [float(self.of(source, parameter, default)) for source, _ in self.arrays]

    def raw(self, parameter):
        """A parameter whose value is no number and no gradient, as written in the recipe."""
        return next((level[parameter] for level in self.place.levels if parameter in level), None)

    def tie_words(self, key):
        """What orders equal magnitudes, or None where their index does."""
        if self.shared("tie_break", "index") != "hash":
            return None
        return philox.words(self.seed, key, self.name, int(np.prod(self.shape)), domain=1)

    def _layer_scale(self):
        lines = self.raw("lines")
        if lines is None:
            return 1.0
        if lines["alpha"] == "auto" and self.found_alpha is None:
            return 1.0
        alpha = self.found_alpha if self.found_alpha is not None else float(lines["alpha"])
        layer, layers = self.place.layer, self.place.layers
        if layer is None or layers == 1:
            return alpha
        return alpha + float(lines.get("beta", 0.0)) * layer / (layers - 1)

    def plus_base(self, change, has_lambda=True, **how):
        """The base plus a merged task vector, which `lambda` and `lines` scale."""
        scale = (float(self.shared("lambda", 1.0)) if has_lambda else 1.0) * self._layer_scale()
        if scale != 1:
            change = self.coefficient(scale) * change
        return Merged(self.widen(self.base) + change, self.dtype, change=change, **how)

    def alone(self, array):
        return Merged(self.widen(array), self.dtype)
