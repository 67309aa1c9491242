"""What does a network of threshold units compute? Layers of binary units with integer thresholds over trinary weights.

Spikes enter by encoders and are counted by a decoder. In between, unit k at place (p, q) is 1 where

    Σ_{c,r,s} w[k,c,r,s] · x[c, p·stride + r·dilation − pad, q·stride + s·dilation − pad] ≥ threshold[k]

with w in {−1, 0, 1} and x the spikes of the layers it reads, one after the other, seen as `[channels, height, width]`;
a dense layer sees them all as channels of one place. In a layer whose potentials last, the sums of a sample's ticks add
up, with a gain in each, and a spike sets the potential back:

    v ← v + gain[k] + Σ w · x;   if v ≥ threshold[k]:  a spike, and v ← reset[k]

with v = 0 before a sample's first tick. Several networks of one make can be one graph, its `members`: a
layer has their channels one after the other, in groups of their own, and the decoder counts the spikes of all.

Rules, checked by `rules`:
U1 every layer reads encoders or layers before it, as many spikes as it sees; of a layer, each member reads its part.
U2 names are unique.
U3 weights are −1, 0 or 1, one for every tap of every unit, and there is a threshold for every channel.
U4 the decoder reads one layer, and has a row for each class.
U5 potentials that last have a gain and a reset for every channel, and thresholds above 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.ir.origin import Origin
from brainrun.plan.cores import Code

Shape: TypeAlias = tuple[int, int, int]
Spikes: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Window:
    """How far a unit sees: along height and width, and in how many groups of channels."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Encoder:
    """Spikes of the network's input by a code; the `threshold` is of the codes `threshold` and `given`."""

    name: str
    input: str
    shape: Shape
    threshold: float
    origin: Origin = field(compare=False, repr=False)
    code: Code = "threshold"


@dataclass(frozen=True, slots=True)
class Read:
    """Spikes `begin` … `end` of an encoder or layer, counted through channels, rows and columns."""

    source: str
    begin: int
    end: int


def whole(source: str, shape: Shape) -> Read:
    """All spikes of an encoder or layer."""
    return Read(source, 0, prod(shape))


def reordered(parts: tuple[Read, ...], order: NDArray[np.int64]) -> tuple[Read, ...]:
    """The spikes of these parts, one after the other, in another order: as few parts as there can be."""
    names = tuple(dict.fromkeys(part.source for part in parts))
    source = np.concatenate([np.full(part.end - part.begin, names.index(part.source)) for part in parts])[order]
    place = np.concatenate([np.arange(part.begin, part.end) for part in parts])[order]
    begins = np.flatnonzero((np.diff(source, prepend=-1) != 0) | (np.diff(place, prepend=-2) != 1))
    ends = np.append(begins[1:], len(place))
    return tuple(
        Read(names[source[begin]], int(place[begin]), int(place[end - 1]) + 1)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    )


@dataclass(frozen=True, slots=True)
class Potentials:
    """What potentials that last gain in every tick, and what a spike sets them to."""

    gain_bytes: bytes
    reset_bytes: bytes

    @property
    def gains(self) -> NDArray[np.int32]:
        """`[channels]`."""
        return np.frombuffer(self.gain_bytes, np.int32)

    @property
    def resets(self) -> NDArray[np.int32]:
        """`[channels]`."""
        return np.frombuffer(self.reset_bytes, np.int32)


