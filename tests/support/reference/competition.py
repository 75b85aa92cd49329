"""Methods in which the models' task vectors compete: shares by energy, masks by agreement, scores."""

import numpy as np

from support.reference.task_vectors import elected, majority_sign, vote, whole_model_masks

INNER_DENSITY = 0.2


def consensus_masked(t, deltas, merged):
    """Keeps what enough models agree with."""
    limit = t.coefficient(float(t.shared("mask_lambda", 0.4)))
    agreeing = sum((np.abs(d) > limit * np.abs(merged - d)).astype(np.int64) for d in deltas)
    return t.plus_base(np.where(agreeing >= int(t.shared("min_models", 2)), merged, t.work(0)))


def consensus(t):
    deltas, merged = t.deltas(), t.zeros()
    for weight, d in zip(t.all_of("weight", 1.0), deltas):
        merged = merged + t.coefficient(weight) * d
    return consensus_masked(t, deltas, merged)


def consensus_of_ties(tensors):
    """With the sum of TIES over the whole model, majority sign included, in place of the plain sum."""
    deltas = [t.deltas() for t in tensors]
    masks = whole_model_masks(tensors, deltas, lambda t, m: INNER_DENSITY, "exact")
    values, votes = [], []
    for t, vectors, kept in zip(tensors, deltas, masks):
        weights = t.all_of("weight", 1.0)
        values.append([t.coefficient(w) * np.where(k, d, t.work(0)) for w, k, d in zip(weights, kept, vectors)])
        votes.append(vote(values[-1], count=False))
    sign = majority_sign(votes)
    merged = [elected(v, t.all_of("weight", 1.0), s, sign)[0] for t, v, s in zip(tensors, values, votes)]
    return [consensus_masked(t, d, m) for t, d, m in zip(tensors, deltas, merged)]


def whole_model_metagpt(tensors):
    """Task arithmetic whose weights are the models' shares in the squared norm of all task vectors."""
    energies = {}
    for t in tensors:
        for (source, _), d in zip(t.arrays, t.deltas()):
            energies[source.model] = energies.get(source.model, 0.0) + float((d.astype(np.float64) ** 2).sum())
    total = sum(energies.values())
    if total == 0:
        return [t.alone(t.base) for t in tensors]
    merged = []
    for t in tensors:
        change = t.zeros()
        for (source, _), d in zip(t.arrays, t.deltas()):
            change = change + t.coefficient(energies[source.model] / total) * d
        merged.append(t.plus_base(change, exact=False))
    return merged


def metagpt(t):
    return whole_model_metagpt([t])[0]


def norm01(values):
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def bounds(values, low, high):
    ordered, d = np.sort(values), len(values)
    return ordered[int(d * low)], ordered[max(0, int(d * (1 - high) - 1))]


def upper_scores(score, ratio):
    """The largest scores, stretched over [0, 1], the others 0; and how far off they may be.

    Scores are compared in float32; whether the program goes on with the rounded ones is left open.
    """
    rounded = score.astype(np.float32)
    low, high = (np.float64(bound) for bound in bounds(rounded, 1 - ratio, 0))
    if high <= low:
        return np.zeros_like(score), np.zeros_like(score)
    above = rounded > low
    stretched = np.where(above, np.minimum(score, high) - low, 0.0) / (high - low)
    error = 1.2e-7 * (np.abs(score) + abs(low) + stretched * abs(high)) / (high - low)
    return stretched, np.where(above, error, 0.0)


def pcb_scores(deltas, t):
    """X_m, S_m of each model, and how far off S_m may be."""
    clip, ratio = float(t.shared("clip", 1e-4)), float(t.shared("ratio", 0.1))
    agreement = sum(deltas)
    found = []
    for d in deltas:
        magnitude = np.clip(np.abs(d), *bounds(np.abs(d), clip, clip))
        score = np.exp(len(deltas) * norm01(magnitude) ** 2) * np.tanh(d * agreement)
        found.append((np.sign(d) * magnitude, *upper_scores(score, ratio)))
    return found


def whole_model_pcb(tensors):
    """Over all tensors laid end to end; all models have all of them."""
    vectors = [t.deltas() for t in tensors]
    ends = np.cumsum([np.prod(t.shape, dtype=np.int64) for t in tensors])[:-1]
    flat = [np.concatenate([v[m].reshape(-1).astype(np.float64) for v in vectors]) for m in range(len(vectors[0]))]
    scores = pcb_scores(flat, tensors[0])
    xs, shares, errors = ([np.split(score[k], ends) for score in scores] for k in range(3))
    merged = []
    for i, t in enumerate(tensors):
        weights = [float(t.work(w)) for w in t.all_of("weight", 1.0)]
        total = np.maximum(sum(s[i] for s in shares), 1e-12)
        change = sum(w * x[i] * s[i] for w, x, s in zip(weights, xs, shares)) / total
        error = sum(np.abs(w * x[i] - change) * e[i] for w, x, e in zip(weights, xs, errors)) / total
        result = t.plus_base(change.reshape(t.shape).astype(t.work), exact=False)
        result.doubtful = error.reshape(t.shape) > 5e-7 * np.abs(result.values).max()
        merged.append(result)
    return merged


def pcb(t):
    return whole_model_pcb([t])[0]
