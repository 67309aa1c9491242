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
from brainc.truenorth.rearrange import REARRANGING, rearranged, sources

Numbers: TypeAlias = NDArray[np.float64]

_LINEAR = (*REARRANGING, "dropout", "avgpool", "add", "subtract", "multiply", "dense")


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
    """The matrix and what is added.

    What is added is what the tail makes of no spike. The matrix is found backwards, a row of it for each class: what
    each element on the way adds to the class.
    """
    seen = shape if shape[1:] != (1, 1) else shape[:1]
    shapes = [seen, *(node.tensor.shape for node in tail)]
    offset = np.zeros((1, *seen))
    for node in tail:
        offset = _applied(node, offset, weights)
    classes = prod(shapes[-1])
    matrix = np.eye(classes).reshape(classes, *shapes[-1])
    for node, given in zip(reversed(tail), reversed(shapes[:-1]), strict=True):
        matrix = _backwards(node, matrix, given, weights)
    return Decoder(layer, classes, np.ascontiguousarray(matrix.reshape(classes, -1)).tobytes(), offset.tobytes())


def _applied(node: Node, values: Numbers, weights: Mapping[str, NDArray[np.float32]]) -> Numbers:
    """A layer of the tail on `values[samples, …]`."""
    match node.operator:
        case operator if operator in REARRANGING:
            return rearranged(node, values)
        case "add":
            return values + _by(node)
        case "subtract":
            return values - _by(node)
        case "multiply":
            return values * _by(node)
        case "avgpool":
            return _means(node, values)
        case "dense":
            bias = weights[f"{node.shared}.bias"].astype(np.float64) if node.argument("bias") else 0.0
            product: Numbers = values.reshape(len(values), -1) @ _matrix(node, weights).T + bias
            return product
        case _:
            return values


def _backwards(
    node: Node, sums: Numbers, shape: tuple[int, ...], weights: Mapping[str, NDArray[np.float32]]
) -> Numbers:
    """What each element of a layer's input, of this shape, adds to the classes, from what its results add."""
    match node.operator:
        case "multiply":
            return sums * _by(node)
        case operator if operator in REARRANGING:
            return _put_back(node, sums, shape)
        case "avgpool":
            return _shares(node, sums, shape)
        case "dense":
            product: Numbers = sums @ _matrix(node, weights)
            return product.reshape(-1, *shape)
        case _:
            return sums.reshape(-1, *shape)


def _matrix(node: Node, weights: Mapping[str, NDArray[np.float32]]) -> Numbers:
    """`[units, inputs]` of a dense layer."""
    weight = weights[f"{node.shared}.weight"].astype(np.float64)
    return weight.T if node.transposed else weight


def _put_back(node: Node, sums: Numbers, shape: tuple[int, ...]) -> Numbers:
    """What each element's place before adds; one that went nowhere adds nothing."""
    found = np.zeros((len(sums), prod(shape)))
    found[:, sources(node, shape)] = sums.reshape(len(sums), -1)
    return found.reshape(-1, *shape)


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


def _shares(node: Node, sums: Numbers, shape: tuple[int, ...]) -> Numbers:
    """The means' weights: each element of a window adds its share of what the window's mean adds."""
    size, stride, pad, _ = window_arguments(dict(node.arguments), "size", 2)
    channels, height, width = shape
    padded = np.zeros((len(sums), channels, height + 2 * pad[0], width + 2 * pad[1]))
    for r in range(size[0]):
        for s in range(size[1]):
            rows = slice(r, r + (sums.shape[2] - 1) * stride[0] + 1, stride[0])
            columns = slice(s, s + (sums.shape[3] - 1) * stride[1] + 1, stride[1])
            padded[:, :, rows, columns] += sums / prod(size)
    return padded[:, :, pad[0] : pad[0] + height, pad[1] : pad[1] + width]
