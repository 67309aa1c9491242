"""Where does each element go? What only moves elements, done to arrays as NumPy does it."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainc.ir.graph import Node
from brainc.operators.table import OPERATORS

REARRANGING = tuple(
    operator.name for operator in OPERATORS.values() if operator.rearranges and operator.operands == (1, 1)
)
"""Operators that move the elements of one tensor."""


def rearranged(node: Node, values: NDArray[Any]) -> NDArray[Any]:
    """What the layer makes of `values[samples, …]`."""
    match node.operator:
        case "transpose":
            axes = node.argument("axes")
            assert isinstance(axes, tuple)
            return values.transpose(0, *(1 + axis for axis in axes))
        case "slice":
            axis, start = node.argument("axis"), node.argument("start")
            assert isinstance(axis, int)
            assert isinstance(start, int)
            return values.take(range(start, start + node.tensor.shape[axis]), 1 + axis)
        case "flatten" | "reshape":
            return values.reshape(len(values), *node.tensor.shape)
        case operator:
            raise AssertionError(f"how {operator} moves elements is not written here")


def sources(node: Node, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """`[elements]`: for each element of the layer, which one it was of its operand, whose shape this is."""
    return rearranged(node, np.arange(prod(shape)).reshape(1, *shape)).reshape(-1)
