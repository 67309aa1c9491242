"""What do pooling and its gradient mean? Window after window, tap after tap in row order, in float64 NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def pool(
    x: Array, kind: Literal["max", "mean"], size: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...]
) -> Array:
    """The largest or the mean value of each window of x[b, c, …]; padding never wins, and counts as zeros."""
    padded = _padded(x, pad, -np.inf if kind == "max" else 0.0)
    taps = np.stack([padded[place] for place in _taps(padded.shape, size, stride)])
    return np.asarray(taps.max(0) if kind == "max" else taps.sum(0) / prod(size))


def pool_gradient(
    x: Array,
    gradient: Array,
    kind: Literal["max", "mean"],
    size: tuple[int, ...],
    stride: tuple[int, ...],
    pad: tuple[int, ...],
) -> Array:
    """The gradient by x[b, c, …]: a window's goes to its first largest element, or in equal parts to all of it."""
    padded = _padded(x, pad, -np.inf)
    largest = pool(x, "max", size, stride, pad)
    found = np.zeros(largest.shape, bool)
    total = np.zeros(padded.shape)
    for place in _taps(padded.shape, size, stride):
        if kind == "max":
            chosen = (padded[place] == largest) & ~found
            found |= chosen
            total[place] += np.where(chosen, gradient, 0.0)
        else:
            total[place] += gradient / prod(size)
    inner = tuple(slice(p, p + n) for p, n in zip(pad, x.shape[2:], strict=True))
    return total[:, :, *inner]


def _padded(x: Array, pad: tuple[int, ...], fill: float) -> Array:
    return np.pad(np.asarray(x, np.float64), ((0, 0), (0, 0), *((p, p) for p in pad)), constant_values=fill)


def _taps(shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """For each place in a window, in row order, the elements of the padded tensor that all windows have there."""
    windows = [(length - n) // step + 1 for length, n, step in zip(shape[2:], size, stride, strict=True)]
    for tap in product(*map(range, size)):
        inner = (slice(t, t + (w - 1) * s + 1, s) for t, w, s in zip(tap, windows, stride, strict=True))
        yield (slice(None), slice(None), *inner)
