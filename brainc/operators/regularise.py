"""Regularisation inside the network."""

from __future__ import annotations

import zlib

from brainc.ir import tensor as ts
from brainc.ir.expression import Operand, multiply
from brainc.ir.graph import Node, Tensor
from brainc.ir.tensor import Value
from brainc.operators.operator import Argument, Arguments, Operator, needs_numbers, same_shape
from brainc.tensor.builder import Builder


def _shape(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    needs_numbers(tensors[0], "dropout")
    return same_shape(tensors, arguments)


def _lower(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    """Inverted dropout: scaled in training, so that evaluation leaves the tensor as it is."""
    drop = node.argument("drop")
    assert isinstance(drop, (int, float))
    if builder.mode == "evaluate" or drop == 0:
        return operands[0]
    mask = Value(builder.fresh(f"{node.name}.mask"), operands[0].shape, True)
    stream = zlib.crc32(node.name.encode())
    builder.append(ts.Draw(mask, stream, 1 - float(drop), builder.phase, builder.origin))
    return builder.map_same(node.name, (operands[0], mask), multiply(Operand(0), Operand(1)))


DROPOUT = Operator(
    name="dropout",
    summary="In training, zeroes each element with a probability and scales the rest (Srivastava et al. 2014).",
    formula="y = x · mask / (1 − drop), mask = 1 with probability 1 − drop",
    role="layer",
    operands=(1, 1),
    arguments=(Argument("drop", "fraction", "the probability of a zero", 0.5),),
    shape=_shape,
    lower=_lower,
    splits=("sample", "output", "replicate"),
)
