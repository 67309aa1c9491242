"""Whatever the length and the ranks, slices tile the axis, and what is distributed comes together again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from

from brainc.evaluate.grid import collect, distribute, places
from brainc.ir.sharded import Layout, Partial, Split, Spread, Whole, held, slices
from brainc.ir.tensor import Value
from brainrun.plan.schema import Mesh


@given(length=integers(1, 10_000), parts=integers(1, 64))
def test_slices_tile_the_axis_and_differ_by_at_most_one(length: int, parts: int) -> None:
    pieces = [range(part.start, part.stop) for part in slices(length, parts)]
    assert [index for piece in pieces for index in piece] == list(range(length))
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


@given(length=integers(1, 10_000), parts=integers(1, 64))
def test_the_longer_slices_come_first(length: int, parts: int) -> None:
    lengths = [part.stop - part.start for part in slices(length, parts)]
    assert lengths == sorted(lengths, reverse=True)


SPREADS = sampled_from([Whole(), Partial(), Split(0), Split(1)])


@given(data=integers(1, 4), model=integers(1, 4), over_data=SPREADS, over_model=SPREADS)
def test_what_is_distributed_is_collected_whole(data: int, model: int, over_data: Spread, over_model: Spread) -> None:
    if over_data == over_model == Split(1):
        return
    value, mesh, layout = Value("x", (19, 5, 2), True), Mesh(data, model), Layout(over_data, over_model)
    array = np.arange(190.0).reshape(value.shape)
    np.testing.assert_array_equal(collect(distribute(array, value, layout, mesh), value, layout, mesh), array)


def test_an_axis_split_twice_is_cut_over_data_first() -> None:
    value, mesh = Value("x", (7,), True), Mesh(2, 2)
    held_by = [held(value, Layout(Split(0), Split(0)), mesh, *place)[0] for place in places(mesh)]
    assert [(part.start, part.stop) for part in held_by] == [(0, 2), (2, 4), (4, 6), (6, 7)]


def test_copies_that_differ_are_no_whole_tensor() -> None:
    value, mesh, layout = Value("x", (2,), False), Mesh(1, 2), Layout(Whole(), Whole())
    parts = {(0, 0): np.array([1.0, 2.0]), (0, 1): np.array([1.0, 2.5])}
    with pytest.raises(ValueError, match="x should be the same on all ranks, and is not"):
        collect(parts, value, layout, mesh)
