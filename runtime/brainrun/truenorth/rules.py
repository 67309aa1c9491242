"""Which promises of the hardware does a core graph break? Every one is named, with its core, neuron or axon.

N1  a core has 256 axons, each of type 0 … 3
N2  a crossbar is 256 × 256 bits, and reaches only neurons that are there
N3  a core has 256 places for neurons, and a neuron that stands at one is in the table
N4  a neuron's spikes go to an axon 0 … 255 of a core that is there, to an output pin, or nowhere
N5  a spike that goes to a core takes 1 … 15 ticks
N6  weights and leaks lie in −255 … 255
N7  thresholds lie in 0 … 2¹⁸ − 1, random thresholds have 0 … 16 bits
N8  reset potentials are ±(2^k − 1) with k ≤ 18, first potentials have 20 bits
N9  cores stand at different places of the board, and no route is longer than 255 steps in x or in y
N10 an input pin leads to an axon that is there
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from brainrun.truenorth.graph import NO_NEURON, NOWHERE, PINS_PER_BANK, Core, CoreGraph, Neuron, Reset
from brainrun.truenorth.limits import (
    AXONS,
    CHIP_SIDE,
    DELAYS,
    GREATEST_HOP,
    GREATEST_POTENTIAL,
    GREATEST_RESET_EXPONENT,
    GREATEST_THRESHOLD,
    GREATEST_WEIGHT,
    LEAST_POTENTIAL,
    NEURONS,
    RANDOM_BITS,
    TYPES,
)

_RESETS = frozenset(sign * (2**exponent - 1) for exponent in range(GREATEST_RESET_EXPONENT + 1) for sign in (1, -1))


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that is broken: where, and how, in words."""

    rule: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.place}: {self.what}"


def broken_rules(graph: CoreGraph) -> Iterator[Violation]:
    """All violations, neurons first, then core by core."""
    for number, neuron in enumerate(graph.neurons):
        yield from _of_neuron(f"neuron kind {number}", neuron)
    sound = []
    for number, core in enumerate(graph.cores):
        shapes = list(_of_shapes(_place(number, core), core))
        yield from shapes
        if not shapes:
            sound.append((number, core))
    for number, core in sound:
        yield from _of_core(number, core, graph)
    yield from _of_board(graph, [number for number, _ in sound])
    for port in graph.inputs:
        for pin, (target, axon) in enumerate(zip(port.cores, port.axons, strict=True)):
            if not (0 <= target < len(graph.cores) and 0 <= axon < AXONS):
                yield Violation("N10", f"pin {pin} of input {port.name}", f"leads to axon {axon} of core {target}")


def _place(number: int, core: Core) -> str:
    return f"core {number} ({core.origin})" if core.origin else f"core {number}"


def _of_neuron(place: str, neuron: Neuron) -> Iterator[Violation]:
    for axon_type, weight in enumerate(neuron.weights):
        if abs(weight) > GREATEST_WEIGHT:
            yield Violation("N6", place, f"weight {weight} of axon type {axon_type} is beyond ±{GREATEST_WEIGHT}")
    if abs(neuron.leak) > GREATEST_WEIGHT:
        yield Violation("N6", place, f"leak {neuron.leak} is beyond ±{GREATEST_WEIGHT}")
    for word, value in (("threshold", neuron.threshold), ("floor", neuron.floor)):
        if not 0 <= value <= GREATEST_THRESHOLD:
            yield Violation("N7", place, f"{word} {value} is not in 0 … {GREATEST_THRESHOLD}")
    if not 0 <= neuron.threshold_bits <= RANDOM_BITS:
        yield Violation(
            "N7", place, f"{neuron.threshold_bits} random bits of the threshold are not in 0 … {RANDOM_BITS}"
        )
    if neuron.reset not in tuple(Reset):
        yield Violation("N8", place, f"there is no reset mode {neuron.reset}")
    if neuron.reset_potential not in _RESETS:
        yield Violation("N8", place, f"reset potential {neuron.reset_potential} is not ±(2^k − 1) with k ≤ 18")
    if not LEAST_POTENTIAL <= neuron.potential <= GREATEST_POTENTIAL:
        yield Violation("N8", place, f"first potential {neuron.potential} does not fit 20 bits")


