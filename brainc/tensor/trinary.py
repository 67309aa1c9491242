"""What does an optimiser's step do to a trinary weight? It moves the hidden copy, and rounds that anew.

The gradient of the rounded weight is taken for that of its hidden copy, straight through (Courbariaux et al. 2015,
algorithm 1; Esser et al. 2016), which the optimiser moves as it would move any parameter, and which then is clipped to
[−1, 1].
"""

from __future__ import annotations

from dataclasses import replace

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.expression import Constant, Expression, Operand
from brainc.ir.tensor import Value

LEAST, MOST = Constant(-1.0), Constant(1.0)
BORDER = 0.5


def rounded(hidden: Expression, before: Expression, hysteresis: float) -> Expression:
    """The trinary value of a hidden copy that had the trinary value `before`.

    It changes only once the hidden copy is farther than the hysteresis beyond a border, ±1/2, between two values; where
    the copy passes one border by so much and not the other, it becomes 0.
    """
    far, near = Constant(BORDER + hysteresis), Constant(BORDER - hysteresis)
    may_be_least = ex.compare("less_equal", hidden, ex.negate(near))
    may_be_most = ex.compare("greater_equal", hidden, near)
    least = ex.select(ex.greater(hidden, far), MOST, ex.select(may_be_least, LEAST, ex.ZERO))
    most = ex.select(ex.less(hidden, ex.negate(far)), LEAST, ex.select(may_be_most, MOST, ex.ZERO))
    return ex.minimum(ex.maximum(before, least), most)


def through_hidden(update: ts.Update, hidden: Value, hysteresis: float) -> ts.Update:
    """The update of a weight and its state as one of weight, state and hidden copy, which takes the step."""
    last = len(update.targets)
    others = range(1, len(update.operands))
    renamed = [Operand(last), *(Operand(number if number < last else number + 1) for number in others)]
    step, *state = (ex.substitute(expression, renamed) for expression in update.expressions)
    moved = ex.clamp(step, -1.0, 1.0)
    return replace(
        update,
        targets=(*update.targets, hidden),
        operands=(*update.operands[:last], hidden, *update.operands[last:]),
        expressions=(rounded(moved, Operand(0), hysteresis), *state, moved),
    )
