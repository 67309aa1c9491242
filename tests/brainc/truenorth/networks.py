"""Spiking graphs for tests, and how one runs on the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from brainc.ir.origin import Origin
from brainc.ir.spiking import Decoder, Encoder, Shape, SpikingGraph, Units, Window, reordered, whole
from brainc.truenorth.cores import Mapped
from brainlang.source import Source, Span
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.simulate import Arrivals, Simulator

ORIGIN = Origin("layer", Span(Source("net.brain", "layer"), 0, 5))


def units(
    numbers: np.random.Generator,
    name: str,
    inputs: Sequence[Encoder | Units],
    seen: Shape,
    channels: int,
    window: Window,
    order: NDArray[np.int64] | None = None,
) -> Units:
    """A layer with random weights, and thresholds near the middle, which may see its spikes in another order."""
    parts = tuple(whole(one.name, one.shape) for one in inputs)
    if order is not None:
        parts = reordered(parts, order)
    (_, height, width), (r, s) = seen, window.kernel
    rows = (height + 2 * window.pad[0] - window.dilation[0] * (r - 1) - 1) // window.stride[0] + 1
    columns = (width + 2 * window.pad[1] - window.dilation[1] * (s - 1) - 1) // window.stride[1] + 1
    weights = numbers.integers(-1, 2, (channels, seen[0] // window.groups, r, s)).astype(np.int8)
    thresholds = numbers.integers(-3, 4, channels).astype(np.int32)
    shape = (channels, rows, columns)
    return Units(name, parts, seen, window, shape, weights.tobytes(), thresholds.tobytes(), ORIGIN)


def graph(encoders: tuple[Encoder, ...], *layers: Units) -> SpikingGraph:
    """A graph that decides by the first spikes of its last layer."""
    last = layers[-1]
    matrix = np.eye(2, prod(last.shape))
    return SpikingGraph("net", encoders, layers, Decoder(last.name, 2, matrix.tobytes(), np.zeros(2).tobytes()))


@st.composite
def graphs(draw: st.DrawFn, orders: Sequence[str] = ("as it is", "channels", "some", "all")) -> SpikingGraph:
    """An encoder and up to four layers: windows, strides, padding, groups, and layers that read several before them.

    A layer may see channels, some of them, or all spikes in a random order, as `orders` has it.
    """
    numbers = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(3, 12)), draw(st.integers(3, 12)))
    encoder = Encoder("image", "picture", shape, 0.5, ORIGIN)
    made: list[Encoder | Units] = [encoder]
    layers = []
    for number in range(draw(st.integers(1, 4))):
        same = [one for one in made if one.shape[1:] == made[-1].shape[1:]]
        inputs = draw(st.lists(st.sampled_from(same), min_size=1, max_size=2))
        before = (sum(one.shape[0] for one in inputs), *made[-1].shape[1:])
        kind = draw(st.sampled_from(orders))
        seen = (draw(st.integers(1, before[0])) if kind == "some" else before[0], *before[1:])
        kernel = (draw(st.integers(1, min(3, seen[1]))), draw(st.integers(1, min(3, seen[2]))))
        most = 128 // prod(kernel)
        groups = draw(st.sampled_from([g for g in range(1, seen[0] + 1) if seen[0] % g == 0 and seen[0] // g <= most]))
        window = Window(
            kernel,
            (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
            (draw(st.integers(0, kernel[0] // 2)), draw(st.integers(0, kernel[1] // 2))),
            groups=groups,
        )
        channels = groups * draw(st.integers(1, max(1, 40 // groups)))
        order = _order(numbers, before, kind)[: prod(seen)]
        layer = units(numbers, f"layer{number}", inputs, seen, channels, window, order)
        layers.append(layer)
        made.append(layer)
    return graph((encoder,), *layers)


def _order(numbers: np.random.Generator, seen: Shape, kind: str) -> NDArray[np.int64]:
    places = np.arange(prod(seen)).reshape(seen[0], -1)
    match kind:
        case "channels" | "some":
            places = numbers.permutation(places)
        case "all":
            places = numbers.permutation(places.reshape(-1))
    return places.reshape(-1)


def decided(mapped: Mapped, spikes: dict[str, NDArray[np.bool_]], samples: int, period: int) -> NDArray[np.bool_]:
    """`[samples, pins]`: the output spikes of each sample, of which a new one comes every `period` ticks."""
    parts = []
    for port, feed in zip(mapped.graph.inputs, mapped.feeds, strict=True):
        given = spikes[feed.encoder].reshape(samples, -1)[:, list(feed.elements)]
        sample, pin = np.nonzero(given)
        parts.append(np.stack([sample * period + feed.tick, np.array(port.cores)[pin], np.array(port.axons)[pin]]))
    ticks, cores, axons = np.concatenate(parts, axis=1)
    order = np.argsort(ticks, kind="stable")
    arrivals = Arrivals(ticks[order], cores[order].astype(np.int32), axons[order].astype(np.int32))
    with Simulator(circuit(mapped.graph)) as simulator:
        departures = simulator.run((samples - 1) * period + mapped.latency + 1, arrivals).departures
    found = np.zeros((samples, len(mapped.graph.outputs[0].pins)), bool)
    since = departures.ticks - mapped.latency
    due = (since >= 0) & (since % period == 0)
    found[since[due] // period, departures.pins[due]] = True
    return found
