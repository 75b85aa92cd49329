"""Compares a merged checkpoint with the reference, tensor by tensor."""

from dataclasses import replace

import numpy as np

from support.reference import BF16

RELATIVE = 1e-6  # of the largest magnitude, for methods whose coefficients come from sums


def ulp(values, dtype):
    """Distance of neighbours in `dtype` around `values` (float64)."""
    if dtype == BF16:
        exponent = np.floor(np.log2(np.maximum(np.abs(values), 2.0**-126)))
        return np.exp2(exponent - 7)
    return np.spacing(np.maximum(np.abs(values), np.finfo(dtype).tiny).astype(dtype)).astype(np.float64)


def same_bits(got, want):
    return got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()


def assert_equals(name, got, merged):
    """Bit for bit where the reference is exact, else within RELATIVE and one unit of the stored dtype."""
    want = merged.stored
    assert got.dtype == want.dtype, f"{name}: dtype {got.dtype}, not {want.dtype}"
    assert got.shape == want.shape, f"{name}: shape {got.shape}, not {want.shape}"
    if same_bits(got, want):
        return None
    wide, target = got.astype(np.float64), merged.values.astype(np.float64)
    if np.isnan(target).any():  # a NaN is a NaN, whatever its payload
        assert (np.isnan(wide) == np.isnan(target)).all(), f"{name}: not the same NaNs"
        merged = replace(merged, values=np.where(np.isnan(merged.values), merged.values.dtype.type(0), merged.values))
        return assert_equals(name, np.where(np.isnan(wide), got.dtype.type(0), got), merged)
    error = np.abs(wide - target)
    worst = np.unravel_index(np.argmax(error), error.shape)
    story = f"{name}[{worst}]: {wide[worst]!r}, not {target[worst]!r} (stored {want[worst]!r})"
    if merged.exact:
        differing = np.count_nonzero(got.reshape(-1).view(np.uint8) != want.reshape(-1).view(np.uint8))
        raise AssertionError(f"{story}; {differing} bytes differ")
    allowed = RELATIVE * np.abs(target).max() + (ulp(target, got.dtype) if got.dtype != merged.values.dtype else 0)
    wrong = error > allowed
    if merged.doubtful is not None:
        wrong &= ~merged.doubtful
    assert not wrong.any(), f"{story}; {np.count_nonzero(wrong)} elements are too far off"
    return None


def assert_merged(got, reference, what=""):
    """All tensors of a checkpoint (name -> array) against the reference's result (name -> Merged)."""
    missing, extra = sorted(reference.keys() - got.keys()), sorted(got.keys() - reference.keys())
    assert not missing and not extra, f"{what}: missing {missing}, unexpected {extra}"
    for name, merged in reference.items():
        assert_equals(f"{what}: {name}", got[name], merged)
