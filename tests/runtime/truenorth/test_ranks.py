"""Cores that are shared out over ranks fire as on one rank, bit for bit, whatever is random."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainrun.errors import RunError
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.graph import CoreGraph
from brainrun.truenorth.limits import AXONS
from brainrun.truenorth.mail import Post
from brainrun.truenorth.share import Share, even_share
from brainrun.truenorth.simulate import Arrivals, Simulator

from .graphs import Manner, neurons, random_core
from .pretended import Ranks

CORES, TICKS = 7, 24


def drawn_graph(data: st.DataObject, manner: Manner, least_delay: int) -> CoreGraph:
    """Seven cores that send anywhere, with delays from `least_delay` on."""
    kinds = tuple(data.draw(st.lists(neurons(manner), min_size=1, max_size=6)))
    seed = data.draw(st.integers(0, 2**32 - 1))
    numbers = np.random.default_rng(seed)
    cores = []
    for x in range(CORES):
        core = random_core(numbers, CORES, len(kinds), 0.1, x)
        cores.append(replace(core, delays_bytes=np.maximum(core.delays, least_delay).astype(np.uint8).tobytes()))
    return CoreGraph(kinds, tuple(cores), seed=seed)


def some_arrivals(seed: int) -> Arrivals:
    numbers = np.random.default_rng(seed)
    came = np.sort(numbers.integers(0, TICKS, 300))
    return Arrivals(came, numbers.integers(0, CORES, 300, np.int32), numbers.integers(0, AXONS, 300, np.int32))


def seen(simulator: Simulator, arrivals: Arrivals) -> list[list]:
    """What comes of two runs, one after the other: spikes, departures, traces, potentials and counts."""
    traced = [(0, 3), (CORES - 1, 255), (3, 0), (1, 17)]
    parts = [simulator.watch(ticks, arrivals, traced) for ticks in (5, TICKS - 5)]
    spikes = [
        row
        for part in parts
        for row in zip(
            part.raster.ticks.tolist(), part.raster.cores.tolist(), part.raster.neurons.tolist(), strict=True
        )
    ]
    departures = [part.outcome.departures for part in parts]
    left = [row for each in departures for row in zip(each.ticks.tolist(), each.pins.tolist(), strict=True)]
    potentials = np.concatenate([part.potentials for part in parts])
    counts = [sum(part.outcome.spikes for part in parts), sum(part.outcome.synaptic_events for part in parts)]
    return [spikes, left, potentials, simulator.potentials().tolist(), counts]


def together(ranks: list[list[list]]) -> list[list]:
    """What all ranks saw, as one would have."""
    spikes, left, potentials, states, counts = zip(*ranks, strict=True)
    return [
        sorted(chain.from_iterable(spikes)),
        sorted(chain.from_iterable(left)),
        sum(potentials).tolist(),
        list(chain.from_iterable(states)),
        np.sum(counts, axis=0).tolist(),
    ]


@pytest.mark.parametrize("manner", ["narrow", "deterministic", "random thresholds", "anything"])
@pytest.mark.parametrize(("ranks", "threads", "least_delay"), [(2, 1, 1), (3, 1, 4), (2, 2, 1), (7, 1, 15)])
def test_ranks_change_nothing(manner: Manner, ranks: int, threads: int, least_delay: int) -> None:
    """Nor does it matter for how many ticks they can do without one another's spikes."""

    @given(data=st.data())
    @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
    def agree(data: st.DataObject) -> None:
        graph, arrivals = drawn_graph(data, manner, least_delay), some_arrivals(data.draw(st.integers(0, 2**32 - 1)))

        def rank(post: Post) -> list[list]:
            share = even_share(CORES, ranks, post.member)
            part = circuit(graph, share.cores)
            with Simulator(part, threads=threads, share=share, post=post) as simulator:
                return seen(simulator, arrivals)

        with Simulator(circuit(graph)) as simulator:
            expected = together([seen(simulator, arrivals)])
        assert together(Ranks(ranks).run(rank)) == expected

    agree()


def test_shares_tile_the_cores_and_differ_by_at_most_one() -> None:
    for cores, ranks in ((7, 2), (4096, 3), (5, 5)):
        lengths = [len(even_share(cores, ranks, member).cores) for member in range(ranks)]
        assert sum(lengths) == cores
        assert max(lengths) - min(lengths) <= 1
    assert even_share(7, 2, 1) == Share((0, 3, 7), 1)


def test_more_ranks_than_cores_are_refused() -> None:
    with pytest.raises(RunError) as caught:
        even_share(2, 3, 0, "m.json")
    assert str(caught.value) == "m.json: has 2 cores, too few for 3 ranks: start at most 2"
