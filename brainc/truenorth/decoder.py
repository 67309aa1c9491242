"""How do spikes become a decision? What follows the last spike is linear: a matrix over a layer's spikes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.ir.graph import LayerGraph, Node
from brainc.ir.spiking import Decoder, Shape
from brainc.operators.windows import window_arguments

Numbers: TypeAlias = NDArray[np.float64]

_LINEAR = ("flatten", "reshape", "dropout", "avgpool", "add", "subtract", "multiply", "dense")


def scored(graph: LayerGraph) -> str:
    """The tensor whose largest element is the network's decision: what the first metric reads, or the first loss."""
    term = (*graph.metrics, *graph.losses)[0]
    return next(node for node in graph.nodes if node.name == term.node).inputs[0]


def tail_of(graph: LayerGraph) -> tuple[Node, ...]:
    """The layers between the last spike and the decision, in order."""
    nodes = {node.name: node for node in graph.nodes}
    tail: list[Node] = []
    name = scored(graph)
    while name in nodes and nodes[name].operator in _LINEAR and len(nodes[name].inputs) == 1:
        tail.insert(0, nodes[name])
        name = nodes[name].inputs[0]
    return tuple(tail)


def decoder(layer: str, shape: Shape, tail: tuple[Node, ...], weights: Mapping[str, NDArray[np.float32]]) -> Decoder:
    """The matrix and what is added: what the tail makes of no spike, and of each spike alone."""
    units = prod(shape)
    none_and_each = np.concatenate([np.zeros((1, units)), np.eye(units)])
    values = none_and_each.reshape(-1, *(shape if shape[1:] != (1, 1) else shape[:1]))
    for node in tail:
        values = _applied(node, values, weights)
    flat = values.reshape(units + 1, -1)
    offset = flat[0]
    matrix = np.ascontiguousarray((flat[1:] - offset).T)
    return Decoder(layer, len(offset), matrix.tobytes(), offset.tobytes())


def _applied(node: Node, values: Numbers, weights: Mapping[str, NDArray[np.float32]]) -> Numbers:
    """A layer of the tail on `values[samples, …]`."""
    match node.operator:
        case "flatten" | "reshape":
            return values.reshape(len(values), *node.tensor.shape)
        case "add":
            return values + _by(node)
        case "subtract":
            return values - _by(node)
        case "multiply":
            return values * _by(node)
        case "avgpool":
            return _means(node, values)
        case "dense":
            weight = weights[f"{node.shared}.weight"].astype(np.float64)
            bias = weights[f"{node.shared}.bias"].astype(np.float64) if node.argument("bias") else 0.0
            product: Numbers = values.reshape(len(values), -1) @ (weight if node.transposed else weight.T) + bias
            return product
        case _:
            return values


def _by(node: Node) -> float:
    by = node.argument("by")
    assert isinstance(by, (int, float))
    return float(by)


def _means(node: Node, values: Numbers) -> Numbers:
    size, stride, pad, _ = window_arguments(dict(node.arguments), "size", 2)
    padded = np.pad(values, ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]
    means: Numbers = windows.mean(axis=(4, 5))
    return means
