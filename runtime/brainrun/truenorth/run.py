"""How does `brainrun MODEL.json` run? It loads, simulates, writes the spikes that go out, and says what came of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from brainrun.errors import RunError
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.graph import CoreGraph, used_neurons
from brainrun.truenorth.ibm.load import Loaded, load
from brainrun.truenorth.ibm.outgoing import encoded_pins, lines, spikes_of_ports
from brainrun.truenorth.ibm.pins import PinSpikes
from brainrun.truenorth.options import PIN_SUFFIX, CoreRun
from brainrun.truenorth.simulate import Outcome, Simulator
from brainrun.truenorth.views import open_views, simulated


def run_cores(asked: CoreRun) -> int:
    """Run a core network; the exit status. RunError where a file is at fault."""
    loaded = load(asked)
    if not asked.quiet:
        print(_loaded(asked, loaded), flush=True)
        for remark in loaded.remarks:
            print(f"  note: {remark}", flush=True)
    _require_traced(asked, len(loaded.graph.cores))
    with (
        open_views(asked.raster, asked.trace_output, asked.traced) as views,
        Simulator(circuit(loaded.graph), threads=asked.threads) as simulator,
    ):
        outcome = simulated(simulator, asked.ticks, loaded.arrivals, views)
    leaving = spikes_of_ports(outcome.departures, loaded.graph, asked.ticks, loaded.output_map)
    if asked.output is not None:
        is_binary = asked.output.suffix == PIN_SUFFIX
        _write(asked.output, encoded_pins(leaving) if is_binary else lines(leaving))
    if asked.json is not None:
        facts = _facts(asked, loaded, outcome, leaving)
        _write(asked.json, msgspec.json.format(msgspec.json.encode(facts), indent=1) + b"\n")
    if not asked.quiet:
        print(_came(asked, outcome, leaving))
    return 0


def _require_traced(asked: CoreRun, cores: int) -> None:
    absent = [core for core, _ in asked.traced if core >= cores]
    if absent:
        raise RunError(
            f"has no core {absent[0]} to be traced", where=str(asked.model), remedy=f"its cores are 0 … {cores - 1}"
        )


def _loaded(asked: CoreRun, loaded: Loaded) -> str:
    graph = loaded.graph
    size = f"{_counted(len(graph.cores), 'core')}, {_counted(used_neurons(graph.cores), 'neuron')}"
    return f"{asked.model}: {size}, {_counted(len(loaded.arrivals.ticks), 'input spike')}"


def _came(asked: CoreRun, outcome: Outcome, leaving: PinSpikes) -> str:
    where = f" in {asked.output}" if asked.output is not None else ""
    return (
        f"{_counted(asked.ticks, 'tick')} in {outcome.seconds:.3g} s: "
        f"{_counted(outcome.spikes, 'spike')} of neurons, {_counted(outcome.synaptic_events, 'synaptic event')}; "
        f"{_counted(len(leaving.ticks), 'spike')} went out{where}"
    )


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _facts(asked: CoreRun, loaded: Loaded, outcome: Outcome, leaving: PinSpikes) -> dict[str, object]:
    graph: CoreGraph = loaded.graph
    return {
        "cores": len(graph.cores),
        "neurons": used_neurons(graph.cores),
        "ticks": asked.ticks,
        "spikes_in": len(loaded.arrivals.ticks),
        "spikes": outcome.spikes,
        "synaptic_events": outcome.synaptic_events,
        "spikes_out": len(leaving.ticks),
        "seconds": outcome.seconds,
        "notes": loaded.remarks,
    }


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None
