"""The random words of a merge, written from the published description of Philox4x32-10 (Salmon et al. 2011).

A word is a function of (seed, model key, tensor name, element) and of nothing else: element i of a tensor is word i mod
4 of the counter i div 4; the stream of the tensor is the upper half of the counter, the seed is the key.
"""

import numpy as np

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW32 = np.uint64(0xFFFFFFFF)


def philox4x32_10(counter, key):
    """Four uint32 arrays from a counter of four (numbers or equally long arrays) and a key of two numbers."""
    c = [np.atleast_1d(np.asarray(word, dtype=np.uint64)) for word in counter]
    c = list(np.broadcast_arrays(*c))
    k = [int(key[0]), int(key[1])]
    shift = np.uint64(32)
    for _ in range(10):
        first = c[0] * np.uint64(MULTIPLIERS[0])
        second = c[2] * np.uint64(MULTIPLIERS[1])
        c = [
            (second >> shift) ^ c[1] ^ np.uint64(k[0]),
            second & LOW32,
            (first >> shift) ^ c[3] ^ np.uint64(k[1]),
            first & LOW32,
        ]
        k = [(k[0] + WEYL[0]) & 0xFFFFFFFF, (k[1] + WEYL[1]) & 0xFFFFFFFF]
    return [word.astype(np.uint32) for word in c]


def stream(domain, model_key, tensor_name):
    """FNV-1a-64 of the domain byte, the key, a zero byte and the name."""
    value = 0xCBF29CE484222325
    for byte in bytes([domain]) + model_key.encode() + b"\0" + tensor_name.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def words(seed, model_key, tensor_name, count, domain=0):
    """The uint32 words of elements 0 .. count-1."""
    s = stream(domain, model_key, tensor_name)
    j = np.arange((count + 3) // 4, dtype=np.uint64)
    counter = (j & LOW32, j >> np.uint64(32), s & 0xFFFFFFFF, s >> 32)
    columns = philox4x32_10(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return np.stack(columns, axis=1).reshape(-1)[:count]


def kept(seed, model_key, tensor_name, count, probability):
    """Bernoulli mask: which elements a random trim keeps, by one probability or by one for each element."""
    limits = np.minimum(np.uint64(2**32), (np.asarray(probability, np.float64) * 2**32).astype(np.uint64))
    return words(seed, model_key, tensor_name, count).astype(np.uint64) < limits
