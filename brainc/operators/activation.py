"""Activations: what is done to every element, and softmax."""

from __future__ import annotations

from collections.abc import Callable

from brainc.ir import expression as ex
from brainc.ir.expression import Apply, Constant, Expression, Operand
from brainc.ir.graph import Node, Tensor
from brainc.ir.tensor import Value
from brainc.operators.operator import Argument, Arguments, Operator, needs_numbers, same_shape
from brainc.tensor.builder import Builder

X = Operand(0)


def _numbers(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    needs_numbers(tensors[0], "an activation")
    return same_shape(tensors, arguments)


def elementwise(
    name: str,
    summary: str,
    formula: str,
    expression: Callable[[Arguments], Expression],
    arguments: tuple[Argument, ...] = (),
) -> Operator:
    """The record of an activation whose every element is `expression` of operand 0."""

    def lower(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
        return builder.map_same(node.name, operands, expression(dict(node.arguments)))

    return Operator(
        name=name,
        summary=summary,
        formula=formula,
        role="layer",
        operands=(1, 1),
        arguments=arguments,
        shape=_numbers,
        lower=lower,
        splits=("sample", "output", "replicate"),
    )


def _leaky(arguments: Arguments) -> Expression:
    slope = arguments["slope"]
    assert isinstance(slope, (int, float))
    return ex.select(ex.greater(X, ex.ZERO), X, ex.multiply(Constant(float(slope)), X))


def _spike(arguments: Arguments) -> Expression:
    threshold, width = arguments["threshold"], arguments["width"]
    assert isinstance(threshold, (int, float))
    assert isinstance(width, (int, float))
    return Apply("spike", (X, Constant(float(threshold)), Constant(float(width))))


def _softmax(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    return builder.along(node.name, operands[0].shape, operands, "softmax")


RELU = elementwise("relu", "The positive part.", "y = max(x, 0)", lambda _: ex.maximum(X, ex.ZERO))
LEAKY_RELU = elementwise(
    "leaky_relu",
    "The positive part, and a small multiple of the negative part.",
    "y = x where x > 0, else slope · x",
    _leaky,
    (Argument("slope", "number", "the multiple of the negative part", 0.01),),
)
SIGMOID = elementwise("sigmoid", "The logistic function.", "y = 1 / (1 + exp(−x))", lambda _: Apply("logistic", (X,)))
TANH = elementwise("tanh", "The hyperbolic tangent.", "y = tanh(x)", lambda _: Apply("hyperbolic_tangent", (X,)))
SPIKE = elementwise(
    "spike",
    "A neuron that fires or does not: a step, with a triangle for its slope in gradients (Esser et al. 2016).",
    "y = 1 where x ≥ threshold, else 0;  dy/dx = max(0, 1 − |x − threshold| / width) / width",
    _spike,
    (
        Argument("threshold", "number", "from where on the neuron fires", 0.0),
        Argument("width", "positive", "how far from the threshold gradients still pass", 1.0),
    ),
)
SOFTMAX = Operator(
    name="softmax",
    summary="Positive numbers that sum to one over the features (or, in images, over the channels).",
    formula="y[b,k] = exp(x[b,k]) / Σ_j exp(x[b,j])",
    role="layer",
    operands=(1, 1),
    arguments=(),
    shape=_numbers,
    lower=_softmax,
)
