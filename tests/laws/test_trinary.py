"""Trinary weights: how they are rounded, and that steps of the hidden copies are those of the float network's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats, sampled_from

from brainc.evaluate import program
from brainc.graph.trinary import with_trinary_weights
from brainc.ir import expression as ex
from brainc.ir import graph as ir_graph
from brainc.ir.expression import Operand
from brainc.ir.graph import LayerGraph, Trinary
from brainc.ir.scheme import Scheme
from brainc.reductions.table import METHODS
from brainc.tensor.lower import lower
from brainc.tensor.trinary import rounded

from .networks import BATCH, GROUPED, MESHES, MLP, SPIKING, TIED, graph
from .spread import SEED, SETTINGS, STEP, assert_same, spread
from .test_spreading import PATTERNS, assert_keeps_the_numbers, placed

HYSTERESIS = 0.1
NETWORKS = {"mlp": MLP, "tied": TIED, "grouped": GROUPED, "spiking": SPIKING}
HIDDEN = floats(-1.0, 1.0)
VALUES = (-1.0, 0.0, 1.0)


def trinary(text: str) -> LayerGraph:
    made = with_trinary_weights(graph(text), HYSTERESIS)
    assert list(ir_graph.rules(made)) == []
    return made


def value_of(hidden: float, before: float, hysteresis: float) -> float:
    return float(ex.evaluate(rounded(Operand(0), Operand(1), hysteresis), [hidden, before]))


@given(hidden=HIDDEN, before=sampled_from(VALUES), hysteresis=floats(0.0, 0.49))
def test_of_the_values_whose_borders_are_not_passed_the_nearest_to_the_last_is_taken(
    hidden: float, before: float, hysteresis: float
) -> None:
    far, near = 0.5 + hysteresis, 0.5 - hysteresis
    allowed = [
        value for value, holds in ((-1.0, hidden <= -near), (0.0, abs(hidden) <= far), (1.0, hidden >= near)) if holds
    ]
    assert value_of(hidden, before, hysteresis) == min(allowed, key=lambda value: abs(value - before))


@given(hidden=HIDDEN, before=sampled_from(VALUES))
def test_without_hysteresis_it_is_a_nearest_value_whatever_it_was(hidden: float, before: float) -> None:
    assert abs(value_of(hidden, before, 0.0) - hidden) == min(abs(value - hidden) for value in VALUES)


@given(hidden=HIDDEN, before=sampled_from(VALUES), hysteresis=floats(0.0, 0.49))
def test_a_copy_that_stays_where_it_is_changes_nothing_more(hidden: float, before: float, hysteresis: float) -> None:
    value = value_of(hidden, before, hysteresis)
    assert value_of(hidden, value, hysteresis) == value


@pytest.mark.parametrize("mesh", MESHES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_chosen_spread_keeps_every_number(name: str, mesh: tuple[int, int]) -> None:
    assert_keeps_the_numbers(spread(trinary(NETWORKS[name]), mesh, batch=BATCH))


@pytest.mark.parametrize("pattern", ["output", "input", "output and input"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("name", ["mlp", "spiking"])
def test_a_forced_spread_keeps_every_number(name: str, optimizer: str, pattern: str) -> None:
    network = trinary(NETWORKS[name])
    placements = placed(network, PATTERNS[pattern])
    assert_keeps_the_numbers(spread(network, (2, 2), placements, batch=BATCH, optimizer=optimizer))


def hidden_of(network: LayerGraph) -> Mapping[str, str]:
    """Every trinary weight's hidden copy."""
    weights = (weight for node in network.nodes for weight in node.weights)
    return {weight.name: weight.constraint.hidden for weight in weights if isinstance(weight.constraint, Trinary)}


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("name", NETWORKS)
def test_hidden_copies_take_the_step_that_the_float_network_has_at_the_trinary_weights(
    name: str, optimizer: str
) -> None:
    case = spread(trinary(NETWORKS[name]), (1, 1), batch=BATCH, optimizer=optimizer)
    settings = {"rate": 0.1, **SETTINGS[optimizer]}
    network = lower(graph(NETWORKS[name]), batch=BATCH, optimizer=optimizer, settings=settings)
    expected = program.evaluate(network.train.operations, case.values, seed=SEED, step=STEP)
    actual = case.whole("train")
    hidden = hidden_of(case.graph)
    for weight, copy in hidden.items():
        step = expected[weight] - case.values[weight]
        moved = np.clip(case.values[copy] + step, -1.0, 1.0)
        np.testing.assert_allclose(actual[copy], moved, rtol=1e-12, atol=1e-12)
        values = [value_of(h, b, HYSTERESIS) for h, b in zip(moved.flat, case.values[weight].flat, strict=True)]
        np.testing.assert_array_equal(actual[weight].flat, values)
        for state in ("momentum", "first_moment", "second_moment"):
            if f"{weight}.{state}" in actual:
                np.testing.assert_allclose(actual[f"{weight}.{state}"], expected[f"{weight}.{state}"], rtol=1e-12)
    untouched = [name for name in actual if name in expected and not name.startswith(tuple(hidden))]
    assert_same({name: actual[name] for name in untouched}, {name: expected[name] for name in untouched}, 1e-12)


@pytest.mark.parametrize("procedure", ["evaluate", "predict"])
def test_evaluation_is_that_of_the_float_network_with_the_trinary_weights(procedure: str) -> None:
    case = spread(trinary(SPIKING), (2, 2), batch=BATCH)
    floating = spread(graph(SPIKING), (1, 1), batch=BATCH)
    expected = replace(floating, values={name: case.values[name] for name in floating.values}).whole(procedure)
    actual = case.by_steps(procedure)
    assert_same({name: actual[name] for name in expected}, expected)


@pytest.mark.parametrize("mesh", [(2, 1), (3, 1)], ids="{0[0]}x{0[1]}".format)
def test_velocities_that_are_summed_move_hidden_copies_as_the_velocity_of_the_sum(
    mesh: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    corrected = replace(METHODS["sum"], name="corrected", corrects_momentum=True)
    monkeypatch.setitem(METHODS, "corrected", corrected)
    made = spread(trinary(MLP), mesh, batch=BATCH)
    schemes = tuple((parameter.value.name, Scheme("corrected")) for parameter, _ in made.sharded.parameters)
    case = replace(made, sharded=replace(made.sharded, schemes=schemes))
    own = frozenset(state.name for parameter in made.tensors.parameters for state in parameter.state)
    shares = {name: array / mesh[0] if name in own else array for name, array in made.values.items()}
    expected = {name: array for name, array in made.whole("train").items() if name not in own}
    assert_same(replace(case, values=shares).by_steps("train", own=own), expected)
