"""Methods that decompose the task vectors of matrices; anything else gets the mean of its task vectors."""

import numpy as np

from support.reference.tensors import CLOSE_MATRIX


def polar(matrix):
    """U V^T over the directions that are not null."""
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    k = np.count_nonzero(s > 1e-6 * s[0]) if s[0] > 0 else 0
    return u[:, :k] @ vt[:k]


def summed(t, deltas):
    total = t.zeros()
    for d in deltas:
        total = total + d
    return total


def mean_rule(t, deltas):
    return t.plus_base(summed(t, deltas) / t.coefficient(len(deltas)))


def is_decomposed(t):
    return len(t.shape) == 2 and not any(part in t.name for part in t.raw("exclude") or [])


def decomposed(matrix, k):
    """The first k singular triples: U, sigma, V^T."""
    u, s, vt = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    return u[:, :k], s[:k], vt[:k]


def from_matrix(t, change):
    return t.plus_base(change.astype(t.work), exact=False, tolerance=CLOSE_MATRIX)


def tsvm(t):
    deltas = t.deltas()
    rank = min(t.shape, default=0) // len(deltas)
    if not is_decomposed(t) or rank == 0:
        return mean_rule(t, deltas)
    weighted = [t.coefficient(w) * d for w, d in zip(t.all_of("weight", 1.0), deltas)]
    us, sigmas, vts = zip(*(decomposed(d, rank) for d in weighted))
    return from_matrix(t, polar(np.hstack(us)) @ np.diag(np.concatenate(sigmas)) @ polar(np.vstack(vts)))


def iso_c(t):
    deltas = t.deltas()
    if not is_decomposed(t):
        return mean_rule(t, deltas)
    total = summed(t, deltas).astype(np.float64)
    return from_matrix(t, np.linalg.svd(total, compute_uv=False).mean() * polar(total))


def common_rank(p, n, fraction):
    """How many directions all models share; the others are dealt out evenly among them."""
    rest = p - int(p * fraction)
    dealt = round(rest / n) * n  # Python rounds half to even
    return p - dealt if dealt <= p else p - rest // n * n


def iso_cts(t):
    deltas = t.deltas()
    if not is_decomposed(t):
        return mean_rule(t, deltas)
    p, n = min(t.shape), len(deltas)
    common = common_rank(p, n, float(t.shared("common_fraction", 0.8)))
    u0, s0, vt0 = decomposed(summed(t, deltas), common)
    own = [d.astype(np.float64) - u0 @ (u0.T @ d.astype(np.float64)) for d in deltas]
    parts = [decomposed(d, (p - common) // n) for d in own] + [(u0, s0, vt0)]
    us, sigmas, vts = zip(*parts)
    return from_matrix(t, np.concatenate(sigmas).mean() * polar(np.hstack(us)) @ polar(np.vstack(vts)))
