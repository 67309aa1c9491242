"""Does a core graph, written as RANC's files, send the same spikes? And is everything named that RANC cannot do?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from brainrun.cli import main
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.graph import NO_NEURON, NOWHERE, Core, CoreGraph, Neuron, OutputPort, Reset, core, output_target
from brainrun.truenorth.ranc.export import RancFiles, export
from brainrun.truenorth.rules import broken_rules
from brainrun.truenorth.simulate import Arrivals, Simulator
from tests.runtime.truenorth.ranc_reference import reference_rows

TICKS = 25


@pytest.fixture(scope="module", autouse=True)
def kernel_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder of compiled kernels for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files of many networks go, one after the other."""
    return tmp_path_factory.mktemp("ranc")


def a_neuron(random: np.random.Generator) -> Neuron:
    """A neuron that RANC has, too: of all that go there."""
    weights = random.integers(-4, 8, 4)
    mirrored = int(2 ** random.integers(0, 4) - 1)
    usual = Neuron(
        weights=tuple(weights.tolist()),
        threshold=int(random.integers(0 if random.random() < 0.1 else 1, 20)),
        floor=int(random.integers(0, 20)),
        leak=int(random.integers(-3, 3)),
        reset_potential=int(random.choice([-1, 1]) * (2 ** random.integers(0, 5) - 1)),
        potential=int(random.integers(-20, 20)),
    )
    match random.integers(0, 5):
        case 0:
            return replace(usual, reset=Reset.LINEAR)
        case 1:
            return replace(usual, saturates_at_floor=True, floor=mirrored, reset_potential=mirrored)
        case 2:
            upward = tuple(abs(weights).tolist())
            return replace(
                usual, reset=Reset.LINEAR, saturates_at_floor=True, weights=upward, leak=abs(usual.leak), potential=0
            )
        case 3:
            still = (True, False, False, False)
            return replace(
                usual,
                weights=(0, *usual.weights[1:]),
                stochastic_weights=still,
                leak=0,
                stochastic_leak=True,
                leak_reversal=True,
            )
        case _:
            return usual


def a_core(random: np.random.Generator, neurons: int, cores: int, place: tuple[int, int]) -> Core:
    kinds = random.integers(0, neurons, 256)
    there = random.random(256) < 0.7
    there[int(random.integers(100, 256)) :] = False
    outputs = [output_target(pin) for pin in range(300)]
    targets = [
        (NOWHERE, 0)
        if where < 0.1
        else outputs[random.integers(300)]
        if where < 0.4
        else tuple(random.integers((cores, 256)))
        for where in random.random(256)
    ]
    return core(
        random.integers(0, 4, 256),
        (random.random((256, 256)) < 0.1) & there,
        np.where(there, kinds, NO_NEURON),
        [target for target, _ in targets],
        [axon for _, axon in targets],
        random.integers(1, 16, 256),
        x=place[0],
        y=place[1],
    )


def a_graph(random: np.random.Generator) -> CoreGraph:
    count = int(random.integers(1, 5))
    places = [divmod(int(place), 3) for place in random.choice(9, count, replace=False)]
    neurons = tuple(a_neuron(random) for _ in range(12))
    return CoreGraph(
        neurons=neurons,
        cores=tuple(a_core(random, len(neurons), count, (x + 2, y + 1)) for x, y in places),
        outputs=(OutputPort("answer", (0, 310)),),
    )


def some_arrivals(random: np.random.Generator, cores: int) -> Arrivals:
    ticks = np.sort(random.integers(0, TICKS, 200))
    return Arrivals(
        ticks, random.integers(0, cores, 200).astype(np.int32), random.integers(0, 256, 200).astype(np.int32)
    )


