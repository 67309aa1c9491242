"""The simulator gives the spikes and potentials of the plain equations, bit for bit, whatever the neurons are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainrun.truenorth.bounds import fit_narrow
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.graph import NO_NEURON, NOWHERE, CoreGraph, Neuron, Reset, core, output_target
from brainrun.truenorth.limits import AXONS, NEURONS
from brainrun.truenorth.rules import broken_rules
from brainrun.truenorth.simulate import Arrivals, Simulator

from .graphs import Case, Manner, cases
from .plain import Plain

TICKS = 12
SLOW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def arrivals(case: Case) -> Arrivals:
    rows = np.array(case.arrivals, np.int64).reshape(-1, 3)
    return Arrivals(rows[:, 0], rows[:, 1].astype(np.int32), rows[:, 2].astype(np.int32))


def same_as_the_equations(case: Case, threads: int) -> None:
    """In two runs of the simulator, one after the other, as in one of the equations."""
    assert list(broken_rules(case.graph)) == []
    plain = Plain(case.graph)
    left, spikes = plain.run(TICKS, case.arrivals)
    drawn, departed, events = [], [], 0
    with Simulator(circuit(case.graph), threads=threads) as simulator:
        for ticks in (TICKS // 3, TICKS - TICKS // 3):
            outcome, raster = simulator.draw(ticks, arrivals(case))
            drawn += zip(raster.ticks.tolist(), raster.cores.tolist(), raster.neurons.tolist(), strict=True)
            departures = outcome.departures
            departed += zip(departures.ticks.tolist(), departures.pins.tolist(), strict=True)
            events += outcome.synaptic_events
        assert drawn == spikes
        assert departed == left
        assert simulator.potentials().tolist() == plain.potential
        assert simulator.core_spikes.sum() == len(spikes)
        assert events == plain.events


@given(case=cases("narrow", TICKS))
@SLOW
def test_potentials_of_16_bits_follow_the_equations(case: Case) -> None:
    same_as_the_equations(case, 1)


@given(case=cases("deterministic", TICKS))
@SLOW
def test_saturation_reversal_and_all_resets_follow_the_equations(case: Case) -> None:
    same_as_the_equations(case, 1)


@given(case=cases("random thresholds", TICKS))
@SLOW
def test_random_thresholds_follow_the_equations(case: Case) -> None:
    same_as_the_equations(case, 1)


@given(case=cases("anything", TICKS))
@SLOW
def test_stochastic_synapses_and_leaks_follow_the_equations(case: Case) -> None:
    same_as_the_equations(case, 1)


def one_neuron(neuron: Neuron, *, target: tuple[int, int] = output_target(0), delay: int = 1, axons: int = 1):
    """A core with one neuron that the first axons, all of type 0, reach."""
    kinds = np.full(NEURONS, NO_NEURON)
    kinds[0] = 0
    synapses = np.zeros((AXONS, NEURONS), bool)
    synapses[:axons, 0] = True
    cores, pins = np.full(NEURONS, NOWHERE), np.zeros(NEURONS)
    cores[0], pins[0] = target
    delays = np.full(NEURONS, delay)
    return CoreGraph((neuron,), (core(np.zeros(AXONS), synapses, kinds, cores, pins, delays),))


def ticks_of_spikes(graph: CoreGraph, ticks: int, *at: int, axon: int = 0) -> list[int]:
    given = np.array(at, np.int64)
    came = Arrivals(given, np.zeros(len(at), np.int32), np.full(len(at), axon, np.int32))
    with Simulator(circuit(graph)) as simulator:
        return simulator.run(ticks, came).departures.ticks.tolist()


def test_a_leak_of_one_fires_every_threshold_ticks() -> None:
    graph = one_neuron(Neuron((0, 0, 0, 0), threshold=5, leak=1))
    assert ticks_of_spikes(graph, 16) == [4, 9, 14]


@pytest.mark.parametrize("delay", range(1, 16))
def test_a_spike_arrives_after_its_delay(delay: int) -> None:
    """A neuron that excites itself: one spike from outside comes back every `delay` ticks."""
    kinds = np.full(NEURONS, NO_NEURON)
    kinds[:2] = 0
    synapses = np.zeros((AXONS, NEURONS), bool)
    synapses[7, :2] = True
    cores, pins = np.full(NEURONS, NOWHERE), np.zeros(NEURONS)
    cores[0], pins[0] = 0, 7
    cores[1], pins[1] = output_target(3)
    only = core(np.zeros(AXONS), synapses, kinds, cores, pins, np.full(NEURONS, delay))
    graph = CoreGraph((Neuron((1, 0, 0, 0), threshold=1),), (only,))
    assert ticks_of_spikes(graph, 50, 2, axon=7) == list(range(2, 50, delay))


def test_spikes_that_meet_on_an_axon_are_one() -> None:
    graph = one_neuron(Neuron((1, 0, 0, 0), threshold=2, reset=Reset.LINEAR))
    assert ticks_of_spikes(graph, 8, 1, 1) == []
    assert ticks_of_spikes(graph, 8, 1, 2) == [2]


def test_input_of_ticks_that_are_not_run_is_left_out() -> None:
    graph = one_neuron(Neuron((1, 0, 0, 0), threshold=1))
    assert ticks_of_spikes(graph, 4, 0, 3, 4, 9) == [0, 3]


@pytest.mark.parametrize("manner", ["narrow", "deterministic", "random thresholds", "anything"])
def test_threads_change_nothing(manner: Manner) -> None:
    """Twenty cores, so that there are groups of cores to share out."""

    @given(seed=st.integers(0, 2**32 - 1), data=st.data())
    @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
    def agree(seed: int, data: st.DataObject) -> None:
        from .graphs import neurons, random_core

        kinds = tuple(data.draw(st.lists(neurons(manner), min_size=1, max_size=6)))
        numbers = np.random.default_rng(seed)
        cores = tuple(random_core(numbers, 20, len(kinds), 0.1, x) for x in range(20))
        graph = CoreGraph(kinds, cores, seed=seed)
        came = np.sort(numbers.integers(0, 40, 500))
        spikes = Arrivals(came, numbers.integers(0, 20, 500, np.int32), numbers.integers(0, AXONS, 500, np.int32))
        found = []
        for threads in (1, 2):
            with Simulator(circuit(graph), threads=threads) as simulator:
                outcome, raster = simulator.draw(40, spikes)
                kept = (raster.ticks, raster.cores, raster.neurons, outcome.departures.ticks, outcome.departures.pins)
                found.append([*(array.tolist() for array in kept), simulator.potentials().tolist()])
        assert found[0] == found[1]

    agree()


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@SLOW
def test_cores_that_nap_wake_where_the_equations_are(data: st.DataObject, seed: int) -> None:
    """Leaks of either sign, bounds of all kinds, and now and then a spike; looked at in the middle of naps, too."""
    signs = st.sampled_from([0, 1, 1, -1, 3])
    kinds = tuple(
        Neuron(
            weights=(20, -30, 1, 0),
            threshold=data.draw(st.integers(100, 900)),
            floor=data.draw(st.integers(100, 400)),
            leak=data.draw(signs),
            reset=data.draw(st.sampled_from([Reset.NORMAL, Reset.LINEAR])),
            reset_potential=data.draw(st.sampled_from([0, 3, -15])),
            saturates_at_floor=data.draw(st.booleans()),
            potential=data.draw(st.integers(-200, 300)),
        )
        for _ in range(4)
    )
    numbers = np.random.default_rng(seed)
    named = np.full(NEURONS, NO_NEURON)
    named[:8] = numbers.integers(0, len(kinds), 8)
    synapses = np.zeros((AXONS, NEURONS), bool)
    synapses[3:7] = numbers.random((4, NEURONS)) < 0.5
    synapses[:, named == NO_NEURON] = False
    target = numbers.integers(-2, 2, NEURONS)
    cores = tuple(
        core(numbers.integers(0, 4, AXONS), synapses, named, target, np.arange(NEURONS), np.full(NEURONS, 9), x=x)
        for x in range(2)
    )
    came = tuple(sorted((int(tick), int(tick) % 2, 5) for tick in numbers.integers(0, 120, 4)))
    case = Case(CoreGraph(kinds, cores, seed=seed), came)
    plain = Plain(case.graph)
    assert fit_narrow(circuit(case.graph)).all()
    with Simulator(circuit(case.graph)) as simulator:
        for ticks in (1, 30, 2, 50, 37):
            left, spikes = plain.run(ticks, came)
            outcome, raster = simulator.draw(ticks, arrivals(case))
            found = zip(raster.ticks.tolist(), raster.cores.tolist(), raster.neurons.tolist(), strict=True)
            assert list(found) == spikes
            assert outcome.departures.ticks.tolist() == [tick for tick, _ in left]
            assert simulator.potentials().tolist() == plain.potential


def test_only_what_provably_fits_has_16_bits() -> None:
    """A linear reset that input can outrun may grow without bound; one that cannot be outrun does not."""
    outrun = one_neuron(Neuron((100, 0, 0, 0), threshold=150, reset=Reset.LINEAR), axons=2)
    held = one_neuron(Neuron((100, 0, 0, 0), threshold=200, reset=Reset.LINEAR, floor=10), axons=2)
    assert fit_narrow(circuit(outrun)).tolist() == [False]
    assert fit_narrow(circuit(held)).tolist() == [True]
