"""How does a network on cores run over data? Samples become spikes, go through the cores, and are scored.

A sample is shown for `period` ticks, and the next one follows while its spikes are still under way. Scores are the
decoder's matrix times the mean of the output spikes that tell of the sample's ticks. Potentials that last from tick to
tick start again with each sample, in the tick in which it reaches their layer: spikes do not do that, but who runs the
cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from brainrun.mesh import World, agreed
from brainrun.plan.cores import CORES_FILE, DECODER_FILE, CorePlan
from brainrun.plan.schema import LANES, InputFact, Slice
from brainrun.readers.dataset import Dataset
from brainrun.readers.lanes import samples_of_lanes
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.file import decoded
from brainrun.truenorth.gather import gathered, gathered_cores, gathered_raster
from brainrun.truenorth.graph import CoreGraph
from brainrun.truenorth.inlets import Inlets, Values
from brainrun.truenorth.share import even_share
from brainrun.truenorth.simulate import Departures, Outcome, Raster, Simulator, joined, succeeding

_SAMPLES_AT_ONCE = 512
_COUNTS_AT_ONCE = 2**21
"""Output spikes are counted for so many samples at a time that the counts take 16 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Deployed:
    """A network on cores, with its decoder."""

    plan: CorePlan
    graph: CoreGraph
    matrix: NDArray[np.float64]
    """`[classes, output pins]`."""

    offset: NDArray[np.float64]
    """`[classes]`."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Samples that went through: `scores[samples, classes]`, their `labels[samples]`, and what happened meanwhile."""

    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    ticks: int
    outcome: Outcome
    drawn_ticks: int
    raster: Raster
    """Every spike in the first `drawn_ticks` of these ticks, which count from 0."""

    @property
    def right(self) -> int:
        """How many decisions are the label; of equal scores the first counts. 0 where there are no labels."""
        decisions = self.scores.argmax(axis=1)[: len(self.labels)]
        return int(np.count_nonzero(decisions == self.labels))


def deployed(plan: CorePlan, files: Mapping[str, bytes], where: str) -> Deployed:
    """The network of a plan and its files; `where` names the plan in messages."""
    decoder = load(files[DECODER_FILE])
    graph = decoded(files[CORES_FILE], f"{where}/{CORES_FILE}")
    return Deployed(plan, graph, decoder["matrix"], decoder["offset"])


