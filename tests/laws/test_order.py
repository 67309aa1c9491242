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
    Reduced,
    Reduction,
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
from brainc.ir.scheme import SUM
from brainc.ir.tensor import Value
from brainc.schedule.buckets import in_buckets
from brainc.schedule.order import overlap
from brainc.schedule.reduction import reduction
from brainlang.source import Source, Span

from .networks import BATCH, LENET, LOSSES, MLP, RESHAPED, graph
from .spread import spread

HERE = Origin("layer", Span(Source("net.brain", "x\n"), 0, 1))
NAMES = [f"v{i}" for i in range(6)]


def value(name: str) -> Value:
    return Value(name, (4, 2), True)


@composite
def items(pick: DrawFn) -> tuple[Item, ...]:
    """Copies, additions, sums in place, exchanges and reductions over six names, as they come; each is reduced once."""
    found: list[Item] = []
    reduced: set[str] = set()
    for index in range(pick(integers(0, 14))):
        one, other = pick(sampled_from(NAMES)), pick(sampled_from(NAMES))
        match pick(sampled_from(["copy", "add", "sum", "exchange", "reduce", "reduce"])):
            case "reduce" if one not in reduced:
                reduced.add(one)
                found.append(reduction("data", 2, (Reduced(value(one), value(one), None, SUM, HERE),), HERE))
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
        if isinstance(transfer, Reduction):
            del memory[transfer.messages.name]
            terms = zip(transfer.parts, taken[transfer.name], strict=True)  # type: ignore[call-overload]  # a tuple
            memory.update({part.result.name: ("reduced", term) for part, term in terms})
            return
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


@given(items=items(), full=sampled_from([0, 50, 100, 10_000]))
def test_buckets_of_any_size_mean_the_same(items: tuple[Item, ...], full: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainc.schedule.buckets.BUCKET_BYTES", full)
        bucketed = in_buckets(list(items), {})
    assert meaning(bucketed) == meaning(items)
    parts = [part.value.name for item in bucketed if isinstance(item, Reduction) for part in item.parts]
    assert sorted(parts) == sorted(item.parts[0].value.name for item in items if isinstance(item, Reduction))


@given(items=items())
def test_every_item_is_done_once_and_every_transfer_awaited(items: tuple[Item, ...]) -> None:
    steps = overlap(items, {})
    assert sorted(map(repr, (s for s in steps if isinstance(s, Run)))) == sorted(
        map(repr, (item for item in items if isinstance(item, Run)))
    )
    started = [step.transfer.name for step in steps if isinstance(step, Start)]
    transfers = [step.transfer for step in steps if isinstance(step, Start)]
    assert sorted(name for each in transfers for name in _sums(each)) == sorted(
        name for item in items if not isinstance(item, Run) for name in _sums(item)
    )
    assert sorted(step.transfer.name for step in steps if isinstance(step, Wait)) == sorted(started)
    broken = list(rules(RankProcedure((), steps, (), ())))
    assert not [fault for fault in broken if not fault.startswith("C3")]


def _sums(transfer: Transfer) -> list[str]:
    """What the transfer does; a reduction may do it for several gradients."""
    if isinstance(transfer, Reduction):
        return [part.value.name for part in transfer.parts]
    return [transfer.name]


def test_small_gradients_share_a_bucket_and_large_ones_leave_at_once() -> None:
    def made(name: str, outputs: int) -> tuple[Value, Run]:
        gradient = Value(name, (outputs, 1024), False)
        copy = Copy(gradient, value("v0"), "copy", 4, 2, (0, 0), (0, 0), "backward", HERE)
        return gradient, Run(copy, "backward", HERE)

    def total(gradient: Value) -> Reduction:
        return reduction("data", 2, (Reduced(gradient, gradient, None, SUM, HERE),), HERE)

    gradients = [made(name, outputs) for name, outputs in (("a", 10), ("b", 1024), ("c", 20), ("d", 20))]
    items = [item for gradient, run in gradients for item in (run, total(gradient))]
    runs = [run for _, run in gradients]
    bucketed = in_buckets(items, {})
    kinds = [item if isinstance(item, Run) else tuple(_sums(item)) for item in bucketed]
    assert kinds == [runs[0], runs[1], ("a", "b"), runs[2], runs[3], ("c", "d")]


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
        if isinstance(step, Start)
        and ("model" if isinstance(step.transfer, Exchange) else step.transfer.group) == group
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