@settings(max_examples=25, deadline=None)
@given(seed=some.integers(0, 2**32 - 1))
def test_an_exported_graph_sends_the_spikes_of_the_graph(folder: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    graph = a_graph(random)
    assert list(broken_rules(graph)) == []
    arrivals = some_arrivals(random, len(graph.cores))
    with Simulator(circuit(graph)) as simulator:
        expected = simulator.run(TICKS, arrivals)
    files = export(graph, arrivals)
    assert isinstance(files, RancFiles)
    (folder / "net.json").write_bytes(files.network)
    (folder / "config.json").write_bytes(files.config)
    command = [str(folder / "net.json"), "--ranc", str(folder / "config.json"), "--ticks", str(TICKS), "--quiet"]
    assert main([*command, "--output", str(folder / "rows.txt"), "--json", str(folder / "run.json")]) == 0
    rows = [line.split() for line in (folder / "rows.txt").read_text("utf-8-sig").splitlines()]
    sent = set(zip((expected.departures.ticks + 1).tolist(), expected.departures.pins.tolist(), strict=True))
    assert {(tick, pin) for tick, row in enumerate(rows) for pin, value in enumerate(row) if value == "1"} == {
        (tick, pin) for tick, pin in sent if tick < TICKS
    }
    assert {len(row) for row in rows} == {311}
    assert json.loads((folder / "run.json").read_text())["spikes"] == expected.spikes


def test_the_reference_reads_an_exported_graph_alike() -> None:
    random = np.random.default_rng(1)
    graph = a_graph(random)
    arrivals = some_arrivals(random, len(graph.cores))
    files = export(graph, arrivals)
    assert isinstance(files, RancFiles)
    with Simulator(circuit(graph)) as simulator:
        departures = simulator.run(5, arrivals).departures
    rows = reference_rows(json.loads(files.network), json.loads(files.config), 5)
    sent = {(tick, pin) for tick, row in enumerate(rows) for pin, value in enumerate(row) if value}
    expected = set(zip((departures.ticks + 1).tolist(), departures.pins.tolist(), strict=True))
    assert sent == {(tick, pin) for tick, pin in expected if tick < 5}


def of_one_kind(neuron: Neuron, count: int = 1, target: tuple[int, int] = (0, 0)) -> CoreGraph:
    """A core with so many neurons of a kind, from neuron 3 on."""
    kinds = np.full(256, NO_NEURON)
    kinds[3 : 3 + count] = 0
    nothing = np.zeros((256, 256))
    cores = core(
        np.zeros(256), nothing, kinds, np.full(256, target[0]), np.full(256, target[1]), np.ones(256), x=5, y=7
    )
    return CoreGraph((neuron,), (cores,))


CALM = Neuron((1, -1, 0, 0), threshold=4, floor=2)
NO_INPUT = Arrivals(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))


@pytest.mark.parametrize(
    ("neuron", "expected"),
    [
        (
            replace(CALM, stochastic_weights=(True, True, True, False)),
            [
                "R1: core 0, neuron 3: weight 1 of axon type 0 is random; give it a certain weight",
                "R1: core 0, neuron 3: weight -1 of axon type 1 is random; give it a certain weight",
            ],
        ),
        (
            replace(CALM, leak=-1, stochastic_leak=True),
            ["R1: core 0, neuron 3: leak -1 is random; give it a certain leak"],
        ),
        (
            replace(CALM, threshold_bits=4),
            ["R1: core 0, neuron 3: the threshold has 4 random bits; give it none"],
        ),
        (
            replace(CALM, leak=-1, leak_reversal=True),
            ["R2: core 0, neuron 3: leak -1 follows the potential's sign; give it one sign"],
        ),
        (
            replace(CALM, reset=Reset.NONE),
            [
                "R3: core 0, neuron 3: the potential stays where it crosses a threshold; "
                "reset it to a potential, or by the threshold"
            ],
        ),
        (
            replace(CALM, saturates_at_floor=True),
            [
                "R4: core 0, neuron 3: the potential stops at the floor −2; "
                "give it 2 for a reset potential, whose opposite RANC resets to, or let the floor reset it"
            ],
        ),
        (
            replace(CALM, saturates_at_floor=True, reset=Reset.LINEAR),
            [
                "R4: core 0, neuron 3: the potential stops at the floor −2; "
                "give it a normal reset to the floor's opposite, or let the floor reset it"
            ],
        ),
    ],
)
def test_what_ranc_cannot_do_is_named_with_core_and_neuron(neuron: Neuron, expected: list[str]) -> None:
    lacking = export(of_one_kind(neuron), NO_INPUT)
    assert not isinstance(lacking, RancFiles)
    assert [str(violation) for violation in lacking] == expected


def test_neurons_of_one_kind_are_counted() -> None:
    lacking = export(of_one_kind(replace(CALM, threshold_bits=1), count=5), NO_INPUT)
    assert not isinstance(lacking, RancFiles)
    assert [violation.place for violation in lacking] == ["core 0, neuron 3 (and 4 more)"]


@pytest.mark.parametrize(
    ("target", "bus", "columns", "rows"),
    [((0, 9), [1, 0], 2, 1), (output_target(0), [1, 0], 2, 1), ((NOWHERE, 0), [1, 0], 2, 2)],
)
def test_the_grid_is_as_small_as_it_can_be(target: tuple[int, int], bus: list[int], columns: int, rows: int) -> None:
    files = export(of_one_kind(CALM, target=target), NO_INPUT)
    assert isinstance(files, RancFiles)
    network, config = json.loads(files.network), json.loads(files.config)
    assert network["cores"][0]["coordinates"] == [0, 0]
    assert network["output_bus"]["coordinates"] == bus
    assert (config["num_cores_x"], config["num_cores_y"]) == (columns, rows)


def test_a_configuration_has_all_that_ranc_s_simulator_asks_for() -> None:
    files = export(of_one_kind(CALM), NO_INPUT)
    assert isinstance(files, RancFiles)
    assert json.loads(files.config) == {
        "num_neurons": 256,
        "num_axons": 256,
        "num_cores_x": 2,
        "num_cores_y": 1,
        "num_weights": 4,
        "max_tick_offset": 16,
        "neuron_reset_type": 0,
        "neuron_block_trace_verbosity": 0,
        "core_controller_trace_verbosity": 0,
        "scheduler_trace_verbosity": 0,
    }
