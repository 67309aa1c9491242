"""A schedule laid against a machine by hand."""

from __future__ import annotations

from dataclasses import replace

from brainc.machine.description import GENERIC, Machine
from brainc.schedule.predict import step_seconds, timeline
from brainrun.plan.schema import AllReduce, Call, Exchange, Interval, Mesh, Message, Procedure, Start, Step, Wait

# Numbers that are exact: a call's flops are its seconds, a message of n elements takes 4n.
MACHINE = replace(
    GENERIC, flops=1.0, memory_bandwidth=1e9, step_latency=0.0, call_latency=0.0, link_latency=0.0, link_bandwidth=1.0
)
TOTAL = AllReduce("total", "data", "w", 2, "layer")
GATHER = Exchange("gather", "all_gather", (Message(1, "x", 0, 1),), (Message(1, "y", 0, 1),), "layer")


def call(seconds: int) -> Call:
    return Call("kernel", (), 1, "layer", "forward", seconds, 0)


def laid_out(*steps: Step, machine: Machine = MACHINE) -> list[tuple[str, float, float]]:
    procedure = Procedure((), steps, (TOTAL, GATHER), (), ())
    _, *intervals = timeline(procedure, 0, Mesh(2, 2), machine)
    return [(each.track, each.start, each.seconds) for each in intervals]


def test_a_step_begins_with_what_the_runtime_does_beside_its_kernels() -> None:
    machine = replace(MACHINE, step_latency=5.0)
    (first,) = timeline(Procedure((), (), (), (), ()), 3, Mesh(2, 2), machine)
    assert first == Interval(3, "compute", "between steps", 0.0, 5.0)


def test_a_call_and_a_start_take_a_while_to_begin() -> None:
    machine = replace(MACHINE, step_latency=5.0, call_latency=0.5)
    steps = call(1), Start("gather"), Wait("gather"), call(1)
    assert laid_out(*steps, machine=machine) == [("compute", 5.0, 1.5), ("wire", 7.0, 4.0), ("compute", 11.0, 1.5)]


def test_a_transfer_runs_beside_arithmetic_and_a_wait_lasts_until_it_is_over() -> None:
    # Two elements are 8 bytes, of which each of two ranks sends half twice.
    assert laid_out(call(1), Start("total"), call(3), Wait("total"), call(1)) == [
        ("compute", 0.0, 1.0),
        ("wire", 1.0, 8.0),
        ("compute", 1.0, 3.0),
        ("compute", 9.0, 1.0),
    ]


def test_transfers_share_one_wire() -> None:
    assert laid_out(Start("total"), Start("gather"), Wait("gather"), call(1)) == [
        ("wire", 0.0, 8.0),
        ("wire", 8.0, 4.0),
        ("compute", 12.0, 1.0),
    ]


def test_a_wait_for_what_is_over_takes_no_time() -> None:
    assert laid_out(Start("gather"), call(9), Wait("gather"), call(1))[-1] == ("compute", 9.0, 1.0)


def test_a_step_ends_with_its_last_interval() -> None:
    assert step_seconds([Interval(0, "compute", "a", 0.0, 3.0), Interval(0, "wire", "b", 1.0, 4.0)]) == 5.0
    assert step_seconds([]) == 0.0
