"""Where does each pixel of a changed image come from? Places between the pixels of the image as it was.

A map is two arrays [n, height, width]: the row and the column of image n that its pixel takes its value from. Draws are
numbers from −1 to 1, so that zeros change nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainrun.plan.schema import RandomAffine, RandomElastic

Real = NDArray[np.float32]


def affine(warp: RandomAffine, draws: Real, height: int, width: int) -> tuple[Real, Real]:
    """The map that turns, shears, resizes (in this order), and moves images about their middles.

    draws[n, 5]: for the angle, the moves down and right, the factor, and the shear.
    """
    turn, down, right, factor, shear = draws.T.astype(np.float64)
    angle, slant = np.radians(turn * warp.rotate), np.tan(np.radians(shear * warp.shear))
    scale = 1.0 + factor * warp.scale
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    row = np.arange(height) - middle[0] - (down * warp.shift)[:, None]
    column = np.arange(width) - middle[1] - (right * warp.shift)[:, None]
    # Backwards: where it was before it was moved and resized, then before it was sheared, then before it was turned.
    row, column = row / scale[:, None], column / scale[:, None]
    sine, cosine = np.sin(angle), np.cos(angle)
    rows = _sum(middle[0] + (cosine - sine * slant)[:, None] * row, sine[:, None] * column)
    columns = _sum(middle[1] - (sine + cosine * slant)[:, None] * row, cosine[:, None] * column)
    return rows, columns


def _sum(down: NDArray[np.float64], right: NDArray[np.float64]) -> Real:
    """[n, height] and [n, width] as [n, height, width]."""
    return down.astype(np.float32)[:, :, None] + right.astype(np.float32)[:, None, :]


def elastic(warp: RandomElastic, draws: Real, height: int, width: int) -> tuple[Real, Real]:
    """The map that moves each point of a grid by its own way, draws[n, 2 · grid²], and all between them smoothly."""
    moves = np.float32(warp.shift) * draws.reshape(-1, 2, warp.grid, warp.grid)
    down, right = _spread(height, warp.grid), _spread(width, warp.grid)
    still = np.broadcast_arrays(np.arange(height)[:, None], np.arange(width)[None, :])
    maps: Real = (down @ moves @ right.T + still).astype(np.float32)
    return maps[:, 0], maps[:, 1]


def _spread(length: int, grid: int) -> Real:
    """What each of `length` pixels takes from each of `grid` points: uniform cubic B-splines, so all is positive, sums
    to 1, and bends smoothly. The first and last points stand on the first and last pixels, and beyond them repeat."""
    place = np.linspace(0.0, grid - 1.0, length)
    cell = np.minimum(place.astype(np.int64), max(grid - 2, 0))
    t = place - cell
    shares = np.stack(((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)) / 6.0
    spread = np.zeros((length, grid))
    for step, share in enumerate(shares):
        np.add.at(spread, (np.arange(length), np.clip(cell + step - 1, 0, grid - 1)), share)
    return spread.astype(np.float32)


def resampled(images: Real, rows: Real, columns: Real) -> Real:
    """images[n, planes, height, width] with each pixel read from its place, between the four pixels around it.

    Outside the image is zero, to which the outermost pixels fade within one pixel's width.
    """
    count, planes, height, width = images.shape
    above, line = 1, width + 3  # One row above and two below, so that what is outside may stand anywhere up to them.
    padded = np.zeros((count, planes, height + 3, line), np.float32)
    padded[:, :, above:-2, above:-2] = images
    rows, columns = np.clip(rows + above, 0.0, height + 1.0), np.clip(columns + above, 0.0, width + 1.0)
    top, left = np.floor(rows), np.floor(columns)
    below, beside = (rows - top)[:, None], (columns - left)[:, None]
    starts = (height + 3) * line * np.arange(count * planes).reshape(count, planes, 1, 1)
    corner = (top.astype(np.intp) * line + left.astype(np.intp))[:, None] + starts
    pixels = padded.reshape(-1)

    def at(step: int) -> Real:
        found: Real = pixels[step:].take(corner)
        return found

    upper, lower = (_between(at(step), at(step + 1), beside) for step in (0, line))
    return _between(upper, lower, below)


def _between(first: Real, second: Real, share: Real) -> Real:
    """`first + (second − first) · share`, made in the place of `second`."""
    second -= first
    second *= share
    second += first
    return second
