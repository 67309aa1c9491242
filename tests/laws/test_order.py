"""However transfers are started early and awaited late, every step reads what it would have read in plain order."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis.strategies import DrawFn, composite, integers, sampled_from

from brainc.codegen.programs import schedule
from brainc.evaluate.grid import Place, places
from brainc.ir.origin import Origin
from brainc.ir.schedule import (
    Copy,
    Exchange,
    Item,
    RankProcedure,
    Run,
    Sending,
    Start,
    Step,
    Sum,
    Transfer,
    Wait,
    reads,
    rules,
    writes,
)
from brainc.ir.tensor import Value
from brainc.schedule.order import overlap
from brainlang.source import Source, Span

from .networks import BATCH, LENET, LOSSES, MLP, RESHAPED, graph
from .spread import spread

HERE = Origin("layer", Span(Source("net.brain", "x\n"), 0, 1))
NAMES = [f"v{i}" for i in range(6)]


def value(name: str) -> Value:
    return Value(name, (4, 2), True)


@composite
def items(pick: DrawFn) -> tuple[Item, ...]:
    """Copies, additions, sums in place and exchanges over six names, as they come."""
    found: list[Item] = []
    for index in range(pick(integers(0, 14))):
        one, other = pick(sampled_from(NAMES)), pick(sampled_from(NAMES))
        match pick(sampled_from(["copy", "add", "sum", "exchange"])):
            case "sum":
                found.append(Sum(f"t{index}", "data", value(one), value(one), HERE))
            case "exchange" if one != other:
                sends, receives = (Sending(1, value(one)),), (Sending(1, value(other)),)
                found.append(Exchange(f"t{index}", "all_gather", sends, receives, HERE))
            case "copy":
                copy = Copy(value(one), value(other), "copy", 4, 2, (0, 0), (0, 0), "forward", HERE)
                found.append(Run(copy, "forward", HERE))
            case _:
                add = Copy(value(one), value(other), "add", 4, 2, (0, 0), (0, 0), "forward", HERE)
                found.append(Run(add, "forward", HERE))
    return tuple(found)


def meaning(steps: Iterable[Item | Step]) -> dict[str, object]:
    """What each name holds in the end, as the history that made it; a transfer spoils its buffers while under way."""
    memory: dict[str, object] = {name: name for name in NAMES}
    taken: dict[str, object] = {}

    def begin(transfer: Transfer) -> None:
        taken[transfer.name] = tuple(memory[v.name] for v in reads(transfer))
        memory.update({v.name: ("spoilt", transfer.name) for v in writes(transfer)})

    def end(transfer: Transfer) -> None:
        memory.update({v.name: (transfer.name, taken[transfer.name]) for v in writes(transfer)})

    for step in steps:
        match step:
            case Start(transfer=transfer):
                begin(transfer)
            case Wait(transfer=transfer):
                end(transfer)
            case Run():
                (target,) = writes(step)
                memory[target.name] = ("run", tuple(memory[v.name] for v in reads(step)))
            case transfer:
                begin(transfer)
                end(transfer)
    return memory


@given(items=items())
def test_any_items_mean_the_same_in_their_new_order(items: tuple[Item, ...]) -> None:
    assert meaning(overlap(items, {})) == meaning(items)


@given(items=items())
def test_every_item_is_done_once_and_every_transfer_awaited(items: tuple[Item, ...]) -> None:
    steps = overlap(items, {})
    assert sorted(map(repr, (s for s in steps if isinstance(s, Run)))) == sorted(
        map(repr, (item for item in items if isinstance(item, Run)))
    )
    started = [step.transfer.name for step in steps if isinstance(step, Start)]
    assert sorted(started) == sorted(item.name for item in items if not isinstance(item, Run))
    assert sorted(step.transfer.name for step in steps if isinstance(step, Wait)) == sorted(started)
    broken = list(rules(RankProcedure((), steps, (), ())))
    assert not [fault for fault in broken if not fault.startswith("C3")]


def test_a_transfer_starts_as_soon_as_what_it_sends_is_there() -> None:
    make = Run(Copy(value("v0"), value("v1"), "copy", 4, 2, (0, 0), (0, 0), "forward", HERE), "forward", HERE)
    other = Run(Copy(value("v2"), value("v3"), "copy", 4, 2, (0, 0), (0, 0), "forward", HERE), "forward", HERE)
    read = Run(Copy(value("v4"), value("v0"), "copy", 4, 2, (0, 0), (0, 0), "forward", HERE), "forward", HERE)
    total = Sum("t", "data", value("v0"), value("v0"), HERE)
    assert overlap((make, total, read, other), {}) == (make, Start(total), other, Wait(total), read)


def test_names_of_the_same_memory_stand_in_each_other_s_way() -> None:
    read = Run(Copy(value("v1"), value("view"), "copy", 4, 2, (0, 0), (0, 0), "forward", HERE), "forward", HERE)
    total = Sum("t", "data", value("v0"), value("v0"), HERE)
    assert overlap((total, read), {"view": "v0"}) == (Start(total), Wait(total), read)
    assert overlap((total, read), {}) == (Start(total), read, Wait(total))


def starts(steps: tuple[Step, ...], group: str) -> list[str]:
    return [
        step.transfer.name
        for step in steps
        if isinstance(step, Start) and (step.transfer.group if isinstance(step.transfer, Sum) else "model") == group
    ]


@pytest.mark.parametrize("text", [MLP, LENET, LOSSES, RESHAPED], ids=["mlp", "lenet", "losses", "reshaped"])
@pytest.mark.parametrize("mesh", [(2, 1), (1, 3), (2, 2), (2, 3)], ids="{0[0]}x{0[1]}".format)
def test_all_ranks_of_a_group_start_their_transfers_in_one_order(text: str, mesh: tuple[int, int]) -> None:
    sharded = spread(graph(text), mesh, batch=BATCH).sharded
    for _, procedure in sharded.procedures:
        steps = {place: schedule(sharded, procedure, *place).procedure.steps for place in places(sharded.mesh)}
        orders: dict[tuple[str, Place], set[tuple[str, ...]]] = {}
        for (data, model), mine in steps.items():
            for group, leader in (("data", (0, model)), ("model", (data, 0)), ("world", (0, 0))):
                orders.setdefault((group, leader), set()).add(tuple(starts(mine, group)))
        assert all(len(found) == 1 for found in orders.values())
