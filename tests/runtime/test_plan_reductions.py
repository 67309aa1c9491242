"""The rules of a plan that speak of reductions: each speaks when, and only when, it is broken."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

import pytest
from msgspec.structs import replace

from brainrun.plan.figures import most_bytes
from brainrun.plan.memory import lifetimes
from brainrun.plan.messages import messages_bytes
from brainrun.plan.rules import broken_rules
from brainrun.plan.schema import (
    Buffer,
    Kernel,
    Matrix,
    Part,
    Plain,
    Plan,
    RankProgram,
    Reduction,
    Slice,
    Start,
    Step,
    Wait,
)
from brainrun.plan.store import with_files
from brainrun.plan.text import text
from brainrun.plan.transfers import buffers_of
from tests.runtime.small_plan import INPUTS, small_plan

ROWS = INPUTS + 1
WIDTH = 4
PART = Part(
    gradient="bucket",
    error="unsent",
    matrix=Matrix(ROWS, WIDTH, ROWS, 16),
    scheme="onebit",
    parameters=(),
    encode="encode_onebit",
    decode="decode_onebit",
    owned=(Slice(0, 2), Slice(2, WIDTH)),
    bounds=(24, 24),
    scratch=0,
    layer="line",
)
SUM = Reduction("bucket.sum", "data", (PART,), "messages", 56, "line")
TEXTS = small_plan(data=2, batch=21)[1] | {"kernels/onebit.ll": "; both"}


def reduced(reduction: Reduction = SUM, **changes: Any) -> Plan:
    """The small plan for two replicas with other batches, whose gradient is summed by a reduction."""
    plan, _ = small_plan(data=2, batch=21)
    kernels = (
        Kernel("encode_onebit", "llvm", "kernels/onebit.ll"),
        Kernel("decode_onebit", "llvm", "kernels/onebit.ll"),
    )
    changed = replace(
        plan,
        kernels=plan.kernels + kernels,
        programs=tuple(_with_reduction(program, reduction, **changes) for program in plan.programs),
    )
    return with_files(changed, TEXTS)


def _with_reduction(program: RankProgram, reduction: Reduction, **changes: Any) -> RankProgram:
    train = replace(program.train, transfers=(program.train.transfers[0], reduction))
    room = messages_bytes(SUM, 2)
    more = (
        Buffer("unsent", "error", "f32", Plain((ROWS * WIDTH,)), 0, 4 * ROWS * WIDTH),
        Buffer("messages", "message", "i32", Plain((room // 4,)), 0, room),
    )
    buffers = [replace(b, **changes.get(b.name, {})) for b in (*program.buffers, *more)]
    ends = list(accumulate(-(-buffer.bytes // 64) * 64 for buffer in buffers))
    placed = (replace(b, offset=start) for b, start in zip(buffers, [0, *ends], strict=False))
    return replace(program, arena_bytes=ends[-1], buffers=tuple(placed), train=train)


def broken(plan: Plan) -> list[str]:
    return list(broken_rules(plan, TEXTS))


def other_part(**fields: Any) -> Reduction:
    return replace(SUM, parts=(replace(PART, **fields),))


def on_one_rank(plan: Plan, reduction: Reduction) -> Plan:
    first = plan.programs[0]
    train = replace(first.train, transfers=(first.train.transfers[0], reduction))
    return replace(plan, programs=(replace(first, train=train), *plan.programs[1:]))


def with_steps(plan: Plan, steps: list[Step]) -> Plan:
    first = plan.programs[0]
    return replace(plan, programs=(replace(first, train=replace(first.train, steps=tuple(steps))), *plan.programs[1:]))


def test_a_sound_reduction_breaks_no_rule() -> None:
    assert broken(reduced()) == []


def test_what_is_not_sent_yet_is_alive_throughout_the_step() -> None:
    program = reduced().programs[0]
    assert lifetimes(program, program.train)["unsent"] == (-1, len(program.train.steps))


def test_p5_speaks_of_members_that_reduce_otherwise() -> None:
    other = other_part(owned=(Slice(0, 1), Slice(1, WIDTH)))
    assert any(
        "P5: sum 0 over data is bucket.sum with owned" in said and "of part 0 on rank 1 (train)" in said
        for said in broken(on_one_rank(reduced(), other))
    )


def test_p5_speaks_of_members_on_other_nodes() -> None:
    found = "\n".join(broken(on_one_rank(reduced(), replace(SUM, node=2))))
    assert re.search(r"P5: sum 0 over data is bucket.sum with \d members a node on rank 0 and", found)


def test_p8_speaks_of_nodes_that_are_not_whole() -> None:
    found = broken(reduced(replace(SUM, node=3)))
    assert any(b.startswith("P8: its 2 members are not on whole nodes of 3") for b in found)


# Four members on two nodes: one speaks with one other member, of the columns that either owns.
def test_the_most_that_is_sent_is_counted_between_nodes() -> None:
    owned = tuple(Slice(place, place + 1) for place in range(4))
    four = other_part(owned=owned, bounds=(4, 8, 12, 16))
    header = 4
    assert most_bytes(replace(four, node=2)) == (header + 8) + (header + 16)
    assert most_bytes(four) == sum(header + bound for bound in (4, 8, 12)) + 3 * (header + 16)


def test_p5_speaks_of_a_member_that_does_not_reduce() -> None:
    plan = reduced()
    all_reduce = small_plan(data=2, batch=21)[0].programs[0].train.transfers[1]
    first = plan.programs[0]
    train = replace(first.train, transfers=(first.train.transfers[0], all_reduce))
    mixed = replace(plan, programs=(replace(first, train=train), *plan.programs[1:]))
    said = "bucket.sum (16 elements)", "bucket.sum (a reduction, parts: 1)"
    one, other = said if plan.ranks[0].program == 0 else reversed(said)
    assert f"P5: sum 0 over data is {one} on rank 0 and {other} on rank 1 (train)" in broken(mixed)


def test_p5_speaks_of_columns_shared_among_more_than_the_group() -> None:
    three = other_part(owned=(Slice(0, 2), Slice(2, 3), Slice(3, WIDTH)), bounds=(24, 12, 12))
    said = "P5: bucket.sum shares bucket among 3 members, and rank 0 is one of 2 (train)"
    assert said in broken(reduced(three))


def test_p5_speaks_of_a_reduction_awaited_by_one_before_the_other_starts_it() -> None:
    plan = reduced()
    steps = list(plan.programs[0].train.steps)
    # The objective waits for a rank that waits for the bucket's sum; the other starts that one later.
    early = [
        *steps[:2],
        steps[3],
        Start("bucket.sum"),
        Wait("bucket.sum"),
        Start("objective.sum"),
        *steps[5:6],
        steps[7],
    ]
    late = [*steps[:3], Wait("objective.sum"), steps[3], Start("bucket.sum"), Wait("bucket.sum"), steps[7]]
    second = plan.programs[1]
    deadlocked = with_steps(plan, early)
    programs = (deadlocked.programs[0], replace(second, train=replace(second.train, steps=_of(second, late))))
    assert any("for ever: its partners wait for something else" in b for b in broken(replace(plan, programs=programs)))


def _of(program: RankProgram, steps: list[Step]) -> tuple[Step, ...]:
    """These steps with the kernels of that program in place of another's."""
    own = {step.kernel.split("_")[0]: step for step in program.train.steps if hasattr(step, "kernel")}
    return tuple(own[step.kernel.split("_")[0]] if hasattr(step, "kernel") else step for step in steps)


