"""What are softmax, its relatives, and cross-entropy? Their textbook formulas along axis 1, in float64 NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from brainc.ir.tensor import AlongFunction

Array = npt.NDArray[Any]


def along(function: AlongFunction, operands: Sequence[Array]) -> Array:
    """`function(operands…)` as `ir.tensor.Along` defines it: `[b, k, …]`, or `[b]` for cross-entropy and top1."""
    match function:
        case "softmax":
            return np.exp(log_softmax(operands[0]))
        case "softmax_gradient":
            y, gradient = operands
            return np.asarray(y * (gradient - (gradient * y).sum(1, keepdims=True)))
        case "log_softmax":
            return log_softmax(operands[0])
        case "log_softmax_gradient":
            y, gradient = operands
            return np.asarray(gradient - np.exp(y) * gradient.sum(1, keepdims=True))
        case "cross_entropy":
            x, label = operands
            return np.asarray(-log_softmax(x)[np.arange(len(x)), label])
        case "cross_entropy_gradient":
            x, label, gradient = operands
            right = label[:, None] == np.arange(x.shape[1])
            return np.asarray((np.exp(log_softmax(x)) - right) * gradient[:, None])
        case "top1":
            x, label = operands
            return np.asarray(x.argmax(1) == label, np.float64)
        case _:
            assert_never(function)


def log_softmax(x: Array) -> Array:
    """`x − log Σ_k exp x`, with the largest taken out first so that no exponential overflows."""
    shifted = x - x.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))
