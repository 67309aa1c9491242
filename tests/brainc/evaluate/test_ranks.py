"""The pretended ranks find what a schedule does wrong."""

from __future__ import annotations

import numpy as np
import pytest

from brainc.evaluate.ranks import Script, blocking, play
from brainc.ir.origin import Origin
from brainc.ir.schedule import Copy, Exchange, Run, Sending, Start, Step, Sum, Wait
from brainc.ir.tensor import Value
from brainlang.source import Source, Span
from brainrun.plan.schema import Mesh

HERE = Origin("layer", Span(Source("net.brain", "layer\n"), 0, 5))
MESH = Mesh(1, 2)
X, Y, TOTAL = Value("x", (2, 1), True), Value("y", (2, 1), True), Value("total", (2, 1), True)
SUM = Sum("sum of x", "model", X, TOTAL, HERE)
COPY = Run(Copy(Y, X, "copy", 2, 1, (0, 0), (0, 0), "forward", HERE), "forward", HERE)


def played(first: tuple[Step, ...], second: tuple[Step, ...]) -> list[np.ndarray]:
    aliases = (("total", "x"),)
    scripts = {(0, 0): Script((), first, aliases), (0, 1): Script((), second, aliases)}
    values = {(0, model): {"x": np.array([[1.0], [2.0]]) * (1 + model)} for model in (0, 1)}
    memory = play(MESH, 2, scripts, values, {})
    return [memory[0, model].arrays.get("y", memory[0, model].arrays["x"]) for model in (0, 1)]


def test_a_sum_is_the_same_on_all_members() -> None:
    steps = (Start(SUM), Wait(SUM), COPY)
    assert [each.tolist() for each in played(steps, steps)] == [[[3.0], [6.0]]] * 2


def test_what_is_read_before_its_wait_is_spoilt() -> None:
    steps = (Start(SUM), COPY, Wait(SUM))
    assert np.isnan(played(steps, steps)[0]).all()


def test_ranks_that_await_each_other_in_turn_are_found() -> None:
    other = Sum("another", "model", Y, Y, HERE)
    with pytest.raises(ValueError, match=r"rank \(0, 0\) waits for ever at step 2"):
        played((COPY, Start(SUM), Wait(SUM), Start(other), Wait(other)), (COPY, Start(other), Wait(other), Start(SUM)))


def test_a_message_of_another_size_is_found() -> None:
    half = Value("half", (1, 1), True)
    sends = Exchange("gather", "all_gather", (Sending(1, X),), (), HERE)
    receives = Exchange("gather", "all_gather", (), (Sending(0, half),), HERE)
    with pytest.raises(ValueError, match=r"gather sends \(2, 1\) and receives \(1, 1\)"):
        played((Start(sends), Wait(sends)), (Start(receives), Wait(receives)))


def test_items_in_plain_order_await_each_transfer_at_once() -> None:
    assert blocking((), (SUM,)) == Script((), (Start(SUM), Wait(SUM)), (("total", "x"),))
