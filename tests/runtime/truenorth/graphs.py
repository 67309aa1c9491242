"""Core graphs for tests, drawn at random: all parameters over their whole ranges, and smaller ones that fit 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from hypothesis import strategies as st

from brainrun.truenorth.graph import NO_NEURON, Core, CoreGraph, Neuron, Reset, core
from brainrun.truenorth.limits import (
    AXONS,
    GREATEST_POTENTIAL,
    GREATEST_THRESHOLD,
    GREATEST_WEIGHT,
    LEAST_POTENTIAL,
    NEURONS,
)

Manner = Literal["narrow", "deterministic", "random thresholds", "anything"]


@dataclass(frozen=True, slots=True)
class Case:
    """A graph, and what comes in: (tick, core, axon), in order."""

    graph: CoreGraph
    arrivals: tuple[tuple[int, int, int], ...]


def _weights(draw: st.DrawFn, greatest: int) -> tuple[int, int, int, int]:
    values = st.one_of(st.sampled_from([0, 1, -1, greatest, -greatest]), st.integers(-greatest, greatest))
    return tuple(draw(values) for _ in range(4))


@st.composite
def neurons(draw: st.DrawFn, manner: Manner) -> Neuron:
    """A neuron whose potential fits 16 bits (mostly), one without random numbers, or any."""
    sign = draw(st.sampled_from([1, -1]))
    if manner == "narrow":
        return Neuron(
            weights=_weights(draw, 60),
            threshold=draw(st.integers(1, 2000)),
            floor=draw(st.integers(0, 2000)),
            leak=draw(st.integers(-50, 50)),
            reset=draw(st.sampled_from([Reset.NORMAL, Reset.NORMAL, Reset.LINEAR])),
            reset_potential=sign * (2 ** draw(st.integers(0, 8)) - 1),
            saturates_at_floor=draw(st.booleans()),
            threshold_bits=draw(st.sampled_from([0, 0, 5, 9])),
            potential=draw(st.integers(-100, 100)),
        )
    thresholds = st.one_of(st.integers(0, 300), st.integers(0, GREATEST_THRESHOLD))
    stochastic = st.booleans() if manner == "anything" else st.just(False)
    bits = st.just(0) if manner == "deterministic" else st.integers(0, 16)
    return Neuron(
        weights=_weights(draw, GREATEST_WEIGHT),
        threshold=draw(thresholds),
        floor=draw(thresholds),
        leak=draw(st.one_of(st.just(0), st.integers(-GREATEST_WEIGHT, GREATEST_WEIGHT))),
        reset=draw(st.sampled_from(Reset)),
        reset_potential=sign * (2 ** draw(st.integers(0, 18)) - 1),
        saturates_at_floor=draw(st.booleans()),
        leak_reversal=draw(st.booleans()),
        stochastic_weights=tuple(draw(stochastic) for _ in range(4)),
        stochastic_leak=draw(stochastic),
        threshold_bits=draw(bits),
        potential=draw(st.one_of(st.integers(-300, 300), st.integers(LEAST_POTENTIAL, GREATEST_POTENTIAL))),
    )


def random_core(numbers: np.random.Generator, cores: int, kinds: int, density: float, x: int) -> Core:
    """A core in which a third of the neurons are missing, and spikes go anywhere, out and nowhere."""
    named = numbers.integers(0, kinds, NEURONS).astype(np.uint16)
    named[numbers.random(NEURONS) < 1 / 3] = NO_NEURON
    synapses = numbers.random((AXONS, NEURONS)) < density
    synapses[:, named == NO_NEURON] = False
    return core(
        numbers.integers(0, 4, AXONS),
        synapses,
        named,
        numbers.integers(-4, cores, NEURONS),
        numbers.integers(0, AXONS, NEURONS),
        numbers.integers(1, 16, NEURONS),
        x=x,
    )


@st.composite
def cases(draw: st.DrawFn, manner: Manner, ticks: int) -> Case:
    """Up to three cores that excite one another, and what comes from outside in the first ticks."""
    kinds = tuple(draw(st.lists(neurons(manner), min_size=1, max_size=6)))
    count = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**32 - 1))
    numbers = np.random.default_rng(seed)
    density = draw(st.sampled_from([0.02, 0.3]))
    cores = tuple(random_core(numbers, count, len(kinds), density, x) for x in range(count))
    arrivals = numbers.integers([0, 0, 0], [ticks, count, AXONS], (draw(st.sampled_from([0, 10, 200])), 3))
    return Case(CoreGraph(kinds, cores, seed=seed), tuple(sorted({tuple(row) for row in arrivals.tolist()})))
