"""Each limit of the hardware that a core graph exceeds is named, with its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainrun.truenorth.graph import NO_NEURON, NOWHERE, CoreGraph, InputPort, Neuron, Reset, core
from brainrun.truenorth.limits import AXONS, NEURONS
from brainrun.truenorth.rules import broken_rules

SOUND = Neuron((1, -1, 0, 0), threshold=1)


def graph(neuron: Neuron = SOUND, **changes: object) -> CoreGraph:
    """Two cores, each with one neuron, of which the first sends to the second; `changes` are of the first core."""
    kinds = np.full(NEURONS, NO_NEURON)
    kinds[3] = 0
    synapses = np.zeros((AXONS, NEURONS), bool)
    synapses[0, 3] = True
    arrays = {
        "axon_types": np.zeros(AXONS, np.uint8),
        "synapses": synapses,
        "kinds": kinds,
        "target_cores": np.full(NEURONS, NOWHERE),
        "target_axons": np.zeros(NEURONS, np.uint16),
        "delays": np.ones(NEURONS, np.uint8),
    }
    second = core(**arrays, x=1)
    arrays["target_cores"] = np.where(kinds == 0, 1, NOWHERE)
    arrays |= {name: value for name, value in changes.items() if name in arrays}
    places = {name: value for name, value in changes.items() if name not in arrays}
    return CoreGraph((neuron,), (core(**arrays, origin="hidden", **places), second))


def at(place: int, value: int, count: int, rest: int) -> np.ndarray:
    values = np.full(count, rest)
    values[place] = value
    return values


def said(graph: CoreGraph) -> list[str]:
    return [str(violation) for violation in broken_rules(graph)]


def test_a_sound_graph_breaks_no_rule() -> None:
    assert said(graph()) == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (graph(axon_types=at(9, 4, AXONS, 0)), "N1: core 0 (hidden), axon 9: type 4 is not in 0 … 3"),
        (graph(axon_types=np.zeros(257)), "N1: core 0 (hidden): has 257 axons, not 256"),
        (
            graph(synapses=np.ones((AXONS, NEURONS - 8), bool)),
            "N2: core 0 (hidden): has a crossbar of 7936 bytes, not 8192",
        ),
        (
            graph(synapses=np.arange(AXONS * NEURONS).reshape(AXONS, NEURONS) == 5),
            "N2: core 0 (hidden), neuron 5: the crossbar reaches it, and it is not there",
        ),
        (
            graph(kinds=at(3, 1, NEURONS, NO_NEURON)),
            "N3: core 0 (hidden), neuron 3: kind 1 is not among the 1 there are",
        ),
        (graph(target_cores=at(3, 2, NEURONS, NOWHERE)), "N4: core 0 (hidden), neuron 3: target core 2 is not there"),
        (
            graph(target_axons=at(3, 256, NEURONS, 0)),
            "N4: core 0 (hidden), neuron 3: target axon 256 is not in 0 … 255",
        ),
        (
            graph(target_cores=at(3, -2, NEURONS, NOWHERE), target_axons=at(3, 256, NEURONS, 0)),
            "N4: core 0 (hidden), neuron 3: target pin 256 of a bank of 256 is not in 0 … 255",
        ),
        (graph(delays=at(3, 0, NEURONS, 1)), "N5: core 0 (hidden), neuron 3: delay 0 is not in 1 … 15"),
        (graph(delays=at(3, 16, NEURONS, 1)), "N5: core 0 (hidden), neuron 3: delay 16 is not in 1 … 15"),
        (
            graph(replace(SOUND, weights=(0, 0, 256, 0))),
            "N6: neuron kind 0: weight 256 of axon type 2 is beyond ±255",
        ),
        (graph(replace(SOUND, leak=-256)), "N6: neuron kind 0: leak -256 is beyond ±255"),
        (graph(replace(SOUND, threshold=2**18)), "N7: neuron kind 0: threshold 262144 is not in 0 … 262143"),
        (graph(replace(SOUND, floor=-1)), "N7: neuron kind 0: floor -1 is not in 0 … 262143"),
        (
            graph(replace(SOUND, threshold_bits=17)),
            "N7: neuron kind 0: 17 random bits of the threshold are not in 0 … 16",
        ),
        (
            graph(replace(SOUND, reset_potential=5)),
            "N8: neuron kind 0: reset potential 5 is not ±(2^k − 1) with k ≤ 18",
        ),
        (graph(replace(SOUND, potential=2**19)), "N8: neuron kind 0: first potential 524288 does not fit 20 bits"),
        (graph(x=1), "N9: core 1: place (1, 0) is that of core 0, too"),
        (graph(y=64), "N9: core 0 (hidden): place (0, 64) is not on the board of 64 × 64 cores"),
        (
            replace(graph(y=300), chips=(1, 5)),
            "N9: core 0 (hidden), neuron 3: core 1 is (1, -300) steps away, beyond ±255",
        ),
        (
            replace(graph(), inputs=(InputPort("image", (0, 2), (0, 0)),)),
            "N10: pin 1 of input image: leads to axon 0 of core 2",
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_place(broken: CoreGraph, message: str) -> None:
    assert said(broken) == [message]


def test_reset_modes_are_three() -> None:
    assert [reset.value for reset in Reset] == [0, 1, 2]
