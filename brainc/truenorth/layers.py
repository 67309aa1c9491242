"""Which layers become threshold units, and with which thresholds? Product, normalisation and `spike` fold into one.

A `spike` of a network input is an encoder. Between two spikes, whatever is done to a sum of spikes is a multiplication
and an addition for each channel: a·x + b, so that a·x + b ≥ t is a threshold on the integer x, ⌈(t − b)/a⌉, or, where a
is negative, one on −x, whose weights are the opposite ones. After the last spike, what is left is scores: the decoder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.ir.graph import LayerGraph, Node
from brainc.ir.spiking import Encoder, Read, Shape, SpikingGraph, Units, Window, reordered, whole
from brainc.operators.encoding import population_thresholds
from brainc.operators.windows import window_arguments
from brainc.truenorth.decoder import decoder, scored, tail_of
from brainc.truenorth.rearrange import REARRANGING, sources
from brainlang.diagnostics import Report

Weights: TypeAlias = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A network input that is not spikes yet."""

    field: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Spikes:
    """Spikes of encoders and layers, one part after the other, seen in a shape."""

    parts: tuple[Read, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """`scale · Σ w x + offset`, a number a channel for both."""

    read: _Spikes
    seen: Shape
    window: Window
    weights: NDArray[np.int8]
    shape: tuple[int, ...]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]


_Seen: TypeAlias = _Numbers | _Spikes | _Sums


def spiking_graph(graph: LayerGraph, weights: Weights) -> SpikingGraph:
    """The network as threshold units. BrainError: what cores cannot do, each with its layer and the remedy."""
    tail = tail_of(graph)
    terms = {term.node for term in (*graph.losses, *graph.metrics)}
    builder = _Builder(graph, weights)
    for node in graph.nodes:
        if node not in tail and node.name not in terms:
            builder.add(node)
    builder.report.settle()
    layer = builder.decoded(tail)
    found = decoder(layer, builder.shapes[layer], tail, weights)
    return SpikingGraph(graph.name, tuple(builder.encoders), tuple(builder.layers), found)


