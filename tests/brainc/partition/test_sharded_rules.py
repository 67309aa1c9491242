"""The sharded program's rules, each broken once, and how redistributions are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brainc.ir import expression as ex
from brainc.ir import sharded
from brainc.ir.origin import Origin
from brainc.ir.sharded import Layout, Operation, Partial, Procedure, ShardedProgram, Split, Whole
from brainc.ir.tensor import Contract, Map, Reduce, Value
from brainlang.source import Source, Span
from brainrun.plan.schema import Mesh

HERE = Origin("hidden.dense", Span(Source("net.brain", "hidden = x | dense(3)\n"), 9, 21))
X, W, Y = Value("x", (4, 6), True), Value("w", (2, 6), False), Value("y", (4, 2), True)
DENSE = Contract(Y, X, W, ("bo", "bi", "oi"), (), "forward", HERE)
EVERYWHERE = Layout(Whole(), Whole())


def broken(layouts: dict[str, Layout], *operations: Operation) -> list[str]:
    procedure = Procedure((), operations, (), (), tuple(layouts.items()))
    nothing = Procedure((), (), (), (), ())
    program = ShardedProgram("net", Mesh(2, 2), 4, (), (), procedure, nothing, nothing)
    return list(sharded.rules(program))


SOUND = {
    "x": Layout(Split(0), Split(1)),
    "w": Layout(Whole(), Split(1)),
    "y": Layout(Split(0), Partial()),
}


def test_a_product_split_along_what_it_sums_gives_terms_of_a_sum() -> None:
    assert broken(SOUND, DENSE) == []


def test_s1_a_value_without_layout_is_named() -> None:
    assert broken({"x": SOUND["x"], "w": SOUND["w"]}, DENSE) == ["S1: y has no layout, in train, layer hidden.dense"]


def test_s2_a_partial_value_is_read_by_no_product() -> None:
    layouts = SOUND | {"x": Layout(Split(0), Partial()), "w": EVERYWHERE, "y": Layout(Split(0), Whole())}
    assert broken(layouts, DENSE) == ["S2: x is partial and read, in train, layer hidden.dense"]


def test_s2_a_partial_value_is_read_by_no_map_but_a_sum() -> None:
    layouts = {"y": Layout(Split(0), Partial()), "z": Layout(Split(0), Partial())}
    z = replace(Y, name="z")
    relu = Map(z, (Y,), ("bo", "bo"), ex.maximum(ex.Operand(0), ex.ZERO), "forward", HERE)
    both = Map(z, (Y, Y), ("bo", "bo", "bo"), ex.add(ex.Operand(0), ex.Operand(1)), "forward", HERE)
    assert broken(layouts, relu) == ["S2: y is partial and read, in train, layer hidden.dense"]
    assert broken(layouts, both) == []


def test_s3_a_split_letter_is_split_wherever_it_occurs() -> None:
    assert broken(SOUND | {"w": EVERYWHERE}, DENSE) == [
        "S3: i is split over model, and w is whole, in train, layer hidden.dense"
    ]


def test_s3_a_sum_over_a_split_letter_is_partial() -> None:
    assert broken(SOUND | {"y": Layout(Split(0), Whole())}, DENSE) == [
        "S3: y sums over split {'i'} and is not partial, in train, layer hidden.dense"
    ]


def test_s3_a_local_sum_is_each_rank_s_own() -> None:
    mean = Value("m", (2,), False)
    layouts = {"y": Layout(Split(0), Whole()), "m": EVERYWHERE}
    total = Reduce(mean, (Y,), ("o", "bo"), ex.Operand(0), "global", "forward", HERE)
    assert broken(layouts, replace(total, scope="local")) == []
    assert broken(layouts, total) == ["S3: m sums over split {'b'} and is not partial, in train, layer hidden.dense"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Layout(Partial(), Whole()), EVERYWHERE, "all_reduce"),
        (Layout(Partial(), Partial()), EVERYWHERE, "all_reduce"),
        (Layout(Split(0), Partial()), Layout(Split(0), Whole()), "all_reduce"),
        (Layout(Partial(), Split(0)), Layout(Whole(), Split(0)), "all_reduce"),
        (Layout(Split(0), Partial()), Layout(Split(0), Split(1)), "reduce_scatter"),
        (Layout(Split(0), Split(1)), Layout(Split(0), Whole()), "all_gather"),
        (Layout(Split(0), Split(1)), Layout(Split(0), Split(0)), "all_to_all"),
        (Layout(Split(0), Whole()), Layout(Split(0), Split(0)), "local"),
    ],
)
def test_a_redistribution_is_called_by_what_moves(before: Layout, after: Layout, expected: str) -> None:
    assert sharded.kind(before, after) == expected
