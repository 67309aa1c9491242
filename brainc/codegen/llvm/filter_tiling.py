"""Which tile of a filter gradient fits the registers, and which filters and channels does a unit of work have?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import sqrt

from brainc.codegen.llvm.registers import RegisterFile, parts_of
from brainc.codegen.llvm.taps import Axis
from brainc.codegen.llvm.writer import LANES, VECTOR_BYTES

WAITING_SUMS = 768
"""Sums of a unit that may wait in scratch, in vectors: 48 KB."""

CHUNK_BYTES = 20 * 1024
"""Gradient rows that a tile meets before the next row of taps; they stay in the first-level cache."""

UNITS_WANTED = 16
"""So many units let threads share the work evenly; units are made smaller where there are fewer."""


@dataclass(frozen=True, slots=True)
class FilterGradient:
    """`dw[g·filters + k, c, r, s] = Σ dy[b, g·filters + k, p, q] · x[b, g·channels + c, row(p, r), column(q, s)]`."""

    samples: int
    groups: int
    filters: int
    channels: int
    rows: Axis
    columns: Axis

    @property
    def blocks(self) -> int:
        """Blocks of sixteen samples."""
        return -(-self.samples // LANES)


@dataclass(frozen=True, slots=True)
class FilterTiling:
    """Sizes of a tile of sums, of a unit of work, and of the steps along rows and columns."""

    filters: int
    channels: int
    taps: int
    columns: int
    unit_filters: int
    unit_channels: int
    unit_rows: int
    chunk_rows: int

    def waiting(self, gradient: FilterGradient) -> int:
        """Sums of one filter that wait in scratch: a multiple of sixteen, since lanes are added sixteen at a time."""
        return LANES * -(-self.unit_channels * self.unit_rows * gradient.columns.taps // LANES)


def choose_filter_tiling(gradient: FilterGradient, registers: RegisterFile) -> FilterTiling:
    """The tile with the least estimated time for one column and row of taps, over all filters and channels."""
    filters, channels, taps = min(
        _tiles(gradient, registers.vectors), key=lambda size: _cost(gradient, registers.sums_in_flight, *size)
    )
    row_bytes = filters * gradient.columns.result * VECTOR_BYTES
    chunk_rows = max(1, min(gradient.rows.result, CHUNK_BYTES // row_bytes))
    columns = max(step for step in (1, 2, 3, 4) if step == 1 or step * filters * channels * taps <= 100)
    unit_filters, unit_channels, unit_rows = _unit(gradient, filters, channels)
    columns = min(columns, gradient.columns.result)
    return FilterTiling(filters, channels, taps, columns, unit_filters, unit_channels, unit_rows, chunk_rows)


def _tiles(gradient: FilterGradient, vectors: int) -> Iterator[tuple[int, int, int]]:
    all_taps = gradient.rows.taps * gradient.columns.taps
    parts = {-(-gradient.columns.taps // parts) for parts in range(1, gradient.columns.taps + 1)}
    for taps, channels, filters in product(sorted(parts), range(1, 9), range(1, 9)):
        sums, window = filters * channels * taps, channels * taps
        # Only a tile of one channel can be cut between the rows of taps, where scratch does not hold all of them.
        waiting = LANES * -(-(gradient.columns.taps if channels == 1 else channels * all_taps) // LANES)
        inside = channels <= gradient.channels and filters <= gradient.filters
        fits = sums + window + 1 <= vectors and filters * waiting <= WAITING_SUMS
        if inside and (fits or sums == 1):
            yield filters, channels, taps


def _cost(gradient: FilterGradient, in_flight: int, filters: int, channels: int, taps: int) -> float:
    """Cycles for one column and row of taps, at one multiply-add and at most one vector load a cycle."""
    step = gradient.columns.stride
    cycles = 0.0
    for height, tall in parts_of(gradient.filters, filters):
        for width, wide in parts_of(gradient.channels, channels):
            for along, times in parts_of(gradient.columns.taps, taps):
                sums, loads = height * width * along, height + width * min(along, step)
                cycles += tall * wide * times * (max(sums, loads, in_flight) + 0.3 * loads + 0.5)
    return cycles


def _unit(gradient: FilterGradient, filters: int, channels: int) -> tuple[int, int, int]:
    """Filters, channels and rows of taps of a unit: only a unit of one channel may have less than all rows of taps.

    A unit reads its channels of the images and its filters' gradients once, from far away; a shape that balances the
    two is read least in all.
    """
    taps = gradient.rows.taps * gradient.columns.taps
    most = WAITING_SUMS // filters // LANES * LANES
    if channels * taps > most:
        return filters, 1, max(1, most // gradient.columns.taps)
    pairs = WAITING_SUMS // (LANES * -(-channels * taps // LANES)) * channels
    image = gradient.rows.source * gradient.columns.source
    slope = gradient.rows.result * gradient.columns.result
    filter_tiles = max(1, min(round(sqrt(pairs * image / slope) / filters), -(-gradient.filters // filters)))
    while filter_tiles > 1 and not _fitting_channels(gradient, filter_tiles * filters, channels):
        filter_tiles -= 1
    channel_tiles = _fitting_channels(gradient, filter_tiles * filters, channels)

    def units() -> int:
        wide = -(-gradient.channels // (channel_tiles * channels))
        return gradient.groups * -(-gradient.filters // (filter_tiles * filters)) * wide

    while units() < UNITS_WANTED and filter_tiles * channel_tiles > 1:
        if filter_tiles > channel_tiles:
            filter_tiles = -(-filter_tiles // 2)
        else:
            channel_tiles = -(-channel_tiles // 2)
    unit_rows = gradient.rows.taps
    while (
        channel_tiles * channels == 1 and units() * -(-gradient.rows.taps // unit_rows) < UNITS_WANTED and unit_rows > 1
    ):
        unit_rows = -(-unit_rows // 2)
    return filter_tiles * filters, channel_tiles * channels, unit_rows


def _fitting_channels(gradient: FilterGradient, filters: int, channels: int) -> int:
    """How many tiles of channels fit the scratch beside so many filters."""
    most = WAITING_SUMS // filters // LANES * LANES
    taps = gradient.rows.taps * gradient.columns.taps
    return min(most // (channels * taps), -(-gradient.channels // channels))


def filter_gradient_extent(gradient: FilterGradient, tiling: FilterTiling) -> int:
    """How many units of work there are."""
    return (
        gradient.groups * filter_units(gradient, tiling) * channel_units(gradient, tiling) * row_units(gradient, tiling)
    )


def filter_units(gradient: FilterGradient, tiling: FilterTiling) -> int:
    """How many units lie side by side along the filters."""
    return -(-gradient.filters // tiling.unit_filters)


def channel_units(gradient: FilterGradient, tiling: FilterTiling) -> int:
    """How many units lie side by side along the channels."""
    return -(-gradient.channels // tiling.unit_channels)


def row_units(gradient: FilterGradient, tiling: FilterTiling) -> int:
    """How many units lie side by side along the rows of taps."""
    return -(-gradient.rows.taps // tiling.unit_rows)
