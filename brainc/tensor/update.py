"""The optimiser's step: one update a parameter, from its gradient, its state and a few numbers."""

from __future__ import annotations

from collections.abc import Mapping

from brainc.ir import tensor as ts
from brainc.ir.tensor import Parameter, Value
from brainc.operators.optimizer import Rule


def updates(
    parameters: tuple[Parameter, ...], gradients: Mapping[str, Value], rule: Rule, rate: Value, step: Value
) -> tuple[tuple[ts.Operation, ...], tuple[ts.Update, ...]]:
    """The rule's numbers (Adam's corrections), which can be computed ahead of everything, and the updates.

    Updates stand in the order in which the gradients become ready: the last layer's first.
    """
    ready = {value.name: place for place, value in enumerate(gradients.values())}
    trained = [parameter for parameter in parameters if parameter.trained and parameter.value.name in gradients]
    trained.sort(key=lambda parameter: ready[gradients[parameter.value.name].name])
    ahead: list[ts.Operation] = []
    operations: list[ts.Update] = []
    numbers = []
    for name, expression in rule.numbers if trained else ():
        value = Value(f"optimizer.{name}", (), False)
        ahead.append(ts.Map(value, (step,), ("", ""), expression, "update", trained[0].origin))
        numbers.append(value)
    for parameter in trained:
        targets = (parameter.value, *parameter.state)
        operands = (*targets, gradients[parameter.value.name], rate, *numbers)
        operations.append(ts.Update(targets, operands, rule.expressions, "update", parameter.origin))
    return tuple(ahead), tuple(operations)
