"""Batch-norm statistics in one byte per channel: the twin, bit for bit, of `marque_testkit::statistics`.

Fitted statistics belong to a golden case, but DenseNet-201 alone has 57 thousand channels. So that they stay
small, a mean is one of 16 evenly spaced values and a variance one of 16 in geometric progression, between the
least and the largest of its layer. That is coarse and fits well enough: what both sides compute with is the
quantised value, and it is the same float32 on both.
"""

import numpy as np

LEVELS = 16


def quantise(mean, variance):
    """One code per channel (the mean's four bits above the variance's) and the four numbers to decode them."""
    mean, variance = np.asarray(mean, np.float64), np.asarray(variance, np.float64)
    assert variance.min() > 0, "a constant channel has no scale"
    low, smallest = np.float32(mean.min()), np.float32(variance.min())
    step = np.float32((mean.max() - mean.min()) / (LEVELS - 1))
    ratio = np.float32((variance.max() / variance.min()) ** (1 / (LEVELS - 1)))
    places = (mean - low) / step if step > 0 else np.zeros_like(mean)
    exponents = np.log(variance / smallest) / np.log(ratio) if ratio > 1 else np.zeros_like(variance)
    codes = [np.clip(np.rint(values), 0, LEVELS - 1).astype(np.uint8) for values in (places, exponents)]
    return codes[0] * np.uint8(LEVELS) + codes[1], np.array([low, step, smallest, ratio], np.float32)


def dequantise(codes, ranges):
    """Means and variances of one layer, float32; one IEEE operation after the other, as in Rust."""
    low, step, smallest, ratio = np.asarray(ranges, np.float32)
    table = np.full(LEVELS, smallest, np.float32)
    for level in range(1, LEVELS):
        table[level] = table[level - 1] * ratio
    mean = low + (codes // LEVELS).astype(np.float32) * step
    return mean, table[codes % LEVELS]


def pack(layers) -> dict:
    """The tensors of a golden file for the layers' codes and ranges, which lie one after the other."""
    return {
        "statistics/codes": np.concatenate([codes for codes, _ in layers]),
        "statistics/ranges": np.stack([ranges for _, ranges in layers]),
    }


def unpack(golden, channels):
    """The other way: means and variances of layers with so many channels, in the order of `pack`."""
    codes, ranges = golden["statistics/codes"], golden["statistics/ranges"]
    assert len(codes) == sum(channels) and len(ranges) == len(channels)
    ends = np.cumsum(channels)
    return [dequantise(codes[end - count : end], values) for end, count, values in zip(ends, channels, ranges)]
