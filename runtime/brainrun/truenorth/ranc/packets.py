"""When do RANC's packets arrive? In the tick whose list they stand in, or so many later; at the bus, in its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.truenorth.graph import FIRST_OUTPUT
from brainrun.truenorth.ranc.files import PacketEntry, fault
from brainrun.truenorth.ranc.network import Grid, unreachable, untimely
from brainrun.truenorth.ranc.rows import Marks
from brainrun.truenorth.simulate import Arrivals


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """What comes from outside: to the axons of cores, and to the bus at once."""

    arrivals: Arrivals
    marks: Marks


def input_of(packets: list[list[PacketEntry]], grid: Grid, ticks: int) -> Input:
    """The packets of the first `ticks` ticks, as RANC reads no more; DataError where one has no place to go."""
    read = packets[:ticks]
    entries = [packet for of_tick in read for packet in of_tick]

    def whole(value: Callable[[PacketEntry], int]) -> NDArray[np.int64]:
        return np.array([value(packet) for packet in entries], np.int64)

    counts = [len(of_tick) for of_tick in read]
    given = np.repeat(np.arange(len(read)), counts)
    places = np.concatenate([np.arange(count) for count in [*counts, 0]])

    def wrong(n: int, name: str, what: str, remedy: str) -> DataError:
        return fault(grid.path, f"packets[{given[n]}][{places[n]}].{name}", what, remedy)

    x, y = whole(lambda packet: packet.destination_core[0]), whole(lambda packet: packet.destination_core[1])
    for n in np.flatnonzero(grid.outside(x, y))[:1]:
        raise wrong(
            int(n), "destination_core", f"({x[n]}, {y[n]}) is not on {grid.size}", "correct it, or leave the packet out"
        )
    cores = grid.targets(x, y)
    leaves = cores == FIRST_OUTPUT
    axons, offsets = whole(lambda packet: packet.destination_axon), whole(lambda packet: packet.destination_tick)
    for n, what, remedy in unreachable(grid, leaves, axons):
        raise wrong(n, "destination_axon", what, remedy)
    for n, what, remedy in untimely(grid, leaves, offsets):
        raise wrong(n, "destination_tick", what, remedy)
    arrive = (cores >= 0) & ~grid.lost(offsets)
    when = (given + offsets)[arrive]
    order = np.argsort(when, kind="stable")
    return Input(
        Arrivals(when[order], cores[arrive][order], axons[arrive][order].astype(np.int32)),
        Marks(given[leaves], axons[leaves]),
    )
