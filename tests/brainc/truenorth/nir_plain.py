"""What does a NIR graph compute, step by step and node by node? Written from NIR's definitions, as plain as they come.

Nodes that several edges lead to take the sum; `Threshold` is 1 where its input is greater; padding is with zeros. A
step of time moves the potential of an `IF` by r times its input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def interpreted(
    graph: Any, inputs: dict[str, Numbers], potentials: dict[str, Numbers] | None = None
) -> dict[str, Numbers]:
    """What every node gives for one sample in one step of time; each Input gives what is named like it.

    `potentials` are those of `IF` before the step, 0 where there are none, and then after it.
    """
    found: dict[str, Numbers] = {}
    while len(found) < len(graph.nodes):
        for name, node in graph.nodes.items():
            sources = [source for source, target in graph.edges if target == name]
            if name not in found and all(source in found for source in sources):
                given = inputs[name] if not sources else sum(found[source] for source in sources)
                if type(node).__name__ == "IF":
                    found[name] = _fired(name, node, given, {} if potentials is None else potentials)
                else:
                    found[name] = _of_node(node, np.asarray(given, np.float64))
    return found


def _fired(name: str, node: Any, given: Numbers, potentials: dict[str, Numbers]) -> Numbers:
    v = potentials.get(name, np.zeros_like(given)) + node.r * given
    z = v > node.v_threshold
    potentials[name] = np.where(z, node.v_reset, v)
    return z.astype(np.float64)


def _of_node(node: Any, given: Numbers) -> Numbers:
    match type(node).__name__:
        case "Input" | "Output":
            return given
        case "Threshold":
            assert given.shape == node.threshold.shape
            return (given > node.threshold).astype(np.float64)
        case "Linear":
            return node.weight.astype(np.float64) @ given
        case "Affine":
            return node.weight @ given + node.bias
        case "Flatten":
            last = node.end_dim % given.ndim
            shape = given.shape
            return given.reshape(*shape[: node.start_dim], -1, *shape[last + 1 :])
        case "Conv2d":
            return _convolved(node, given)
        case "SumPool2d":
            return np.stack([_summed(one, node) for one in given])
        case "AvgPool2d":
            return np.stack([_summed(one, node) for one in given]) / np.prod(node.kernel_size)
        case other:
            raise AssertionError(other)


def _convolved(node: Any, given: Numbers) -> Numbers:
    (above, left), (down, right), (tall, wide) = node.padding, node.stride, node.dilation
    padded = np.pad(given, ((0, 0), (above, above), (left, left)))
    channels, own, rows, columns = node.weight.shape
    height = (padded.shape[1] - tall * (rows - 1) - 1) // down + 1
    width = (padded.shape[2] - wide * (columns - 1) - 1) // right + 1
    found = np.zeros((channels, height, width))
    for k in range(channels):
        first = k // (channels // node.groups) * own
        for p in range(height):
            for q in range(width):
                seen = padded[first : first + own, p * down :: tall, q * right :: wide][:, :rows, :columns]
                found[k, p, q] = (seen * node.weight[k]).sum() + node.bias[k]
    return found


def _summed(channel: Numbers, node: Any) -> Numbers:
    padded = np.pad(channel, [(pad, pad) for pad in node.padding])
    windows = np.lib.stride_tricks.sliding_window_view(padded, tuple(node.kernel_size))
    found: Numbers = windows[:: node.stride[0], :: node.stride[1]].sum(axis=(2, 3))
    return found
