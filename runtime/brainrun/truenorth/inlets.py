"""Which axons take a sample's spikes, and when? What encoders send in a stretch of ticks, feed by feed.

A network drawn many times has hundreds of thousands of pins, and tens of thousands of spikes a sample. So spikes are
made for a few ticks at a time, in arrays that stay in cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainrun.plan.cores import CorePlan, EncoderFact
from brainrun.truenorth.codes import Window, spikes_of
from brainrun.truenorth.graph import CoreGraph
from brainrun.truenorth.simulate import Arrivals

Values: TypeAlias = Mapping[str, NDArray[Any]]
"""`[samples, features]` of each input."""

_PINS_AT_ONCE = 2**20


@dataclass(frozen=True, slots=True, eq=False)
class _Inlet:
    """A feed with its port: pin p takes element `elements[p]` of the encoder's spikes, `tick` ticks after them."""

    encoder: EncoderFact
    tick: int
    elements: NDArray[np.int64]
    cores: NDArray[np.int32]
    axons: NDArray[np.int32]


class Inlets:
    """All feeds of a plan."""

    def __init__(self, plan: CorePlan, graph: CoreGraph) -> None:
        encoders = {encoder.name: encoder for encoder in plan.encoders}
        ports = {port.name: port for port in graph.inputs}
        self._window = Window(plan.period, plan.seed)
        self._inlets = tuple(
            _Inlet(
                encoders[feed.encoder],
                feed.tick,
                np.array(feed.elements, np.int64),
                np.array(ports[feed.port].cores, np.int32),
                np.array(ports[feed.port].axons, np.int32),
            )
            for feed in plan.feeds
        )

    @property
    def ticks_at_once(self) -> int:
        """In so many ticks arrays of spikes stay small."""
        return max(1, _PINS_AT_ONCE // max(1, sum(len(inlet.elements) for inlet in self._inlets)))

    def arrivals(self, values: Values, samples: NDArray[np.int64], ticks: range, first: int) -> Arrivals:
        """What arrives in these ticks, counted from the first sample's first, which is tick `first` of the simulator.

        `samples` are the samples' places in the data.
        """
        sent: dict[tuple[str, range], NDArray[np.bool_]] = {}
        parts = []
        for inlet in self._inlets:
            shown = range(
                max(0, ticks.start - inlet.tick), min(len(samples) * self._window.ticks, ticks.stop - inlet.tick)
            )
            key = inlet.encoder.name, shown
            if key not in sent:
                sent[key] = self._sent(inlet.encoder, values, samples, shown)
            for number, spikes in zip(shown, sent[key], strict=True):
                pins = np.flatnonzero(spikes[inlet.elements])
                parts.append((number + inlet.tick, inlet.cores[pins], inlet.axons[pins]))
        if not parts:
            return Arrivals(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
        parts.sort(key=lambda part: part[0])
        return Arrivals(
            np.repeat([first + tick for tick, _, _ in parts], [len(cores) for _, cores, _ in parts]),
            np.concatenate([cores for _, cores, _ in parts]),
            np.concatenate([axons for _, _, axons in parts]),
        )

    def _sent(
        self, encoder: EncoderFact, values: Values, samples: NDArray[np.int64], shown: range
    ) -> NDArray[np.bool_]:
        """`[shown, elements]`: the encoder's spikes in each of these ticks, in which one sample after the other is
        shown."""
        places, numbers = np.arange(shown.start, max(shown.start, shown.stop)), values[encoder.input]
        rows = self._window.ticks if encoder.code == "given" else 1
        found = np.zeros((len(places), numbers.shape[1] // rows), bool)
        for tick in np.unique(places % self._window.ticks).tolist():
            own = places % self._window.ticks == tick
            which = places[own] // self._window.ticks
            found[own] = spikes_of(encoder, numbers[which], samples[which], tick, self._window)
        return found
