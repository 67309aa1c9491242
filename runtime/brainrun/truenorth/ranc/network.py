"""What does RANC's network do? Its cores as a circuit, the packets as arrivals, and which rows of the output they make.

Of each neuron, every tick: V ← V + Σ_i A_i w_ij s_G(i) + λ; if V ≥ positive_threshold a spike, and V ← R or
V − positive_threshold; else if V < negative_threshold (≤ where neuron_reset_type is 1): V ← −R or
V − negative_threshold. Ticks count from 0 here: a packet of tick t is integrated in tick t + destination_tick, a spike
of tick t one tick later than that; with destination_tick = max_tick_offset − 1 it would meet the axons of the tick that
is going on, and is lost. Cores that the file leaves out exist, and do nothing. The bus replaces a core at its place; of
cores at one place the last counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.truenorth.circuit import NEVER, Circuit, Kinds
from brainrun.truenorth.graph import FIRST_OUTPUT, I32, NOWHERE, U8
from brainrun.truenorth.limits import DELAYS, TYPES
from brainrun.truenorth.ranc.connections import read_connections
from brainrun.truenorth.ranc.files import Config, CoreEntry, NetworkFile, NeuronEntry, fault

_LANES = 32
"""A circuit's neurons are a multiple of this."""

_PARAMETERS = ("leak", "positive_threshold", "negative_threshold", "reset_potential", "reset_mode", "current_potential")

