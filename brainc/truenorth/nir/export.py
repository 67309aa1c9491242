"""How does a spiking graph become a NIR graph? A weighted sum and a threshold for each layer, and nothing that lasts.

NIR's `Threshold` is 1 where its input is greater than the threshold. Sums of spikes are whole numbers, so that ≥ θ is
> θ − ½, exactly; an input x of 32 bits is ≥ t where it is greater than the number of 32 bits before t.

Nodes that several edges lead to take the sum. NIR has no node that puts spikes one after the other: a layer that reads
several others has a product with each of them. Groups of a convolution become zeros among its weights, as the package's
own check of types takes a grouped `Conv2d` for a mistake.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainc.ir.spiking import Encoder, Shape, SpikingGraph, Units, reordered, whole
from brainc.truenorth.nir.package import package
from brainlang.diagnostics import Report

Weights = NDArray[np.int8]


def nir_graph(graph: SpikingGraph) -> Any:
    """The `nir.NIRGraph`. BrainError: a layer that sees spikes in a shape that NIR cannot give them."""
    report = Report()
    writer = _Writer(graph, report)
    for encoder in graph.encoders:
        writer.encode(encoder)
    for layer in graph.layers:
        writer.fire(layer)
    report.settle()
    writer.decode()
    return writer.nir.NIRGraph(nodes=writer.nodes, edges=writer.edges, type_check=False)


def expanded(layer: Units) -> Weights:
    """`[channels, channels seen, height, width]`: the weights without groups, 0 between one group and another."""
    groups, (own, *kernel) = layer.window.groups, layer.taps
    per_group = layer.shape[0] // groups
    found = np.zeros((groups, per_group, groups, own, *kernel), np.int8)
    every = np.arange(groups)
    found[every, :, every] = layer.weights.reshape(groups, per_group, own, *kernel)
    return found.reshape(layer.shape[0], layer.seen[0], *kernel)


class _Writer:
    """Collects nodes and edges; holds the shape of each node that gives spikes."""

    def __init__(self, graph: SpikingGraph, report: Report) -> None:
        self.nir: Any = package()
        self.graph = graph
        self.report = report
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.flat: dict[str, str] = {}
        self.inputs: dict[str, str] = {}
        self.taken = set(graph.shapes())

    def encode(self, encoder: Encoder) -> None:
        """A threshold on the numbers of an input."""
        if encoder.code != "threshold":
            message = f"{encoder.name} is a {encoder.code} code, and NIR has none"
            self.report.add(encoder.origin.span, message, "use spike(threshold=…) or population")
        shape = encoder.shape if encoder.shape[1:] != (1, 1) else encoder.shape[:1]
        if encoder.input not in self.inputs:
            self.inputs[encoder.input] = self._add(encoder.input, self.nir.Input(input_type=np.array(shape)))
        below = np.nextafter(np.float32(encoder.threshold), np.float32(-np.inf))
        self._threshold(encoder.name, np.full(shape, below), shape)
        self.edges.append((self.inputs[encoder.input], encoder.name))

    def fire(self, layer: Units) -> None:
        """A threshold on the sum of a product with each layer that this one reads."""
        dense = layer.seen[1:] == layer.window.kernel == (1, 1) and layer.window.pad == (0, 0)
        shape = layer.shape[:1] if dense else layer.shape
        thresholds = layer.thresholds.astype(np.float32) - np.float32(0.5)
        sources = dict.fromkeys(layer.inputs)
        for number, name in enumerate(sources, 1):
            own = f"{layer.name}.sum" if len(sources) == 1 else f"{layer.name}.sum{number}"
            if dense:
                part = self._weights_of(layer, name, 1)[:, :, 0, 0]
                self._node(own, self.nir.Linear(weight=part.astype(np.float32)), self._flattened(name), layer.name)
            elif self.shapes[name][1:] != layer.seen[1:]:
                self._refuse(layer, name)
            elif not _channels_are_whole(layer):
                message = f"{layer.name} sees spikes of {name}, whose axes are in another order, over a window"
                self.report.add(layer.origin.span, f"{message}, and NIR has no node that transposes", "leave it out")
            else:
                node = self._window(layer, self._weights_of(layer, name, prod(layer.seen[1:])))
                self._node(own, node, name, layer.name)
        self._threshold(layer.name, np.broadcast_to(thresholds.reshape(-1, *(1 for _ in shape[1:])), shape), shape)

    def _weights_of(self, layer: Units, source: str, places: int) -> Weights:
        """`[channels, channels of the source, height, width]`, where a channel is so many places."""
        weights = expanded(layer)
        found = np.zeros((len(weights), prod(self.shapes[source]) // places, *weights.shape[2:]), weights.dtype)
        begin = 0
        for read in self.graph.reads(layer):
            end = begin + (read.end - read.begin) // places
            if read.source == source:
                found[:, read.begin // places : read.end // places] += weights[:, begin:end]
            begin = end
        return found

    def decode(self) -> None:
        """The scores: a product with the last spikes, which nothing turns into spikes."""
        decoder = self.graph.decoder
        scores = self._add("scores", self.nir.Affine(weight=decoder.matrix, bias=decoder.offset))
        output = self._add("output", self.nir.Output(output_type=np.array([decoder.classes])))
        self.edges += [(self._flattened(decoder.layer), scores), (scores, output)]

    def _window(self, layer: Units, weights: Weights) -> Any:
        """The sum over a window: of all spikes in it alike, or weighted."""
        window = layer.window
        if _sums_all(self.graph, layer):
            arrays = (np.array(pair) for pair in (window.kernel, window.stride, window.pad))
            kernel, stride, pad = arrays
            return self.nir.SumPool2d(kernel_size=kernel, stride=stride, padding=pad)
        return self.nir.Conv2d(
            input_shape=layer.seen[1:],
            weight=weights.astype(np.float32),
            stride=window.stride,
            padding=window.pad,
            dilation=window.dilation,
            groups=1,
            bias=np.zeros(layer.shape[0], np.float32),
        )

    def _threshold(self, name: str, thresholds: NDArray[np.float32], shape: tuple[int, ...]) -> None:
        self.nodes[name] = self.nir.Threshold(threshold=np.ascontiguousarray(thresholds))
        self.shapes[name] = shape

    def _flattened(self, name: str) -> str:
        """The node that has a layer's spikes as a vector."""
        shape = self.shapes[name]
        if len(shape) == 1:
            return name
        if name not in self.flat:
            node = self.nir.Flatten(input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1)
            self.flat[name] = self._add(f"{name}.flat", node)
            self.edges.append((name, self.flat[name]))
        return self.flat[name]

    def _node(self, wanted: str, node: Any, source: str, target: str) -> None:
        name = self._add(wanted, node)
        self.edges += [(source, name), (name, target)]

    def _add(self, wanted: str, node: Any) -> str:
        """The node's name: as wanted, or one like it that is free."""
        name = wanted
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        self.nodes[name] = node
        return name

    def _refuse(self, layer: Units, name: str) -> None:
        self.report.add(
            layer.origin.span,
            f"{layer.name} sees the spikes of {name}, {list(self.shapes[name])}, as {list(layer.seen)}, and NIR has no "
            "node that reshapes them",
            "let a conv read the layer as it is; flatten is the one change of shape that NIR knows",
        )


def _sums_all(graph: SpikingGraph, layer: Units) -> bool:
    """Whether each channel is the sum of all spikes in the window of the channel of that number, of one layer."""
    reads = reordered(graph.reads(layer), np.arange(prod(layer.seen)))
    alone = reads == (whole(reads[0].source, graph.shapes()[reads[0].source]),)
    by_channel = layer.window.groups == layer.seen[0] == layer.shape[0] and layer.window.dilation == (1, 1)
    return alone and by_channel and bool((layer.weights == 1).all())


def _channels_are_whole(layer: Units) -> bool:
    """Whether it reads the channels of its inputs as they are, in whatever order."""
    places = prod(layer.seen[1:])
    return all(part.begin % places == part.end % places == 0 for part in layer.parts)


def square_kernels(graph: SpikingGraph) -> bool:
    """Whether the package's check of types agrees: it takes all kernels of `Conv2d` for square."""
    shapes: list[Shape] = [layer.taps for layer in graph.layers if not _sums_all(graph, layer)]
    return all(height == width for _, height, width in shapes)