def _of_shapes(place: str, core: Core) -> Iterator[Violation]:
    if len(core.types_bytes) != AXONS:
        yield Violation("N1", place, f"has {len(core.types_bytes)} axons, not {AXONS}")
    if len(core.crossbar_bytes) != AXONS * NEURONS // 8:
        yield Violation("N2", place, f"has a crossbar of {len(core.crossbar_bytes)} bytes, not {AXONS * NEURONS // 8}")
    arrays = (
        ("neurons", core.kinds_bytes, 2),
        ("target cores", core.target_cores_bytes, 4),
        ("target axons", core.target_axons_bytes, 2),
        ("delays", core.delays_bytes, 1),
    )
    for word, content, size in arrays:
        if len(content) != NEURONS * size:
            yield Violation("N3", place, f"has {len(content) // size} {word}, not {NEURONS}")


def _of_core(number: int, core: Core, graph: CoreGraph) -> Iterator[Violation]:
    place = _place(number, core)
    for axon in np.flatnonzero(core.axon_types >= TYPES):
        yield Violation("N1", f"{place}, axon {axon}", f"type {core.axon_types[axon]} is not in 0 … {TYPES - 1}")
    there = core.kinds != NO_NEURON
    for neuron in np.flatnonzero(there & (core.kinds >= len(graph.neurons))):
        kind = core.kinds[neuron]
        yield Violation(
            "N3", f"{place}, neuron {neuron}", f"kind {kind} is not among the {len(graph.neurons)} there are"
        )
    reached = np.unpackbits(np.bitwise_or.reduce(core.crossbar, axis=0), bitorder="little").astype(bool)
    for neuron in np.flatnonzero(reached & ~there):
        yield Violation("N2", f"{place}, neuron {neuron}", "the crossbar reaches it, and it is not there")
    cores, axons, delays = core.target_cores, core.target_axons, core.delays
    for neuron in np.flatnonzero(there & (cores >= len(graph.cores))):
        yield Violation("N4", f"{place}, neuron {neuron}", f"target core {cores[neuron]} is not there")
    for neuron in np.flatnonzero(there & (cores != NOWHERE) & (axons >= AXONS)):
        target = f"axon {axons[neuron]}" if cores[neuron] >= 0 else f"pin {axons[neuron]} of a bank of {PINS_PER_BANK}"
        yield Violation("N4", f"{place}, neuron {neuron}", f"target {target} is not in 0 … {AXONS - 1}")
    for neuron in np.flatnonzero(there & (cores >= 0) & ((delays < DELAYS[0]) | (delays > DELAYS[-1]))):
        yield Violation(
            "N5", f"{place}, neuron {neuron}", f"delay {delays[neuron]} is not in {DELAYS[0]} … {DELAYS[-1]}"
        )


def _of_board(graph: CoreGraph, sound: list[int]) -> Iterator[Violation]:
    columns, rows = (side * CHIP_SIDE for side in graph.chips)
    first_at: dict[tuple[int, int], int] = {}
    for number, core in enumerate(graph.cores):
        if not (0 <= core.x < columns and 0 <= core.y < rows):
            where = f"place ({core.x}, {core.y})"
            yield Violation("N9", _place(number, core), f"{where} is not on the board of {columns} × {rows} cores")
        other = first_at.setdefault((core.x, core.y), number)
        if other != number:
            yield Violation("N9", _place(number, core), f"place ({core.x}, {core.y}) is that of core {other}, too")
    if columns <= GREATEST_HOP + 1 and rows <= GREATEST_HOP + 1:
        return
    x = np.array([core.x for core in graph.cores])
    y = np.array([core.y for core in graph.cores])
    for number in sound:
        core = graph.cores[number]
        targets = np.where((core.target_cores >= 0) & (core.target_cores < len(graph.cores)), core.target_cores, number)
        far = (np.abs(x[targets] - core.x) > GREATEST_HOP) | (np.abs(y[targets] - core.y) > GREATEST_HOP)
        for neuron in np.flatnonzero(far & (core.kinds != NO_NEURON)):
            target = graph.cores[targets[neuron]]
            steps = f"({target.x - core.x}, {target.y - core.y}) steps"
            what = f"core {targets[neuron]} is {steps} away, beyond ±{GREATEST_HOP}"
            yield Violation("N9", f"{_place(number, core)}, neuron {neuron}", what)
