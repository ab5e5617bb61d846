"""Tensors filled by a formula: the twin, bit for bit, of `marque_testkit::formula`.

Element i of the tensor called `name` depends on nothing but `name` and i: FNV-1a-64 of the name starts a
splitmix64 stream, whose i-th number is cut to 25 bits and scaled to float32. Neither side stores a weight.
"""

import numpy as np

_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_GRID = 5
SMOOTH_AMPLITUDE = 1.5


def fnv1a_64(text: str) -> int:
    """The 64-bit FNV-1a hash of the UTF-8 bytes of `text`."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def _splitmix64(key: int, count: int) -> np.ndarray:
    mixed = np.uint64(key) + np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN_GAMMA
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def symmetric(name: str, shape) -> np.ndarray:
    """float32 numbers of [-1, 1), multiples of 2^-24."""
    with np.errstate(over="ignore"):
        bits = _splitmix64(fnv1a_64(name), int(np.prod(shape, dtype=np.int64)))
    steps = (bits >> np.uint64(39)).astype(np.int64) - 2**24
    return (steps.astype(np.float32) * np.float32(2.0**-24)).reshape(shape)


def uniform(name: str, shape, centre: float, half_width: float) -> np.ndarray:
    """float32 numbers of [centre - half_width, centre + half_width)."""
    return np.float32(centre) + np.float32(half_width) * symmetric(name, shape)


def parameter(name: str, shape) -> np.ndarray:
    """The value of a network's parameter or statistic, by its name and rank (see the Rust twin for the table)."""
    if len(shape) >= 2:
        fan_in = int(np.prod(shape[1:], dtype=np.int64))
        return uniform(name, shape, 0.0, np.sqrt(6.0 / fan_in))
    role = name.rsplit(".", 1)[-1]
    if role in ("weight", "running_var"):
        return uniform(name, shape, 1.0, 0.5)
    return uniform(name, shape, 0.0, 0.1)


def _interpolation(size: int):
    positions = np.arange(size, dtype=np.float64) * float(_GRID - 1) / float(max(size - 1, 1))
    lower = np.minimum(positions.astype(np.int64), _GRID - 2)
    return lower, positions - lower


def images(shape, salt: str) -> np.ndarray:
    """Normalised images, N×C×H×W float32: a smooth part and noise whose strength differs from image to image."""
    count, channels, height, width = shape
    grid = symmetric(f"{salt}/grid", (count, channels, _GRID, _GRID)).astype(np.float64)
    noise = symmetric(f"{salt}/noise", shape).astype(np.float64)
    strength = uniform(f"{salt}/strength", (count,), 0.6, 0.5).astype(np.float64)
    rows, down = _interpolation(height)
    columns, across = _interpolation(width)
    down = down[:, None]
    corner = lambda row, column: grid[:, :, rows[:, None] + row, columns[None, :] + column]
    upper = (1.0 - across) * corner(0, 0) + across * corner(0, 1)
    lower = (1.0 - across) * corner(1, 0) + across * corner(1, 1)
    smooth = (1.0 - down) * upper + down * lower
    return (SMOOTH_AMPLITUDE * smooth + strength[:, None, None, None] * noise).astype(np.float32)


def sample(values, count: int = 64) -> np.ndarray:
    """What golden files keep of a large tensor: `count` values from all over it, or all if there are no more."""
    flat = np.asarray(values).reshape(-1)
    if flat.size <= count:
        return flat
    with np.errstate(over="ignore"):
        places = _splitmix64(fnv1a_64("sample"), count) % np.uint64(flat.size)
    return flat[places.astype(np.int64)]
