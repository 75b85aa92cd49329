"""Which elements of a task vector a trim keeps, and how the rest is scaled up again."""

import numpy as np


def count_of(density, n):
    return int(float(density) * float(n))


def magnitude_bits(delta):
    """Keys of the elements, flat: they order as the magnitudes do, NaN above infinity."""
    return np.abs(delta.reshape(-1)).view(np.uint64 if delta.dtype == np.float64 else np.uint32)


def ascending(delta, words=None):
    """Flat indices by magnitude; equal ones by their random word if there are words, then by index."""
    bits = magnitude_bits(delta)
    return np.argsort(bits, kind="stable") if words is None else np.lexsort((words, bits))


def top_k(delta, k, words=None):
    """Mask of the k largest magnitudes, equal ones by lower random word if there are words, then by lower index."""
    bits = ~magnitude_bits(delta)
    order = np.argsort(bits, kind="stable") if words is None else np.lexsort((words, bits))
    mask = np.zeros(delta.size, dtype=bool)
    mask[order[:k]] = True
    return mask.reshape(delta.shape)


def at_least(delta, k):
    """Mask of everything not below the (n - k)-th smallest magnitude: k + 1 elements and all that equal the last."""
    magnitude = np.abs(delta)
    if k >= delta.size:
        return np.ones(delta.shape, dtype=bool)
    return magnitude >= np.sort(magnitude.reshape(-1))[delta.size - k - 1]


def magnitude_mask(delta, density, rule, words=None):
    if density in (0, 1):
        return np.full(delta.shape, density == 1)
    k = count_of(density, delta.size)
    return at_least(delta, k) if rule == "at_least" else top_k(delta, max(1, k), words)


def without_outliers(delta, density, gamma, words=None):
    """Mask of the largest magnitudes below the outliers; outliers make room if both do not fit."""
    if density in (0, 1):
        return np.full(delta.shape, density == 1)
    n = delta.size
    top, keep = count_of(gamma, n), count_of(density, n)
    top = min(top, n - keep)
    mask = np.zeros(n, dtype=bool)
    mask[ascending(delta, words)[n - top - keep : n - top]] = True
    return mask.reshape(delta.shape)


def rows_without_outliers(rows, density, gamma, words=None):
    """The same for each row of a matrix, but here the outliers go first, and what is kept is of the rest."""
    if density in (0, 1):
        return np.full(rows.shape, density == 1)
    width = rows.shape[-1]
    top, keep = count_of(gamma, width), count_of(density, width)
    keep = min(keep, width - top)
    mask = np.zeros(rows.shape, dtype=bool)
    for i, row in enumerate(rows):
        own = None if words is None else words[i * width : (i + 1) * width]
        mask[i, ascending(row, own)[width - top - keep : width - top]] = True
    return mask


def keep_probabilities(rows, density, epsilon, words=None):
    """By rank within each row: the smallest magnitude has density - epsilon, the largest density + epsilon."""
    width = rows.shape[-1]
    if density in (0, 1) or width == 1:
        return np.full(rows.shape, float(density))
    p = np.empty(rows.shape)
    for i, row in enumerate(rows):
        own = None if words is None else words[i * width : (i + 1) * width]
        p[i, ascending(row, own)] = (density - epsilon) + (np.arange(width) / (width - 1)) * (2 * epsilon)
    return p


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
