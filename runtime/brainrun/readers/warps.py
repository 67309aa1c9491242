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

    draws[n, 6]: for the angle, the move down and right, the factor, the shear, and one to spare, so that a Philox block
    is not shared with what another step draws.
    """
    turn, down, right, factor, shear, _ = draws.T[:, :, None, None].astype(np.float64)
    angle, slant = np.radians(turn * warp.rotate), np.tan(np.radians(shear * warp.shear))
    factor = 1.0 + factor * warp.scale
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    row = np.arange(height)[None, :, None] - middle_row - down * warp.shift
    column = np.arange(width)[None, None, :] - middle_column - right * warp.shift
    # Backwards: what the pixel was before it was resized, then before it was sheared, then before it was turned.
    row, column = row / factor, column / factor
    column = column - slant * row
    rows = np.cos(angle) * row + np.sin(angle) * column + middle_row
    columns = -np.sin(angle) * row + np.cos(angle) * column + middle_column
    return rows.astype(np.float32), columns.astype(np.float32)


def elastic(warp: RandomElastic, draws: Real, height: int, width: int) -> tuple[Real, Real]:
    """The map that moves each point of a grid by its own way, draws[n, 2 · grid²], and all between them smoothly."""
    moves = warp.shift * draws.reshape(-1, 2, warp.grid, warp.grid)
    down, right = _spread(height, warp.grid), _spread(width, warp.grid)
    moved = down @ (moves @ right.T)
    rows = np.arange(height, dtype=np.float32)[:, None] + moved[:, 0]
    columns = np.arange(width, dtype=np.float32)[None, :] + moved[:, 1]
    return rows.astype(np.float32), columns.astype(np.float32)


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
    padded = np.zeros((count, planes, height + 2, width + 2), np.float32)
    padded[:, :, 1:-1, 1:-1] = images
    rows, columns = np.clip(rows, -1.0, height) + np.float32(1.0), np.clip(columns, -1.0, width) + np.float32(1.0)
    top, left = np.minimum(rows.astype(np.int64), height), np.minimum(columns.astype(np.int64), width)
    below, beside = (rows - top).astype(np.float32)[:, None], (columns - left).astype(np.float32)[:, None]
    starts = (height + 2) * (width + 2) * np.arange(count * planes).reshape(count, planes, 1, 1)
    corner = starts + (top * (width + 2) + left)[:, None]
    pixels = padded.reshape(-1)

    def at(step: int) -> Real:
        found: Real = pixels.take(corner + step)
        return found

    upper, lower = (_between(at(step), at(step + 1), beside) for step in (0, width + 2))
    return _between(upper, lower, below)


def _between(first: Real, second: Real, share: Real) -> Real:
    return first + (second - first) * share
