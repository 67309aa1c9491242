"""Momentum before the reduction: where entries wait long to be sent, each rank keeps the velocity of its own gradients.

With v ← μ·v + g applied to the sum of what was sent, an entry that is sent once in a hundred steps loses the momentum
it would have gathered meanwhile. So v is each rank's own, its sum is what is reduced, and the parameter takes the step
p ← p − rate·Σv; without loss the two are the same, v being linear in g (Lin et al. 2018, section 3.2, eq. 4–5).
"""

from __future__ import annotations

from dataclasses import replace

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.expression import Apply, Constant, Expression, Operand
from brainc.ir.schedule import Local, Reduced, Reduction
from brainc.ir.tensor import Value
from brainc.reductions.table import method_of
from brainc.schedule.localise import LocalProcedure


def momentum_first(procedure: LocalProcedure) -> LocalProcedure:
    """The procedure with velocities before reductions, where a scheme asks for it and the optimiser has velocities."""
    updates = {item.operands[len(item.targets)].name: item for item in procedure.items if isinstance(item, ts.Update)}
    velocities: dict[str, Value] = {}
    items: list[Local] = []
    for item in procedure.items:
        match item:
            case Reduction(parts=(Reduced(scheme=scheme, result=result) as part,)) if (
                method_of(scheme).corrects_momentum
                and (update := updates.get(result.name)) is not None
                and (decay := decay_of(update)) is not None
            ):
                velocity = velocities[result.name] = update.targets[1]
                items.append(_accelerated(part, velocity, decay))
                items.append(replace(item, parts=(replace(part, velocity=velocity),)))
            case ts.Update(operands=operands, targets=targets) if operands[len(targets)].name in velocities:
                items.append(_without_velocity(item))
            case _:
                items.append(item)
    return replace(procedure, items=tuple(items))


def decay_of(update: ts.Update) -> Constant | None:
    """μ where the rule's first state is v ← μ·v + g: then it is its only one, but for a weight's hidden copy."""
    match update.expressions:
        case (_, Apply("add", (Apply("multiply", (Constant() as decay, Operand(1))), Operand(gradient))), *_):
            return decay if gradient == len(update.targets) else None
    return None


def _accelerated(part: Reduced, velocity: Value, decay: Constant) -> ts.Update:
    """The gradient becomes the velocity, which is kept too."""
    moved = ex.add(ex.multiply(decay, Operand(0)), Operand(1))
    targets = (velocity, part.value)
    return ts.Update(targets, targets, (moved, moved), "backward", part.origin)


def _without_velocity(update: ts.Update) -> ts.Update:
    """The parameter's step, to which what was reduced is the velocity already."""
    renamed: list[Expression] = [Operand(0), ex.ZERO, *(Operand(n - 1) for n in range(2, len(update.operands)))]
    steps = (_folded(ex.substitute(step, renamed)) for step in (update.expressions[0], *update.expressions[2:]))
    return replace(
        update,
        targets=(update.targets[0], *update.targets[2:]),
        operands=(update.operands[0], *update.operands[2:]),
        expressions=tuple(steps),
    )


def _folded(expression: Expression) -> Expression:
    """The expression with products and sums of zero left out."""
    match expression:
        case Apply(function=function, arguments=arguments):
            inner = tuple(_folded(argument) for argument in arguments)
            fold = {"add": ex.add, "multiply": ex.multiply, "subtract": ex.subtract}.get(function)
            return Apply(function, inner) if fold is None else fold(*inner)
        case _:
            return expression
