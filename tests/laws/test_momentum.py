"""Velocities that are summed make the same steps as the velocity of the sum."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brainc.codegen.programs import schedule
from brainc.ir import tensor as ts
from brainc.ir.kernel import Kernel
from brainc.ir.schedule import Reduction, Run, Start
from brainc.ir.scheme import Scheme
from brainc.reductions.table import METHODS

from .networks import BATCH, LENET, MLP, TIED, graph
from .spread import Spread, assert_same, spread

CORRECTED = Scheme("corrected")


@pytest.fixture(autouse=True)
def corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheme that sends everything, and reduces velocities."""
    monkeypatch.setitem(METHODS, "corrected", replace(METHODS["sum"], name="corrected", corrects_momentum=True))


def case(text: str, mesh: tuple[int, int], optimizer: str = "momentum") -> Spread:
    made = spread(graph(text), mesh, batch=BATCH, optimizer=optimizer)
    schemes = tuple((parameter.value.name, CORRECTED) for parameter, _ in made.sharded.parameters)
    return replace(made, sharded=replace(made.sharded, schemes=schemes))


def states(made: Spread) -> set[str]:
    return {state.name for parameter in made.tensors.parameters for state in parameter.state}


@pytest.mark.parametrize("mesh", [(2, 1), (3, 1), (2, 2)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("text", [MLP, LENET, TIED], ids=["mlp", "lenet", "tied"])
def test_parameters_take_the_step_of_the_velocity_of_the_sum(text: str, mesh: tuple[int, int]) -> None:
    made = case(text, mesh)
    members = {
        part.velocity.name: step.transfer.members
        for step in schedule(made.sharded, made.sharded.train, 0, 0).procedure.steps
        if isinstance(step, Start) and isinstance(step.transfer, Reduction)
        for part in step.transfer.parts
        if part.velocity is not None
    }
    assert set(members) == states(made)
    # Each rank begins with a share of the velocity.
    shares = {**made.values, **{name: made.values[name] / count for name, count in members.items()}}
    expected = made.whole("train")
    actual = replace(made, values=shares).by_steps("train", own=frozenset(members))
    assert_same(actual, {name: array for name, array in expected.items() if name not in members})


def test_the_velocity_is_kept_by_the_kernel_that_makes_the_gradient() -> None:
    steps = schedule(case(MLP, (2, 1)).sharded, case(MLP, (2, 1)).sharded.train, 0, 0).procedure.steps
    kernels = [step.work for step in steps if isinstance(step, Run) and isinstance(step.work, Kernel)]
    stores = {tuple(store.target.value.name for store in kernel.stores) for kernel in kernels}
    assert ("h.dense1.weight.momentum", "h.dense1.weight.grad") in stores


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_an_optimiser_without_velocity_is_left_alone(optimizer: str) -> None:
    made = case(MLP, (2, 1), optimizer)
    steps = schedule(made.sharded, made.sharded.train, 0, 0).procedure.steps
    reductions = [s.transfer for s in steps if isinstance(s, Start) and isinstance(s.transfer, Reduction)]
    assert all(part.velocity is None for reduction in reductions for part in reduction.parts)
    updates = [
        s for s in steps if isinstance(s, Run) and isinstance(s.work, Kernel) and isinstance(s.work.core, ts.Update)
    ]
    assert len(updates) == len(made.tensors.parameters)
