"""Compares a merged checkpoint with the reference, tensor by tensor."""

from dataclasses import replace

import numpy as np

from support.reference import BF16, FLOATS

DOUBTFUL_SHARE = 0.02  # of a tensor's elements, and a few of a small one: a reference that doubts more says nothing
DOUBTFUL_COUNT = 3


def ulp(values, dtype):
    """Distance of neighbours in `dtype` around `values` (float64)."""
    if dtype == BF16:
        exponent = np.floor(np.log2(np.maximum(np.abs(values), 2.0**-126)))
        return np.exp2(exponent - 7)
    return np.spacing(np.maximum(np.abs(values), np.finfo(dtype).tiny).astype(dtype)).astype(np.float64)


def same_bits(got, want):
    return got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()


def differing(got, want):
    """Which elements have other bits."""
    size = got.dtype.itemsize
    bits = [np.ascontiguousarray(v).reshape(-1).view(np.uint8).reshape(-1, size) for v in (got, want)]
    return (bits[0] != bits[1]).any(axis=1).reshape(got.shape)


def too_far(got, merged):
    """Which elements are off by more than the tolerance and one unit of the stored dtype."""
    target = merged.values.astype(np.float64)
    rounding = ulp(target, got.dtype) if got.dtype != merged.values.dtype else 0
    return np.abs(got.astype(np.float64) - target) > merged.tolerance * np.abs(target).max() + rounding


def assert_equals(name, got, merged):
    """Bit for bit where the reference is exact, else within its tolerance; doubtful elements may be anything."""
    want = merged.stored
    assert got.dtype == want.dtype, f"{name}: dtype {got.dtype}, not {want.dtype}"
    assert got.shape == want.shape, f"{name}: shape {got.shape}, not {want.shape}"
    doubtful = np.zeros(got.shape, bool) if merged.doubtful is None else merged.doubtful
    doubts = np.count_nonzero(doubtful)
    assert doubts <= max(DOUBTFUL_COUNT, DOUBTFUL_SHARE * got.size), f"{name}: the reference doubts {doubts} elements"
    if same_bits(got, want):
        return None
    nans = np.isnan(want) if want.dtype in FLOATS else np.zeros(want.shape, bool)
    if nans.any():  # a NaN is a NaN, whatever its payload
        assert (np.isnan(got) == nans).all(), f"{name}: not the same NaNs"
        merged = replace(merged, values=np.where(nans, merged.values.dtype.type(0), merged.values))
        return assert_equals(name, np.where(nans, got.dtype.type(0), got), merged)
    wrong = (differing(got, want) if merged.exact else too_far(got, merged)) & ~doubtful
    if not merged.zero_sign:
        wrong &= got != want
    if not wrong.any():
        return None
    target = merged.values.astype(np.float64)
    worst = np.unravel_index(np.argmax(np.where(wrong, np.abs(got.astype(np.float64) - target), -1)), got.shape)
    story = f"{name}[{worst}]: {got[worst]!r}, not {target[worst]!r} (stored {want[worst]!r})"
    raise AssertionError(f"{story}; {np.count_nonzero(wrong)} of {got.size} elements are wrong, exact: {merged.exact}")


def assert_merged(got, reference, what=""):
    """All tensors of a checkpoint (name -> array) against the reference's result (name -> Merged)."""
    missing, extra = sorted(reference.keys() - got.keys()), sorted(got.keys() - reference.keys())
    assert not missing and not extra, f"{what}: missing {missing}, unexpected {extra}"
    for name, merged in reference.items():
        assert_equals(f"{what}: {name}", got[name], merged)
