"""Which splits a layer may have, and what is said where none is left."""

from __future__ import annotations

import pytest

from brainc.ir.sharded import Split
from brainc.machine.description import GENERIC
from brainc.operators.operator import Split as SplitName
from brainc.partition.choices import DENSE_INPUT, DENSE_OUTPUT, FEATURES, REPLICATE, SAMPLE, Choice, choices
from brainc.partition.mesh import Impossible, candidates, choice_of, meshes
from brainrun.plan.schema import Mesh
from tests.laws.networks import LENET, MLP, TIED, graph

MADE = {text: graph(text) for text in (LENET, MLP, TIED)}


def options(text: str, layer: str, *, batch: int = 8, ranks: int = 2) -> tuple[Choice, ...]:
    node = next(node for node in MADE[text].nodes if node.name == layer)
    return choices(node, MADE[text], batch=batch, ranks=ranks)


def test_a_dense_layer_is_split_every_way() -> None:
    assert set(options(MLP, "y.dense")) == {SAMPLE, REPLICATE, DENSE_OUTPUT, *DENSE_INPUT}


def test_one_rank_has_one_way() -> None:
    assert options(MLP, "y.dense", ranks=1) == (REPLICATE,)


def test_a_convolution_is_split_by_samples_or_replicated() -> None:
    assert set(options(LENET, "f.conv1")) == {SAMPLE, REPLICATE}


def test_an_activation_of_an_image_is_not_split_by_features_and_one_of_a_vector_is() -> None:
    assert FEATURES not in options(LENET, "f.relu1")
    assert FEATURES in options(LENET, "h.relu")


def test_layers_that_share_parameters_are_split_by_samples_or_replicated() -> None:
    assert set(options(TIED, "first")) == set(options(TIED, "y.dense")) == {SAMPLE, REPLICATE}


def test_no_rank_is_left_without_a_sample_or_a_feature() -> None:
    left = options(MLP, "y.dense", batch=3, ranks=4)
    assert all(choice.result != Split(0) for choice in left)
    assert DENSE_OUTPUT not in options(MLP, "y.dense", batch=20, ranks=9)


def test_a_placement_that_cannot_be_names_layer_and_remedy() -> None:
    placements: dict[str, SplitName] = {"f.conv1": "output"}
    with pytest.raises(Impossible) as caught:
        candidates(MADE[LENET], (Mesh(1, 2),), placements, batch=8, machine=GENERIC)
    assert caught.value.layer == "f.conv1"
    assert caught.value.message == "f.conv1 cannot be split by output over 2 ranks"
    assert caught.value.remedy == "use fewer model ranks, or another split"


def test_a_mini_batch_smaller_than_the_replicas_is_impossible() -> None:
    with pytest.raises(Impossible, match="a mini-batch of 2 over 3 replicas leaves some without a sample"):
        candidates(MADE[MLP], (Mesh(3, 1),), {}, batch=2, machine=GENERIC)


def test_a_mesh_that_cannot_be_is_passed_over_where_others_can() -> None:
    found = candidates(MADE[MLP], (Mesh(3, 1), Mesh(2, 1)), {}, batch=2, machine=GENERIC)
    assert {candidate.mesh for candidate in found} == {Mesh(2, 1)}


@pytest.mark.parametrize(
    ("data", "model", "ranks", "expected"),
    [
        (2, 3, range(6, 7), {(2, 3)}),
        (None, 2, range(1, 5), {(1, 2), (2, 2)}),
        (2, None, range(2, 6), {(2, 1), (2, 2)}),
        (None, None, range(1, 4), {(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)}),
        (None, None, range(4, 5), {(1, 4), (2, 2), (4, 1)}),
    ],
)
def test_free_extents_range_over_the_ranks_there_are(
    data: int | None, model: int | None, ranks: range, expected: set[tuple[int, int]]
) -> None:
    assert {(mesh.data, mesh.model) for mesh in meshes(data, model, ranks)} == expected


def test_the_plan_says_what_the_next_best_would_have_cost() -> None:
    best, second, *_ = candidates(MADE[MLP], (Mesh(1, 2),), {}, batch=64, machine=GENERIC)
    said = choice_of([(best, 2.0), (second, 3.0)])
    assert said.chosen.splits == best.assignment.splits
    assert said.runner_up[0].step_seconds == 3.0
    assert "50.0 %" in said.why