@dataclass(frozen=True, slots=True)
class Units:
    """A layer. Arrays are bytes, as a value must not change; the properties show them."""

    name: str
    parts: tuple[Read, ...]
    """Which spikes of encoders and layers it reads, in order; of an ensemble, as its first member does."""

    seen: Shape
    """What these spikes, one after the other, are seen as."""

    window: Window
    shape: Shape
    weight_bytes: bytes
    threshold_bytes: bytes
    origin: Origin = field(compare=False, repr=False)
    potentials: Potentials | None = None
    """None: units decide anew in every tick."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The encoders and layers that it reads."""
        return tuple(dict.fromkeys(part.source for part in self.parts))

    @property
    def taps(self) -> Shape:
        """Channels of a group, height and width of the window."""
        return (self.seen[0] // self.window.groups, *self.window.kernel)

    @property
    def fan_in(self) -> int:
        """How many spikes a unit sees."""
        return prod(self.taps)

    @property
    def weights(self) -> NDArray[np.int8]:
        """`[channels, channels of a group, height, width]`."""
        return np.frombuffer(self.weight_bytes, np.int8).reshape(self.shape[0], *self.taps)

    @property
    def thresholds(self) -> NDArray[np.int32]:
        """`[channels]`."""
        return np.frombuffer(self.threshold_bytes, np.int32)


@dataclass(frozen=True, slots=True)
class Decoder:
    """Scores of classes: a row of numbers a class over the spikes of a layer, and what is added."""

    layer: str
    classes: int
    matrix_bytes: bytes
    offset_bytes: bytes

    @property
    def matrix(self) -> NDArray[np.float64]:
        """`[classes, units]`."""
        return np.frombuffer(self.matrix_bytes, np.float64).reshape(self.classes, -1)

    @property
    def offset(self) -> NDArray[np.float64]:
        """`[classes]`."""
        return np.frombuffer(self.offset_bytes, np.float64)


@dataclass(frozen=True, slots=True)
class SpikingGraph:
    """Encoders, layers in a legal order, and what becomes of the last one's spikes."""

    name: str
    encoders: tuple[Encoder, ...]
    layers: tuple[Units, ...]
    decoder: Decoder
    members: int = 1

    def shapes(self) -> Mapping[str, Shape]:
        """The shape of every encoder and layer."""
        encoders = {encoder.name: encoder.shape for encoder in self.encoders}
        return encoders | {layer.name: layer.shape for layer in self.layers}

    def reads(self, layer: Units) -> tuple[Read, ...]:
        """What a layer sees, in order: all that its first member reads, and so on; encoders are the same for all."""
        shapes = self.shapes()
        encoders = {encoder.name for encoder in self.encoders}
        found = []
        for member in range(self.members):
            for part in layer.parts:
                own = 0 if part.source in encoders else member * prod(shapes[part.source]) // self.members
                found.append(Read(part.source, own + part.begin, own + part.end))
        return tuple(found)


def evaluate(graph: SpikingGraph, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, Spikes]:
    """The spikes `[samples, channels, height, width]` of every encoder and layer, from inputs `[samples, …]`.

    Spikes of an encoder with another code than `threshold` are given under its own name.
    """
    (spikes,) = evaluate_ticks(graph, [inputs])
    return spikes


def evaluate_ticks(graph: SpikingGraph, ticks: Sequence[Mapping[str, NDArray[np.float32]]]) -> list[dict[str, Spikes]]:
    """The same for each tick in which samples are shown, from the first on."""
    lasting: dict[str, NDArray[np.int64]] = {}
    return [_tick(graph, inputs, lasting) for inputs in ticks]


def _tick(
    graph: SpikingGraph, inputs: Mapping[str, NDArray[np.float32]], lasting: dict[str, NDArray[np.int64]]
) -> dict[str, Spikes]:
    """One tick's spikes; `lasting` holds potentials that last, and is brought up to date."""
    spikes: dict[str, Spikes] = {}
    for encoder in graph.encoders:
        if encoder.code == "threshold":
            fires = inputs[encoder.input] >= np.float32(encoder.threshold)
        else:
            fires = inputs[encoder.name].astype(bool)
        spikes[encoder.name] = fires.reshape(len(fires), *encoder.shape)
    for layer in graph.layers:
        parts = [(spikes[read.source], read) for read in graph.reads(layer)]
        flat = np.concatenate(
            [given.reshape(len(given), -1)[:, read.begin : read.end] for given, read in parts], axis=1
        )
        sums = _sums(layer, flat.reshape(-1, *layer.seen))
        if layer.potentials is None:
            spikes[layer.name] = sums >= _of_channels(layer.thresholds)
            continue
        potentials = lasting.get(layer.name, np.int64(0)) + sums + _of_channels(layer.potentials.gains)
        spikes[layer.name] = potentials >= _of_channels(layer.thresholds)
        lasting[layer.name] = np.where(spikes[layer.name], _of_channels(layer.potentials.resets), potentials)
    return spikes


def _of_channels(numbers: NDArray[np.int32]) -> NDArray[np.int64]:
    return numbers.astype(np.int64)[:, None, None]


def scores(decoder: Decoder, spikes: Spikes) -> NDArray[np.float64]:
    """`[samples, classes]`, from the spikes of the decoder's layer."""
    flat = spikes.reshape(len(spikes), -1).astype(np.float64)
    found: NDArray[np.float64] = flat @ decoder.matrix.T + decoder.offset
    return found


def _sums(layer: Units, seen: Spikes) -> NDArray[np.int32]:
    """`[samples, channels, height, width]`: each unit's weighted sum of spikes."""
    window, (channels, height, width) = layer.window, layer.shape
    (above, left), groups = window.pad, window.groups
    padded = np.pad(seen, ((0, 0), (0, 0), (above, above), (left, left))).astype(np.float32)
    per_group = channels // groups
    sums = np.zeros((len(seen), channels, height, width), np.float32)
    weights = layer.weights.astype(np.float32)
    for r in range(window.kernel[0]):
        for s in range(window.kernel[1]):
            rows = slice(r * window.dilation[0], r * window.dilation[0] + (height - 1) * window.stride[0] + 1)
            columns = slice(s * window.dilation[1], s * window.dilation[1] + (width - 1) * window.stride[1] + 1)
            part = padded[:, :, rows, columns][:, :, :: window.stride[0], :: window.stride[1]]
            for group in range(groups):
                inputs = part[:, group * layer.taps[0] : (group + 1) * layer.taps[0]]
                outputs = slice(group * per_group, (group + 1) * per_group)
                sums[:, outputs] += np.einsum("bchw,kc->bkhw", inputs, weights[outputs, :, r, s], optimize=True)
    return sums.astype(np.int32)


def rules(graph: SpikingGraph) -> Iterator[str]:
    """Every broken rule (U1…U4)."""
    shapes: dict[str, Shape] = {}
    for encoder in graph.encoders:
        if encoder.name in shapes:
            yield f"U2: {encoder.name} is the name of two"
        shapes[encoder.name] = encoder.shape
    for layer in graph.layers:
        missing = [name for name in layer.inputs if name not in shapes]
        yield from (f"U1: {layer.name} reads {name} before it is made" for name in missing)
        if not missing and sum(read.end - read.begin for read in graph.reads(layer)) != prod(layer.seen):
            yield f"U1: {layer.name} sees {prod(layer.seen)} spikes, and reads another number"
        if not missing and any(read.end > prod(shapes[read.source]) for read in graph.reads(layer)):
            yield f"U1: {layer.name} reads more spikes of a layer than there are"
        if layer.name in shapes:
            yield f"U2: {layer.name} is the name of two"
        shapes[layer.name] = layer.shape
        if len(layer.weight_bytes) != layer.shape[0] * layer.fan_in or np.abs(layer.weights).max() > 1:
            yield f"U3: {layer.name} has other weights than −1, 0 and 1 for each of its taps"
        if len(layer.threshold_bytes) != 4 * layer.shape[0]:
            yield f"U3: {layer.name} has not one threshold a channel"
        yield from _broken_potentials(layer)
    if graph.decoder.layer not in shapes:
        yield f"U4: the decoder reads {graph.decoder.layer}, which is not there"
    elif graph.decoder.matrix.shape[1] != prod(shapes[graph.decoder.layer]):
        yield f"U4: the decoder reads {graph.decoder.matrix.shape[1]} spikes of {graph.decoder.layer}"


def _broken_potentials(layer: Units) -> Iterator[str]:
    if layer.potentials is None:
        return
    if {len(layer.potentials.gain_bytes), len(layer.potentials.reset_bytes)} != {4 * layer.shape[0]}:
        yield f"U5: potentials of {layer.name} have not one gain and one reset a channel"
    if layer.thresholds.min() < 1:
        yield f"U5: potentials of {layer.name} reach a threshold by themselves"


def _code_text(encoder: Encoder) -> str:
    return (
        f"{encoder.input} ≥ {encoder.threshold:g}"
        if encoder.code == "threshold"
        else f"{encoder.code} of {encoder.input}"
    )


def text(graph: SpikingGraph) -> str:
    """The graph, a layer a line."""
    rows = [(e.name, _code_text(e), str(list(e.shape)), "") for e in graph.encoders]
    for layer in graph.layers:
        window = layer.window
        seen = f"window {list(window.kernel)} stride {list(window.stride)} pad {list(window.pad)}"
        groups = f" groups {window.groups}" if window.groups > 1 else ""
        lasts = ", lasts" if layer.potentials else ""
        least, most = layer.thresholds.min(), layer.thresholds.max()
        rows.append(
            (
                layer.name,
                f"{' + '.join(layer.inputs)}: {seen}{groups}{lasts}",
                str(list(layer.shape)),
                f"{least} … {most}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    members = f", {graph.members} networks" if graph.members > 1 else ""
    lines = [f"spiking {graph.name}{members}"]
    lines += [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]
    lines.append(f"  decoder: {graph.decoder.classes} classes from {graph.decoder.layer}")
    return "\n".join(lines) + "\n"
