"""Which axon, which neuron, which target? Tiles become cores, and spikes that go to many axons get neurons enough.

A unit is a neuron (`neurons.py`); axons of type 0 excite and those of type 1 inhibit.

A neuron's spike goes to one axon only. A unit whose spikes must reach several has as many equal neurons in its core
while there is room; where there is none, one neuron excites an axon of a splitter, whose neurons pass the spike on.
That takes a tick, so all other ways from that layer wait for one: whatever a layer reads arrives in the same tick.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.ir.spiking import SpikingGraph, Units
from brainc.truenorth.neurons import SPLITTER, check_potentials, neurons_of
from brainc.truenorth.tiling import Tile, axons_of, inputs_of, outputs_of, synapses_of
from brainlang.diagnostics import Report
from brainrun.truenorth.graph import (
    NO_NEURON,
    NOWHERE,
    Core,
    CoreGraph,
    InputPort,
    Neuron,
    OutputPort,
    core,
    output_target,
)
from brainrun.truenorth.limits import AXONS, DELAYS, NEURONS

Indices: TypeAlias = NDArray[np.int64]
Target: TypeAlias = tuple[int, int]
"""A core and its axon, or what stands for an output pin."""

EXCITES, INHIBITS = 0, 1
"""The types of axons."""


@dataclass(frozen=True, slots=True)
class Feed:
    """How an encoder's spikes come in for a layer: pin p of the port takes element `elements[p]`, `tick` ticks after
    the sample's first."""

    encoder: str
    layer: str
    elements: tuple[int, ...]
    tick: int


@dataclass(frozen=True, slots=True)
class Mapped:
    """A network on cores: the graph, one feed for each of its inputs, and when a sample's decision goes out."""

    graph: CoreGraph
    feeds: tuple[Feed, ...]
    ticks: tuple[int, ...]
    """When each layer's units fire, counted from the sample's first tick."""

    latency: int
    """Ticks from a sample's first to the one in which its output spikes leave."""


def splitter_of(layer: str) -> str:
    """What a core says that it serves, if it passes a layer's spikes on."""
    return f"splitter of {layer}"


def map_onto_cores(
    graph: SpikingGraph, tiles: Mapping[str, tuple[Tile, ...]], needs: Mapping[str, Indices], period: int = 1
) -> Mapped:
    """Cores, unplaced (in reading order), for samples that are shown for `period` ticks.

    BrainError: a layer that reads one too many ticks before it, or potentials that a neuron does not hold.
    """
    check_potentials(graph, period)
    ticks = _ticks(graph, tiles, needs)
    return _Mapper(graph, tiles, needs, ticks, period).map()


def _ticks(graph: SpikingGraph, tiles: Mapping[str, tuple[Tile, ...]], needs: Mapping[str, Indices]) -> dict[str, int]:
    """The tick of a sample in which each layer's units fire, the first one's being 0."""
    hops = {
        layer.name: 2 if any(_splits(layer, tile, needs) for tile in tiles[layer.name]) else 1 for layer in graph.layers
    }
    ticks: dict[str, int] = {}
    report = Report()
    for layer in graph.layers:
        read = [name for name in layer.inputs if name in hops]
        ticks[layer.name] = max((ticks[name] + hops[name] for name in read), default=0)
        for name in read:
            wait = ticks[layer.name] - ticks[name] - (hops[name] - 1)
            if wait > DELAYS[-1]:
                report.add(
                    layer.origin.span,
                    f"{layer.name} reads {name} after {wait} ticks, and a spike can be under way for {DELAYS[-1]}",
                    "read a later layer",
                )
    report.settle()
    return ticks


def _splits(layer: Units, tile: Tile, needs: Mapping[str, Indices]) -> bool:
    """Whether a tile's neurons are too few for all the axons that its spikes must reach."""
    return int(needs[layer.name][outputs_of(layer, tile)].sum()) > NEURONS


