"""Which units share a core? Each layer is cut into tiles: a patch of places, a group, and some of its channels.

A tile's units see at most 256 axons (two for a spike that excites some units and inhibits others) and take at most 256
neurons. Layers are cut from the last to the first, as only then is it known how many axons each unit's spikes must
reach: every one takes a neuron, in the tile's own core or in a splitter's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.ir.spiking import Read, SpikingGraph, Units
from brainlang.diagnostics import Report
from brainrun.truenorth.limits import AXONS, NEURONS

Indices: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tile:
    """Units of one layer: `rows` and `columns` of places, a group, and `channels` counted within the group."""

    layer: str
    group: int
    rows: range
    columns: range
    channels: range


@dataclass(frozen=True, slots=True)
class Cut:
    """How large the tiles of a layer are."""

    rows: int
    columns: int
    channels: int


def tiles_of(layer: Units, cut: Cut) -> Iterator[Tile]:
    """The tiles of a layer, groups first, then patches in reading order, then channels."""
    channels, height, width = layer.shape
    per_group = channels // layer.window.groups
    for group in range(layer.window.groups):
        for rows in _ranges(height, cut.rows):
            for columns in _ranges(width, cut.columns):
                for some in _ranges(per_group, cut.channels):
                    yield Tile(layer.name, group, rows, columns, some)


def inputs_of(layer: Units, tile: Tile) -> Indices:
    """`[spikes]`: what a tile sees, as places in the layer's inputs one after the other; increasing."""
    per_group = layer.taps[0]
    rows = _seen(tile.rows, layer, 0)
    columns = _seen(tile.columns, layer, 1)
    channels = np.arange(tile.group * per_group, (tile.group + 1) * per_group)
    _, height, width = layer.seen
    places = (channels[:, None, None] * height + rows[None, :, None]) * width + columns[None, None, :]
    return places.reshape(-1)


