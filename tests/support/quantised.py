"""Quantised weights and what they are worth, scheme by scheme: written from the formats' descriptions with NumPy and
ml_dtypes, whole tensors at a time.

Each scheme is a function (random, name, rows, columns) -> (stored tensors, float32 values of `name`).
"""

import ml_dtypes
import numpy as np

F32 = np.float32
E4M3, E5M2, E8M0 = ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.float8_e8m0fnu
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], F32)


def spread(scales, shape, block):
    """A number for each block -> a number for each element."""
    for axis, size in enumerate(block):
        scales = np.repeat(scales, size, axis=axis)
    return scales[tuple(slice(extent) for extent in shape)]


def blocks(extent, size):
    return -(-extent // size)


def float8_codes(random, shape, kind=E4M3):
    return (random.standard_normal(shape) * 20).astype(F32).astype(kind)


def positive(random, shape):
    return (2.0 ** random.uniform(-9, -5, shape)).astype(F32)


def exponents(random, shape):
    return random.integers(115, 124, shape).astype(np.uint8)


def powers(codes):
    return np.ldexp(F32(1), codes.astype(np.int32) - 127).astype(F32)


def nibbles(codes):
    """Pairs of 4-bit codes along the last dimension, the first in the low half."""
    return (codes[..., 0::2] | (codes[..., 1::2] << 4)).astype(np.uint8)


def words(codes, bits):
    """Codes along the last dimension as little-endian 32-bit words, filled up with zeros."""
    per_word = 32 // bits
    padding = -codes.shape[-1] % per_word
    padded = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, padding)]).astype(np.uint32)
    parts = padded.reshape(*codes.shape[:-1], -1, per_word) << (np.arange(per_word, dtype=np.uint32) * bits)
    return np.bitwise_or.reduce(parts, axis=-1).astype(np.uint32).view(np.int32)


def block_float8(random, name, rows, columns, block=(128, 128), kind=E4M3, scale_type=F32):
    codes = float8_codes(random, (rows, columns), kind)
    scales = positive(random, (blocks(rows, block[0]), blocks(columns, block[1]))).astype(scale_type)
    values = codes.astype(F32) * spread(scales.astype(F32), codes.shape, block)
    return {name: codes, f"{name}_scale_inv": scales}, values


def block_float8_exponents(random, name, rows, columns, stored=E8M0):
    codes = float8_codes(random, (rows, columns))
    scales = exponents(random, (blocks(rows, 128), blocks(columns, 128)))
    values = codes.astype(F32) * spread(powers(scales), codes.shape, (128, 128))
    return {name: codes, f"{name}_scale_inv": scales.view(stored)}, values


def block_float8_bytes(random, name, rows, columns):
    return block_float8_exponents(random, name, rows, columns, np.uint8)


def block_float8_halves(random, name, rows, columns):
    return block_float8(random, name, rows, columns, scale_type=ml_dtypes.bfloat16)


def block_e5m2(random, name, rows, columns):
    return block_float8(random, name, rows, columns, kind=E5M2)


def stacked_float8(random, name, rows, columns):
    """Three matrices in one tensor whose name does not end in .weight."""
    name = name.removesuffix(".weight")
    codes = float8_codes(random, (3, rows, columns))
    scales = positive(random, (3, blocks(rows, 128), blocks(columns, 128)))
    values = np.stack([c.astype(F32) * spread(s, c.shape, (128, 128)) for c, s in zip(codes, scales)])
    return {name: codes, f"{name}_scale_inv": scales}, values


def tensor_float8(random, name, rows, columns):
    codes, scale = float8_codes(random, (rows, columns)), positive(random, ())
    stored = {name: codes, f"{name}_scale": scale, f"{name.removesuffix('.weight')}.input_scale": positive(random, ())}
    return stored, codes.astype(F32) * scale


def channel_float8(random, name, rows, columns):
    codes, scales = float8_codes(random, (rows, columns)), positive(random, (rows, 1))
    return {name: codes, f"{name}_scale": scales}, codes.astype(F32) * scales


def list_float8(random, name, rows, columns):
    codes, scales = float8_codes(random, (rows, columns)), positive(random, rows)
    return {name: codes, f"{name}_scale": scales}, codes.astype(F32) * scales[:, None]