def test_p6_speaks_of_a_gradient_reduced_before_it_is_made() -> None:
    plan = reduced()
    steps = [step for step in plan.programs[0].train.steps if step != Start("bucket.sum")]
    found = broken(with_steps(plan, [Start("bucket.sum"), *steps]))
    assert any(b.startswith("P6: step 0 (bucket.sum) sends bucket, which no earlier step made") for b in found)


def test_p7_speaks_of_a_call_that_touches_what_is_not_sent_yet() -> None:
    plan = reduced()
    steps = list(plan.programs[0].train.steps)
    meddling = replace(steps[3], operands=("x", "gradient", "unsent"))
    found = broken(with_steps(plan, [*steps[:5], meddling, *steps[5:]]))
    assert any(
        b.startswith("P7: step 5 (backward_1") and "touches unsent, in flight with bucket.sum" in b for b in found
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"owned": (Slice(0, 2), Slice(1, 4))}, "bucket: its members own the columns 0:2, 1:4 of 4"),
        ({"owned": (Slice(0, 2), Slice(2, 3))}, "bucket: its members own the columns 0:2, 2:3 of 4"),
        ({"bounds": (24, 22)}, "bucket: member 1 owns 2 columns, of at most 22 bytes"),
        ({"bounds": (-4, 24)}, "bucket: member 0 owns 2 columns, of at most -4 bytes"),
        ({"bounds": (0, 24)}, "bucket: member 0 owns 2 columns, of at most 0 bytes"),
        ({"bounds": (24,)}, "its parts have owned columns and bounds for [1, 2] members"),
        ({"bounds": (1024, 24)}, "messages has"),
        ({"scratch": 4096}, "messages has"),
        ({"error": "y"}, "bucket: it and y are not float32 of one storage"),
        ({"error": "gradient"}, "bucket: gradient has the role gradient, and it is to be kept as error"),
        ({"velocity": "unsent"}, "bucket: unsent has the role error, and it is to be kept as state"),
        ({"factor_of": "matrix"}, "bucket: it is a factor of matrix, which is no buffer of the program"),
        ({"warmup": ((0.5,),)}, "bucket: onebit has other numbers in the first epochs than later"),
        ({"matrix": Matrix(ROWS + 1, WIDTH, ROWS + 1, 16)}, "bucket: its matrix ends at byte 80 of 64"),
    ],
)
def test_p8_speaks_of_a_part_that_cannot_be_as_it_is_said(fields: dict[str, Any], said: str) -> None:
    assert any(b.startswith(f"P8: {said}") for b in broken(reduced(other_part(**fields)))), broken(
        reduced(other_part(**fields))
    )


