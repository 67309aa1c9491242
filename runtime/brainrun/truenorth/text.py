"""What does a core graph look like to a reader? Neuron kinds, then each core with its axons, neurons and targets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from brainrun.plan.text import table
from brainrun.truenorth.graph import FIRST_OUTPUT, NO_NEURON, NOWHERE, Core, CoreGraph, Neuron, output_pin


def text(graph: CoreGraph) -> str:
    """The whole graph, stable to the byte: a line a kind, an input pin's run, an axon, and a run of neurons."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: CoreGraph) -> Iterator[str]:
    columns, rows = graph.chips
    place = f"{len(graph.cores)} on {columns} × {rows} chips"
    yield f"cores: {place}, {len(graph.neurons)} kinds of neurons, seed {graph.seed}"
    yield ""
    header = ["kind", "weights", "leak", "threshold", "floor", "reset", "random", "first potential"]
    yield from table(header, (_kind(number, neuron) for number, neuron in enumerate(graph.neurons)))
    for port in graph.inputs:
        yield ""
        yield f"input {port.name}: {len(port.cores)} pins"
        leads = [f"core {c} axon {a}" for c, a in zip(port.cores, port.axons, strict=True)]
        yield from (f"  pin {pin} → {place}" for pin, place in enumerate(leads))
    for output in graph.outputs:
        yield ""
        yield f"output {output.name}: pins {', '.join(map(str, output.pins))}"
    for number, core in enumerate(graph.cores):
        yield ""
        yield from _core(number, core)


def _kind(number: int, neuron: Neuron) -> list[str]:
    weights = " ".join(
        f"{weight:+d}{'?' if random else ''}"
        for weight, random in zip(neuron.weights, neuron.stochastic_weights, strict=True)
    )
    leak = f"{neuron.leak:+d}{'?' if neuron.stochastic_leak else ''}{' reversing' if neuron.leak_reversal else ''}"
    floor = f"{-neuron.floor}{' holds' if neuron.saturates_at_floor else ''}"
    bits = f"{neuron.threshold_bits} bits" if neuron.threshold_bits else ""
    reset = f"{neuron.reset.name.lower()} {neuron.reset_potential:+d}"
    return [str(number), weights, leak, str(neuron.threshold), floor, reset, bits, str(neuron.potential)]


def _core(number: int, core: Core) -> Iterator[str]:
    there = core.kinds != NO_NEURON
    synapses = core.synapses()
    origin = f" of {core.origin}" if core.origin else ""
    used = int(np.count_nonzero(synapses.any(axis=1)))
    count = int(np.count_nonzero(there))
    density = np.count_nonzero(synapses) / max(1, used * count)
    yield f"core {number} at ({core.x}, {core.y}){origin}: {used} axons, {count} neurons, density {density:.2f}"
    for axon in np.flatnonzero(synapses.any(axis=1)):
        yield f"  axon {axon} type {core.axon_types[axon]} → {_runs(np.flatnonzero(synapses[axon]).tolist())}"
    for neuron in np.flatnonzero(there):
        yield f"  neuron {neuron} kind {core.kinds[neuron]} → {_target(core, int(neuron))}"


def _target(core: Core, neuron: int) -> str:
    target, axon = int(core.target_cores[neuron]), int(core.target_axons[neuron])
    if target == NOWHERE:
        return "nowhere"
    if target <= FIRST_OUTPUT:
        return f"pin {output_pin(target, axon)}"
    return f"core {target} axon {axon} after {core.delays[neuron]}"


def _runs(numbers: list[int]) -> str:
    """Increasing numbers, neighbours as first…last."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][-1:] = [runs[-1][-1], number] if len(runs[-1]) == 1 else [number]
        else:
            runs.append([number])
    return " ".join(f"{run[0]}…{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
