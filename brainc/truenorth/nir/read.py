"""Which spiking graph is a NIR graph? Thresholds are units, sums before them their weights, and the last sums scores.

An Input with a `Threshold` behind it is numbers, of which an encoder makes spikes; one that anything else reads is
spikes already, 0 and 1, tick by tick where a sample has several. An `IF` is units whose potentials last: a tick is one
step of the graph's time, in which the nodes follow each other in the order of edges. A node that several edges lead to
takes the sum. A node that is refused is refused once, and nothing is said of those behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import networkx
import numpy as np
from numpy.typing import NDArray

from brainc.ir.origin import Origin
from brainc.ir.spiking import Decoder, Encoder, Shape, SpikingGraph, Units, Window, whole
from brainc.truenorth.nir.fields import (
    conv_window,
    finite,
    image_of,
    of_channels,
    offset_of,
    pool_window,
    shape_of,
    windowed,
)
from brainc.truenorth.nir.refusals import MEANS, OTHERS, Refused
from brainc.truenorth.nir.signals import Numbers, Shaped, Signal, Spikes, Sums, Term, added, as_sums, three
from brainc.truenorth.nir.whole import Lasting, WholeSums, lasting_sums, whole_sums
from brainlang.diagnostics import Report
from brainlang.source import Source, Span
from brainrun.plan.cores import Code

_ALREADY_SPIKES = 0.5
"""The threshold of an encoder of 0 and 1."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A spiking graph, the shapes of its inputs, and the name of the Output that its scores go to."""

    units: SpikingGraph
    inputs: tuple[tuple[str, Shaped], ...]
    scores: str


def imported(name: str, graph: Any, path: str, ticks: int = 1) -> Imported:
    """The spiking graph of a `nir.NIRGraph` that sees each sample for so many ticks; `path` is for messages.

    BrainError: what has no counterpart, each node with the remedy.
    """
    return _Reader(name, graph, path, ticks).read()


