"""Spikes come in at their axons and ticks, in whatever stretches of ticks they are made."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainrun.plan.cores import Code, EncoderFact, FeedFact
from brainrun.truenorth.codes import Window, spikes_of
from brainrun.truenorth.graph import InputPort
from brainrun.truenorth.inlets import Inlets

SAMPLES, SEED, FIRST = np.arange(40, 47), 5, 1000
ELEMENTS = 6


def network(numbers: np.random.Generator, codes: list[Code], ticks: int) -> SimpleNamespace:
    """Encoders of one input each, and feeds that take some of their elements, several ticks late; what Inlets reads."""
    encoders = [EncoderFact(f"e{n}", f"x{n}", code, 0.5) for n, code in enumerate(codes)]
    feeds, ports = [], []
    for n in range(4):
        pins = int(numbers.integers(1, 9))
        elements = tuple(numbers.integers(0, ELEMENTS, pins).tolist())
        feeds.append(FeedFact(f"p{n}", encoders[n % len(encoders)].name, elements, int(numbers.integers(0, 5))))
        cores, axons = numbers.integers(0, 9, pins), numbers.integers(0, 256, pins)
        ports.append(InputPort(f"p{n}", tuple(cores.tolist()), tuple(axons.tolist())))
    plan = SimpleNamespace(encoders=encoders, feeds=feeds, period=ticks, seed=SEED)
    return SimpleNamespace(plan=plan, graph=SimpleNamespace(inputs=ports))


@pytest.mark.parametrize(("codes", "ticks"), [(["threshold"], 1), (["rate", "stochastic", "given"], 4)])
@given(seed=st.integers(0, 2**32 - 1), cuts=st.sets(st.integers(1, 33)))
@settings(max_examples=25, deadline=None)
def test_stretches_have_together_what_comes_in_at_each_axon(
    codes: list[Code], ticks: int, seed: int, cuts: set[int]
) -> None:
    numbers = np.random.default_rng(seed)
    made = network(numbers, codes, ticks)
    plan, ports = made.plan, {port.name: port for port in made.graph.inputs}
    rows = {encoder.input: ticks if encoder.code == "given" else 1 for encoder in plan.encoders}
    values = {name: numbers.random((len(SAMPLES), ELEMENTS * row), np.float32) for name, row in rows.items()}
    expected = []
    for feed in plan.feeds:
        encoder, port = next(one for one in plan.encoders if one.name == feed.encoder), ports[feed.port]
        for tick in range(ticks):
            spikes = spikes_of(encoder, values[encoder.input], SAMPLES, tick, Window(ticks, SEED))
            for sample, row in enumerate(spikes):
                when = FIRST + sample * ticks + tick + feed.tick
                taken = zip(port.cores, port.axons, feed.elements, strict=True)
                expected += [(when, core, axon) for core, axon, element in taken if row[element]]
    inlets, end = Inlets(plan, made.graph), len(SAMPLES) * ticks + 5
    found = []
    borders = [0, *sorted(cut for cut in cuts if cut < end), end]
    for begin, stop in itertools.pairwise(borders):
        arrivals = inlets.arrivals(values, SAMPLES, range(begin, stop), FIRST)
        assert (np.diff(arrivals.ticks) >= 0).all()
        assert set(arrivals.ticks.tolist()) <= set(range(FIRST + begin, FIRST + stop))
        found += zip(arrivals.ticks.tolist(), arrivals.cores.tolist(), arrivals.axons.tolist(), strict=True)
    assert sorted(found) == sorted(expected)
    assert inlets.ticks_at_once >= 1