def outputs_of(layer: Units, tile: Tile) -> Indices:
    """`[units]`: the tile's units, as places in the layer."""
    channels, height, width = layer.shape
    first = tile.group * (channels // layer.window.groups)
    own = first + np.array(tile.channels)
    rows, columns = np.array(tile.rows), np.array(tile.columns)
    places = (own[:, None, None] * height + rows[None, :, None]) * width + columns[None, None, :]
    found: Indices = places.reshape(-1)
    return found


def synapses_of(layer: Units, tile: Tile) -> NDArray[np.int8]:
    """`[spikes, units]`: the tile's weights, in the order of `inputs_of` and `outputs_of`."""
    window, per_group = layer.window, layer.taps[0]
    rows, columns = _seen(tile.rows, layer, 0), _seen(tile.columns, layer, 1)
    first = tile.group * (layer.shape[0] // window.groups)
    weights = layer.weights[first + tile.channels.start : first + tile.channels.stop]
    shape = (per_group, len(rows), len(columns), len(tile.channels), len(tile.rows), len(tile.columns))
    found = np.zeros(shape, np.int8)
    row_at = {int(row): n for n, row in enumerate(rows)}
    column_at = {int(column): n for n, column in enumerate(columns)}
    for n, p in enumerate(tile.rows):
        for m, q in enumerate(tile.columns):
            for r in range(window.kernel[0]):
                row = row_at.get(p * window.stride[0] + r * window.dilation[0] - window.pad[0])
                for s in range(window.kernel[1]):
                    column = column_at.get(q * window.stride[1] + s * window.dilation[1] - window.pad[1])
                    if row is not None and column is not None:
                        found[:, row, column, :, n, m] = weights[:, :, r, s].T
    return found.reshape(per_group * len(rows) * len(columns), -1)


def axons_of(synapses: NDArray[np.int8]) -> tuple[Indices, Indices]:
    """Which of a tile's spikes need an axon that excites, and which one that inhibits."""
    return np.flatnonzero((synapses > 0).any(axis=1)), np.flatnonzero((synapses < 0).any(axis=1))


def _seen(places: range, layer: Units, axis: int) -> Indices:
    """The rows (or columns) of the image that windows at these places reach, without the padding."""
    window, length = layer.window, layer.seen[axis + 1]
    starts = np.array(places)[:, None] * window.stride[axis] - window.pad[axis]
    reached = np.unique(starts + np.arange(window.kernel[axis]) * window.dilation[axis])
    return reached[(reached >= 0) & (reached < length)]


def _ranges(length: int, size: int) -> Iterator[range]:
    """As few ranges as possible of at most this size, which differ by at most one."""
    count = ceil(length / size)
    for part in range(count):
        yield range(part * length // count, (part + 1) * length // count)


# ---- the choice ------------------------------------------------------------------------------------------------------


def cut_layers(graph: SpikingGraph) -> tuple[dict[str, tuple[Tile, ...]], dict[str, Indices]]:
    """The tiles of every layer, and how many axons and output pins each spike of an encoder or layer must reach.

    BrainError: a layer whose units see more than a core offers.
    """
    report = Report()
    for layer in graph.layers:
        fitting = AXONS // _axons_a_spike(layer)
        if layer.fan_in > fitting:
            parts = -(-layer.fan_in // fitting)
            signed = " signed" if _axons_a_spike(layer) == 2 else ""
            report.add(
                layer.origin.span,
                f"units of {layer.name} see {layer.fan_in} spikes, and a core offers {fitting}{signed} ones",
                f"use conv with groups={parts} or more, or a smaller kernel",
            )
    report.settle()
    encoders = {encoder.name for encoder in graph.encoders}
    shapes = graph.shapes()
    needs = {name: np.zeros(prod(shape), np.int64) for name, shape in shapes.items()}
    needs[graph.decoder.layer] += 1
    tiles: dict[str, tuple[Tile, ...]] = {}
    for layer in reversed(graph.layers):
        hosted = all(name in encoders for name in layer.inputs)
        cut = _best_cut(layer, float(needs[layer.name].mean()), hosted)
        tiles[layer.name] = tuple(tiles_of(layer, cut))
        _count(layer, tiles[layer.name], graph.reads(layer), needs)
    return tiles, needs


def _axons_a_spike(layer: Units) -> int:
    weights = layer.weights
    return 2 if (weights < 0).any() and (weights > 0).any() else 1


def _best_cut(layer: Units, copies: float, hosted: bool) -> Cut:
    """The tiles that take the fewest cores: their own, their splitters', and what they ask of the layer before."""
    channels, height, width = layer.shape
    per_group = channels // layer.window.groups
    axons_a_spike = _axons_a_spike(layer)
    best, least = Cut(1, 1, 1), float("inf")
    tall = {rows: _most_seen(layer, 0, rows) for rows in _sizes(height)}
    broad = {columns: _most_seen(layer, 1, columns) for columns in _sizes(width)}
    for rows in tall:
        for columns in broad:
            inputs = tall[rows] * broad[columns]
            axons = inputs * layer.taps[0] * axons_a_spike
            if axons > AXONS or rows * columns > NEURONS:
                break
            patches = ceil(height / rows) * ceil(width / columns) * layer.window.groups
            for some in _sizes(per_group):
                units = rows * columns * some
                if units > NEURONS:
                    break
                tiles = patches * ceil(per_group / some)
                split = max(0.0, units * copies - NEURONS) if copies > 1 else 0.0
                asked = 0.0 if hosted else axons / NEURONS
                cost = tiles * (1 + split / NEURONS + asked)
                if cost < least:
                    best, least = Cut(rows, columns, some), cost
    return best


def _sizes(length: int) -> list[int]:
    """The sizes that make a difference: the largest part for each number of parts."""
    return sorted({ceil(length / parts) for parts in range(1, length + 1)})


def _most_seen(layer: Units, axis: int, size: int) -> int:
    """How many rows (or columns) of the image the tile of this size that sees most sees."""
    return max(len(_seen(places, layer, axis)) for places in _ranges(layer.shape[axis + 1], size))


def _count(layer: Units, tiles: tuple[Tile, ...], reads: tuple[Read, ...], needs: Mapping[str, Indices]) -> None:
    """Add, for each spike that the layer reads, the axons that it must reach."""
    total = np.zeros(prod(layer.seen), np.int64)
    for tile in tiles:
        seen, synapses = inputs_of(layer, tile), synapses_of(layer, tile)
        for needed in axons_of(synapses):
            total[seen[needed]] += 1
    begin = 0
    for read in reads:
        end = begin + read.end - read.begin
        needs[read.source][read.begin : read.end] += total[begin:end]
        begin = end
