"""Weights that are probabilities: the moments of what is drawn, gradients through them, and every mesh alike."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from brainc.evaluate import program
from brainc.graph.probable import with_probable_weights
from brainc.ir import tensor as ts
from brainc.ir.graph import LayerGraph
from brainc.ir.sharded import Redistribute
from brainc.tensor.lower import lower
from brainc.tensor.probable import SHEPPARD

from .networks import BATCH, MESHES, graph
from .spread import SEED, STEP, Spread, spread
from .test_spreading import PATTERNS, assert_keeps_the_numbers, placed

Array = npt.NDArray[Any]

CHAIN = """
    input x: f32[11]
    input label: class[8]
    s = x | spike(threshold=0.5)
    h = s | dense(13) | spike | dense(9) | spike(0.3) | dropout(0.25)
    y = h | dense(16, bias=false) | spike | dense(8)
    loss objective = cross_entropy(y, label)
    output fired = h
"""
WINDOWS = """
    input image: f32[2, 5, 5]
    input label: class[8]
    f = concat(image | spike(0.3), image | spike(0.6)) | conv(4, kernel=3) | spike | conv(4, kernel=2, groups=2) | spike
    h = f | dense(9, name="first") | spike | dense(16, share=transpose(first)) | spike
    y = h | dense(8)
    loss objective = cross_entropy(y, label)
"""
NETWORKS = {"chain": CHAIN, "windows": WINDOWS}


def probable(text: str) -> LayerGraph:
    return with_probable_weights(graph(text))


@pytest.mark.parametrize("mesh", MESHES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_chosen_spread_keeps_every_number(name: str, mesh: tuple[int, int]) -> None:
    assert_keeps_the_numbers(within_range(spread(probable(NETWORKS[name]), mesh, batch=BATCH)))


@pytest.mark.parametrize("pattern", ["output", "input", "output and input"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_a_forced_spread_keeps_every_number(optimizer: str, pattern: str) -> None:
    network = probable(CHAIN)
    placements = placed(network, PATTERNS[pattern])
    assert_keeps_the_numbers(within_range(spread(network, (2, 2), placements, batch=BATCH, optimizer=optimizer)))


@pytest.mark.parametrize("pattern", ["output", "input"])
def test_a_weight_stays_where_it_lies_and_its_gradient_is_summed_once(pattern: str) -> None:
    network = probable(CHAIN)
    case = spread(network, (2, 2), placed(network, PATTERNS[pattern]), batch=BATCH)
    weights = {weight.name for node in network.nodes for weight in node.weights if len(weight.shape) > 1}
    moved = [op.source.name for op in case.sharded.train.operations if isinstance(op, Redistribute)]
    assert weights.isdisjoint(moved)
    for name in weights:
        assert len([source for source in moved if source.startswith(f"{name}.grad")]) == 1


def within_range(case: Spread) -> Spread:
    """The case with its probabilities within −1 … 1, where drawn values need not be."""
    held = {weight.name for node in case.graph.nodes for weight in node.weights if weight.constraint is not None}
    return with_values(case, {name: np.tanh(case.values[name]) for name in held})


def with_values(case: Spread, values: Mapping[str, Array]) -> Spread:
    """The case with other values for some names."""
    return replace(case, values={**case.values, **values})


def forward(network: LayerGraph, values: Mapping[str, Array]) -> dict[str, Array]:
    tensors = lower(network, batch=BATCH, optimizer="sgd", settings={"rate": 0.1})
    found: dict[str, Array] = program.evaluate(tensors.evaluate.operations, values, seed=SEED, step=STEP)
    return found


def test_mean_and_variance_are_those_of_all_networks_that_may_be_drawn() -> None:
    """Three synapses and the spikes that come by them, every case of both with its probability."""
    network = probable("""
        input x: f32[5]
        input t: f32[1]
        s = x | spike(0.5)
        p = s | dense(3) | spike
        y = p | dense(1) | spike(0.2)
        loss objective = mean_squared_error(y, t)
    """)
    case = within_range(spread(network, (1, 1), batch=BATCH))
    known = forward(network, case.values)
    weights, bias = case.values["y.dense.weight"][0], case.values["y.dense.bias"][0]
    for sample, chances in enumerate(known["p.spike"]):
        mean = second = 0.0
        for spikes in itertools.product((0, 1), repeat=3):
            for there in itertools.product((0, 1), repeat=3):
                chance = np.prod(np.where(spikes, chances, 1 - chances))
                chance *= np.prod(np.where(there, np.abs(weights), 1 - np.abs(weights)))
                total = np.sum(np.multiply(spikes, there) * np.sign(weights)) + bias
                mean, second = mean + chance * total, second + chance * total**2
        np.testing.assert_allclose(known["y.dense"][sample], mean, rtol=1e-12)
        np.testing.assert_allclose(known["y.dense.variance"][sample], second - mean**2, rtol=1e-9)


def test_units_fire_about_as_often_as_drawn_networks_do() -> None:
    """A thousand networks of 24 spikes that are certain: the share in which each unit fires, within sampling error."""
    network = probable("""
        input x: f32[24]
        input t: f32[40]
        s = x | spike(0.5)
        y = s | dense(40) | spike
        loss objective = mean_squared_error(y, t)
    """)
    case = within_range(spread(network, (1, 1), batch=BATCH))
    case = with_values(case, {"y.dense.bias": np.random.default_rng(2).uniform(-3, 3, 40)})
    known = forward(network, case.values)
    weights, numbers = case.values["y.dense.weight"], np.random.default_rng(1)
    given = (case.values["x"] >= 0.5).astype(float)
    fired = np.zeros_like(known["y.spike"])
    for _ in range(1000):
        drawn = np.sign(weights) * (numbers.random(weights.shape) < np.abs(weights))
        fired += given @ drawn.T + case.values["y.dense.bias"] >= 0
    # What is left is that sums are whole, and biases lie anywhere between two of them: some ten per cent at the most.
    distance = np.abs(fired / 1000 - known["y.spike"])
    assert distance.mean() < 0.04
    assert distance.max() < 0.2


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_the_slopes_of_the_objective(name: str) -> None:
    """Central differences in float64 of weights and biases, through means and variances; sgd's step has the slope."""
    network = probable(NETWORKS[name].replace(" | dropout(0.25)", ""))
    case = within_range(spread(network, (1, 1), batch=BATCH, optimizer="sgd"))
    after = case.whole("train")
    numbers, size = np.random.default_rng(3), 1e-6
    rate = float(case.values["rate"])
    for node in network.nodes:
        for weight in node.weights:
            values = case.values[weight.name]
            place = tuple(numbers.integers(0, length) for length in values.shape)
            sides = []
            for step in (size, -size):
                moved = values.copy()
                moved[place] += step
                sides.append(float(forward(network, {**case.values, weight.name: moved})["objective.cross_entropy"]))
            slope = (sides[0] - sides[1]) / (2 * size)
            moved_to = values[place] - rate * slope
            if weight.constraint is not None:
                moved_to = np.clip(moved_to, -1, 1)
            np.testing.assert_allclose(after[weight.name][place], moved_to, rtol=1e-6, atol=1e-9 * rate)


