"""Methods that move along great circles."""

import numpy as np

from support.reference.tensors import CLOSE, Merged
from support.trims import norm


def inner(a, b):
    return float((a.astype(np.float64) * b.astype(np.float64)).sum())


def arc(angle, share):
    """Coefficients of two unit vectors at `share` of the way from the first to the second."""
    return np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)


def slerp(t):
    if t.base is None or not t.arrays:
        return Merged(t.widen(t.base) if t.base is not None else t.inputs()[0], t.dtype)
    v0, v1 = t.widen(t.base), t.inputs()[0]
    weight = float(t.shared("t"))
    n0, n1 = norm(v0, "l2"), norm(v1, "l2")
    c = inner(v0, v1) / ((n0 if n0 > 1e-8 else 1.0) * (n1 if n1 > 1e-8 else 1.0))
    c0, c1 = 1 - weight, weight
    if abs(c) <= float(t.shared("dot_threshold", 0.9995)):
        c0, c1 = arc(np.arccos(c), weight)
    return Merged(t.coefficient(c0) * v0 + t.coefficient(c1) * v1, t.dtype, exact=False)


def spherical_pair(v0, v1, share):
    """The coefficients of nuslerp for two vectors."""
    c = inner(v0, v1) / (max(norm(v0, "l2"), 1e-7) * max(norm(v1, "l2"), 1e-7))
    c = min(max(c, -1.0), 1.0)
    angle = np.arccos(c)
    if np.sin(angle) < 1e-8 or c < -1 + 1e-6:
        return 1 - share, share
    return arc(angle, share)


def nuslerp(t):
    w0, w1 = t.all_of("weight")
    share = 0.5 if abs(w0 + w1) < 1e-6 else w1 / (w0 + w1)
    v0, v1 = t.deltas() if t.base is not None else t.inputs()
    if t.shared("nuslerp_flatten", True) or v0.ndim < 2:
        axis, vectors = None, [(v0, v1)]
    elif t.shared("nuslerp_row_wise", False):
        axis, vectors = 0, list(zip(v0.reshape(len(v0), -1).T, v1.reshape(len(v1), -1).T))
    else:
        axis, vectors = -1, list(zip(t.rows(v0), t.rows(v1)))
    pairs = np.array([spherical_pair(a, b, share) for a, b in vectors])
    if axis is None:
        pairs = pairs.reshape(2)
    elif axis == 0:
        pairs = pairs.T.reshape(2, 1, *v0.shape[1:])
    else:
        pairs = pairs.T.reshape(2, *v0.shape[:-1], 1)
    c0, c1 = pairs.astype(t.work)
    merged = c0 * v0 + c1 * v1
    return Merged(merged + t.widen(t.base) if t.base is not None else merged, t.dtype, exact=False)


def multislerp(t):
    if len(t.arrays) == 1:
        return t.alone(t.arrays[0][1])
    vectors = t.deltas() if t.base is not None else t.inputs()
    weights = np.array(t.all_of("weight"))
    eps = float(t.shared("eps", 1e-8))
    if t.shared("normalize_weights", True):
        weights = weights / weights.sum()
    norms = np.array([norm(v, "l2") for v in vectors])
    alphas = weights / (norms + eps)
    length = norm(sum(a * v.astype(np.float64) for a, v in zip(alphas, vectors)), "l2")
    if length >= max(eps, 1e-7):
        alphas = alphas * float((weights * norms).sum()) / length
    else:
        alphas = weights
    total = t.zeros()
    for a, v in zip(alphas, vectors):
        total = total + t.coefficient(a) * v
    merged = total + t.widen(t.base) if t.base is not None else total
    # Vectors that nearly cancel: what is left of them, and of its length by the Gram matrix, is rounding.
    largest = max(float(np.abs(v).max()) for v in vectors) / max(float(np.abs(merged).max()), 1e-300)
    noise = (np.finfo(t.work).eps / length + 1e-15 / length**2) * largest if length >= max(eps, 1e-7) else 0.0
    return Merged(merged, t.dtype, exact=False, tolerance=max(CLOSE, noise))


def karcher_mean(units, shares, tol, max_iter):
    """Coefficients of unit vectors (rows) in their mean on the sphere, found on the vectors themselves."""
    c = np.array(shares)
    length = np.linalg.norm(c @ units)
    c = np.eye(len(c))[0] if length < tol else c / length
    for _ in range(max_iter):
        y = c @ units
        tangent = np.zeros(len(c))
        for m, share in enumerate(shares):
            d = min(max(float(y @ units[m]), -1.0), 1.0)
            angle = np.arccos(d)
            if angle < tol or d < -1 + 1e-6:
                continue
            tangent += share * angle / np.sin(angle) * (np.eye(len(c))[m] - d * c)
        r = np.linalg.norm(tangent @ units)
        if r < tol:
            break
        c = np.cos(r) * c + np.sin(r) * tangent / r
        length = np.linalg.norm(c @ units)
        c = c / length if length > tol else c
    return c


def karcher(t):
    if len(t.arrays) == 1:
        return t.alone(t.arrays[0][1])
    tol, xs = float(t.shared("tol", 1e-5)), t.inputs()
    alphas = np.array(t.all_of("weight", 1.0))
    alphas = alphas / alphas.sum()
    norms = np.array([norm(x, "l2") for x in xs])
    valid = [m for m in range(len(xs)) if norms[m] > tol]
    if not valid:
        return Merged(t.zeros(), t.dtype)
    units = np.stack([xs[m].reshape(-1).astype(np.float64) / norms[m] for m in valid])
    c = karcher_mean(units, alphas[valid] / alphas[valid].sum(), tol, int(t.shared("max_iter", 10)))
    scale = float((alphas * norms).sum())
    total = t.zeros()
    for m, share in zip(valid, c):
        total = total + t.coefficient(scale * share / norms[m]) * xs[m]
    return Merged(total, t.dtype, exact=False)
