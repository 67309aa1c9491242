"""The lives of buffers and the fullest moment, against a program small enough to count by hand."""

from __future__ import annotations

from typing import Literal

from brainc.report.memory import memory_of
from brainrun.plan.schema import (
    AllReduce,
    Buffer,
    Call,
    Feed,
    Plain,
    Procedure,
    RankProgram,
    Result,
    Slice,
    Start,
    Wait,
)

Role = Literal["parameter", "state", "input", "activation", "gradient", "message", "result", "scalar"]


def buffer(name: str, role: Role, offset: int, size: int) -> Buffer:
    return Buffer(name, role, "f32", Plain((size // 4,)), offset, size)


def call(*operands: str) -> Call:
    return Call("kernel", operands, 1, "layer", "forward", 0, 0)


NOTHING = Procedure((), (), (), (), ())
TRAIN = Procedure(
    feeds=(Feed("x", "x", 0, 1, Slice(0, 1)),),
    steps=(
        call("w", "h"),
        call("h", "x", "y"),
        call("y", "g"),
        Start("sum"),
        call("y", "loss"),
        Wait("sum"),
        call("w", "g"),
    ),
    transfers=(AllReduce("sum", "data", "g", 25, "layer"),),
    results=(Result("objective", "objective", "loss"),),
    outputs=(),
)
PROGRAM = RankProgram(
    "only",
    1024,
    (
        buffer("w", "parameter", 0, 100),
        buffer("x", "input", 100, 40),
        buffer("h", "activation", 140, 200),
        buffer("y", "activation", 340, 300),
        buffer("g", "gradient", 140, 100),
        buffer("loss", "result", 240, 4),
        buffer("idle", "activation", 700, 324),
    ),
    TRAIN,
    NOTHING,
    NOTHING,
)


def test_a_buffer_lives_from_its_first_use_to_its_last() -> None:
    lives = {life.buffer.name: (life.first, life.last) for life in memory_of(PROGRAM).lives}
    assert lives == {"w": (0, 6), "x": (0, 1), "h": (0, 1), "y": (1, 4), "g": (2, 6), "loss": (4, 6)}


def test_the_fullest_moment_is_the_step_with_the_most_bytes_alive() -> None:
    memory = memory_of(PROGRAM)
    assert (memory.fullest, memory.peak_bytes) == (1, 100 + 40 + 200 + 300)
    assert memory.held == (("parameter", 100), ("input", 40), ("activation", 500))


def test_what_training_does_not_use_takes_no_room_in_a_step_but_in_the_arena() -> None:
    assert (memory_of(PROGRAM).arena_bytes, memory_of(PROGRAM).steps) == (1024, 7)


def test_bytes_that_two_buffers_share_count_once() -> None:
    shared = Procedure((), (call("a", "b"),), (), (), ())
    buffers = (buffer("a", "activation", 0, 100), buffer("b", "gradient", 40, 100))
    assert memory_of(RankProgram("p", 140, buffers, shared, NOTHING, NOTHING)).held == (
        ("activation", 100),
        ("gradient", 40),
    )


def test_a_program_without_steps_holds_its_parameters() -> None:
    program = RankProgram("p", 100, (buffer("w", "parameter", 0, 100),), NOTHING, NOTHING, NOTHING)
    assert memory_of(program).peak_bytes == 100
