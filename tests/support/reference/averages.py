"""Methods that average the models as they are."""

import numpy as np

from support.reference.tensors import Merged


def linear(t):
    one = t.recipe["merge_method"] == "uniform_soup"
    weights = [1.0] * len(t.arrays) if one else t.all_of("weight")
    total, mass = t.zeros(), t.work(0)
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


def median(t):
    ordered = np.sort(np.stack(t.inputs()), axis=0)  # of zeros of both signs either may be the middle one
    n = len(ordered)
    middle = ordered[n // 2] if n % 2 else t.work(0.5) * (ordered[n // 2 - 1] + ordered[n // 2])
    return Merged(middle, t.dtype, zero_sign=False)


def median_coefficients(xs, weights, eps, tol, max_iter):
    """Shares of the models in their geometric median, by Weiszfeld's iteration on the Gram matrix of differences."""
    differences = np.stack([(x - xs[0]).reshape(-1).astype(np.float64) for x in xs])
    gram = differences @ differences.T
    w = np.array(weights)

    def distances(c):
        return np.sqrt(np.maximum(0, gram.diagonal() - 2 * (gram @ c) + c @ gram @ c))

    c = w / w.sum()
    d = distances(c)
    f = float((w * d).mean())
    for _ in range(max_iter):
        c = w / np.maximum(d, eps)
        c = c / c.sum()
        d = distances(c)
        before, f = f, float((w * d).mean())
        if abs(before - f) <= tol * f:
            break
    return c


def geometric_median(t):
    eps, tol = float(t.shared("eps", 1e-6)), float(t.shared("tol", 1e-12))
    xs = t.inputs()
    total = t.zeros()
    for c, x in zip(median_coefficients(xs, t.all_of("weight", 1.0), eps, tol, int(t.shared("max_iter", 100))), xs):
        total = total + t.coefficient(c) * x
    return Merged(total, t.dtype, exact=False)


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
    b, xs = t.widen(t.base), t.inputs()
    deltas = t.deltas()
    options = (float(t.shared("cos_eps", 1e-6)), t.shared("t_clamp", "none"), t.shared("angle_mean", "cosine"))
    if t.shared("filter_wise", False):
        rows = [t.rows(d) for d in deltas]
        ratios = [stock_ratio([r[i] for r in rows], *options) for i in range(len(rows[0]))]
        ratio = np.array(ratios).reshape(b.shape[:-1] + (1,) if b.ndim > 1 else ())
    else:
        ratio = np.array(stock_ratio(deltas, *options))
    ratio = ratio.astype(t.work)
    total = t.zeros()
    for x in xs:
        total = total + x
    mean = total / t.coefficient(len(xs))
    return Merged(ratio * mean + (t.work(1) - ratio) * b, t.dtype, exact=False)


def nearswap(t):
    a, (x,) = t.widen(t.base), t.inputs()
    limit = t.coefficient(float(t.shared("t")))
    share = limit / np.maximum(np.abs(a - x), t.work(1e-6))
    share = np.minimum(np.maximum(share, t.work(0)), t.work(1))
    return Merged(share * x + (t.work(1) - share) * a, t.dtype)
