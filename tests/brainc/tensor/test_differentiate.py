"""Gradients where more than one rule meets: several readers, several losses, shared parameters; against differences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from brainc.evaluate.program import evaluate
from brainc.ir import tensor as ts
from brainc.ir.tensor import TensorProgram
from brainc.tensor.lower import lower
from tests.laws.networks import LOCAL, LOSSES, NETWORKS, RESIDUAL, SHARED, TIED, graph
from tests.laws.spread import SEED, STEP, Array, drawn

BATCH = 4
RATE = 0.1


def lowered(text: str) -> tuple[TensorProgram, dict[str, Array]]:
    made = graph(text)
    program = lower(made, batch=BATCH, optimizer="sgd", settings={"rate": RATE})
    return program, drawn(made, program)


def objective(program: TensorProgram, values: Mapping[str, Array]) -> float:
    forward = [operation for operation in program.train.operations if operation.phase == "forward"]
    known = evaluate(forward, values, seed=SEED, step=STEP)
    return float(known[program.train.results[0].value.name])


def assert_gradients_are_slopes(text: str) -> None:
    """Each parameter's step is −rate times the objective's central difference along a random direction."""
    program, values = lowered(text)
    after = evaluate(program.train.operations, values, seed=SEED, step=STEP)
    random = np.random.default_rng(3)
    for parameter in program.parameters:
        if parameter.trained:
            name, h = parameter.value.name, 1e-6
            along = random.normal(size=parameter.value.shape)
            above, below = (objective(program, {**values, name: values[name] + s * h * along}) for s in (1, -1))
            actual = float((along * (values[name] - after[name])).sum() / RATE)
            assert actual == pytest.approx((above - below) / (2 * h), rel=1e-5, abs=1e-7), name


# The gradient of a spike is a surrogate, and no slope.
@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"on_input", "nothing_learnt", "spiking"}))
def test_every_gradient_is_the_objective_s_slope(name: str) -> None:
    assert_gradients_are_slopes(NETWORKS[name])


def test_gradients_through_local_statistics_are_slopes() -> None:
    assert_gradients_are_slopes(LOCAL)


def test_a_weight_used_twice_both_ways_round_has_one_update() -> None:
    program, _ = lowered(TIED)
    updated = [o.targets[0].name for o in program.train.operations if isinstance(o, ts.Update)]
    assert sorted(updated) == sorted({parameter.value.name for parameter in program.parameters})


def test_the_sum_of_shared_gradients_belongs_to_a_layer_that_shares() -> None:
    program, _ = lowered(SHARED)
    layers = {
        operation.origin.layer
        for operation in program.train.operations
        if isinstance(operation, ts.Map) and operation.result.name.startswith("twice.weight.grad")
    }
    assert layers <= {"twice", "h.dense", "y.dense"}
    assert layers


def test_a_loss_s_weight_scales_its_gradient_and_the_objective() -> None:
    program, values = lowered(LOSSES)
    known = evaluate(program.train.operations, values, seed=SEED, step=STEP)
    by_kind = {(result.kind, result.name): float(known[result.value.name]) for result in program.train.results}
    assert by_kind["objective", "objective"] == pytest.approx(
        by_kind["loss", "objective"] + 0.3 * by_kind["loss", "squares"] + 0.7 * by_kind["loss", "binary"]
    )


def test_a_loss_of_weight_zero_moves_nothing() -> None:
    program, values = lowered(
        """
        input x: f32[3]
        input t: f32[3]
        y = x | dense(3)
        z = x | dense(3)
        loss objective = mean_squared_error(y, t)
        loss weight(0) idle = mean_squared_error(z, t)
        """
    )
    known = evaluate(program.train.operations, values, seed=SEED, step=STEP)
    np.testing.assert_array_equal(known["z.dense.weight"], values["z.dense.weight"])
    assert np.any(known["y.dense.weight"] != values["y.dense.weight"])


def test_an_operand_given_twice_gets_both_shares() -> None:
    assert_gradients_are_slopes(
        """
        input x: f32[3]
        input t: f32[3]
        y = x | dense(3)
        loss objective = mean_squared_error(y * y + y, t)
        """
    )


def test_slices_that_do_not_overlap_give_one_gradient() -> None:
    """Twelve columns in two rows of pieces along one axis, with zeros in two gaps, and one piece along the other."""
    text = """
        input x: f32[3]
        input t: f32[2]
        a = x | dense(24) | reshape([2, 12]) | tanh
        row = slice(a, 0, 1) | reshape([2, 6])
        y = concat(slice(a, 1, 8, 12), slice(a, 1, 0, 5), slice(a, 1, 3, 9), row, axis=1) | dense(2)
        loss objective = mean_squared_error(y, t)
        """
    program, _ = lowered(text)
    joined = [o for o in program.train.operations if isinstance(o, ts.Concatenate) and o.phase == "backward"]
    assert sorted([part.shape[1:] for part in one.operands] for one in joined) == [
        [(1, 12), (1, 12)],
        [(2, 3), (2, 6), (2, 3)],
        [(2, 5), (2, 3), (2, 4)],
    ]
    assert_gradients_are_slopes(text)


def test_no_gradient_is_made_that_nobody_wants() -> None:
    program, _ = lowered(RESIDUAL)
    made = {value.name for operation in program.train.operations for value in ts.results_of(operation)}
    assert not [name for name in made if name.startswith(("x.", "t.")) and "grad" in name]


def test_what_nothing_depends_on_is_left_out() -> None:
    program, _ = lowered(LOSSES)
    assert {operation.origin.layer for operation in program.predict.operations} <= {
        "h.dense",
        "h.relu",
        "y.dense",
        "z.dense",
    }


def test_updates_stand_in_the_order_in_which_gradients_are_ready() -> None:
    program, _ = lowered(LOSSES)
    place = {ts.results_of(o)[0].name: at for at, o in enumerate(program.train.operations)}
    updates = [o for o in program.train.operations if isinstance(o, ts.Update)]
    ready = [place[update.operands[len(update.targets)].name] for update in updates]
    assert ready == sorted(ready)
