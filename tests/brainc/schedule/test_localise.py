"""What a redistribution becomes on one rank: copies, messages, sums, and the names they go by."""

from __future__ import annotations

import pytest

from brainc.ir import tensor as ts
from brainc.ir.origin import Origin
from brainc.ir.schedule import Copy, Exchange, Local, Sum
from brainc.ir.sharded import Given, Layout, Partial, Procedure, Redistribute, ShardedProgram, Split, Whole
from brainc.ir.tensor import Value
from brainc.schedule.localise import localise
from brainlang.source import Source, Span
from brainrun.plan.schema import Mesh, Slice

HERE = Origin("layer", Span(Source("net.brain", "layer\n"), 0, 5))
X, MOVED = Value("x", (10, 6), True), Value("moved", (10, 6), True)
SAMPLES, FEATURES, ALL, TERMS = (Layout(Split(0), s) for s in (Split(0), Split(1), Whole(), Partial()))


def program(mesh: Mesh, layouts: dict[str, Layout], *operations: ts.Operation | Redistribute) -> ShardedProgram:
    procedure = Procedure((Given(X, "x"),), operations, (), (ts.Output("out", X),), tuple(layouts.items()))
    return ShardedProgram("net", mesh, 10, (), (), procedure, procedure, procedure)


def moved(before: Layout, after: Layout, *, mesh: Mesh | None = None, data: int = 0, model: int = 0) -> list[Local]:
    move = Redistribute(MOVED, X, before, after, "forward", HERE)
    spread = program(mesh or Mesh(1, 2), {"x": before, "moved": after}, move)
    return list(localise(spread, spread.train, data, model).items)


@pytest.mark.parametrize(
    ("before", "group"),
    [
        (Layout(Partial(), Whole()), "data"),
        (Layout(Partial(), Partial()), "world"),
        (Layout(Whole(), Partial()), "model"),
    ],
)
def test_terms_are_summed_over_the_group_that_holds_them(before: Layout, group: str) -> None:
    (total,) = moved(before, Layout(Whole(), Whole()), mesh=Mesh(2, 2))
    assert isinstance(total, Sum)
    assert (total.group, total.name) == (group, "sum of x")


def test_a_gathering_rank_keeps_its_own_part_and_sends_it_as_it_is() -> None:
    own, exchange, unpacked = moved(FEATURES, ALL, model=1)
    assert isinstance(own, Copy)
    assert isinstance(exchange, Exchange)
    assert isinstance(unpacked, Copy)
    assert (own.target_first, own.samples, own.features) == ((0, 3), 10, 3)
    assert [(each.peer, each.value.name) for each in exchange.sends] == [(0, "x")]
    assert (unpacked.source.name, unpacked.target_first, unpacked.verb) == ("moved from 0", (0, 0), "copy")


def test_scattered_terms_are_added_to_the_rank_s_own() -> None:
    items = moved(TERMS, SAMPLES, model=1)
    packed, own, exchange, added = items
    assert isinstance(packed, Copy)
    assert isinstance(own, Copy)
    assert isinstance(exchange, Exchange)
    assert isinstance(added, Copy)
    assert (packed.source_first, packed.samples) == ((0, 0), 5)
    assert (own.source_first, own.verb) == ((5, 0), "copy")
    assert added.verb == "add"


def test_the_two_ways_of_scattering_one_tensor_have_two_names() -> None:
    names = {item.name for after in (SAMPLES, FEATURES) for item in moved(TERMS, after) if isinstance(item, Exchange)}
    assert names == {"reduce_scatter of x by samples", "reduce_scatter of x by features"}


def test_all_to_all_moves_only_what_changes_hands() -> None:
    items = moved(SAMPLES, FEATURES, mesh=Mesh(1, 3), model=2)
    (exchange,) = (item for item in items if isinstance(item, Exchange))
    # Ten samples over three ranks are 4, 3 and 3; six features are 2 each.
    assert [each.value.shape for each in exchange.sends] == [(3, 2), (3, 2)]
    assert [each.value.shape for each in exchange.receives] == [(4, 2), (3, 2)]


def test_a_part_of_what_is_whole_is_copied_without_a_message() -> None:
    (copy,) = moved(ALL, FEATURES, model=1)
    assert isinstance(copy, Copy)
    assert (copy.source_first, copy.target_first, copy.features) == ((0, 3), (0, 0), 3)


def test_a_feed_counts_samples_from_the_replica_s_first() -> None:
    spread = program(Mesh(2, 2), {"x": SAMPLES})
    feeds = [localise(spread, spread.train, 1, model).feeds[0] for model in (0, 1)]
    # Replica 1 has samples 5…9, of which its first rank has three.
    assert [(feed.first, feed.value.shape[0]) for feed in feeds] == [(0, 3), (3, 2)]
    assert {feed.features for feed in feeds} == {Slice(0, 6)}


def test_an_output_that_all_model_ranks_hold_is_given_by_one() -> None:
    for layout, gives in ((ALL, False), (FEATURES, True), (SAMPLES, True)):
        spread = program(Mesh(1, 2), {"x": layout})
        assert localise(spread, spread.predict, 0, 1).outputs[0].gives == gives


def test_a_draw_begins_where_the_rank_s_part_does() -> None:
    draw = ts.Draw(X, 3, 0.5, "forward", HERE)
    spread = program(Mesh(2, 2), {"x": FEATURES}, draw)
    (local,) = localise(spread, spread.train, 1, 1).items
    assert isinstance(local, ts.Draw)
    assert (local.first, local.result.shape) == ((0, 3), (5, 3))
