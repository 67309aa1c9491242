"""Each rule of a plan speaks when, and only when, it is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from brainrun.plan.rules import broken_rules
from brainrun.plan.schema import (
    Call,
    Exchange,
    Message,
    Plan,
    Procedure,
    RankProgram,
    Slice,
    Start,
    Step,
    Wait,
)
from brainrun.plan.text import text
from tests.runtime.small_plan import small_plan


def broken(plan: Plan, contents: dict[str, str] | None = None) -> list[str]:
    return list(broken_rules(plan, small_plan(data=2, model=2)[1] if contents is None else contents))


def mesh_plan() -> Plan:
    return small_plan(data=2, model=2)[0]


def with_program(plan: Plan, number: int, change: Callable[[RankProgram], RankProgram]) -> Plan:
    programs = list(plan.programs)
    programs[number] = change(programs[number])
    return replace(plan, programs=tuple(programs))


def with_steps(plan: Plan, number: int, change: Callable[[list[Step]], list[Step]]) -> Plan:
    def changed(program: RankProgram) -> RankProgram:
        return replace(program, train=replace(program.train, steps=tuple(change(list(program.train.steps)))))

    return with_program(plan, number, changed)


@pytest.mark.parametrize("data", [1, 2, 3])
@pytest.mark.parametrize("model", [1, 2, 3])
def test_a_sound_plan_breaks_no_rule_on_any_mesh(data: int, model: int) -> None:
    plan, contents = small_plan(data=data, model=model)
    assert broken(plan, contents) == []


def test_p1_speaks_of_a_changed_or_missing_file() -> None:
    plan, contents = small_plan()
    changed = {**contents, "kernels/update_20_4.py": "…"}
    assert "P1: kernels/update_20_4.py is not the file that was planned" in broken(plan, changed)
    del changed["kernels/update_20_4.py"]
    assert "P1: kernels/update_20_4.py is missing" in broken(plan, changed)


def test_p2_speaks_of_slices_that_overlap_or_leave_a_gap() -> None:
    plan = mesh_plan()

    def with_slice(part: Slice) -> Plan:
        ranks = [
            replace(r, parameter_slices=((part, Slice(0, 3)), r.parameter_slices[1])) if r.model == 1 else r
            for r in plan.ranks
        ]
        return replace(plan, ranks=tuple(ranks))

    assert broken(with_slice(Slice(1, 4))) == ["P2: [0:2, 0:3] and [1:4, 0:3] of line.weight overlap"]
    assert broken(with_slice(Slice(3, 4))) == ["P2: slices of line.weight hold 9 of its 12 elements"]
    assert broken(with_slice(Slice(2, 5))) == ["P2: [2:5, 0:3] is not a part of line.weight [4, 3]"]


def test_p2_speaks_of_ranks_that_are_not_the_mesh_s() -> None:
    plan = mesh_plan()
    assert broken(replace(plan, ranks=plan.ranks[:3]))[0].startswith("P2: ranks stand at [(0, 0), (0, 1), (1, 0)]")


def test_p3_speaks_of_a_transfer_never_awaited_and_of_a_wait_too_many() -> None:
    plan, contents = small_plan()
    where = "(program of_20_samples_outputs_0, train)"
    never = with_steps(plan, 0, lambda steps: [s for s in steps if s != Wait("bucket.sum")])
    assert broken(never, contents)[0] == f"P3: bucket.sum, started at step 4, is never awaited {where}"
    twice = with_steps(plan, 0, lambda steps: [*steps, Wait("bucket.sum")])
    assert broken(twice, contents) == [f"P3: step 8 awaits bucket.sum, which was not started {where}"]


def test_p4_speaks_of_buffers_alive_together_that_share_bytes() -> None:
    plan, contents = small_plan()
    offsets = {buffer.name: buffer.offset for buffer in plan.programs[0].buffers}

    def moved(name: str, onto: str) -> Plan:
        return with_program(
            plan,
            0,
            lambda program: replace(
                program,
                buffers=tuple(replace(b, offset=offsets[onto]) if b.name == name else b for b in program.buffers),
            ),
        )

    assert any("P4: y and gradient share bytes" in b for b in broken(moved("gradient", "y"), contents))
    # t is read for the last time before bucket is written for the first.
    assert broken(moved("bucket", "t"), contents) == []


def test_p4_speaks_of_a_buffer_too_small_or_outside_the_arena() -> None:
    plan, contents = small_plan()

    def changed(**fields: Any) -> list[str]:
        return broken(
            with_program(
                plan,
                0,
                lambda program: replace(
                    program, buffers=tuple(replace(b, **fields) if b.name == "y" else b for b in program.buffers)
                ),
            ),
            contents,
        )

    assert any("P4: y has 64 bytes and needs 512" in b for b in changed(bytes=64))
    assert any("P4: y ends at 1000512 of an arena" in b for b in changed(offset=1_000_000))


def test_p5_speaks_of_reductions_in_another_order_on_another_rank() -> None:
    def swapped(steps: list[Step]) -> list[Step]:
        steps[2], steps[4] = steps[4], steps[2]
        return steps

    plan = mesh_plan()
    other = Exchange("halo", "all_gather", (Message(1, "y", 0, 16),), (Message(1, "gradient", 0, 16),), "line")
    one_sided = with_program(
        plan,
        0,
        lambda program: replace(
            program,
            train=Procedure(
                program.train.feeds,
                (*program.train.steps, Start("halo"), Wait("halo")),
                (*program.train.transfers, other),
                program.train.results,
                (),
            ),
        ),
    )
    assert "P5: message 0 from rank 0 to rank 1 is sent as 16 f32 of halo and received as nothing (train)" in broken(
        one_sided
    )
    assert any(b.startswith("P6") for b in broken(with_steps(plan, 0, swapped)))


def test_p5_speaks_of_a_reduction_of_other_sizes() -> None:
    plan = mesh_plan()
    larger = with_program(
        plan,
        0,
        lambda program: replace(
            program,
            train=replace(
                program.train,
                transfers=tuple(replace(t, elements=2) for t in program.train.transfers[:1])
                + program.train.transfers[1:],
            ),
        ),
    )
    said = "sum 0 over world is objective.sum (2 elements) on rank 0 and objective.sum (1 elements) on rank 1"
    assert f"P5: {said} (train)" in broken(larger)


def test_p5_speaks_of_ranks_that_wait_for_each_other() -> None:
    def late(steps: list[Step]) -> list[Step]:
        # The objective is awaited before the bucket is started: fine alone, …
        return [*steps[:3], Wait("objective.sum"), steps[3], steps[4], Wait("bucket.sum"), steps[7]]

    def reversed_order(steps: list[Step]) -> list[Step]:
        # … but not when another member starts the objective only after the bucket is through.
        return [
            *steps[:2],
            steps[3],
            Start("bucket.sum"),
            Wait("bucket.sum"),
            Start("objective.sum"),
            Wait("objective.sum"),
            steps[7],
        ]

    plan, contents = small_plan(data=2, batch=21)
    deadlocked = with_steps(with_steps(plan, 1, late), 0, reversed_order)
    assert broken(deadlocked, contents) == [
        "P5: rank 0 waits for objective.sum for ever: its partners wait for something else (train)"
    ]


def test_p6_speaks_of_what_is_sent_before_it_is_made() -> None:
    plan, contents = small_plan()
    early = with_steps(plan, 0, lambda steps: [Start("bucket.sum"), *[s for s in steps if s != Start("bucket.sum")]])
    assert any(
        b.startswith("P6: step 0 (bucket.sum) sends bucket, which no earlier step made")
        for b in broken(early, contents)
    )


def test_p7_speaks_of_a_call_that_touches_a_buffer_in_flight() -> None:
    plan, contents = small_plan()

    def hasty(steps: list[Step]) -> list[Step]:
        return [*steps[:6], steps[7], steps[6]]

    assert broken(with_steps(plan, 0, hasty), contents) == [
        "P7: step 6 (update_20_4) touches bucket, in flight with bucket.sum (program of_20_samples_outputs_0, train)"
    ]


def test_p8_speaks_of_an_arena_of_another_size_than_its_buffers() -> None:
    plan, contents = small_plan()
    larger = with_program(plan, 0, lambda program: replace(program, arena_bytes=10**6))
    assert [b[:45] for b in broken(larger, contents)] == ["P8: program of_20_samples_outputs_0 states 10"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kernel": "nothing"}, "calls nothing, which is no kernel of the plan"),
        ({"operands": ("x", "w", "c")}, "P9: line calls forward_20_4 with 3 operands, and it takes 4"),
        (
            {"operands": ("x", "w", "c", "objective")},
            "P9: line gives forward_20_4 objective of 4 bytes, and it takes 512",
        ),
        (
            {"operands": ("context", "w", "c", "y")},
            "P9: line gives forward_20_4 the i64 buffer context where it takes f32",
        ),
        ({"chained": True}, "P9: line: forward_20_4 is chained, and no call of extent 2 follows"),
    ],
)
def test_p9_speaks_of_a_call_that_does_not_fit_its_kernel(change: dict[str, Any], said: str) -> None:
    plan, contents = small_plan()

    def changed(steps: list[Step]) -> list[Step]:
        assert isinstance(steps[0], Call)
        return [replace(steps[0], **change), *steps[1:]]

    found = broken(with_steps(plan, 0, changed), contents)
    assert any(said in b for b in found), found


def test_a_plan_prints_one_step_a_line() -> None:
    lines = text(small_plan(data=2)[0]).splitlines()
    assert lines[0] == "plan small: data 2 × model 1, batch 20, format 6"
    assert "    start  line                     bucket.sum: all-reduce bucket[16] over data" in lines
