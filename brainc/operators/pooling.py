"""Pooling: the largest or the mean value of each window."""

from __future__ import annotations

from typing import Literal

from brainc.ir import tensor as ts
from brainc.ir.graph import Node, Tensor
from brainc.ir.tensor import Value
from brainc.operators.operator import Argument, Arguments, Operator, Refusal
from brainc.operators.windows import positions, spatial, window_arguments
from brainc.tensor.builder import Builder

_ARGUMENTS = (
    Argument("size", "size", "height and width of a window"),
    Argument("stride", "size", "distance between windows", "=size"),
    Argument("pad", "padding", "rows and columns of padding around the image", 0),
)


def _shape(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    lengths = spatial(tensors[0], "pooling")
    size, stride, pad, dilation = window_arguments(arguments, "size", len(lengths))
    if any(2 * p > k for p, k in zip(pad, size, strict=True)):
        raise Refusal("pad is more than half the window", remedy=f"use pad ≤ {min(size) // 2}", about="pad")
    return Tensor((tensors[0].shape[0], *positions(lengths, size, stride, pad, dilation, "window")))


def _pool(builder: Builder, node: Node, x: Value, kind: Literal["max", "mean"]) -> Value:
    size, stride, pad, _ = window_arguments(dict(node.arguments), "size", len(x.shape) - 2)
    result = Value(builder.fresh(node.name), (builder.batch, *node.tensor.shape), True)
    return builder.append(ts.Pool(result, x, kind, size, stride, pad, builder.phase, builder.origin))


MAXPOOL = Operator(
    name="maxpool",
    summary="The largest value in each window; padding is never chosen.",
    formula="y[b,c,p,q] = max_{r,s} x[b, c, p·stride + r − pad, q·stride + s − pad]",
    role="layer",
    operands=(1, 1),
    arguments=_ARGUMENTS,
    shape=_shape,
    lower=lambda builder, node, operands: _pool(builder, node, operands[0], "max"),
)

AVGPOOL = Operator(
    name="avgpool",
    summary="The mean of each window; padding counts as zeros.",
    formula="y[b,c,p,q] = 1/(R·S) · Σ_{r,s} x[b, c, p·stride + r − pad, q·stride + s − pad]",
    role="layer",
    operands=(1, 1),
    arguments=_ARGUMENTS,
    shape=_shape,
    lower=lambda builder, node, operands: _pool(builder, node, operands[0], "mean"),
)
