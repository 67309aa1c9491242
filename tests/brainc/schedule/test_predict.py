"""A schedule laid against a machine by hand."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import msgspec

from brainc.machine.description import GENERIC, Machine
from brainc.reductions.table import METHODS
from brainc.schedule.predict import reducing, step_seconds, timeline
from brainrun.plan.schema import (
    AllReduce,
    Call,
    Exchange,
    Interval,
    Matrix,
    Mesh,
    Message,
    Part,
    Procedure,
    Reduction,
    Slice,
    Start,
    Step,
    Wait,
)

# Numbers that are exact: a call's flops are its seconds, a message of n elements takes 4n.
MACHINE = replace(
    GENERIC,
    flops=1.0,
    memory_bandwidth=1e9,
    step_latency=0.0,
    call_latency=0.0,
    link_latency=0.0,
    link_bandwidth=1.0,
    message_bandwidth=inf,
)
TOTAL = AllReduce("total", "data", "w", 2, "layer")
GATHER = Exchange("gather", "all_gather", (Message(1, "x", 0, 1),), (Message(1, "y", 0, 1),), "layer")

# Eight entries between two members, of which each sends 3 bytes twice; memory moves one byte a second.
PART = Part(
    "g",
    "e",
    Matrix(4, 2, 16, 16),
    "threshold(tau=1.0)",
    (),
    "encode",
    "decode",
    (Slice(0, 1), Slice(1, 2)),
    (8, 8),
    0,
    "layer",
)
SMALL = Reduction("small", "data", (PART,), "messages", 6, "layer")
OTHER = Reduction("other", "data", (PART,), "messages", 6, "layer")
SLOW = replace(MACHINE, memory_bandwidth=1.0)


def call(seconds: int) -> Call:
    return Call("kernel", (), 1, "layer", "forward", seconds, 0)


def laid_out(*steps: Step, machine: Machine = MACHINE) -> list[tuple[str, float, float]]:
    procedure = Procedure((), steps, (TOTAL, GATHER, SMALL, OTHER), (), ())
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


# By hand: the own half is 4 entries. Encode 12 · 4 bytes = 48 s, 3 s on the wire, add half of the 6 bytes and
# 8 · 4 = 35 s, encode the sum 48 s, 3 s on the wire, decode 6 + 4 · 8 bytes = 38 s.
def test_a_reduction_is_encoded_sent_added_encoded_sent_and_decoded_before_its_wait_is_over() -> None:
    assert laid_out(Start("small"), Wait("small"), call(1), machine=SLOW) == [
        ("encode", 0.0, 48.0),
        ("wire", 48.0, 3.0),
        ("decode", 51.0, 35.0),
        ("encode", 86.0, 48.0),
        ("wire", 134.0, 3.0),
        ("decode", 137.0, 38.0),
        ("compute", 175.0, 1.0),
    ]


def test_an_encoder_takes_as_many_streams_as_its_scheme_says() -> None:
    onebit = msgspec.structs.replace(SMALL, parts=(msgspec.structs.replace(PART, scheme="onebit"),))
    assert reducing(onebit, SLOW).encode == METHODS["onebit"].streams * reducing(SMALL, SLOW).encode > 48.0


def test_a_reduction_without_an_error_moves_fewer_bytes_to_encode() -> None:
    plain = reducing(msgspec.structs.replace(SMALL, parts=(msgspec.structs.replace(PART, error=""),)), SLOW)
    assert (plain.encode, plain.encode_sum) == (32.0, 32.0)


def test_members_of_a_node_sum_first_and_speak_with_other_nodes_alone() -> None:
    # Four members on two nodes, taken to own 2 of 8 entries each, encoded in 4 bytes: a member sends 1 byte, twice.
    four = msgspec.structs.replace(PART, owned=(Slice(0, 1), Slice(1, 2), Slice(2, 2), Slice(2, 2)))
    stages = reducing(msgspec.structs.replace(SMALL, parts=(four,), expected_bytes=2, node=2), SLOW)
    assert stages.encode == 8 * 4 * 1.5 + 2 * 12  # reads both terms of a half and writes it; encodes a quarter
    assert (stages.scatter, stages.gather) == (1.0, 1.0)
    assert stages.add == 1 + 2 * 8
    assert stages.encode_sum == 2 * 12


def test_a_reduction_goes_on_between_calls() -> None:
    # Its first messages arrive at 51 s, within the first call; the sums at 151 + 35 + 48 + 3 s, within the second.
    assert laid_out(Start("small"), call(103), call(50), Wait("small"), call(1), machine=SLOW)[2:] == [
        ("compute", 48.0, 103.0),
        ("decode", 151.0, 35.0),
        ("encode", 186.0, 48.0),
        ("wire", 234.0, 3.0),
        ("compute", 234.0, 50.0),
        ("decode", 284.0, 38.0),
        ("compute", 322.0, 1.0),
    ]


def test_a_wait_for_one_reduction_does_the_work_of_the_others() -> None:
    intervals = laid_out(Start("small"), Start("other"), Wait("small"), Wait("other"), machine=SLOW)
    busy = sum(seconds for track, _, seconds in intervals if track != "wire")
    # The core is never idle: while one is on the wire, it works on the other.
    assert busy == 2 * (48 + 35 + 48 + 38)
    assert max(start + seconds for _, start, seconds in intervals) == busy


def test_a_step_ends_with_its_last_interval() -> None:
    assert step_seconds([Interval(0, "compute", "a", 0.0, 3.0), Interval(0, "wire", "b", 1.0, 4.0)]) == 5.0
    assert step_seconds([]) == 0.0
