"""Losses: what training makes small. Each is a mean over the mini-batch and over what PyTorch's `mean` averages."""

from __future__ import annotations

from math import prod

from brainc.ir import expression as ex
from brainc.ir.expression import Apply, Constant, Expression, Operand
from brainc.ir.graph import Node, Tensor
from brainc.ir.tensor import Value
from brainc.operators.operator import Arguments, Operator, Refusal, needs_numbers
from brainc.tensor.builder import Builder

SCALAR = Tensor(())


def classified(tensors: tuple[Tensor, ...], _arguments: Arguments) -> Tensor:
    """Scores of shape [K] and a label of class[K]."""
    scores, label = tensors
    needs_numbers(scores, "the first operand")
    if not label.classes:
        raise Refusal(
            f"the second operand is {label.written} and should be a label", remedy="declare it as input label: class[K]"
        )
    if scores.shape != (label.classes,):
        raise Refusal(
            f"{scores.written} scores for {label.written}",
            remedy=f"end the network in dense({label.classes})",
        )
    return SCALAR


def compared(tensors: tuple[Tensor, ...], _arguments: Arguments) -> Tensor:
    """Two tensors of as many elements."""
    for tensor in tensors:
        needs_numbers(tensor, "the loss")
    if tensors[0].elements != tensors[1].elements:
        raise Refusal(
            f"compares {tensors[0].written} with {tensors[1].written}", remedy="give tensors of as many elements"
        )
    return SCALAR


def _cross_entropy(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    each = builder.along(f"{node.name}.each", (builder.batch,), operands, "cross_entropy")
    return builder.mean_over_samples(node.name, each, Operand(0))


def mean_of(builder: Builder, node: Node, operands: tuple[Value, ...], expression: Expression) -> Value:
    """The mean of `expression(prediction, target)` over samples and elements."""
    prediction, target = operands
    elements = prod(prediction.shape[1:])
    target = builder.view(f"{node.name}.target", target, prediction.shape)
    share = ex.multiply(expression, Constant(1 / elements))
    return builder.mean_over_samples(node.name, prediction, share, target)


def squared_error(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    """The mean squared difference."""
    difference = ex.subtract(Operand(0), Operand(1))
    return mean_of(builder, node, operands, ex.multiply(difference, difference))


def _binary_cross_entropy(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    """Logarithms are kept above −100, as PyTorch does, so that a certain and wrong prediction stays finite."""
    p, t = Operand(0), Operand(1)
    floor = Constant(-100.0)
    right = ex.multiply(t, ex.maximum(Apply("logarithm", (p,)), floor))
    wrong = ex.multiply(ex.subtract(ex.ONE, t), ex.maximum(Apply("logarithm", (ex.subtract(ex.ONE, p),)), floor))
    return mean_of(builder, node, operands, ex.negate(ex.add(right, wrong)))


CROSS_ENTROPY = Operator(
    name="cross_entropy",
    summary="The negative log-likelihood of the label under the softmax of the scores.",
    formula="L = −1/B · Σ_b log softmax(x[b])[label[b]]",
    role="loss",
    operands=(2, 2),
    arguments=(),
    shape=classified,
    lower=_cross_entropy,
)
BINARY_CROSS_ENTROPY = Operator(
    name="binary_cross_entropy",
    summary="The negative log-likelihood of targets in 0 … 1 under independent probabilities.",
    formula="L = −mean(t · log p + (1 − t) · log(1 − p))",
    role="loss",
    operands=(2, 2),
    arguments=(),
    shape=compared,
    lower=_binary_cross_entropy,
    splits=("sample", "output", "replicate"),
)
MEAN_SQUARED_ERROR = Operator(
    name="mean_squared_error",
    summary="The mean of squared differences, a loss or a metric.",
    formula="L = mean((x − t)²)",
    role="loss",
    operands=(2, 2),
    arguments=(),
    shape=compared,
    lower=squared_error,
    splits=("sample", "output", "replicate"),
)