Place: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Grid:
    """What stands where: the configuration, the bus, and the numbers of the circuit's cores."""

    path: Path
    config: Config
    bus: Place
    outputs: int
    cores: dict[Place, int]

    def at(self, place: Place) -> int:
        """The circuit's core at a place, `FIRST_OUTPUT` for the bus, `NOWHERE` for a core that does nothing."""
        return FIRST_OUTPUT if place == self.bus else self.cores.get(place, NOWHERE)

    def targets(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> I32:
        """The same for many places."""
        return np.array([self.at(place) for place in zip(x.tolist(), y.tolist(), strict=True)], np.int32)

    def outside(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which places are not on the grid."""
        return (x < 0) | (x >= self.config.num_cores_x) | (y < 0) | (y >= self.config.num_cores_y)

    def lost(self, offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which values of destination_tick mean the tick that is going on."""
        return np.isin(offsets, (self.config.max_tick_offset - 1, -1))

    @property
    def size(self) -> str:
        """In words."""
        return f"the grid of {self.config.num_cores_x} × {self.config.num_cores_y} cores"


def grid_of(path: Path, network: NetworkFile, config: Config) -> Grid:
    """The grid of a network; DataError where the bus or a core is beyond it."""
    bus = network.output_bus
    grid = Grid(path, config, bus.coordinates, bus.num_outputs, {})
    _require_inside(grid, bus.coordinates, "output_bus.coordinates")
    for number, core in enumerate(network.cores):
        _require_inside(grid, core.coordinates, f"cores[{number}].coordinates")
        if core.coordinates != grid.bus:
            grid.cores.setdefault(core.coordinates, len(grid.cores))
    return grid


def _require_inside(grid: Grid, place: Place, where: str) -> None:
    x, y = place
    if grid.outside(np.array([x]), np.array([y]))[0]:
        raise fault(
            grid.path,
            where,
            f"({x}, {y}) is not on {grid.size}",
            "count from 0, or raise num_cores_x or num_cores_y in the configuration",
        )


def circuit_of(network: NetworkFile, grid: Grid) -> Circuit:
    """The circuit of a network's cores; DataError where a core or neuron is not what RANC can run."""
    cores, axons = max(1, len(grid.cores)), grid.config.num_axons
    most = max((len(core.neurons) for core in network.cores), default=0)
    neurons = max(1, -(-most // _LANES)) * _LANES
    types = np.zeros((cores, axons), np.uint8)
    crossbar = np.zeros((cores, axons, neurons // 8), np.uint8)
    parameters = np.zeros((cores, neurons, len(_PARAMETERS) + grid.config.num_weights), np.int32)
    there = np.zeros((cores, neurons), bool)
    target_cores = np.full((cores, neurons), NOWHERE, np.int32)
    target_axons = np.zeros((cores, neurons), np.int32)
    delays = np.ones((cores, neurons), np.uint8)
    for number, entry in enumerate(network.cores):
        core = _Core(grid, f"cores[{number}]", entry)
        arrays = (core.types(), core.crossbar(neurons), core.parameters(), *core.targets())
        place = grid.cores.get(entry.coordinates)
        if place is None:
            continue
        types[place], crossbar[place] = arrays[:2]
        there[place] = np.arange(neurons) < len(entry.neurons)
        kept = there[place]
        parameters[place, kept] = arrays[2]
        target_cores[place, kept], target_axons[place, kept], delays[place, kept] = arrays[3:]
    kinds, neuron_kinds = _kinds(parameters, there, grid.config)
    return Circuit(
        kinds=kinds,
        neuron_kinds=neuron_kinds,
        axon_types=types,
        crossbar=crossbar,
        target_cores=target_cores,
        target_axons=target_axons,
        delays=delays,
        outputs=grid.outputs,
        slots=max(len(DELAYS) + 1, grid.config.max_tick_offset),
        potential_bits=32,
        seed=0,
    )


@dataclass(frozen=True, slots=True)
class _Core:
    """A core of the file, checked as it is read."""

    grid: Grid
    place: str
    entry: CoreEntry

    def types(self) -> U8:
        """`[axons]`: 0 where the file has none."""
        config, given = self.grid.config, self.entry.axons
        self._require_length("axons", len(given), config.num_axons, "num_axons")
        types = np.zeros(config.num_axons, np.int64)
        types[: len(given)] = given
        for axon in np.flatnonzero(types >= config.num_weights)[:1]:
            raise self._fault(
                f".axons[{axon}]",
                f"axon type {types[axon]} is not in 0 … {config.num_weights - 1}",
                "correct it, or raise num_weights in the configuration",
            )
        return types.astype(np.uint8)

    def crossbar(self, neurons: int) -> U8:
        """`[axons, neurons / 8]`."""
        entry, config = self.entry, self.grid.config
        rows = read_connections(self.grid.path, f"{self.place}.connections", bytes(entry.connections), config.num_axons)
        self._require_length("neurons", len(entry.neurons), config.num_neurons, "num_neurons")
        self._require_length("connections", len(rows), config.num_neurons, "num_neurons")
        if len(rows) < len(entry.neurons):
            raise self._fault(".connections", f"has {len(rows)} rows for {len(entry.neurons)} neurons")
        synapses = np.zeros((config.num_axons, neurons), np.uint8)
        synapses[:, : len(entry.neurons)] = rows[: len(entry.neurons)].T
        return np.packbits(synapses, axis=1, bitorder="little")

    def parameters(self) -> I32:
        """`[neurons, parameters]`: those of `_PARAMETERS`, then the weights, 0 where the file has none."""
        neurons, types = self.entry.neurons, self.grid.config.num_weights
        for number, neuron in enumerate(neurons):
            self._require_length(f"neurons[{number}].weights", len(neuron.weights), types, "num_weights")
        rows = [
            [
                neuron.leak,
                neuron.positive_threshold,
                neuron.negative_threshold,
                neuron.reset_potential,
                neuron.reset_mode,
                neuron.current_potential,
                *neuron.weights,
                *[0] * (types - len(neuron.weights)),
            ]
            for neuron in neurons
        ]
        return np.array(rows, np.int32).reshape(len(neurons), len(_PARAMETERS) + types)

    def targets(self) -> tuple[I32, I32, U8]:
        """`[neurons]`: core, axon or output, and delay."""
        grid = self.grid
        x = self._whole(lambda neuron: neuron.destination_core_offset[0]) + self.entry.coordinates[0]
        y = self._whole(lambda neuron: neuron.destination_core_offset[1]) + self.entry.coordinates[1]
        for n in np.flatnonzero(grid.outside(x, y))[:1]:
            raise self._fault(
                f".neurons[{n}].destination_core_offset",
                f"leads to ({x[n]}, {y[n]}), not on {grid.size}",
                "let spikes for nobody go to an axon without synapses",
            )
        cores = grid.targets(x, y)
        axons = self._whole(lambda neuron: neuron.destination_axon)
        offsets = self._whole(lambda neuron: neuron.destination_tick)
        for n, what, remedy in unreachable(grid, cores == FIRST_OUTPUT, axons):
            raise self._fault(f".neurons[{n}].destination_axon", what, remedy)
        for n, what, remedy in untimely(grid, cores == FIRST_OUTPUT, offsets):
            raise self._fault(f".neurons[{n}].destination_tick", what, remedy)
        lost = (cores != FIRST_OUTPUT) & grid.lost(offsets)
        delays = np.where((cores == FIRST_OUTPUT) | lost, 1, offsets + 1)
        return np.where(lost, NOWHERE, cores).astype(np.int32), axons.astype(np.int32), delays.astype(np.uint8)

    def _whole(self, value: Callable[[NeuronEntry], int]) -> NDArray[np.int64]:
        return np.array([value(neuron) for neuron in self.entry.neurons], np.int64)

    def _require_length(self, name: str, length: int, most: int, setting: str) -> None:
        if length > most:
            raise self._fault(
                f".{name}", f"has {length} entries, and {setting} is {most}", f"shorten it, or raise {setting}"
            )

    def _fault(self, place: str, what: str, remedy: str = "") -> DataError:
        return fault(self.grid.path, f"{self.place}{place}", what, remedy)


Faults: TypeAlias = list[tuple[int, str, str]]


def unreachable(grid: Grid, leaves: NDArray[np.bool_], axons: NDArray[np.int64]) -> Faults:
    """The first axon or output that is not there: which, what is wrong, and the remedy."""
    most = np.where(leaves, grid.outputs, grid.config.num_axons)
    return [
        (
            int(n),
            f"{'output' if leaves[n] else 'axon'} {axons[n]} is not in 0 … {most[n] - 1}",
            f"correct it, or raise {'num_outputs' if leaves[n] else 'num_axons in the configuration'}",
        )
        for n in np.flatnonzero((axons < 0) | (axons >= most))[:1]
    ]


def untimely(grid: Grid, leaves: NDArray[np.bool_], offsets: NDArray[np.int64]) -> Faults:
    """The first destination_tick that RANC does not take; −1 means the tick that is going on, whose spikes are lost."""
    most = grid.config.max_tick_offset
    wrong = (offsets >= most) | (~leaves & (offsets < -1))
    return [
        (int(n), f"tick {offsets[n]} is not in 0 … {most - 1}", "correct it, or raise max_tick_offset")
        for n in np.flatnonzero(wrong)[:1]
    ]


def _kinds(parameters: I32, there: NDArray[np.bool_], config: Config) -> tuple[Kinds, I32]:
    """The distinct rows of `parameters[core, neuron]` and the absent neuron as kinds; and which neuron is of which."""
    width = parameters.shape[2]
    rows = np.ascontiguousarray(parameters[there]).view(np.dtype((np.void, width * 4))).reshape(-1)
    distinct, kind = np.unique(rows, return_inverse=True)
    neuron_kinds = np.full(there.shape, len(distinct), np.int32)
    neuron_kinds[there] = kind
    table = np.zeros((len(distinct) + 1, width), np.int32)
    table[:-1] = distinct.view(np.int32).reshape(-1, width)
    table[-1, 1:3] = NEVER, -NEVER
    leak, positive, negative, reset, mode, potential = table[:, : len(_PARAMETERS)].T
    weights = np.zeros((len(table), max(TYPES, config.num_weights)), np.int32)
    weights[:, : config.num_weights] = table[:, len(_PARAMETERS) :]
    linear = mode == 1
    # V ≤ negative is V < negative + 1; at the greatest number there is a neuron fires first, whatever its threshold.
    floor = np.where(negative == NEVER, NEVER, negative + config.neuron_reset_type)
    nothing = np.zeros(len(table), bool)
    kinds = Kinds(
        weights=weights,
        leak=leak.copy(),
        threshold=positive.copy(),
        floor=floor.astype(np.int32),
        fired_keeps=linear,
        fired_adds=np.where(linear, -positive, reset).astype(np.int32),
        floored_keeps=linear,
        floored_adds=np.where(linear, -negative, -reset).astype(np.int32),
        potential=potential.copy(),
        stochastic_weights=np.zeros(weights.shape, bool),
        stochastic_leak=nothing,
        leak_reversal=nothing,
        threshold_mask=np.zeros(len(table), np.int32),
        floor_moves=nothing,
        fired_moves=nothing,
        floored_moves=nothing,
    )
    return kinds, neuron_kinds
