"""Which files make up a run of IBM's? A model, the spikes that come in, and maps that lie beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainrun.errors import DataError
from brainrun.truenorth.graph import FIRST_OUTPUT, CoreGraph, Neuron
from brainrun.truenorth.ibm.maps import Direction, read_map, with_inputs, with_outputs
from brainrun.truenorth.ibm.model import read_model
from brainrun.truenorth.ibm.pins import arrivals_through, read_pins
from brainrun.truenorth.ibm.spikes import arrivals, read_spikes
from brainrun.truenorth.options import PIN_SUFFIX, CoreRun
from brainrun.truenorth.simulate import Arrivals

_TEXT_SUFFIXES = (".sfti", ".sfci", ".sfto")
_MAPS: dict[Direction, str] = {"in": "inpMap", "out": "outMap"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network whose ports are the connectors of its maps, what comes in, and what there is to say of them."""

    graph: CoreGraph
    arrivals: Arrivals
    output_map: str
    """The output map's file, without its folder; empty where there is none."""

    remarks: tuple[str, ...]


def load(asked: CoreRun) -> Loaded:
    """Read the files of a run; DataError where one is broken or they do not fit one another."""
    graph = read_model(asked.model, seed=asked.seed)
    remarks = []
    if any(map(_is_stochastic, graph.neurons)):
        remarks.append("random numbers are ours, not those of IBM's simulator: stochastic neurons fire at other ticks")
    graph, coming = _incoming(asked, graph)
    kept = int(np.searchsorted(coming.ticks, asked.ticks))
    if kept < len(coming.ticks):
        remarks.append(f"{len(coming.ticks) - kept:,} input spikes come after the last tick")
    coming = Arrivals(coming.ticks[:kept], coming.cores[:kept], coming.axons[:kept])
    output_map = asked.output_map or _if_there(map_beside(asked.model, "out"))
    if output_map is None:
        return Loaded(graph, coming, "", tuple(remarks))
    mapped = with_outputs(graph, read_map(output_map, "out"))
    lost = _leaving(graph) - _leaving(mapped)
    if lost:
        remarks.append(f"{lost:,} neurons send their spikes outside and have no pin in {output_map}")
    return Loaded(mapped, coming, output_map.name, tuple(remarks))


def map_beside(model: Path, direction: Direction) -> Path:
    """Where the toolchain leaves a model's map."""
    return model.with_name(f"{model.stem}_{_MAPS[direction]}.bin")


def _incoming(asked: CoreRun, graph: CoreGraph) -> tuple[CoreGraph, Arrivals]:
    if asked.spikes is None:
        return graph, arrivals(np.empty((0, 3), np.int64))
    if asked.spikes.suffix in _TEXT_SUFFIXES:
        return graph, read_spikes(asked.spikes, len(graph.cores))
    if asked.spikes.suffix != PIN_SUFFIX:
        raise DataError(
            f"is no file of spikes: its name ends in none of {', '.join((*_TEXT_SUFFIXES, PIN_SUFFIX))}",
            where=str(asked.spikes),
        )
    spikes = read_pins(asked.spikes)
    named = asked.spikes.with_name(spikes.map_file) if spikes.map_file else None
    input_map = asked.input_map or _if_there(named) or _if_there(map_beside(asked.model, "in"))
    if input_map is None:
        looked = named or map_beside(asked.model, "in")
        raise DataError(
            f"holds spikes of connectors, and no map says where they lead: {looked} is not there",
            where=str(asked.spikes),
            remedy="give --input-map",
        )
    graph = with_inputs(graph, read_map(input_map, "in"))
    return graph, arrivals_through(spikes, graph.inputs, asked.spikes)


def _if_there(path: Path | None) -> Path | None:
    return path if path is not None and path.exists() else None


def _is_stochastic(neuron: Neuron) -> bool:
    return any(neuron.stochastic_weights) or neuron.stochastic_leak or neuron.threshold_bits > 0


def _leaving(graph: CoreGraph) -> int:
    """How many neurons send their spikes outside."""
    return sum(int(np.count_nonzero(core.target_cores <= FIRST_OUTPUT)) for core in graph.cores)
