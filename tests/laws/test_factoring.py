"""Gradients summed by their factors make the steps that they should, in whatever order ranks do their work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainc.codegen.programs import schedule
from brainc.ir.factoring import Factoring
from brainc.ir.schedule import Reduction, Run, Start, Wait
from brainc.ir.scheme import Scheme

from .networks import BATCH, LENET, MLP, TIED, graph
from .spread import Spread, assert_same, spread

MESHES = pytest.mark.parametrize("mesh", [(2, 1), (3, 1), (2, 2)], ids="{0[0]}x{0[1]}".format)
NETWORKS = pytest.mark.parametrize("text", [MLP, LENET, TIED], ids=["mlp", "lenet", "tied"])


def case(text: str, mesh: tuple[int, int], rank: int) -> Spread:
    made = spread(graph(text), mesh, batch=BATCH)
    schemes = tuple(
        (parameter.value.name, Scheme("lowrank", (float(rank),)))
        for parameter, _ in made.sharded.parameters
        if parameter.trained and len(parameter.value.shape) > 1
    )
    return replace(made, sharded=replace(made.sharded, schemes=schemes))


@MESHES
@NETWORKS
def test_as_many_vectors_as_there_are_rows_make_the_steps_of_a_sum(text: str, mesh: tuple[int, int]) -> None:
    made = case(text, mesh, rank=20)
    assert_same(made.by_steps("train"), made.whole("train"))


@MESHES
@NETWORKS
def test_the_order_of_the_steps_does_not_matter(text: str, mesh: tuple[int, int]) -> None:
    made = case(text, mesh, rank=2)
    found = made.by_steps("train")
    assert_same(found, made.by_items("train"))
    whole = made.whole("train")
    assert any(not np.allclose(found[name], whole[name]) for name in whole if name.endswith(".weight"))


def test_a_network_s_factors_share_two_rounds_of_messages() -> None:
    made = case(MLP, (2, 1), rank=2)
    steps = schedule(made.sharded, made.sharded.train, 0, 0).procedure.steps
    reductions = [s.transfer for s in steps if isinstance(s, Start) and isinstance(s.transfer, Reduction)]
    factors = [sum(part.factor_of is not None for part in reduction.parts) for reduction in reductions]
    assert factors == [3, 3]


def test_the_first_factor_is_made_where_its_gradient_is() -> None:
    made = case(MLP, (2, 1), rank=2)
    steps = schedule(made.sharded, made.sharded.train, 0, 0).procedure.steps
    first_wait = next(
        place for place, s in enumerate(steps) if isinstance(s, Wait) and isinstance(s.transfer, Reduction)
    )
    made_early = [s.work.stage for s in steps[:first_wait] if isinstance(s, Run) and isinstance(s.work, Factoring)]
    assert made_early == ["prepare", "left"] * 3
    places = [p for p, s in enumerate(steps) if isinstance(s, Run) and isinstance(s.work, Factoring)][:2]
    backward = [p for p, s in enumerate(steps) if isinstance(s, Run) and s.phase == "backward"]
    assert places[-1] < backward[-1]
