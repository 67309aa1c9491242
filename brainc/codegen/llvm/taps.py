"""Which source position does each tap of a window read, and which columns of a row can be written as one loop?"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Literal


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an image under a window: lengths and where the taps fall.

    Forward, result position p reads source position `p·stride − pad + tap·dilation`; backward, the source position q
    with `p = q·stride − pad + tap·dilation`. A tap beyond the source, or between its positions, reads nothing.
    """

    source: int
    result: int
    taps: int
    stride: int
    pad: int
    dilation: int
    direction: Literal["forward", "backward"]

    def place(self, position: int, tap: int) -> int | None:
        """The source position that the tap reads for this result position."""
        if self.direction == "forward":
            place = position * self.stride - self.pad + tap * self.dilation
        else:
            place, between = divmod(position + self.pad - tap * self.dilation, self.stride)
            if between:
                return None
        return place if 0 <= place < self.source else None


@dataclass(frozen=True, slots=True)
class ColumnTile:
    """`width` neighbouring result columns from `first` on.

    `reads[tap][t]` says which source column tap and result column `first + t` meet at, counted from `base`.
    """

    first: int
    width: int
    base: int
    reads: tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True, slots=True)
class ColumnRun:
    """Tiles that read alike: round `j < rounds` is `tiles` moved by `j·result_step` and `j·source_step` columns."""

    tiles: tuple[ColumnTile, ...]
    rounds: int
    result_step: int
    source_step: int


def column_tiles(axis: Axis, width: int) -> list[ColumnTile]:
    """The row cut into tiles of this width and a narrower last one."""
    tiles = []
    for first in range(0, axis.result, width):
        columns = range(first, min(first + width, axis.result))
        places = [[axis.place(column, tap) for column in columns] for tap in range(axis.taps)]
        # Counted from a column that is read, so that no address lies outside of the image.
        base = min((place for across in places for place in across if place is not None), default=0)
        reads = tuple(tuple(None if place is None else place - base for place in across) for across in places)
        tiles.append(ColumnTile(first, len(columns), base, reads))
    return tiles


def column_runs(axis: Axis, width: int) -> list[ColumnRun]:
    """The tiles of a row as few runs: borders stand alone, the inside is one loop."""
    tiles = column_tiles(axis, width)
    period = axis.stride // gcd(axis.stride, width) if axis.direction == "backward" else 1
    runs: list[ColumnRun] = []
    place = 0
    while place < len(tiles):
        rounds = _rounds(tiles[place:], period)
        size = period if rounds > 1 else 1
        step = tiles[place + size].base - tiles[place].base if rounds > 1 else 0
        runs.append(ColumnRun(tuple(tiles[place : place + size]), rounds, size * width, step))
        place += size * rounds
    return runs


def _rounds(tiles: list[ColumnTile], period: int) -> int:
    """How often the first `period` tiles come again, at equal distances."""

    def alike(a: ColumnTile, b: ColumnTile) -> bool:
        return a.width == b.width and a.reads == b.reads

    rounds = 1
    while period * (rounds + 1) <= len(tiles):
        step = tiles[period].base - tiles[0].base
        pairs = [(tiles[k], tiles[rounds * period + k]) for k in range(period)]
        if not all(alike(a, b) and b.base - a.base == rounds * step for a, b in pairs):
            break
        rounds += 1
    return rounds


def row_taps(axis: Axis) -> tuple[list[int], list[int], list[int]]:
    """The taps that read something, row by row: where each row's begin (one more than rows), taps, source rows."""
    begins, taps, sources = [0], [], []
    for position in range(axis.result):
        for tap in range(axis.taps):
            place = axis.place(position, tap)
            if place is not None:
                taps.append(tap)
                sources.append(place)
        begins.append(len(taps))
    return begins, taps, sources


def rows_of_taps(axis: Axis) -> tuple[list[int], list[int]]:
    """For each tap of a forward axis the result rows `[begin, end)` at which it reads something."""
    begins, ends = [], []
    for tap in range(axis.taps):
        rows = [row for row in range(axis.result) if axis.place(row, tap) is not None]
        begins.append(rows[0] if rows else 0)
        ends.append(rows[-1] + 1 if rows else 0)
    return begins, ends
