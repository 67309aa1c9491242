"""The schedule's rules, each broken once."""

from __future__ import annotations

from brainc.ir import expression as ex
from brainc.ir import schedule
from brainc.ir import tensor as ts
from brainc.ir.kernel import Kernel, Store
from brainc.ir.origin import Origin
from brainc.ir.schedule import Copy, RankProcedure, Run, Start, Step, Sum, Wait
from brainc.ir.tensor import Value
from brainc.schedule.fuse import placed
from brainlang.source import Source, Span

HERE = Origin("layer", Span(Source("net.brain", "layer\n"), 0, 5))
X, Y = Value("x", (4, 2), True), Value("y", (4, 2), True)
TOTAL = Sum("sum of x", "data", X, X, HERE)
COPY = Run(Copy(Y, X, "copy", 4, 2, (0, 0), (0, 0), "forward", HERE), "forward", HERE)


def broken(*steps: Step) -> list[str]:
    return list(schedule.rules(RankProcedure((), steps, (), ())))


def test_a_transfer_started_and_awaited_breaks_nothing() -> None:
    assert broken(Start(TOTAL), Wait(TOTAL), COPY) == []


def test_c1_a_transfer_is_started_once() -> None:
    assert broken(Start(TOTAL), Start(TOTAL), Wait(TOTAL)) == ["C1: sum of x is started twice"]


def test_c1_only_what_was_started_is_awaited() -> None:
    assert broken(Wait(TOTAL)) == ["C1: sum of x is awaited and was not started"]


def test_c1_what_is_started_is_awaited() -> None:
    assert broken(Start(TOTAL)) == ["C1: sum of x is never awaited"]


def test_c2_nothing_touches_a_transfer_under_way() -> None:
    assert broken(Start(TOTAL), COPY, Wait(TOTAL)) == ["C2: copy   y ← x touches sum of x under way"]


def test_c3_nothing_reads_a_parameter_after_its_update() -> None:
    weight, dense = Value("w", (3, 2), False), Value("z", (4, 3), True)
    halve = ts.Update((weight,), (weight,), (ex.multiply(ex.Operand(0), ex.Constant(0.5)),), "update", HERE)
    update = Kernel(halve, (placed(weight),), (Store(placed(weight), halve.expressions[0]),), ())
    product = ts.Contract(dense, X, weight, ("bo", "bi", "oi"), (), "forward", HERE)
    read = Kernel(product, (placed(X), placed(weight)), (Store(placed(dense), ex.Operand(0)),), ())
    late = broken(Run(update, "update", HERE), Run(read, "forward", HERE))
    assert late == ["C3: run    z = Σ_i x[bi] · w[oi] → [bo] reads ['w'] after its update"]
    assert broken(Run(read, "forward", HERE), Run(update, "update", HERE)) == []
