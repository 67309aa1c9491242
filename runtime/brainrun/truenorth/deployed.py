"""How does a network on cores run over data? Samples become spikes, go through the cores, and are scored.

A new sample comes every `period` ticks while earlier ones are still under way. Scores are the decoder's matrix times
the output spikes of the sample's tick.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from brainrun.plan.cores import CORES_FILE, DECODER_FILE, CorePlan, FeedFact
from brainrun.plan.schema import LANES, InputFact, Slice
from brainrun.readers.dataset import Dataset
from brainrun.readers.lanes import samples_of_lanes
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.file import decoded
from brainrun.truenorth.graph import CoreGraph, InputPort
from brainrun.truenorth.simulate import Arrivals, Outcome, Simulator

_SAMPLES_AT_ONCE = 512


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

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    ticks: int
    outcome: Outcome

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
    """Takes samples through the cores. Close it, or use it in a `with`."""

    def __init__(self, network: Deployed, threads: int) -> None:
        self.network = network
        self._simulator = Simulator(circuit(network.graph), threads=threads)

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._simulator.close()

    def batches(self, dataset: Dataset) -> Iterator[Batch]:
        """All samples of a data set, in order."""
        for first in range(0, dataset.count, _SAMPLES_AT_ONCE):
            indices = np.arange(first, min(first + _SAMPLES_AT_ONCE, dataset.count))
            yield self._batch(dataset, indices)

    def _batch(self, dataset: Dataset, indices: NDArray[np.int64]) -> Batch:
        plan = self.network.plan
        values = values_of(plan, dataset, indices)
        labels = values[plan.label][:, 0].astype(np.int64) if plan.label in values else np.zeros(0, np.int64)
        first, samples = self._simulator.tick, len(indices)
        arrivals = arrivals_of(self.network, values, first)
        ticks = (samples - 1) * plan.period + plan.latency + 1
        outcome = self._simulator.run(ticks, arrivals)
        fired = np.zeros((samples, self.network.matrix.shape[1]))
        since = outcome.departures.ticks - first - plan.latency
        due = (since >= 0) & (since % plan.period == 0)
        fired[since[due] // plan.period, outcome.departures.pins[due]] = 1
        return Batch(fired @ self.network.matrix.T + self.network.offset, labels, ticks, outcome)


def values_of(plan: CorePlan, dataset: Dataset, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """`[samples, features]` of each input that the data set has, as the network sees them."""
    return {fact.name: _values(dataset, fact, indices) for fact in plan.inputs if fact.name in dataset.inputs}


def arrivals_of(network: Deployed, values: Mapping[str, NDArray[Any]], first: int) -> Arrivals:
    """Every encoder's spikes, at the ticks in which the layers that read them look; the first sample's from `first`."""
    plan = network.plan
    encoders = {encoder.name: encoder for encoder in plan.encoders}
    ports = {port.name: port for port in network.graph.inputs}
    parts = []
    for feed in plan.feeds:
        encoder = encoders[feed.encoder]
        spikes = values[encoder.input] >= np.float32(encoder.threshold)
        parts.append(_entering(spikes, feed, ports[feed.port], plan.period))
    ticks, cores, axons = np.concatenate(parts, axis=1)
    order = np.argsort(ticks, kind="stable")
    return Arrivals(ticks[order] + first, cores[order].astype(np.int32), axons[order].astype(np.int32))


def _entering(spikes: NDArray[np.bool_], feed: FeedFact, port: InputPort, period: int) -> NDArray[np.int64]:
    """`[3, spikes]`: ticks, cores and axons at which an encoder's spikes come in by a port."""
    sample, pin = np.nonzero(spikes[:, np.array(feed.elements)])
    ticks = sample * period + feed.tick
    return np.stack([ticks, np.array(port.cores)[pin], np.array(port.axons)[pin]]).astype(np.int64)


def _values(dataset: Dataset, fact: InputFact, indices: NDArray[np.int64]) -> NDArray[Any]:
    """`[samples, features]` of an input, as the network sees them."""
    features = 1 if fact.kind == "class" else prod(fact.shape)
    blocks = -(-len(indices) // LANES)
    shape, dtype = ((blocks, LANES), np.int32) if fact.kind == "class" else ((blocks, features, LANES), np.float32)
    lanes = np.zeros(shape, dtype)
    dataset.fill(fact.name, indices, lanes, Slice(start=0, stop=features))
    return samples_of_lanes(lanes.reshape(blocks, features, LANES), len(indices))