class _Builder:
    """Goes through the layers in order; holds what each tensor is, and what has been found."""

    def __init__(self, graph: LayerGraph, weights: Weights) -> None:
        self.graph = graph
        self.weights = weights
        self.report = Report()
        self.seen: dict[str, _Seen] = {
            given.name: _Numbers(given.name, given.tensor.shape) for given in graph.inputs if not given.tensor.classes
        }
        self.encoders: list[Encoder] = []
        self.layers: list[Units] = []

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """The shape of every encoder and layer so far."""
        encoders = {encoder.name: encoder.shape for encoder in self.encoders}
        return encoders | {layer.name: layer.shape for layer in self.layers}

    def add(self, node: Node) -> None:
        """One layer: units, part of some, or one that cores cannot be."""
        operands = [self.seen.get(name) for name in node.inputs]
        match node.operator, operands:
            case (("spike" | "population" | "rate" | "stochastic"), [_Numbers() as numbers]):
                self._encode(node, numbers)
            case "spike", [_Sums() as sums]:
                self._fire(node, sums)
            case (("conv" | "dense"), [_Spikes() as spikes]):
                self._multiply(node, spikes)
            case "batchnorm", [_Sums() as sums]:
                self._normalise(node, sums)
            case (("maxpool" | "avgpool"), [_Spikes() as spikes]):
                self._pool(node, spikes)
            case "concat", [*parts] if all(isinstance(part, _Spikes) for part in parts) and node.argument("axis") == 0:
                read = tuple(read for part in parts if isinstance(part, _Spikes) for read in part.parts)
                self.seen[node.name] = _Spikes(read, node.tensor.shape)
            case operator, [_Spikes() as spikes] if operator in REARRANGING:
                self._rearrange(node, spikes)
            case "dropout", [_Spikes() as spikes]:
                self.seen[node.name] = spikes
            case _:
                self._leave(node, operands)

    # ---- layers ----

    def _encode(self, node: Node, numbers: _Numbers) -> None:
        made = tuple(_encoders(node, numbers.field, _three(numbers.shape)))
        self.encoders += made
        self.seen[node.name] = _Spikes(tuple(whole(one.name, one.shape) for one in made), node.tensor.shape)

    def _multiply(self, node: Node, spikes: _Spikes) -> None:
        weight = self.weights[f"{node.shared}.weight"]
        weight = weight.T if node.transposed else weight
        if not np.isin(weight, (-1.0, 0.0, 1.0)).all():
            self.report.add(
                node.origin.span,
                f"weights of {node.name} are other numbers than −1, 0 and 1",
                "train with truenorth { weights = trinary } or probabilistic",
            )
        if node.operator == "conv":
            kernel, stride, pad, dilation = window_arguments(dict(node.arguments), "kernel", 2)
            groups = node.argument("groups")
            assert isinstance(groups, int)
            window = Window(_two(kernel), _two(stride), _two(pad), _two(dilation), groups)
            seen = _three(spikes.shape)
        else:
            window, seen = Window((1, 1)), (math.prod(spikes.shape), 1, 1)
        offset = np.zeros(len(weight))
        if node.argument("bias"):
            offset = offset + self.weights[f"{node.shared}.bias"]
        signs = np.clip(weight, -1, 1).astype(np.int8).reshape(len(weight), -1)
        self.seen[node.name] = _Sums(
            spikes, seen, window, signs, node.tensor.shape, np.ones(len(weight)), offset.astype(np.float64)
        )

    def _rearrange(self, node: Node, spikes: _Spikes) -> None:
        """The spikes in another order. Behind a layer that was refused some are missing, and the rest is left out."""
        complete = sum(part.end - part.begin for part in spikes.parts) == math.prod(spikes.shape)
        parts = reordered(spikes.parts, sources(node, spikes.shape)) if complete else ()
        self.seen[node.name] = _Spikes(parts, node.tensor.shape)

    def _normalise(self, node: Node, sums: _Sums) -> None:
        mean, variance, weight, bias = (
            self.weights[f"{node.shared}.{part}"].astype(np.float64)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        gain = weight / np.sqrt(variance + _real(node, "epsilon"))
        self.seen[node.name] = replace(sums, scale=sums.scale * gain, offset=(sums.offset - mean) * gain + bias)

    def _pool(self, node: Node, spikes: _Spikes) -> None:
        """The largest of spikes is a unit with threshold 1; their mean is a sum like any other."""
        size, stride, pad, _ = window_arguments(dict(node.arguments), "size", 2)
        seen = _three(spikes.shape)
        window = Window(_two(size), _two(stride), _two(pad), groups=seen[0])
        ones = np.ones((seen[0], math.prod(size)), np.int8)
        share = np.full(seen[0], 1 / math.prod(size))
        sums = _Sums(spikes, seen, window, ones, node.tensor.shape, share, np.zeros(seen[0]))
        if node.operator == "avgpool":
            self.seen[node.name] = sums
            return
        self._append(node, sums, ones, np.ones(seen[0], np.int32))

    def _fire(self, node: Node, sums: _Sums) -> None:
        """Thresholds on integers. A channel with negative scale counts the other way round."""
        fan_in = sums.weights.shape[1]
        signs, thresholds = sums.weights.copy(), np.empty(len(sums.weights), np.int32)
        asked = _real(node, "threshold")
        for channel, (scale, offset) in enumerate(zip(sums.scale, sums.offset, strict=True)):
            if scale == 0:
                signs[channel] = 0
                thresholds[channel] = 0 if offset >= asked else 1
                continue
            border = (asked - offset) / abs(scale)
            if scale < 0:
                signs[channel] *= -1
            thresholds[channel] = math.ceil(min(max(border, -fan_in), fan_in + 1))
        self._append(node, sums, signs, thresholds)

    def _append(self, node: Node, sums: _Sums, signs: NDArray[np.int8], thresholds: NDArray[np.int32]) -> None:
        shape = _three(node.tensor.shape)
        self.layers.append(
            Units(
                node.name,
                sums.read.parts,
                sums.seen,
                sums.window,
                shape,
                signs.tobytes(),
                thresholds.tobytes(),
                node.origin,
            )
        )
        self.seen[node.name] = _Spikes((whole(node.name, shape),), node.tensor.shape)

    def _leave(self, node: Node, operands: list[_Seen | None]) -> None:
        span = node.origin.span
        numbers = [operand.field for operand in operands if isinstance(operand, _Numbers)]
        if numbers:
            self.report.add(
                span,
                f"{node.name} reads the numbers of {numbers[0]}, and cores take spikes",
                f"make spikes of them first: {numbers[0]} | spike(threshold=…), population, rate or stochastic",
            )
        elif node.operator == "spike" or all(isinstance(operand, _Spikes) for operand in operands):
            self.report.add(
                span,
                f"{node.operator} of spikes is none of what cores do",
                "between spikes stand conv or dense, batchnorm, pooling, concat of channels, flatten, reshape, "
                "transpose, slice and dropout",
            )
        elif any(isinstance(operand, _Sums) for operand in operands):
            self.report.add(
                span,
                f"{node.operator} gives numbers, and cores send spikes",
                "use batchnorm | spike after conv and dense",
            )
        self.seen[node.name] = _Spikes((), node.tensor.shape)

    def decoded(self, tail: tuple[Node, ...]) -> str:
        """The layer whose spikes the decoder counts. BrainError: its scores come from elsewhere."""
        read = tail[0].inputs[0] if tail else scored(self.graph)
        match self.seen.get(read):
            case _Spikes(parts=(Read(source=layer) as part,)) if part == whole(layer, self.shapes[layer]):
                return layer
            case _:
                span = _node(self.graph, scored(self.graph)).origin.span
                self.report.stop(
                    span,
                    f"{scored(self.graph)}, by which the network decides, is no count of one layer's spikes",
                    "end with a layer of spikes, several for each class, and the mean of each class's",
                )


def _encoders(node: Node, given: str, shape: Shape) -> Iterator[Encoder]:
    match node.operator:
        case "population":
            for number, threshold in enumerate(population_thresholds(dict(node.arguments))):
                yield Encoder(f"{node.name}.{number}", given, shape, threshold, node.origin)
        case "rate":
            yield Encoder(node.name, given, shape, 0.0, node.origin, "rate")
        case "stochastic":
            yield Encoder(node.name, given, shape, 0.0, node.origin, "stochastic")
        case _:
            yield Encoder(node.name, given, shape, _real(node, "threshold"), node.origin)


def _node(graph: LayerGraph, name: str) -> Node:
    return next(node for node in graph.nodes if node.name == name)


def _real(node: Node, name: str) -> float:
    value = node.argument(name)
    assert isinstance(value, (int, float))
    return float(value)


def _two(sizes: tuple[int, ...]) -> tuple[int, int]:
    height, width = sizes
    return height, width


def _three(shape: tuple[int, ...]) -> Shape:
    """`[channels, height, width]` of an image or of a vector."""
    if len(shape) == 3:
        channels, height, width = shape
        return channels, height, width
    return math.prod(shape), 1, 1
