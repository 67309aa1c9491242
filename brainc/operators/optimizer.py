"""Optimisers: what one step does to a parameter, written as expressions over parameter, state, gradient and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from brainc.ir import expression as ex
from brainc.ir.expression import Apply, Constant, Expression, Operand
from brainc.operators.operator import REQUIRED, Argument


@dataclass(frozen=True, slots=True)
class Rule:
    """How targets change: one expression for the parameter and one for each state tensor.

    Operands of the expressions: parameter, states in order, gradient, rate, then `numbers` in order. A number is an
    expression of the step (operand 0, counted from 1), computed once a step.
    """

    states: tuple[str, ...]
    numbers: tuple[tuple[str, Expression], ...]
    expressions: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Optimizer:
    """One optimiser of the language."""

    name: str
    summary: str
    source: str
    arguments: tuple[Argument, ...]
    rule: Callable[[Mapping[str, float]], Rule]


RATE = Argument("rate", "magnitude", "the learning rate", REQUIRED)


def _sgd(_settings: Mapping[str, float]) -> Rule:
    parameter, gradient, rate = Operand(0), Operand(1), Operand(2)
    return Rule((), (), (ex.subtract(parameter, ex.multiply(rate, gradient)),))


def _momentum(settings: Mapping[str, float]) -> Rule:
    parameter, velocity, gradient, rate = (Operand(index) for index in range(4))
    moved = ex.add(ex.multiply(Constant(settings["momentum"]), velocity), gradient)
    return Rule(("momentum",), (), (ex.subtract(parameter, ex.multiply(rate, moved)), moved))


def _adam(settings: Mapping[str, float]) -> Rule:
    parameter, first, second, gradient, rate, correction1, correction2 = (Operand(index) for index in range(7))
    beta1, beta2, epsilon = settings["beta1"], settings["beta2"], settings["epsilon"]
    moment1 = ex.add(ex.multiply(Constant(beta1), first), ex.multiply(Constant(1 - beta1), gradient))
    square = ex.multiply(gradient, gradient)
    moment2 = ex.add(ex.multiply(Constant(beta2), second), ex.multiply(Constant(1 - beta2), square))
    size = ex.add(ex.multiply(Apply("square_root", (moment2,)), correction2), Constant(epsilon))
    step = ex.divide(ex.multiply(ex.multiply(rate, correction1), moment1), size)
    # Kept as reciprocals: 1/(1 − β₁ᵗ) and 1/√(1 − β₂ᵗ), so that an element costs one division.
    number1 = ex.divide(ex.ONE, ex.subtract(ex.ONE, Apply("power", (Constant(beta1), Operand(0)))))
    unbiased = ex.subtract(ex.ONE, Apply("power", (Constant(beta2), Operand(0))))
    number2 = ex.divide(ex.ONE, Apply("square_root", (unbiased,)))
    return Rule(
        ("first_moment", "second_moment"),
        (("correction1", number1), ("correction2", number2)),
        (ex.subtract(parameter, step), moment1, moment2),
    )


OPTIMIZERS: dict[str, Optimizer] = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("sgd", "Plain gradient descent.", "Robbins & Monro 1951", (RATE,), _sgd),
        Optimizer(
            "momentum",
            "Gradient descent with a velocity: v ← μ·v + g, p ← p − rate·v.",
            "Polyak 1964; Sutskever et al. 2013, eq. 1–2, scaled as PyTorch scales it",
            (RATE, Argument("momentum", "fraction", "what a step keeps of the velocity", 0.9)),
            _momentum,
        ),
        Optimizer(
            "adam",
            "Steps sized by running moments of the gradient, corrected for their start at zero.",
            "Kingma & Ba 2015, algorithm 1",
            (
                RATE,
                Argument("beta1", "fraction", "decay of the first moment", 0.9),
                Argument("beta2", "fraction", "decay of the second moment", 0.999),
                Argument("epsilon", "magnitude", "added to the root of the second moment", 1e-8),
            ),
            _adam,
        ),
    )
}

OPTIMIZERS_TO_COME: frozenset[str] = frozenset(("nesterov", "adagrad", "rmsprop", "adamw"))