class _Reader:
    """Goes through the nodes in the order of edges; holds what each gives, and what has been found."""

    def __init__(self, name: str, graph: Any, path: str, ticks: int) -> None:
        self.name = name
        self.ticks = ticks
        self.report = Report()
        self.edges: list[tuple[str, str]] = list(graph.edges)
        self.nodes: dict[str, Any] = dict(graph.nodes)
        self.spans = _listing(self.nodes, path)
        self.whole_file = Span(Source(path, ""), 0, 0)
        self.signals: dict[str, Signal] = {}
        self.encoders: dict[str, Encoder] = {}
        self.layers: list[Units] = []
        self.decoders: dict[str, Decoder] = {}

    def read(self) -> Imported:
        """All nodes, the first in the order of edges first."""
        for name in self._order():
            sources = [source for source, target in self.edges if target == name]
            if type(self.nodes[name]).__name__ != "Input" and not sources:
                self._tell(name, Refused("no edge leads to it", "lead one there, or take the node out"))
            elif all(source in self.signals for source in sources):
                try:
                    self._node(name, [self.signals[source] for source in sources])
                except Refused as refused:
                    self._tell(name, refused)
        self.report.settle()
        if len(self.decoders) != 1:
            count = len(self.decoders) or "no"
            self.report.stop(self.whole_file, f"the graph has {count} Outputs", "keep one: what the network decides by")
        ((output, decoder),) = self.decoders.items()
        units = SpikingGraph(self.name, tuple(self.encoders.values()), tuple(self.layers), decoder)
        ticks = {encoder.input: (self.ticks,) if encoder.code == "given" else () for encoder in units.encoders}
        inputs = tuple(
            (name, (*ticks[name], *shape_of(self.nodes[name].input_type["input"]))) for name in sorted(ticks)
        )
        return Imported(units, inputs, output)

    def _order(self) -> list[str]:
        """Every node behind those that lead to it, neighbours by name. BrainError: a circle, or an edge to nothing."""
        for source, target in self.edges:
            for name in (source, target):
                if name not in self.nodes:
                    self.report.stop(self.whole_file, f"an edge names {name}, which is no node", "take the edge out")
        drawn: networkx.DiGraph[str] = networkx.DiGraph(self.edges)
        drawn.add_nodes_from(self.nodes)
        try:
            return list(networkx.lexicographical_topological_sort(drawn))
        except networkx.NetworkXUnfeasible:
            circle = [source for source, _ in networkx.find_cycle(drawn)]
            self.report.stop(
                self.spans[circle[0]],
                f"{' → '.join([*circle, circle[0]])} is a circle, and spikes that go back are too late for their tick",
                "take out the edge that leads back",
            )

    def _tell(self, name: str, refused: Refused) -> None:
        kind = type(self.nodes[name]).__name__
        self.report.add(self.spans[name], f"{name} ({kind}): {refused.what}", refused.remedy)

    # ---- nodes ----

    def _node(self, name: str, given: list[Signal]) -> None:
        node = self.nodes[name]
        kind = type(node).__name__
        match kind:
            case "Input":
                self.signals[name] = Numbers(name, shape_of(node.input_type["input"]))
                if given:
                    raise Refused("an edge leads to it", "take the edge out")
            case "Threshold":
                self._threshold(name, node, given)
            case "IF":
                self._integrate(name, node, self._as_sums(given))
            case "Flatten":
                self.signals[name] = self._flatten(node, given)
            case "Linear" | "Affine":
                self.signals[name] = self._multiply(node, self._spikes(given))
            case "Conv2d":
                self.signals[name] = self._convolve(node, self._spikes(given))
            case "SumPool2d" | "AvgPool2d":
                self.signals[name] = self._pool(node, self._spikes(given), mean=kind == "AvgPool2d")
            case "Output":
                self.decoders[name] = self._decode(self._summed(given))
                if any(source == name for source, _ in self.edges):
                    raise Refused("an edge leads away from it", "take the edge out")
            case _:
                raise Refused(*OTHERS.get(kind, ("nothing of brainc does the same", MEANS)))

    def _threshold(self, name: str, node: Any, given: list[Signal]) -> None:
        if len(given) == 1 and isinstance(given[0], Numbers):
            self._encode(name, given[0], finite(node.threshold, "threshold"))
            return
        sums = self._as_sums(given)
        self._layer(name, sums, whole_sums(sums, of_channels(node.threshold, "threshold", sums.shape)))

    def _integrate(self, name: str, node: Any, sums: Sums) -> None:
        fields = {"r": node.r, "v_threshold": node.v_threshold, "v_reset": node.v_reset}
        factors, thresholds, resets = (of_channels(given, what, sums.shape) for what, given in fields.items())
        if (factors <= 0).any():
            raise Refused("its r is not above 0", "turn the signs of the weights before it")
        if (thresholds < 0).any():
            raise Refused("its v_threshold is below 0, where it fires without spikes", "use one of 0 or more")
        self._layer(name, sums, lasting_sums(sums, Lasting(factors, thresholds, resets)))

    def _layer(self, name: str, sums: Sums, found: WholeSums | str) -> None:
        """These units, or why they are none."""
        first = sums.terms[0]
        if isinstance(found, str):
            raise Refused(found, "train with weights −1, 0 and 1, or round them to few levels")
        window, shape = first.window, three(sums.shape)
        seen = {term.source: term.seen for term in sums.terms}
        self.layers.append(
            Units(
                name,
                tuple(whole(source, seen[source]) for source in found.inputs),
                (found.groups * found.weights.shape[1], *first.seen[1:]),
                Window(window.kernel, window.stride, window.pad, window.dilation, found.groups),
                shape,
                found.weights.tobytes(),
                found.thresholds.tobytes(),
                self._origin(name),
                found.potentials,
            )
        )
        self.signals[name] = Spikes((name,), sums.shape)

    def _encode(self, name: str, numbers: Numbers, thresholds: NDArray[np.float64]) -> None:
        """Greater than a number is at least the next one of 32 bits."""
        if (thresholds != thresholds.flat[0]).any():
            raise Refused("the elements of an Input have unlike thresholds", "use one Threshold for each")
        if abs(thresholds.flat[0]) >= np.finfo(np.float32).max:
            raise Refused(f"{thresholds.flat[0]:g} is beyond numbers of 32 bits", "use a threshold within them")
        threshold = np.float32(thresholds.flat[0])
        if float(threshold) <= thresholds.flat[0]:
            threshold = np.nextafter(threshold, np.float32(np.inf))
        shape = three(numbers.shape)
        self._add(Encoder(name, numbers.input, shape, float(threshold), self._origin(name)))
        self.signals[name] = Spikes((name,), numbers.shape)

    def _flatten(self, node: Any, given: list[Signal]) -> Signal:
        signal = given[0] if len(given) == 1 else self._summed(given)
        rank = len(signal.shape)
        first, last = (int(dim) + rank if dim < 0 else int(dim) for dim in (node.start_dim, node.end_dim))
        if not 0 <= first <= last < rank:
            raise Refused(f"dimensions {first} … {last} are not those of {list(signal.shape)}", "use 0 and -1")
        shape = (*signal.shape[:first], prod(signal.shape[first : last + 1]), *signal.shape[last + 1 :])
        match signal:
            case Numbers():
                return Numbers(signal.input, shape)
            case Spikes():
                return Spikes(signal.sources, shape)
            case Sums() if three(signal.shape) == three(shape):
                return Sums(signal.terms, shape, signal.offset)
            case _:
                raise Refused("it flattens sums", "put it behind the Threshold")

    def _multiply(self, node: Any, spikes: Spikes) -> Sums:
        weight = finite(node.weight, "weight")
        if weight.ndim != 2 or (weight.shape[1],) != spikes.shape:
            shapes = f"its weight is {list(weight.shape)}, and it sees {list(spikes.shape)}"
            raise Refused(shapes, "put a Flatten before it, from dimension 0 to -1")
        weights = weight.reshape(*weight.shape, 1, 1)
        offset = offset_of(node, len(weight))
        return _sums(spikes, weights, Window((1, 1)), Fraction(1), (weight.shape[1], 1, 1), weight.shape[:1], offset)

    def _convolve(self, node: Any, spikes: Spikes) -> Sums:
        weight, groups = finite(node.weight, "weight"), int(node.groups)
        seen = image_of(spikes)
        if weight.ndim != 4 or weight.shape[1] * groups != seen[0] or len(weight) % groups:
            shapes = f"its weight is {list(weight.shape)} in groups of {groups}, and it sees {list(seen)}"
            raise Refused(shapes, "make them agree")
        channels, own, *kernel = weight.shape
        whole = np.zeros((groups, channels // groups, groups, own, *kernel))
        whole[np.arange(groups), :, np.arange(groups)] = weight.reshape(groups, channels // groups, own, *kernel)
        weights = whole.reshape(channels, seen[0], *kernel)
        window, shape = windowed(channels, seen, conv_window, node)
        return _sums(spikes, weights, window, Fraction(1), seen, shape, offset_of(node, channels))

    def _pool(self, node: Any, spikes: Spikes, *, mean: bool) -> Sums:
        seen = image_of(spikes)
        window, shape = windowed(seen[0], seen, pool_window, node)
        weights = np.zeros((seen[0], seen[0], *window.kernel))
        weights[np.arange(seen[0]), np.arange(seen[0])] = 1
        unit = Fraction(1, prod(window.kernel)) if mean else Fraction(1)
        return _sums(spikes, weights, window, unit, seen, shape, (Fraction(0),) * seen[0])

    def _decode(self, signal: Spikes | Sums) -> Decoder:
        sums = as_sums(Spikes(signal.sources, (prod(signal.shape),))) if isinstance(signal, Spikes) else signal
        if len({term.source for term in sums.terms}) > 1:
            raise Refused("it sees several layers", "let it see one")
        if any(term.seen[1:] != (1, 1) or term.window != Window((1, 1)) for term in sums.terms):
            raise Refused("it sees sums over windows", "let it see spikes, or a Linear or Affine of them")
        matrix = sum(term.weights[:, :, 0, 0] * float(term.unit) for term in sums.terms)
        offset = np.array([float(part) for part in sums.offset])
        return Decoder(sums.terms[0].source, len(offset), np.asarray(matrix).tobytes(), offset.tobytes())

    # ---- what a node sees ----

    def _summed(self, given: list[Signal]) -> Spikes | Sums:
        """The sum of what edges bring. An Input among it is spikes already."""
        signals = [self._taken_for_spikes(signal) if isinstance(signal, Numbers) else signal for signal in given]
        found = added(signals)
        if found is None:
            shapes = " and ".join(str(list(signal.shape)) for signal in signals)
            raise Refused(f"it sees the sum of unlike shapes, {shapes}", "make them agree")
        return found

    def _as_sums(self, given: list[Signal]) -> Sums:
        """The sums that units see, all over one window."""
        signal = self._summed(given)
        sums = as_sums(signal) if isinstance(signal, Spikes) else signal
        first = sums.terms[0]
        if any((term.window, term.seen[1:]) != (first.window, first.seen[1:]) for term in sums.terms):
            raise Refused(
                "the sums that it sees are over unlike windows",
                "give the Conv2d before it one kernel, stride, padding and dilation",
            )
        return sums

    def _spikes(self, given: list[Signal]) -> Spikes:
        signal = self._summed(given)
        if isinstance(signal, Sums):
            raise Refused("it sees sums, and cores send spikes", "put a Threshold before it")
        return signal

    def _taken_for_spikes(self, numbers: Numbers) -> Spikes:
        name = f"{numbers.input}.spikes"
        while name in self.nodes:
            name += "_"
        if name not in self.encoders:
            shape = three(numbers.shape)
            code: Code = "threshold" if self.ticks == 1 else "given"
            self._add(Encoder(name, numbers.input, shape, _ALREADY_SPIKES, self._origin(numbers.input), code))
        return Spikes((name,), numbers.shape)

    def _add(self, encoder: Encoder) -> None:
        """Have this encoder, too."""
        others = [other.code for other in self.encoders.values() if other.input == encoder.input]
        if any((code == "given") != (encoder.code == "given") for code in others):
            what = f"{encoder.input} is read as numbers and as spikes, which come tick by tick"
            raise Refused(what, "give the spikes an Input of their own")
        self.encoders[encoder.name] = encoder

    def _origin(self, name: str) -> Origin:
        return Origin(name, self.spans[name])


def _listing(nodes: dict[str, Any], path: str) -> dict[str, Span]:
    """Where each node stands in a list of all of them: a place for messages, as a NIR file is no text."""
    rows = [f"{name}: {type(node).__name__}" for name, node in sorted(nodes.items())]
    source = Source(path, "\n".join(rows))
    return {
        name: Span(source, start, start + len(name))
        for name, start in zip(sorted(nodes), source.line_starts, strict=False)
    }


def _sums(
    spikes: Spikes,
    weights: NDArray[np.float64],
    window: Window,
    unit: Fraction,
    seen: Shape,
    shape: Shaped,
    offset: tuple[Fraction, ...],
) -> Sums:
    """The same product of each source."""
    return Sums(tuple(Term(source, weights, unit, seen, window) for source in spikes.sources), shape, offset)