class _Mapper:
    """Builds cores one by one; splitters are filled in turn, and finished when full."""

    def __init__(
        self,
        graph: SpikingGraph,
        tiles: Mapping[str, tuple[Tile, ...]],
        needs: Mapping[str, Indices],
        ticks: Mapping[str, int],
        period: int,
    ) -> None:
        self.graph = graph
        self.tiles = tiles
        self.needs = needs
        self.ticks = ticks
        self.period = period
        self.kinds: dict[Neuron, int] = {}
        self.cores: list[Core | None] = []
        shapes = graph.shapes()
        self.sizes = {name: prod(shape) for name, shape in shapes.items()}
        self.numbers: dict[tuple[str, int], int] = {}
        for layer in graph.layers:
            for number in range(len(tiles[layer.name])):
                self.numbers[layer.name, number] = len(self.numbers)
        self.cores = [None] * len(self.numbers)
        self.receivers: dict[str, list[tuple[Indices, Indices, str]]] = {name: [] for name in shapes}

    def map(self) -> Mapped:
        """All layers, the last first, as spikes need to know where they go."""
        feeds, ports = [], []
        for layer in self.graph.layers:
            for port, feed in self._wire(layer):
                ports.append(port)
                feeds.append(feed)
        for layer in self.graph.layers:
            self._build(layer)
        pins = tuple(range(self.sizes[self.graph.decoder.layer]))
        cores = tuple(one for one in self.cores if one is not None)
        output = OutputPort(self.graph.decoder.layer, pins)
        graph = CoreGraph(tuple(self.kinds), cores, tuple(ports), (output,))
        ticks = tuple(self.ticks[layer.name] for layer in self.graph.layers)
        return Mapped(graph, tuple(feeds), ticks, self.ticks[self.graph.decoder.layer])

    def _kind(self, neuron: Neuron) -> int:
        return self.kinds.setdefault(neuron, len(self.kinds))

    def _wire(self, layer: Units) -> Iterator[tuple[InputPort, Feed]]:
        """Give each spike that a tile reads its axons; spikes of encoders come in by a port."""
        places, targets = [], []
        for number, tile in enumerate(self.tiles[layer.name]):
            seen = inputs_of(layer, tile)
            axon = 0
            for needed in axons_of(synapses_of(layer, tile)):
                places.append(seen[needed])
                axons = np.arange(axon, axon + len(needed))
                targets.append(np.stack([np.full(len(needed), self.numbers[layer.name, number]), axons], axis=1))
                axon += len(needed)
        every, at = np.concatenate(places), np.concatenate(targets)
        begin = 0
        found: dict[str, list[tuple[Indices, Indices]]] = {name: [] for name in layer.inputs}
        for read in self.graph.reads(layer):
            end = begin + read.end - read.begin
            own = (every >= begin) & (every < end)
            found[read.source].append((every[own] - begin + read.begin, at[own]))
            begin = end
        for name, parts in found.items():
            elements, receiving = (np.concatenate(column) for column in zip(*parts, strict=True))
            if name in self.ticks:
                self.receivers[name].append((elements, receiving, layer.name))
            else:
                cores, pins = receiving.T.tolist()
                port = InputPort(f"{name} for {layer.name}", tuple(cores), tuple(pins))
                yield port, Feed(name, layer.name, tuple(elements.tolist()), self.ticks[layer.name])

    def _targets(self, layer: Units) -> list[list[tuple[Target, int]]]:
        """For each unit, where its spikes go, and after how many ticks; outputs first."""
        found: list[list[tuple[Target, int]]] = [[] for _ in range(self.sizes[layer.name])]
        if layer.name == self.graph.decoder.layer:
            for place, targets in enumerate(found):
                targets.append((output_target(place), 0))
        for elements, receiving, reader in self.receivers[layer.name]:
            wait = self.ticks[reader] - self.ticks[layer.name]
            for element, (core_number, axon) in zip(elements.tolist(), receiving.tolist(), strict=True):
                found[element].append(((core_number, axon), wait))
        return found

    def _build(self, layer: Units) -> None:
        targets = self._targets(layer)
        splitter = _Splitter(layer.name, self._kind(SPLITTER))
        kinds = np.array([self._kind(neuron) for neuron in neurons_of(layer, self.period)])
        for number, tile in enumerate(self.tiles[layer.name]):
            units = outputs_of(layer, tile)
            synapses = synapses_of(layer, tile)
            excited, inhibited = axons_of(synapses)
            neurons = list(self._neurons(units, targets, splitter))
            columns = np.concatenate([synapses[excited] > 0, synapses[inhibited] < 0])
            own = kinds[units // (layer.shape[1] * layer.shape[2])]
            self.cores[self.numbers[layer.name, number]] = _core(layer.name, columns, len(excited), neurons, own)
        if splitter.neurons:
            self.cores[splitter.number] = splitter.core()

    def _neurons(
        self, units: Indices, targets: list[list[tuple[Target, int]]], splitter: _Splitter
    ) -> Iterator[tuple[int, Target, int]]:
        """A tile's neurons: which unit each is, where it sends, and the delay. What finds no room goes by splitters."""
        room = NEURONS - sum(1 for place in units if targets[place])
        for n in sorted(range(len(units)), key=lambda n: len(targets[units[n]])):
            own = targets[units[n]]
            if len(own) - 1 <= room or len(own) == 1:
                room -= max(0, len(own) - 1)
                yield from ((n, target, max(delay, 1)) for target, delay in own)
                continue
            out = [(target, delay) for target, delay in own if delay == 0]
            yield from ((n, target, 1) for target, _ in out)
            split = own[len(out) :]
            chunks = range(0, len(split), NEURONS)
            yield from ((n, self._split(split[begin : begin + NEURONS], splitter), 1) for begin in chunks)
            room -= len(out) + len(chunks) - 1

    def _split(self, targets: list[tuple[Target, int]], splitter: _Splitter) -> Target:
        """An axon that passes a spike on to all of these."""
        if not splitter.fits(len(targets)):
            self.cores[splitter.number] = splitter.core()
            splitter.clear()
        if not splitter.neurons:
            splitter.number = len(self.cores)
            self.cores.append(None)
        return splitter.number, splitter.add([(target, delay - 1) for target, delay in targets])


class _Splitter:
    """A core whose neurons each repeat what one axon takes; its number is that of the core it will be."""

    def __init__(self, layer: str, kind: int) -> None:
        self.origin = splitter_of(layer)
        self.kind = kind
        self.number = -1
        self.clear()

    def clear(self) -> None:
        """Begin another core."""
        self.neurons: list[tuple[Target, int]] = []
        self.axons: list[range] = []

    def fits(self, count: int) -> bool:
        """Whether so many more neurons behind one more axon fit."""
        return len(self.neurons) + count <= NEURONS and len(self.axons) < AXONS

    def add(self, targets: list[tuple[Target, int]]) -> int:
        """One axon for these targets; its number."""
        self.axons.append(range(len(self.neurons), len(self.neurons) + len(targets)))
        self.neurons += targets
        return len(self.axons) - 1

    def core(self) -> Core:
        """The core as it is now."""
        synapses = np.zeros((AXONS, NEURONS), bool)
        for axon, reached in enumerate(self.axons):
            synapses[axon, reached.start : reached.stop] = True
        return _packed(self.origin, np.full(AXONS, EXCITES), synapses, [self.kind] * len(self.neurons), self.neurons)


def _core(
    origin: str, columns: NDArray[np.bool_], excited: int, neurons: list[tuple[int, Target, int]], kinds: Indices
) -> Core:
    """A tile's core: `columns[axons, units]` with the axons that excite first, and `kinds[units]`."""
    types = np.full(AXONS, EXCITES)
    types[excited : len(columns)] = INHIBITS
    places = [place for place, _, _ in neurons]
    synapses = np.zeros((AXONS, NEURONS), bool)
    synapses[: len(columns), : len(neurons)] = columns[:, places]
    return _packed(origin, types, synapses, kinds[places].tolist(), [(target, delay) for _, target, delay in neurons])


def _packed(
    origin: str,
    types: Indices,
    synapses: NDArray[np.bool_],
    kinds: list[int],
    targets: list[tuple[Target, int]],
) -> Core:
    count = len(kinds)
    named = np.full(NEURONS, NO_NEURON)
    named[:count] = kinds
    target_cores, target_axons = np.full(NEURONS, NOWHERE), np.zeros(NEURONS, np.int64)
    delays = np.ones(NEURONS, np.int64)
    if count:
        target_cores[:count], target_axons[:count] = np.array([target for target, _ in targets]).T
        delays[:count] = [delay for _, delay in targets]
    return core(types, synapses, named, target_cores, target_axons, delays, origin=origin)
