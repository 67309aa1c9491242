"""Where does each layer stand in a drawing of the graph?

Layers stand in rows by their longest way from an input (Sugiyama, Tagawa and Toda 1981): an edge that skips rows passes
through a bend in each, rows are ordered by the barycentre of what they are joined to, and each stop of a row then goes
as near to that barycentre as its neighbours let it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 8
"""Times that the rows are reordered, downwards and upwards in turn."""
BEND_WIDTH = 0.25
"""The room that a passing edge takes in a row, as a share of a node's."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A node's place: its row from the top, and its middle across, in node widths from the left edge."""

    name: str
    row: int
    across: float


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from one node to another by way of `bends`, one (row, across) for every row between them."""

    source: str
    target: str
    bends: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A layered drawing: `rows` rows, `width` node widths across."""

    spots: tuple[Spot, ...]
    edges: tuple[Edge, ...]
    rows: int
    width: float


@dataclass(frozen=True, slots=True)
class Bend:
    """Where edge number `edge` passes `row`."""

    edge: int
    row: int


Stop = str | Bend


def draw(inputs_of: Mapping[str, Sequence[str]]) -> Drawing:
    """A drawing of an acyclic graph: `inputs_of` names each node's sources, all of which come before it."""
    row_of = rows_from_sources(inputs_of)
    joints = [(source, name) for name, sources in inputs_of.items() for source in dict.fromkeys(sources)]
    ways: list[list[Stop]] = [
        [source, *(Bend(number, row) for row in range(row_of[source] + 1, row_of[target])), target]
        for number, (source, target) in enumerate(joints)
    ]
    rows: list[list[Stop]] = [[] for _ in range(1 + max(row_of.values(), default=-1))]
    for name in sorted(row_of, key=lambda name: not inputs_of[name]):
        rows[row_of[name]].append(name)
    for way in ways:
        for stop in way[1:-1]:
            if isinstance(stop, Bend):
                rows[stop.row].append(stop)
    across = _spread(rows, ways)
    left = min((place - _room(stop) / 2 for stop, place in across.items()), default=0.0)
    right = max((place + _room(stop) / 2 for stop, place in across.items()), default=0.0)
    spots = tuple(Spot(name, row, across[name] - left) for name, row in row_of.items())
    edges = tuple(
        Edge(source, target, tuple((stop.row, across[stop] - left) for stop in way if isinstance(stop, Bend)))
        for (source, target), way in zip(joints, ways, strict=True)
    )
    return Drawing(spots, edges, len(rows), right - left)


def rows_from_sources(inputs_of: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The row of each node: one below its lowest source; a node without sources stands just above its first reader."""
    row_of: dict[str, int] = {}
    for name, sources in inputs_of.items():
        row_of[name] = 1 + max((row_of[source] for source in sources), default=-1)
    for name, sources in inputs_of.items():
        reading = [row_of[reader] for reader, read in inputs_of.items() if name in read]
        if not sources and reading:
            row_of[name] = min(reading) - 1
    return row_of


def _spread(rows: list[list[Stop]], ways: Sequence[Sequence[Stop]]) -> dict[Stop, float]:
    """Orders the rows in place, and gives the place across of every stop."""
    joined: tuple[dict[Stop, list[Stop]], dict[Stop, list[Stop]]] = ({}, {})
    for way in ways:
        for upper, lower in pairwise(way):
            joined[0].setdefault(lower, []).append(upper)
            joined[1].setdefault(upper, []).append(lower)
    across: dict[Stop, float] = {}
    for row in rows:
        _seat(row, dict.fromkeys(row, 0.0), across)
    for sweep in range(SWEEPS):
        neighbours = joined[sweep % 2]
        for row in rows[1:] if sweep % 2 == 0 else rows[-2::-1]:
            pulls = {stop: _middle([across[other] for other in neighbours.get(stop, ())], across[stop]) for stop in row}
            row.sort(key=pulls.__getitem__)
            _seat(row, pulls, across)
    return across


def _seat(row: Sequence[Stop], pulls: Mapping[Stop, float], across: dict[Stop, float]) -> None:
    """Gives a row's stops, in their order, the places without overlap that are nearest to `pulls` in least squares.

    Less the room before each stop, the places must not decrease: that is isotonic regression, and pooling adjacent
    violators solves it.
    """
    before, offsets = 0.0, []
    for stop in row:
        offsets.append(before + _room(stop) / 2)
        before += _room(stop)
    pools: list[tuple[float, int]] = []
    for stop, offset in zip(row, offsets, strict=True):
        place, count = pulls[stop] - offset, 1
        while pools and pools[-1][0] > place:
            other, size = pools.pop()
            place, count = (place * count + other * size) / (count + size), count + size
        pools.append((place, count))
    places = [place for place, count in pools for _ in range(count)]
    across.update((stop, place + offset) for stop, place, offset in zip(row, places, offsets, strict=True))


def _room(stop: Stop) -> float:
    return BEND_WIDTH if isinstance(stop, Bend) else 1.0


def _middle(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise
