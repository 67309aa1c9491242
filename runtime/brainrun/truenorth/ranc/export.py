"""How does a core graph become RANC's files? Neuron by neuron, where RANC's neurons can do the same.

RANC's potentials have 32 bits and do not saturate: the spikes are the same as long as no potential leaves the 20 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np

from brainrun.truenorth.graph import NO_NEURON, NOWHERE, Core, CoreGraph, Neuron, Reset, output_pin
from brainrun.truenorth.limits import AXONS, DELAYS, NEURONS, TYPES
from brainrun.truenorth.ranc.files import Config, CoreEntry, NetworkFile, NeuronEntry, OutputBus, PacketEntry
from brainrun.truenorth.ranc.lacks import not_in_ranc
from brainrun.truenorth.rules import Violation
from brainrun.truenorth.simulate import Arrivals

Place: TypeAlias = tuple[int, int]

_TRACES = ("neuron_block_trace_verbosity", "core_controller_trace_verbosity", "scheduler_trace_verbosity")
"""RANC's simulator does not start without these, which are 0 where no trace is wanted."""


@dataclass(frozen=True, slots=True)
class RancFiles:
    """A network and its configuration, as JSON."""

    network: bytes
    config: bytes


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where everything stands on RANC's grid."""

    cores: tuple[Place, ...]
    bus: Place
    nowhere: Place
    """A place with no core in the file, which takes spikes and does nothing; the bus's where none is needed."""

    @property
    def columns(self) -> int:
        return 1 + max(x for x, _ in (*self.cores, self.bus, self.nowhere))

    @property
    def rows(self) -> int:
        return 1 + max(y for _, y in (*self.cores, self.bus, self.nowhere))


def export(graph: CoreGraph, arrivals: Arrivals) -> RancFiles | tuple[Violation, ...]:
    """RANC's files for a graph that breaks no rule, and for its input; or all that RANC's neurons cannot do.

    Output p of the bus is output pin p, and its row t + 1 shows the spikes of tick t.
    """
    lacking = tuple(not_in_ranc(graph))
    if lacking:
        return lacking
    layout = _layout(graph.cores)
    network = NetworkFile(
        packets=_packets(arrivals, layout.cores),
        output_bus=OutputBus(layout.bus, _outputs(graph)),
        cores=[
            _core(graph.neurons, core, place, layout) for core, place in zip(graph.cores, layout.cores, strict=True)
        ],
    )
    config = Config(
        num_neurons=NEURONS,
        num_axons=AXONS,
        num_cores_x=layout.columns,
        num_cores_y=layout.rows,
        num_weights=TYPES,
        max_tick_offset=len(DELAYS) + 1,
        neuron_reset_type=0,
    )
    settings = msgspec.json.encode(msgspec.to_builtins(config) | dict.fromkeys(_TRACES, 0))
    return RancFiles(msgspec.json.encode(network) + b"\n", msgspec.json.format(settings, indent=4) + b"\n")


def _layout(cores: Sequence[Core]) -> _Layout:
    """The cores as they stand to each other, with no row or column before them; what else is needed on free places."""
    left = min((core.x for core in cores), default=0)
    top = min((core.y for core in cores), default=0)
    places = tuple((core.x - left, core.y - top) for core in cores)
    columns = 1 + max((x for x, _ in places), default=0)
    rows = 1 + max((y for _, y in places), default=0)
    taken = set(places)
    free = [(x, y) for y in range(rows) for x in range(columns) if (x, y) not in taken]
    bus, spare, *_ = (*free, (columns, 0), (columns, 1))
    unheard = any(((core.kinds != NO_NEURON) & (core.target_cores == NOWHERE)).any() for core in cores)
    return _Layout(places, bus, spare if unheard else bus)


def _outputs(graph: CoreGraph) -> int:
    """As many outputs as there are pins that are named or spoken to."""
    pins = [pin for port in graph.outputs for pin in port.pins]
    for core in graph.cores:
        leaves = (core.kinds != NO_NEURON) & (core.target_cores < NOWHERE)
        targets = zip(core.target_cores[leaves].tolist(), core.target_axons[leaves].tolist(), strict=True)
        pins += [output_pin(bank, pin) for bank, pin in targets]
    return 1 + max(pins, default=-1)


def _core(neurons: Sequence[Neuron], core: Core, place: Place, layout: _Layout) -> CoreEntry:
    count = int(np.flatnonzero(core.kinds != NO_NEURON).max(initial=-1)) + 1
    kinds = core.kinds[:count].tolist()
    targets = zip(core.target_cores.tolist(), core.target_axons.tolist(), core.delays.tolist(), strict=True)
    return CoreEntry(
        coordinates=place,
        axons=core.axon_types.tolist(),
        neurons=[
            _ABSENT if kind == NO_NEURON else _neuron(neurons[kind], target, place, layout)
            for kind, target in zip(kinds, targets, strict=False)
        ],
        connections=msgspec.Raw(_connections(core, count)),
    )


_ABSENT = NeuronEntry(
    reset_potential=0,
    weights=[0] * TYPES,
    leak=0,
    positive_threshold=1,
    negative_threshold=0,
    destination_core_offset=(0, 0),
    destination_axon=0,
    destination_tick=0,
    current_potential=0,
    reset_mode=0,
)


def _neuron(neuron: Neuron, target: tuple[int, int, int], place: Place, layout: _Layout) -> NeuronEntry:
    core, axon, delay = target
    if core >= 0:
        (x, y), offset = layout.cores[core], delay - 1
    elif core == NOWHERE:
        (x, y), axon, offset = layout.nowhere, 0, 0
    else:
        (x, y), axon, offset = layout.bus, output_pin(core, axon), 0
    return NeuronEntry(
        reset_potential=neuron.reset_potential,
        weights=list(neuron.weights),
        leak=neuron.leak,
        positive_threshold=neuron.threshold,
        negative_threshold=-neuron.floor,
        destination_core_offset=(x - place[0], y - place[1]),
        destination_axon=axon,
        destination_tick=offset,
        current_potential=neuron.potential,
        reset_mode=int(neuron.reset is Reset.LINEAR),
    )


def _connections(core: Core, neurons: int) -> bytes:
    """A JSON array with a row for each of the first neurons: `[0,1,…]`, made as text at once."""
    signs = np.full((neurons, 2 * AXONS + 2), ord(","), np.uint8)
    signs[:, 0] = ord("[")
    signs[:, 1:-2:2] = core.synapses().T[:neurons] + np.uint8(ord("0"))
    signs[:, -2] = ord("]")
    return b"[" + signs.tobytes()[:-1] + b"]"


def _packets(arrivals: Arrivals, places: Sequence[Place]) -> list[list[PacketEntry]]:
    """A list for each tick until the last in which something arrives."""
    packets: list[list[PacketEntry]] = [[] for _ in range(int(arrivals.ticks.max(initial=-1)) + 1)]
    for tick, core, axon in zip(arrivals.ticks.tolist(), arrivals.cores.tolist(), arrivals.axons.tolist(), strict=True):
        packets[tick].append(PacketEntry(places[core], axon, 0))
    return packets