def test_a_reduction_owns_the_velocity_that_it_empties() -> None:
    assert buffers_of(other_part(velocity="speed")) == {"bucket", "unsent", "speed", "messages"}
    assert buffers_of(SUM) == {"bucket", "unsent", "messages"}
    assert buffers_of(other_part(error="")) == {"bucket", "messages"}


def test_p8_lets_a_member_own_nothing() -> None:
    one_sided = replace(other_part(owned=(Slice(0, 4), Slice(4, 4)), bounds=(24, 0)), expected_bytes=28)
    assert broken(reduced(one_sided)) == []


# Two members: each sends what the other owns, and what it owns itself; a message is 4 bytes of header and 24 at most.
@pytest.mark.parametrize(("expected", "sound"), [(0, True), (56, True), (57, False), (-1, False)])
def test_p8_speaks_of_more_bytes_expected_than_can_be_sent(expected: int, sound: bool) -> None:
    found = broken(reduced(replace(SUM, expected_bytes=expected)))
    wrong = f"P8: {expected} bytes are expected of a member, and it sends 56 at most"
    assert any(b.startswith(wrong) for b in found) == (not sound)


@pytest.mark.parametrize("field", ["encode", "decode"])
def test_p9_speaks_of_a_reduction_by_a_kernel_that_is_not_there(field: str) -> None:
    found = broken(reduced(other_part(**{field: "twobit"})))
    assert any("makes bucket small by twobit, which is no kernel of the plan" in b for b in found)


def test_a_reduction_prints_what_it_reduces_and_how() -> None:
    said = "bucket.sum: reduce bucket by onebit over data through messages, about 56 bytes"
    assert any(line.endswith(said) for line in text(reduced()).splitlines())