class Runner:
    """Takes samples through the cores of all ranks; what comes of it, rank 0 has. Close it, or use it in a `with`."""

    def __init__(self, network: Deployed, threads: int | None, world: World, where: str) -> None:
        """`threads` a rank, or as many as it has cores; `where` names the network in messages."""
        self.network = network
        self._world = world
        cores = world.cores()
        with agreed(world):
            share = even_share(len(network.graph.cores), world.size, world.rank, where)
        self._post = world.post()
        self._inlets = Inlets(network.plan, network.graph)
        part = circuit(network.graph, share.cores)
        origins = [core.origin for core in network.graph.cores]
        self._lasting = tuple(
            (layer.tick, np.array([core for core, origin in enumerate(origins) if origin == layer.name]))
            for layer in network.plan.layers
            if layer.lasts
        )
        self._simulator = Simulator(part, threads=threads or len(cores), cores=cores, share=share, post=self._post)

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._simulator.close()
        if self._post is not None:
            self._post.close()

    @property
    def core_spikes(self) -> NDArray[np.int64]:
        """`[cores]`: spikes of each core's neurons since the beginning."""
        return gathered_cores(self._world, self._simulator.core_spikes)

    @property
    def core_events(self) -> NDArray[np.int64]:
        """`[cores]`: synaptic events of each core since the beginning."""
        return gathered_cores(self._world, self._simulator.core_events)

    def batches(self, dataset: Dataset, drawn: int = 0) -> Iterator[Batch]:
        """All samples of a data set, in order; every spike is drawn until the first `drawn` of them are through."""
        for first in range(0, dataset.count, _SAMPLES_AT_ONCE):
            indices = np.arange(first, min(first + _SAMPLES_AT_ONCE, dataset.count))
            yield self._batch(dataset, indices, drawn if first == 0 else 0)

    def _batch(self, dataset: Dataset, indices: NDArray[np.int64], drawn: int) -> Batch:
        plan = self.network.plan
        values = values_of(plan, dataset, indices)
        labels = values[plan.label][:, 0].astype(np.int64) if plan.label in values else np.zeros(0, np.int64)
        first, samples = self._simulator.tick, len(indices)
        ticks, drawn_ticks = (self._ticks(count) for count in (samples, min(drawn, samples)))
        outcome, raster = self._run(values, indices, drawn_ticks)
        scores = self._scores(outcome.departures, samples, first + plan.latency)
        return Batch(scores, labels, ticks, outcome, drawn_ticks, raster)

    def _scores(self, departures: Departures, samples: int, first: int) -> NDArray[np.float32]:
        """`[samples, classes]`, from the spikes that tell of these samples, the first one's from tick `first` on."""
        period, (classes, pins) = self.network.plan.period, self.network.matrix.shape
        scores = np.empty((samples, classes), np.float32)
        at_once = max(1, _COUNTS_AT_ONCE // pins)
        starts = np.searchsorted(departures.ticks, first + period * np.arange(samples + 1))
        for begin in range(0, samples, at_once):
            end = min(begin + at_once, samples)
            own = slice(starts[begin], starts[end])
            places = ((departures.ticks[own] - first) // period - begin) * pins + departures.pins[own]
            fired = np.bincount(places, minlength=(end - begin) * pins).reshape(end - begin, pins).astype(np.float64)
            # As float32, in which equal votes are equal scores: of those the first counts, as in the network.
            scores[begin:end] = fired @ self.network.matrix.T / period + self.network.offset
        return scores

    def _ticks(self, samples: int) -> int:
        """From the first sample's first tick to the last one's decision."""
        plan = self.network.plan
        return samples * plan.period + plan.latency if samples else 0

    def _run(self, values: Values, indices: NDArray[np.int64], drawn: int) -> tuple[Outcome, Raster]:
        """All ticks of these samples, every spike of the first ones drawn."""
        first, ticks, outcomes, rasters = self._simulator.tick, self._ticks(len(indices)), [], []
        starts = self._starts(len(indices))
        for begin, end in pairwise(sorted({*range(0, ticks, self._inlets.ticks_at_once), drawn, ticks, *starts})):
            self._simulator.restart(starts.get(begin, np.zeros(0, np.int64)))
            arrivals = self._inlets.arrivals(values, indices, range(begin, end), first)
            if begin < drawn:
                outcome, raster = self._simulator.draw(end - begin, arrivals)
                rasters.append(raster)
            else:
                outcome = self._simulator.run(end - begin, arrivals)
            outcomes.append(outcome)
        raster = gathered_raster(self._world, joined(rasters))
        return gathered(self._world, succeeding(outcomes)), Raster(raster.ticks - first, raster.cores, raster.neurons)

    def _starts(self, samples: int) -> dict[int, NDArray[np.int64]]:
        """The ticks in which a sample reaches a layer whose potentials last, and the cores of all such layers."""
        period = self.network.plan.period
        reached: dict[int, list[NDArray[np.int64]]] = {}
        for tick, cores in self._lasting:
            for sample in range(samples):
                reached.setdefault(sample * period + tick, []).append(cores)
        return {tick: np.concatenate(cores) for tick, cores in reached.items()}


def values_of(plan: CorePlan, dataset: Dataset, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """`[samples, features]` of each input that the data set has, as the network sees them."""
    return {fact.name: _values(dataset, fact, indices) for fact in plan.inputs if fact.name in dataset.inputs}


def _values(dataset: Dataset, fact: InputFact, indices: NDArray[np.int64]) -> NDArray[Any]:
    """`[samples, features]` of an input, as the network sees them."""
    features = 1 if fact.kind == "class" else prod(fact.shape)
    blocks = -(-len(indices) // LANES)
    shape, dtype = ((blocks, LANES), np.int32) if fact.kind == "class" else ((blocks, features, LANES), np.float32)
    lanes = np.zeros(shape, dtype)
    dataset.fill(fact.name, indices, lanes, Slice(start=0, stop=features))
    return samples_of_lanes(lanes.reshape(blocks, features, LANES), len(indices))
