"""Procedures bound to memory: which calls become one table, and when messages may move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from numpy.typing import NDArray

from brainrun.arena import Arena
from brainrun.execute import BoundProcedure, Executor
from brainrun.mesh import Alone, BoundTransfer
from brainrun.plan.schema import (
    AllReduce,
    Call,
    Exchange,
    Mesh,
    Message,
    Procedure,
    Reduction,
    Slice,
    Start,
    Step,
    Transfer,
    Wait,
)
from brainrun.reduction.moment import Moment
from brainrun.timeline import Steps, Timeline
from tests.runtime.small_plan import program, small_plan


class Pen:
    """Writes down what a procedure does, in place of a pool and of other ranks."""

    threads = 2

    def __init__(self) -> None:
        self.written: list[str] = []

    def run_at(self, address: int, calls: int) -> None:
        assert address
        self.written.append(f"{calls} calls")


class Two(Alone):
    """A world of two ranks, of which the other is pretended."""

    size = 2

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def bind(self, transfer: AllReduce | Exchange, view: Callable[[str], NDArray[Any]]) -> BoundTransfer:
        del view
        return Said(self._pen, transfer.name)

    def progress(self) -> None:
        self._pen.written.append("progress")


class Said:
    def __init__(self, pen: Pen, name: str) -> None:
        self._pen = pen
        self._name = name

    def start(self) -> None:
        self._pen.written.append(f"start {self._name}")

    def wait(self) -> None:
        self._pen.written.append(f"wait {self._name}")


def call(chained: bool = False, flops: int = 0, extent: int = 2) -> Call:
    return Call("kernel", ("x",), extent, "layer", "forward", flops, 0, chained=chained)


def bound(pen: Pen, steps: tuple[Step, ...], *transfers: Transfer, moment: Moment | None = None) -> BoundProcedure:
    procedure = Procedure((), steps, transfers, (), ())
    arena = Arena(program(20, 4, Slice(0, 4), 0))
    mesh, now = Mesh(2, 1), moment or Moment()
    return BoundProcedure(procedure, arena, {"kernel": 1}, pen, Two(pen), mesh=mesh, moment=now)  # type: ignore[arg-type]  # in place of a pool


def written(*steps: Step, moment: Moment | None = None) -> list[str]:
    pen = Pen()
    transfers = (AllReduce(name, "world", "bucket", 4, "layer") for name in ("a", "b"))
    bound(pen, steps, *transfers, moment=moment).run({})
    return pen.written


def test_calls_between_transfers_are_one_table() -> None:
    assert written(*[call()] * 9, Start("a"), Wait("a"), call()) == ["9 calls", "start a", "wait a", "1 calls"]


def test_messages_move_between_short_tables_while_a_transfer_is_under_way() -> None:
    steps: list[Step] = [call(), Start("a"), *[call(flops=24_000_000)] * 3, Wait("a"), *[call()] * 6]
    assert written(*steps) == [
        "1 calls",
        "start a",
        "2 calls",
        "progress",
        "1 calls",
        "progress",
        "wait a",
        "6 calls",
    ]


def test_a_recorded_step_does_each_call_and_each_chain_by_itself() -> None:
    timeline = Timeline(Steps(1, 1), 0.0, 0.0)
    steps = [call(), call(), Start("a"), call(chained=True), call(), Wait("a"), call()]
    done = written(*steps, moment=Moment(timeline=timeline))
    assert done == ["1 calls", "1 calls", "start a", "2 calls", "progress", "wait a", "1 calls"]
    noted = [(interval.track, interval.name) for interval in timeline.intervals]
    compute = ("compute", "kernel")
    assert noted == [
        compute,
        compute,
        ("compute", "kernel + kernel"),
        ("wait", "a"),
        ("wire: a", "a"),
        compute,
        ("step", "step"),
    ]


def test_bytes_sent_are_the_least_an_all_reduce_can_do_and_what_messages_hold() -> None:
    procedure = bound(
        Pen(),
        (),
        AllReduce("sum", "data", "bucket", 1000, "layer"),
        AllReduce("alone", "model", "bucket", 1000, "layer"),
        Exchange("halo", "all_gather", (Message(1, "x", 0, 10), Message(2, "x", 0, 5)), (), "layer"),
    )
    assert procedure.bytes_sent() == {"sum": 0, "alone": 0, "halo": 0}
    procedure.run({})
    procedure.run({})
    assert procedure.bytes_sent() == {"sum": 2 * 4000, "alone": 0, "halo": 2 * 60}


def test_a_group_of_one_has_its_sum_already() -> None:
    reduction = Reduction("alone", "model", (), "bucket", 0, "layer")
    pen = Pen()
    bound(pen, (Start("alone"), call(), Wait("alone")), reduction).run({})
    assert pen.written == ["1 calls", "progress"]


@pytest.mark.parametrize("step", [0, 41])
def test_scalars_are_set_for_kernels(step: int) -> None:
    plan, _ = small_plan()
    names = {kernel.name: 1 for kernel in plan.kernels}
    executor = Executor(plan, names, Pen(), Alone())  # type: ignore[arg-type]  # as above
    executor.set_scalars(seed=7, step=step, epoch=3, rate=0.5)
    assert executor.arena.view("context").tolist() == [7, step, 0]
    assert executor.arena.view("rate").tolist() == [0.5]
    assert executor.arena.view("step").tolist() == [step + 1]
