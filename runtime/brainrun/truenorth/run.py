"""How does `brainrun MODEL.json` run? It loads, simulates, writes the spikes that go out, and says what came of it."""

from __future__ import annotations

from contextlib import ExitStack

import msgspec

from brainrun.errors import RunError
from brainrun.mesh import World, agreed
from brainrun.run import ended
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.gather import gathered
from brainrun.truenorth.graph import CoreGraph, used_neurons
from brainrun.truenorth.ibm.load import Loaded, load
from brainrun.truenorth.ibm.outgoing import encoded_pins, lines, spikes_of_ports
from brainrun.truenorth.ibm.pins import PinSpikes
from brainrun.truenorth.options import PIN_SUFFIX, CoreRun
from brainrun.truenorth.share import Share, even_share
from brainrun.truenorth.simulate import Outcome, Simulator
from brainrun.truenorth.views import open_views, simulated
from brainrun.truenorth.written import write_whole


def run_cores(asked: CoreRun, world: World) -> int:
    """Run a core network on this rank; its exit status. Rank 0 alone prints and writes."""
    return ended(world, lambda: _run(asked, world))


def _run(asked: CoreRun, world: World) -> None:
    with agreed(world):
        loaded = load(asked)
        _require_traced(asked, len(loaded.graph.cores))
        share = even_share(len(loaded.graph.cores), world.size, world.rank, where=str(asked.model))
    if world.rank == 0 and not asked.quiet:
        print(_loaded(asked, loaded), flush=True)
        for remark in loaded.remarks:
            print(f"  note: {remark}", flush=True)
    outcome = gathered(world, _simulated(asked, loaded, share, world))
    with agreed(world):
        if world.rank == 0:
            _told(asked, loaded, outcome)


def _simulated(asked: CoreRun, loaded: Loaded, share: Share, world: World) -> Outcome:
    """What came of this rank's cores."""
    cores = world.cores()
    threads = asked.threads or len(cores)
    part = circuit(loaded.graph, share.cores)
    with ExitStack() as opened:
        views = None
        if asked.raster is not None or asked.trace_output is not None:
            with agreed(world):
                if world.rank == 0:
                    views = opened.enter_context(open_views(asked.raster, asked.trace_output, asked.traced))
        post = world.post()
        if post is not None:
            opened.callback(post.close)
        simulator = opened.enter_context(Simulator(part, threads=threads, cores=cores, share=share, post=post))
        if asked.raster is None and asked.trace_output is None:
            return simulator.run(asked.ticks, loaded.arrivals)
        return simulated(simulator, world, asked.ticks, loaded.arrivals, asked.traced, views)


def _told(asked: CoreRun, loaded: Loaded, outcome: Outcome) -> None:
    """Write and say what came of the run."""
    leaving = spikes_of_ports(outcome.departures, loaded.graph, asked.ticks, loaded.output_map)
    if asked.output is not None:
        is_binary = asked.output.suffix == PIN_SUFFIX
        write_whole(asked.output, encoded_pins(leaving) if is_binary else lines(leaving))
    if asked.json is not None:
        facts = _facts(asked, loaded, outcome, leaving)
        write_whole(asked.json, msgspec.json.format(msgspec.json.encode(facts), indent=1) + b"\n")
    if not asked.quiet:
        print(_came(asked, outcome, leaving))


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
