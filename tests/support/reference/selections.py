"""Methods that choose, element by element, what to take over from which model, one tensor at a time."""

import numpy as np

from support import trims
from support.reference.task_vectors import vote


def sce_variances(deltas):
    """Population variances, float64 rounded to float32; exactly 0 where all models changed alike."""
    wide = np.stack([d.astype(np.float64) for d in deltas])
    variances = ((wide - wide.mean(axis=0)) ** 2).mean(axis=0)
    return np.where((wide == wide[0]).all(axis=0), 0.0, variances).astype(np.float32)


def sce(t):
    deltas = t.deltas()
    select = float(t.shared("select_topk", 1.0))
    if select < 1:
        variances = sce_variances(deltas)
        k = trims.count_of(select, np.count_nonzero(variances))
        mask = trims.top_k(variances, k, t.tie_words(""))
        deltas = [np.where(mask, d, t.work(0)) for d in deltas]
    squares = np.array([float((d.astype(np.float64) ** 2).mean()) for d in deltas])
    total = squares.sum()
    uniform = total == 0 or total < float(t.shared("weight_floor", 0.0))
    shares = np.full(len(deltas), 1 / len(deltas)) if uniform else squares / total
    s = vote(deltas, count=False)
    above, below = t.zeros(), t.zeros()
    for share, d in zip(shares, deltas):
        agrees = (np.sign(d) == np.where(s >= 0, 1, -1)).astype(t.work)
        above = above + agrees * t.coefficient(share) * d
        below = below + agrees * t.coefficient(share)
    return t.plus_base(above / np.maximum(below, t.work(1e-6)), has_lambda=False, exact=False)


class ChangedElements:
    """Where each model changed by more than epsilon, and how many did."""

    def __init__(self, t):
        self.t, self.deltas = t, t.deltas()
        self.epsilon = float(t.shared("epsilon", 1e-5))
        self.changed = [np.abs(d) > t.coefficient(self.epsilon) for d in self.deltas]
        self.holders = sum(c.astype(np.int64) for c in self.changed)

    def shared_and_unique(self, m):
        changed = self.changed[m]
        return np.count_nonzero(changed & (self.holders > 1)), np.count_nonzero(changed & (self.holders == 1))

    def factor(self, shared, unique):
        """What a model's unique changes are multiplied by."""
        alpha, r = float(self.t.shared("alpha", 0.2)), float(self.t.shared("r", 0.1))
        return 1 + r * min(max(shared / max(unique, self.epsilon), 0.0), alpha)

    def merge(self, factors):
        t, a = self.t, self.t.zeros()
        divisor = np.maximum(self.holders, 1).astype(t.work)
        for factor, changed, d in zip(factors, self.changed, self.deltas):
            own = np.where(changed, d, t.work(0))
            a = a + np.where(self.holders == 1, t.coefficient(factor) * own, own / divisor)
        return t.plus_base(a, has_lambda=False)


def ram(t):
    elements = ChangedElements(t)
    if t.recipe["merge_method"] == "ram":
        return elements.merge([1.0] * len(elements.deltas))
    return elements.merge([elements.factor(*elements.shared_and_unique(m)) for m in range(len(elements.deltas))])


def whole_model_ram(tensors):
    parts = [ChangedElements(t) for t in tensors]
    counts = {}
    for part in parts:
        for m, (source, _) in enumerate(part.t.arrays):
            counts.setdefault(source.model, []).append(part.shared_and_unique(m))
    totals = {model: np.sum(each, axis=0) for model, each in counts.items()}
    return [part.merge([part.factor(*totals[source.model]) for source, _ in part.t.arrays]) for part in parts]


def row_divergences(a, x):
    """Kullback-Leibler divergence of softmax(x) from softmax(a), row by row in float64."""

    def softmax(rows):
        powers = np.exp(rows - rows.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True) + 1e-8

    p, q = softmax(x.astype(np.float64)), softmax(a.astype(np.float64))
    return (p * np.log(p / q)).sum(axis=1)


def arcee_fusion(t):
    a, (x,) = t.widen(t.base), t.inputs()
    difference = np.abs(x - a)
    divergences = row_divergences(t.rows(a), t.rows(x))
    importance = (t.rows(difference).astype(np.float64) * divergences[:, None]).astype(t.work).reshape(t.shape)
    ordered, n = np.sort(importance.reshape(-1)), importance.size
    q1, q2, q3 = ordered[(n - 1) // 4], ordered[(n - 1) // 2], ordered[3 * (n - 1) // 4]
    threshold = q2 + t.work(1.5) * (q3 - q1)
    doubtful = np.abs(importance - threshold) <= 1e-6 * threshold
    doubtful &= importance != 0  # an unchanged row has exactly 0
    taken = np.where(importance >= threshold, x - a, t.work(0))
    return t.plus_base(taken, has_lambda=False, doubtful=doubtful)


def magmax(t):
    deltas = t.deltas()
    change = t.zeros()
    if t.shared("elect", "none") == "none":
        for d in deltas:
            change = np.where(np.abs(d) >= np.abs(change), d, change)
        return t.plus_base(change)
    s = vote(deltas, count=False)
    sign = np.where(s > 0, t.work(1), t.work(-1))
    for d in deltas:
        change = np.maximum(change, np.where(d * sign > 0, np.abs(d), t.work(0)))
    return t.plus_base(sign * change)