def test_a_step_never_leaves_the_range_of_probabilities() -> None:
    network = probable(CHAIN)
    case = within_range(spread(network, (1, 1), batch=BATCH, optimizer="sgd"))
    after = with_values(case, {"rate": np.asarray(1e4)}).whole("train")
    held = [weight.name for node in network.nodes for weight in node.weights if weight.constraint is not None]
    assert len(held) == 3
    assert {np.abs(after[name]).max() for name in held} == {1.0}


def test_nothing_to_chance_is_a_step_smoothed_by_the_rounding_to_whole_numbers() -> None:
    network = probable("""
        input x: f32[6]
        input t: f32[1]
        s = x | spike(0.5)
        y = s | dense(1) | spike(0.5)
        loss objective = mean_squared_error(y, t)
    """)
    case = spread(network, (1, 1), batch=BATCH)
    values = {**case.values, "y.dense.weight": np.array([[1.0, 1, -1, 0, 1, -1]]), "y.dense.bias": np.zeros(1)}
    known = forward(network, values)
    sums = ((values["x"] >= 0.5) @ values["y.dense.weight"].T).astype(float)
    assert len(np.unique(sums)) > 2
    np.testing.assert_array_equal(known["y.spike"] > 0.5, sums >= 0.5)
    distances = (sums - 0.5) / np.sqrt(SHEPPARD)
    expected = [[0.5 * (1 + _erf(d / np.sqrt(2))) for d in row] for row in distances]
    np.testing.assert_allclose(known["y.spike"], expected, rtol=1e-12, atol=1e-12)


def _erf(x: float) -> float:
    """The error function by its integral, in a thousand steps of Simpson's rule."""
    heights = np.exp(-(np.linspace(0, x, 2001) ** 2))
    total = heights[0] + heights[-1] + 4 * heights[1:-1:2].sum() + 2 * heights[2:-1:2].sum()
    return float(2 / np.sqrt(np.pi) * x / 6000 * total)


def test_networks_without_probabilities_are_lowered_as_ever() -> None:
    text = CHAIN.replace("x | spike(threshold=0.5)", "x")
    operations = lower(graph(text), batch=BATCH, optimizer="sgd", settings={"rate": 0.1}).train.operations
    assert not any("variance" in value.name for op in operations for value in ts.results_of(op))