def group_float8(random, name, rows, columns, group=20):
    codes, scales = float8_codes(random, (rows, columns)), positive(random, (rows, columns // group))
    return {name: codes, f"{name}_scale": scales}, codes.astype(F32) * np.repeat(scales, group, axis=1)


def channel_int8(random, name, rows, columns):
    codes = random.integers(-128, 128, (rows, columns)).astype(np.int8)
    scales = positive(random, (rows, 1)).astype(ml_dtypes.bfloat16)
    return {name: codes, f"{name}_scale": scales}, codes.astype(F32) * scales.astype(F32)


def asymmetric_int8(random, name, rows, columns, group=20):
    codes = random.integers(-128, 128, (rows, columns)).astype(np.int8)
    scales = positive(random, (rows, columns // group))
    zeros = random.integers(-128, 128, scales.shape).astype(np.int8)
    shifted = codes.astype(F32) - np.repeat(zeros.astype(F32), group, axis=1)
    stored = {name: codes, f"{name}_scale": scales, f"{name}_zero_point": zeros}
    return stored, shifted * np.repeat(scales, group, axis=1)


def packed(random, name, rows, columns, bits, group, asymmetric=False, index=None, shape_type=np.int64):
    codes = random.integers(0, 1 << bits, (rows, columns))
    scales = positive(random, (rows, columns // group))
    stored = {
        f"{name}_packed": words(codes, bits),
        f"{name}_scale": scales,
        f"{name}_shape": np.array([rows, columns], shape_type),
    }
    numbers = (codes - (1 << (bits - 1))).astype(F32)
    group_of = np.arange(columns) // group if index is None else index
    if index is not None:
        stored[f"{name}_g_idx"] = index.astype(np.int32)
    if asymmetric:
        zeros = random.integers(0, 1 << bits, scales.shape)
        stored[f"{name}_zero_point"] = words(zeros.T, bits).T
        numbers = numbers - (zeros - (1 << (bits - 1))).astype(F32)[:, group_of]
    return stored, numbers * scales[:, group_of]


def packed_int4(random, name, rows, columns):
    return packed(random, name, rows, columns, 4, 20)


def packed_int4_channels(random, name, rows, columns):
    """Kimi K2 has shapes in I32."""
    return packed(random, name, rows, columns, 4, columns, shape_type=np.int32)


def packed_int8_asymmetric(random, name, rows, columns):
    return packed(random, name, rows, columns, 8, 20, asymmetric=True)


def packed_int4_indexed(random, name, rows, columns):
    index = random.permutation(np.arange(columns) // 20)
    return packed(random, name, rows, columns, 4, 20, asymmetric=True, index=index)


def packed_int4_odd(random, name, rows, columns):
    """Rows that do not fill their last word."""
    return packed(random, name, rows, columns - 5, 4, columns - 5)


def float4(random, shape):
    codes = random.integers(0, 16, shape).astype(np.uint8)
    return nibbles(codes), E2M1[codes]


def mxfp4(random, name, rows, columns):
    columns = columns // 32 * 32
    (codes, numbers), scales = float4(random, (rows, columns)), exponents(random, (rows, columns // 32))
    return {f"{name}_packed": codes, f"{name}_scale": scales}, numbers * np.repeat(powers(scales), 32, axis=1)


def nvfp4(random, name, rows, columns):
    columns = columns // 16 * 16
    codes, numbers = float4(random, (rows, columns))
    scales = np.abs(float8_codes(random, (rows, columns // 16)))
    whole = np.array([1234.5], F32)
    stored = {f"{name}_packed": codes, f"{name}_scale": scales, f"{name}_global_scale": whole}
    return stored, numbers * np.repeat(scales.astype(F32) / whole, 16, axis=1)


def mxfp8(random, name, rows, columns):
    columns = columns // 32 * 32
    codes, scales = float8_codes(random, (rows, columns)), exponents(random, (rows, columns // 32))
    return {name: codes, f"{name}_scale": scales}, codes.astype(F32) * np.repeat(powers(scales), 32, axis=1)


def float4_in_bytes(random, name, rows, columns):
    columns = columns // 32 * 32
    (codes, numbers), scales = float4(random, (rows, columns)), exponents(random, (rows, columns // 32))
    stored = {name: codes.view(np.int8), f"{name}_scale_inv": scales.view(E8M0)}
    return stored, numbers * np.repeat(powers(scales), 32, axis=1)


def gpt_oss(random, name, rows, columns):
    """Three experts, [E, rows, groups, 16]; the tensor is their transpose."""
    name, groups = name.removesuffix(".weight"), columns // 32
    codes, numbers = float4(random, (3, rows, groups * 32))
    scales = exponents(random, (3, rows, groups))
    values = numbers * np.repeat(powers(scales), 32, axis=2)
    stored = {f"{name}_blocks": codes.reshape(3, rows, groups, 16), f"{name}_scales": scales}
    return stored, np.ascontiguousarray(values.transpose(0, 2, 1))


SCHEMES = [
    block_float8,
    block_float8_exponents,
    block_float8_bytes,
    block_float8_halves,
    block_e5m2,
    stacked_float8,
    tensor_float8,
    channel_float8,
    list_float8,
    group_float8,
    channel_int8,
    asymmetric_int8,
    packed_int4,
    packed_int4_channels,
    packed_int8_asymmetric,
    packed_int4_indexed,
    packed_int4_odd,
    mxfp4,
    nvfp4,
    mxfp8,
    float4_in_bytes,
    gpt_oss,
]
