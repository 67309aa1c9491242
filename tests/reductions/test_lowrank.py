"""Gradients summed by their factors: each kernel against float64, and what all of them together promise."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from numpy.typing import NDArray

from brainc.evaluate.factoring import factored
from brainc.ir.factoring import Factoring, Stage, read_by, written_by
from brainc.reductions.table import FACTORISATIONS
from tests.reductions.factoring import ORIGIN, Floats, Group, Member, factors_of

EPSILON = float(np.finfo(np.float32).eps)
SHAPES = [(37, 100), (16, 32), (3, 300), (1, 20), (6, 5, 3, 3), (9, 2, 4, 4), (5, 600, 1, 1)]
RANKS = [2, 5, 18]
"""Uneven shapes and even ones; more vectors than rows or columns, and more than go at once."""

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
every_rank = pytest.mark.parametrize("rank", RANKS)


def normal(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def of_rank(rank: int, shape: tuple[int, ...], *, seed: int = 0) -> Floats:
    random = np.random.default_rng(seed)
    factors = random.standard_normal((shape[0], rank)), random.standard_normal((rank, prod(shape[1:])))
    return (factors[0] @ factors[1]).reshape(shape).astype(np.float32)


def filled(shape: tuple[int, ...], rank: int) -> Member:
    """A member with random tensors everywhere."""
    member = Member(factors_of(shape, rank))
    for seed, name in enumerate(("gradient", "error", "left", "right", "own")):
        member.put(name, normal(*member.get(name).shape, seed=seed))
    return member


# ---- each kernel -----------------------------------------------------------------------------------------------------


@every_shape
@every_rank
@pytest.mark.parametrize("stage", ["prepare", "left", "right", "rebuild"])
def test_a_step_is_what_its_formula_says(stage: Stage, shape: tuple[int, ...], rank: int) -> None:
    member = filled(shape, rank)
    work = Factoring(stage, member.factors, ORIGIN)
    given = {
        value.name: member.get(value.name).astype(np.float64) for value in read_by(work) if value.name != "context"
    }
    expected = factored(work, given, seed=0, step=0)
    member.do(stage)
    for value, array in zip(written_by(work), expected, strict=True):
        np.testing.assert_allclose(member.get(value.name), array, rtol=1e-4, atol=1e-4, err_msg=value.name)


@every_shape
@every_rank
def test_left_becomes_orthonormal_and_spans_what_it_did(shape: tuple[int, ...], rank: int) -> None:
    member = filled(shape, rank)
    before = member.get("left").astype(np.float64)
    member.do("orthonormalise")
    after = member.get("left").astype(np.float64)
    lengths = np.linalg.norm(after, axis=1)
    kept = min(rank, before.shape[1])
    assert np.count_nonzero(lengths) == kept
    products = after[:kept] @ after[:kept].T
    np.testing.assert_allclose(products, np.eye(kept), atol=1e-5)
    np.testing.assert_allclose(before @ after.T @ after, before, atol=1e-4 * np.abs(before).max())


@every_shape
@pytest.mark.parametrize("rank", [2, 18])
@pytest.mark.parametrize("stage", ["left", "right", "rebuild"])
def test_bits_do_not_depend_on_how_the_work_is_cut(stage: Stage, shape: tuple[int, ...], rank: int) -> None:
    whole, cut = filled(shape, rank), filled(shape, rank)
    whole.do(stage)
    cut.do(stage, cut=1)
    for (name, one), other in zip(whole.written(stage).items(), cut.written(stage).values(), strict=True):
        np.testing.assert_array_equal(one, other, name)


@pytest.mark.parametrize("shape", [(37, 100), (3, 300), (1, 20)])
def test_what_pads_a_gradient_is_neither_read_nor_sent(shape: tuple[int, int]) -> None:
    group = Group(shape, 2, 2)
    group.step([normal(*shape, seed=seed) for seed in range(2)])
    for member in group.members:
        for name in ("gradient", "error", "left"):
            assert not member.memory(name)[-1, :, shape[1] % 16 :].any(), name
        assert not member.memory("right")[-1, :, shape[0] % 16 :].any()


def test_vectors_of_zeros_are_drawn_alike_on_all_ranks_and_anew_in_each_step() -> None:
    drawn = []
    for seed, step in ((1, 0), (1, 0), (1, 1), (2, 0)):
        member = Member(factors_of((70, 5), 2))
        member.put("right", np.stack([np.zeros(70), np.full(70, 3.0)]))
        member.context[:] = (seed, step, 1000 * len(drawn))
        member.do("prepare")
        drawn.append(member.get("right"))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert all(np.abs(drawn[0][0] - other[0]).max() > 0.05 for other in drawn[2:])
    for right in drawn:
        np.testing.assert_allclose(np.linalg.norm(right, axis=1), 1.0, rtol=1e-6)
        np.testing.assert_allclose(right[1], 70**-0.5, rtol=1e-6)
        assert len(np.unique(right[0])) == 70


# ---- all together ----------------------------------------------------------------------------------------------------


def total(arrays: list[Floats]) -> NDArray[np.float64]:
    return np.sum([array.astype(np.float64) for array in arrays], axis=0)


@every_shape
@pytest.mark.parametrize("members", [2, 3, 4])
@pytest.mark.parametrize("rank", [1, 2])
def test_replicas_agree_and_no_gradient_is_lost(shape: tuple[int, ...], members: int, rank: int) -> None:
    group = Group(shape, rank, members)
    for step in range(20):
        gradients = [normal(*shape, seed=100 * step + member) for member in range(members)]
        before = [member.get("error") for member in group.members]
        group.step(gradients, step=step)
        delivered = [member.get("gradient") for member in group.members]
        for other in delivered[1:]:
            np.testing.assert_array_equal(other, delivered[0])
        after = [member.get("error") for member in group.members]
        difference = np.abs(total([*gradients, *before]) - total([delivered[0], *after]))
        # Each entry is a sum of `rank` products, of which those of each member and of the sum are rounded apart.
        size = total([np.abs(array) for array in (*gradients, *before, *after, delivered[0])])
        assert np.all(difference <= 4 * rank * EPSILON * (size + size.max())), step


@pytest.mark.parametrize("shape", [(37, 100), (6, 5, 3, 3)])
def test_steps_are_those_of_the_paper(shape: tuple[int, ...]) -> None:
    """Vogels, Karimireddy and Jaggi 2019, algorithms 1 and 2, with another way to make vectors orthonormal."""
    group, members, rank = Group(shape, 2, 3), 3, 2
    errors = [np.zeros((shape[0], prod(shape[1:]))) for _ in range(members)]
    group.members[0].context[:] = (7, 0, 0)
    group.members[0].do("prepare")
    q = group.members[0].get("right").astype(np.float64).T
    for step in range(5):
        gradients = [normal(*shape, seed=10 * step + member) for member in range(members)]
        group.step(gradients, step=step)
        v = [g.reshape(shape[0], -1) + e for g, e in zip(gradients, errors, strict=True)]
        p, _ = np.linalg.qr(np.sum([each.T @ q for each in v], axis=0))
        assert p.shape[1] == rank
        qs = [each @ p for each in v]
        errors = [each - q_of_member @ p.T for each, q_of_member in zip(v, qs, strict=True)]
        q = np.sum(qs, axis=0)
        for member, error in zip(group.members, errors, strict=True):
            np.testing.assert_allclose(member.get("gradient").reshape(shape[0], -1), q @ p.T, atol=1e-4)
            np.testing.assert_allclose(member.get("error").reshape(shape[0], -1), error, atol=1e-4)
        q /= np.linalg.norm(q, axis=0)


def test_a_matrix_of_low_rank_is_delivered_at_once() -> None:
    shape = (37, 100)
    group = Group(shape, 3, 4)
    whole = of_rank(3, shape)
    parts = [normal(*shape, seed=seed) for seed in range(3)]
    group.step([*parts, whole - sum(parts)])
    np.testing.assert_allclose(group.members[0].get("gradient"), whole, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 300), (70, 5), (6, 5, 3, 3)])
def test_as_many_vectors_as_rows_or_columns_deliver_everything(shape: tuple[int, ...]) -> None:
    rank = min(shape[0], prod(shape[1:]))
    group = Group(shape, rank + 2, 2)
    gradients = [normal(*shape, seed=seed) for seed in range(2)]
    group.step(gradients)
    np.testing.assert_allclose(group.members[0].get("gradient"), sum(gradients), atol=1e-4)


def test_a_gradient_of_zeros_delivers_zeros_and_what_comes_later_is_found() -> None:
    shape = (37, 100)
    group = Group(shape, 2, 2)
    for step in range(2):
        group.step([np.zeros(shape, np.float32)] * 2, step=step)
        assert not group.members[0].get("gradient").any()
    whole = of_rank(2, shape)
    group.step([whole, whole], step=2)
    np.testing.assert_allclose(group.members[0].get("gradient"), 2 * whole, atol=1e-4)


def test_vectors_that_a_gradient_of_less_rank_left_out_are_found_again() -> None:
    shape = (37, 100)
    group = Group(shape, 3, 2)
    for step in range(3):
        group.step([of_rank(1, shape)] * 2, step=step)
    whole = of_rank(3, shape, seed=1)
    group.step([whole, whole], step=3)
    np.testing.assert_allclose(group.members[0].get("gradient"), 2 * whole, atol=1e-4)


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e12, 1e30])
def test_the_size_of_a_gradient_does_not_matter(size: float) -> None:
    shape = (37, 100)
    group, other = Group(shape, 2, 2), Group(shape, 2, 2)
    for step in range(3):
        gradients = [of_rank(2, shape, seed=10 * step + member) for member in range(2)]
        group.step(gradients, step=step)
        other.step([np.float32(size) * gradient for gradient in gradients], step=step)
    np.testing.assert_allclose(
        other.members[0].get("gradient") / np.float32(size), group.members[0].get("gradient"), atol=1e-3
    )


def test_the_factors_turn_towards_the_largest_directions() -> None:
    """With the same gradient again and again, what is delivered is on average all of it."""
    shape, steps = (40, 60), 60
    group = Group(shape, 2, 2)
    gradient = of_rank(6, shape)
    delivered = np.zeros(shape)
    errors = []
    for step in range(steps):
        group.step([gradient, gradient], step=step)
        delivered += group.members[0].get("gradient")
        errors.append(float(np.linalg.norm(group.members[0].get("error"))))
    assert np.linalg.norm(delivered / steps - 2 * gradient) < 0.1 * np.linalg.norm(2 * gradient)
    assert max(errors[steps // 2 :]) < 1.5 * max(errors[: steps // 2])


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_what_is_not_finite_is_in_what_is_sent(strange: float) -> None:
    """There the sum of the factor finds it, and tells."""
    member = Member(factors_of((37, 100), 2))
    gradient = normal(37, 100)
    gradient[5, 98] = strange
    member.put("gradient", gradient)
    member.do("prepare")
    member.do("left")
    assert not np.all(np.isfinite(member.get("left")))


@pytest.mark.parametrize(
    ("rows", "columns", "rank", "pays"),
    [
        (1024, 1024, 2, True),
        (500, 50, 2, True),
        (25, 20, 2, True),
        (9, 4, 2, False),
        (100, 100, 25, False),
        (5, 1, 1, False),
    ],
)
def test_factors_pay_where_they_are_less_than_half(rows: int, columns: int, rank: int, pays: bool) -> None:
    assert FACTORISATIONS["lowrank"].pays(rows, columns, (float(rank),)) == pays
