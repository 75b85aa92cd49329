"""Which elements of a task vector a trim keeps, and how the rest is scaled up again."""

import numpy as np


def count_of(density, n):
    return int(float(density) * float(n))


def top_k(delta, k):
    """Mask of the k largest magnitudes, equal ones by lower flat index."""
    bits = np.abs(delta.reshape(-1)).view(np.uint64 if delta.dtype == np.float64 else np.uint32)
    order = np.argsort(~bits, kind="stable")
    mask = np.zeros(delta.size, dtype=bool)
    mask[order[:k]] = True
    return mask.reshape(delta.shape)


def at_least(delta, k):
    """Mask of everything not below the (n - k)-th smallest magnitude: k + 1 elements and all that equal the last."""
    magnitude = np.abs(delta)
    if k >= delta.size:
        return np.ones(delta.shape, dtype=bool)
    return magnitude >= np.sort(magnitude.reshape(-1))[delta.size - k - 1]


def magnitude_mask(delta, density, rule):
    if density == 0:
        return np.zeros(delta.shape, dtype=bool)
    if density == 1:
        return np.ones(delta.shape, dtype=bool)
    k = count_of(density, delta.size)
    return at_least(delta, k) if rule == "at_least" else top_k(delta, max(1, k))


def norm(values, mode):
    wide = np.abs(values.astype(np.float64))
    if mode == "l1":
        return float(wide.sum())
    if mode == "l2":
        return float(np.sqrt((wide * wide).sum()))
    return float(wide.max(initial=0.0))


def rescaled(delta, trimmed, density, mode):
    if density in (0, 1) or mode == "none":
        return trimmed
    if mode == "inv_density":
        return trimmed * delta.dtype.type(1 / density)
    before, after = norm(delta, mode), norm(trimmed, mode)
    if before < 1e-7 or after < 1e-7:
        return trimmed
    return trimmed * delta.dtype.type(before / after)
