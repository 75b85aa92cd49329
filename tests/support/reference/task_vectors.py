"""The task-arithmetic family: task vector, trim, rescale, combination."""

import numpy as np

from support import philox, trims

# trim, sign consensus, normalize, rescale
FAMILY = {
    "task_arithmetic": (None, False, False, False),
    "ties": ("magnitude", True, True, False),
    "dare_linear": ("bernoulli", False, False, True),
    "dare_ties": ("bernoulli", True, False, True),
    "della_linear": ("ranks", False, False, True),
    "della": ("ranks", True, True, True),
    "breadcrumbs": ("outliers", False, False, False),
    "breadcrumbs_ties": ("outliers", True, False, False),
}


def random_mask(t, source, probability):
    return philox.kept(t.seed, source.key, t.name, int(np.prod(t.shape)), probability).reshape(t.shape)


def dropped_before(t, source, delta):
    """DARE in front of another trim: what is left is divided by the density."""
    density = float(t.of(source, "pre_drop", 1.0))
    if density in (0, 1):
        return delta if density == 1 else np.zeros_like(delta)
    kept = np.where(random_mask(t, source, density), delta, t.work(0))
    return kept * t.coefficient(1 / density)


def vote(values, count):
    """s of the election: the sum of the values or of their signs."""
    total = np.zeros_like(values[0])
    for v in values:
        total = total + (np.sign(v) if count else v)
    return total


def elected(values, weights, s, zero_sign):
    """The values that agree with the sign of s, added up; their weights, added up, 1 where that is 0."""
    work = values[0].dtype.type
    sign = np.where(s > 0, 1, np.where(s < 0, -1, zero_sign))
    a, mass = np.zeros_like(values[0]), np.zeros_like(values[0])
    for weight, v in zip(weights, values):
        agrees = (np.sign(v) == sign).astype(work)
        a = a + agrees * v
        mass = mass + agrees * work(weight)
    return a, np.where(mass == 0, work(1), mass)


def majority_sign(tallies):
    total = sum(int(np.sign(s).sum()) for s in tallies)
    return 1 if total > 0 else -1


class TaskMerge:
    """Task vectors of one tensor on their way: trimmed, rescaled, voted on, added to the base."""

    def __init__(self, t):
        self.t = t
        self.trim, self.votes, normalize, rescale = FAMILY[t.recipe["merge_method"]]
        self.normalize = bool(t.shared("normalize", normalize))
        self.mode = t.shared("rescale_mode", "l1") if t.shared("rescale", rescale) else "none"
        self.counts = t.shared("sign_consensus", "sum") == "count"
        self.sources = [s for s, _ in t.arrays]
        self.deltas = [dropped_before(t, s, d) for s, d in zip(self.sources, t.deltas())]
        self.densities = t.all_of("density", 1.0)
        self.weights = t.all_of("weight")
        self.probabilities = [None] * len(self.deltas)

    def mask(self, m):
        t, source, delta, rho = self.t, self.sources[m], self.deltas[m], self.densities[m]
        words = t.tie_words(source.key)
        if self.trim == "magnitude":
            return trims.magnitude_mask(delta, rho, t.shared("trim_rule", "exact"), words)
        if self.trim == "bernoulli":
            return random_mask(t, source, rho)
        if self.trim == "ranks":
            epsilon = float(t.of(source, "epsilon", 0.15))
            self.probabilities[m] = trims.keep_probabilities(t.rows(delta), rho, epsilon, words).reshape(t.shape)
            return random_mask(t, source, self.probabilities[m].reshape(-1))
        if self.trim == "outliers":
            gamma = float(t.of(source, "gamma", 0.01))
            if t.shared("scope", "tensor") == "row":
                return trims.rows_without_outliers(t.rows(delta), rho, gamma, words).reshape(t.shape)
            return trims.without_outliers(delta, rho, gamma, words)
        return np.ones(t.shape, dtype=bool)

    def masks(self):
        return [self.mask(m) for m in range(len(self.deltas))]

    def rescaled(self, m, trimmed):
        if self.trim is None:
            return trimmed
        if self.mode != "inv_prob":
            return trims.rescaled(self.deltas[m], trimmed, self.densities[m], self.mode)
        return trimmed if self.densities[m] in (0, 1) else trimmed / self.probabilities[m].astype(self.t.work)

    def weighted(self, masks):
        """f32(w) * delta', trimmed by these masks."""
        zero = self.t.work(0)
        trimmed = [self.rescaled(m, np.where(mask, self.deltas[m], zero)) for m, mask in enumerate(masks)]
        return [self.t.coefficient(w) * d for w, d in zip(self.weights, trimmed)]

    def tally(self, values):
        return vote(values, self.counts)

    def combine(self, values, zero_sign):
        t, doubtful = self.t, None
        exact = self.trim is None or self.mode not in ("l1", "l2")
        if self.votes:
            s = self.tally(values)
            a, mass = elected(values, self.weights, s, zero_sign)
            if not exact and not self.counts:
                spread = sum((np.abs(v) for v in values), t.zeros())
                doubtful = (spread > 0) & (np.abs(s) < 1e-6 * spread)
        else:
            a, mass = t.zeros(), t.work(0)
            for weight, v in zip(self.weights, values):
                a = a + v
                mass = mass + t.coefficient(weight)
            mass = t.work(1) if abs(mass) < 1e-8 else mass
        return t.plus_base(a / mass if self.normalize else a, exact=exact, doubtful=doubtful)


def task_family(t):
    merge = TaskMerge(t)
    values = merge.weighted(merge.masks())
    zero_sign = majority_sign([merge.tally(values)]) if t.shared("zero_sign", "positive") == "majority" else 1
    return merge.combine(values, zero_sign)


def whole_model_masks(tensors, deltas, density_of, rule):
    """One magnitude trim per model over all its tensors laid end to end, as one list of masks per tensor.

    `deltas` holds one list per tensor, parallel to its arrays. Tensors are in order of name; density_of(t, m) is a
    model's density, the same in all tensors.
    """
    masks = [[None] * len(vectors) for vectors in deltas]
    for model in {s.model for t in tensors for s, _ in t.arrays}:
        held = [(i, m) for i, t in enumerate(tensors) for m, (s, _) in enumerate(t.arrays) if s.model == model]
        flat = np.concatenate([deltas[i][m].reshape(-1) for i, m in held])
        words = [tensors[i].tie_words(tensors[i].arrays[m][0].key) for i, m in held]
        words = None if words[0] is None else np.concatenate(words)
        mask = trims.magnitude_mask(flat, density_of(tensors[held[0][0]], held[0][1]), rule, words)
        ends = np.cumsum([deltas[i][m].size for i, m in held])[:-1]
        for (i, m), part in zip(held, np.split(mask, ends)):
            masks[i][m] = part.reshape(deltas[i][m].shape)
    return masks


def whole_model_ties(tensors):
    """TIES as its authors do it: one trim per model over all tensors in name order, one majority sign."""
    merges = [TaskMerge(t) for t in tensors]
    rule = tensors[0].shared("trim_rule", "exact")
    deltas = [merge.deltas for merge in merges]
    masks = whole_model_masks(tensors, deltas, lambda t, m: t.all_of("density", 1.0)[m], rule)
    values = [merge.weighted(mask) for merge, mask in zip(merges, masks)]
    zero_sign = 1
    if tensors[0].shared("zero_sign", "positive") == "majority":
        zero_sign = majority_sign([merge.tally(v) for merge, v in zip(merges, values)])
    return [merge.combine(v, zero_sign) for merge, v in zip(merges, values)]
