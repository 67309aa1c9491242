"""What do a plan's cores hold, and what will a sample cost? Counted from the cores and, where there is one, from a run.

Densities are synapses for each crossing of an axon and a neuron that are in use. Energy is the model of
`brainrun/truenorth/energy.py`, and no measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from brainc.truenorth.cores import splitter_of
from brainc.truenorth.place import hops, reading_order, traffic
from brainrun.errors import PlanError
from brainrun.plan.cores import CoreLayer, CorePlan
from brainrun.truenorth.activity import RoleActivity, spikes_of
from brainrun.truenorth.energy import CORE_TICK_JOULES, EVENT_JOULES, FLOAT_MACHINES
from brainrun.truenorth.graph import FIRST_OUTPUT, NO_NEURON, Core, CoreGraph
from brainrun.truenorth.limits import SECONDS_PER_TICK


@dataclass(frozen=True, slots=True)
class CoreFact:
    """One core. `layer` is the place of its layer in the plan, whose spikes it makes or, a splitter, passes on."""

    x: int
    y: int
    layer: int
    is_splitter: bool
    axons: int
    """Those that reach a neuron."""
    neurons: int
    synapses: int
    targets: tuple[tuple[int, int], ...]
    """Cores that its spikes go to, and by how many neurons each."""
    outputs: int
    """Neurons whose spikes leave the board."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Of some cores."""

    cores: int
    splitters: int
    axons: int
    neurons: int
    synapses: int
    crossings: int
    """Of the axons and neurons in use, core by core."""

    @property
    def density(self) -> float:
        """Synapses a crossing."""
        return self.synapses / max(1, self.crossings)


@dataclass(frozen=True, slots=True)
class Activity:
    """What a run of a data set took, a sample."""

    role: str
    samples: int
    right: float | None
    """The share of right decisions; None where there are no labels."""
    ticks: float
    spikes: float
    events: float
    """Synaptic events."""
    hops: float
    """Steps of its spikes from core to core, by where those of the recording went."""
    hops_in_order: float
    """The same if cores stood in the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Joules a sample on something, and how they come about."""

    name: str
    joules: float
    why: str


@dataclass(frozen=True, slots=True)
class CoreReport:
    """The account of a plan."""

    name: str
    layers: tuple[tuple[CoreLayer, Totals], ...]
    cores: tuple[CoreFact, ...]
    totals: Totals
    chips: tuple[int, int]
    latency_ticks: int
    period_ticks: int
    hops_in_order: float
    hops: float
    idle_joules: float
    """A sample's, if no neuron fired."""
    multiply_adds: int
    """Of a sample in the network as it was written, if it computed with numbers."""
    float_costs: tuple[Cost, ...]
    activity: Activity | None
    event_joules: float
    """A sample's synaptic events in the run."""

    @property
    def samples_per_second(self) -> float:
        """At a tick a millisecond."""
        return 1 / (self.period_ticks * SECONDS_PER_TICK)

    @property
    def nearer(self) -> float:
        """How many times fewer steps spikes go than in the order of the cores' numbers."""
        return self.hops_in_order / self.hops if self.hops else 1.0


def core_report(plan: CorePlan, graph: CoreGraph, run: RoleActivity | None = None) -> CoreReport:
    """The account of a plan with its cores, and with what a run left where one is given."""
    cores = core_facts(plan, graph)
    activity = _activity(plan, graph, run) if run else None
    return CoreReport(
        name=plan.name,
        layers=tuple(
            (layer, totals([core for core in cores if core.layer == place])) for place, layer in enumerate(plan.layers)
        ),
        cores=cores,
        totals=totals(cores),
        chips=graph.chips,
        latency_ticks=plan.latency + plan.period,
        period_ticks=plan.period,
        hops_in_order=plan.hops_in_order,
        hops=plan.hops,
        # While a sample goes through, others do, too: its own share of the time is the period.
        idle_joules=len(cores) * (activity.ticks if activity else plan.period) * CORE_TICK_JOULES,
        multiply_adds=plan.multiply_adds,
        float_costs=tuple(
            Cost(machine.name, plan.multiply_adds * machine.joules, machine.source) for machine in FLOAT_MACHINES
        ),
        activity=activity,
        event_joules=activity.events * EVENT_JOULES if activity else 0.0,
    )


def core_facts(plan: CorePlan, graph: CoreGraph) -> tuple[CoreFact, ...]:
    """Every core, in the order of their numbers. PlanError: one serves a layer that the plan does not have."""
    places: dict[str, tuple[int, bool]] = {}
    for place, layer in enumerate(plan.layers):
        places[layer.name] = place, False
        places[splitter_of(layer.name)] = place, True
    for core in graph.cores:
        if core.origin not in places:
            raise PlanError(f"has a core of {core.origin}, and no such layer", remedy="compile it again")
    return tuple(_fact(core, *places[core.origin]) for core in graph.cores)


def _fact(core: Core, layer: int, is_splitter: bool) -> CoreFact:
    there = core.kinds != NO_NEURON
    synapses = core.synapses()[:, there]
    targets: NDArray[np.int32] = core.target_cores[there]
    reached, neurons = np.unique(targets[targets >= 0], return_counts=True)
    return CoreFact(
        core.x,
        core.y,
        layer,
        is_splitter,
        int(np.count_nonzero(synapses.any(axis=1))),
        int(np.count_nonzero(there)),
        int(np.count_nonzero(synapses)),
        tuple(zip(reached.tolist(), neurons.tolist(), strict=True)),
        int(np.count_nonzero(targets <= FIRST_OUTPUT)),
    )


def totals(cores: Sequence[CoreFact]) -> Totals:
    """What these cores have together."""
    return Totals(
        cores=sum(not core.is_splitter for core in cores),
        splitters=sum(core.is_splitter for core in cores),
        axons=sum(core.axons for core in cores),
        neurons=sum(core.neurons for core in cores),
        synapses=sum(core.synapses for core in cores),
        crossings=sum(core.axons * core.neurons for core in cores),
    )


def units_of(layer: CoreLayer) -> int:
    """How many units a layer has; neurons may be more, as each axon that a unit's spikes go to takes one."""
    return prod(layer.shape)


def _activity(plan: CorePlan, graph: CoreGraph, run: RoleActivity) -> Activity:
    spikes = sum(run.core_spikes) / run.samples
    recorded = spikes_of(run.recording, len(graph.cores)).sum(axis=0)
    scale = spikes / max(1, int(recorded.sum()))
    flow = traffic(graph, recorded * scale)
    where = np.array([(core.x, core.y) for core in graph.cores], np.int64)
    return Activity(
        run.role,
        run.samples,
        run.right / run.samples if plan.label else None,
        run.ticks / run.samples,
        spikes,
        sum(run.core_events) / run.samples,
        hops(flow, where),
        hops(flow, reading_order(flow.cores)),
    )
