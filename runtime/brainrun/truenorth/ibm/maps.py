"""Where do a model's connectors lead? What IBM's map files, `*_inpMap.bin` and `*_outMap.bin`, say of their pins.

A file holds one connector after the other, numbers with their least byte first:

    int32      number of the connector, counted over the whole model
    int32      0: spikes come in by it, 1: they go out by it
    int32      pins
    int32 × 3  pins, 1, 1: the shape, which the toolchain leaves flat
    int32      length of the name, in units of UTF-16
    …          the name, UTF-16
    int32 × pins   the core of each pin
    uint16 × pins  the axon that a pin leads to, or the neuron whose spikes come to it
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.truenorth.graph import (
    FIRST_OUTPUT,
    NOWHERE,
    Core,
    CoreGraph,
    InputPort,
    OutputPort,
    output_target,
)
from brainrun.truenorth.ibm.spikes import contents
from brainrun.truenorth.limits import NEURONS

Direction: TypeAlias = Literal["in", "out"]

_HEADER = struct.Struct("<7i")
_PIN_BYTES = 6


@dataclass(frozen=True, slots=True)
class Connector:
    """A row of pins: `cores[p]` and `places[p]`, an axon or a neuron, belong to pin p."""

    name: str
    cores: tuple[int, ...]
    places: tuple[int, ...]
    origin: str
    """The file and the byte that it starts at."""


def read_map(path: Path, direction: Direction) -> tuple[Connector, ...]:
    """The connectors of a map file; DataError where it is broken or of the other direction."""
    content = contents(path)
    found = []
    at = 0
    while at < len(content):
        origin = f"{path}, connector at byte {at}"
        connector, at = _connector(content, at, origin, direction)
        found.append(connector)
    if not found:
        raise DataError("is empty, and so has no connectors", where=str(path))
    return tuple(found)


def _connector(content: bytes, at: int, origin: str, direction: Direction) -> tuple[Connector, int]:
    if len(content) - at < _HEADER.size:
        raise DataError(f"ends within the {_HEADER.size} bytes of a header", where=origin)
    _, way, pins, *shape, length = _HEADER.unpack_from(content, at)
    at += _HEADER.size
    if way not in (0, 1) or pins < 1 or shape != [pins, 1, 1] or length < 0:
        words = ", ".join(map(str, (way, pins, *shape, length)))
        raise DataError(f"has a header ({words}) that is not 0 or 1, pins, pins, 1, 1, length", where=origin)
    if (way == 0) != (direction == "in"):
        other = "input" if way == 0 else "output"
        raise DataError(f"is one of {other}", where=origin, remedy="the input and output map may be exchanged")
    end = at + 2 * length + _PIN_BYTES * pins
    if end > len(content):
        raise DataError(f"has {pins} pins and a name of {length}, but the file ends before them", where=origin)
    try:
        name = content[at : at + 2 * length].decode("utf-16-le")
    except UnicodeDecodeError:
        raise DataError("has a name that is not UTF-16", where=origin) from None
    at += 2 * length
    cores = np.frombuffer(content, "<i4", pins, at)
    places = np.frombuffer(content, "<u2", pins, at + 4 * pins)
    return Connector(name, tuple(cores.tolist()), tuple(places.tolist()), origin), end


def with_inputs(graph: CoreGraph, connectors: Sequence[Connector]) -> CoreGraph:
    """The graph with the connectors as its input ports; DataError where one leads to an axon that is not there."""
    for connector in connectors:
        _require_places(connector, graph, "axon")
    return replace(graph, inputs=tuple(InputPort(each.name, each.cores, each.places) for each in connectors))


def with_outputs(graph: CoreGraph, connectors: Sequence[Connector]) -> CoreGraph:
    """The graph with the connectors as its output ports, their pins one after the other; the only ones that there are.

    What a neuron sends outside without a pin goes nowhere. DataError where a pin's neuron is not there, sends its
    spikes to a core, or has another pin.
    """
    ports = []
    pins = np.full((len(graph.cores), NEURONS), -1, np.int64)
    first = 0
    for connector in connectors:
        _require_places(connector, graph, "neuron")
        for pin, (core, neuron) in enumerate(zip(connector.cores, connector.places, strict=True)):
            if pins[core, neuron] >= 0:
                raise _fault(connector, pin, f"comes from neuron {neuron} of core {core}, as an earlier pin does")
            pins[core, neuron] = first + pin
            target = int(graph.cores[core].target_cores[neuron])
            if target >= 0:
                what = f"comes from neuron {neuron} of core {core}, which sends its spikes to core {target}"
                raise _fault(connector, pin, what)
        ports.append(OutputPort(connector.name, tuple(range(first, first + len(connector.cores)))))
        first += len(connector.cores)
    cores = tuple(_with_pins(core, of_core) for core, of_core in zip(graph.cores, pins, strict=True))
    return replace(graph, cores=cores, outputs=tuple(ports))


def _with_pins(core: Core, pins: NDArray[np.int64]) -> Core:
    leaves = core.target_cores <= FIRST_OUTPUT
    if not leaves.any():
        return core
    targets = np.where(leaves, NOWHERE, core.target_cores).astype(np.int32)
    axons = np.where(leaves, 0, core.target_axons).astype(np.uint16)
    for neuron in np.flatnonzero(leaves & (pins >= 0)):
        targets[neuron], axons[neuron] = output_target(int(pins[neuron]))
    return replace(core, target_cores_bytes=targets.tobytes(), target_axons_bytes=axons.tobytes())


def _require_places(connector: Connector, graph: CoreGraph, word: str) -> None:
    for pin, (core, place) in enumerate(zip(connector.cores, connector.places, strict=True)):
        if not 0 <= core < len(graph.cores):
            what = f"belongs to core {core}, and the model has cores 0 … {len(graph.cores) - 1}"
            raise _fault(connector, pin, what, remedy="the map may be that of another model")
        if place >= NEURONS:
            raise _fault(connector, pin, f"belongs to {word} {place}, not in 0 … {NEURONS - 1}")


def _fault(connector: Connector, pin: int, what: str, *, remedy: str = "") -> DataError:
    return DataError(what, where=f"{connector.origin}, pin {pin} of '{connector.name}'", remedy=remedy)
