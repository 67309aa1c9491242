"""How do cores run? A compiled tick goes over all of them, tick by tick, on the threads of a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainrun.native import Loader
from brainrun.pool import Pool, usable_cores
from brainrun.truenorth.calls import Calls
from brainrun.truenorth.circuit import Circuit
from brainrun.truenorth.kernel.compiled import functions
from brainrun.truenorth.kernel.shape import GROUP, Control
from brainrun.truenorth.mail import Mail, Post
from brainrun.truenorth.memory import aligned
from brainrun.truenorth.share import Share
from brainrun.truenorth.tables import Tables

_MOST_DEPARTURES = 2**22
_MOST_TICKS = 4096
_RASTER_BYTES = 2**24
_TRACE_BYTES = 2**24
_DRAWN = (False, True)


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Spikes from outside, in order of ticks: axon `axons[n]` of core `cores[n]` takes one in tick `ticks[n]`."""

    ticks: NDArray[np.int64]
    cores: NDArray[np.int32]
    axons: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Departures:
    """Spikes that went out, in order of ticks and then of pins, as often as they were sent."""

    ticks: NDArray[np.int64]
    pins: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Every neuron's spikes, in order of ticks, cores and neurons."""

    ticks: NDArray[np.int64]
    cores: NDArray[np.int64]
    neurons: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a run: the spikes that left, and how much happened."""

    departures: Departures
    spikes: int
    synaptic_events: int
    """Active axons times the neurons that their rows of the crossbar reach."""

    seconds: float
    """What the ticks took, without making ready."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A run, every neuron's spikes, and the potentials of neurons that were traced: `potentials[ticks, traced]`."""

    outcome: Outcome
    raster: Raster
    potentials: NDArray[np.int32]
    """After each tick."""


NO_ARRIVALS = Arrivals(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))


class Simulator:
    """Holds the cores' state, and moves it on. Close it, or use it in a `with`.

    Threads stay on `cores`, or on those that the process may use. On several ranks, `circuit` is that of a share of the
    cores, and `post` reaches the others; all ranks then run, draw and watch alike, and each has what came of its own
    cores, under their numbers in the whole network.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        threads: int = 1,
        cores: Sequence[int] = (),
        cache: Path | None = None,
        share: Share | None = None,
        post: Post | None = None,
    ) -> None:
        self.circuit = circuit
        self.tick = 0
        self._share = share or Share((0, circuit.cores), 0)
        self._groups = -(-circuit.cores // GROUP)
        self._threads = max(1, min(threads, self._groups))
        self._tables = Tables(circuit, self._share, shared=self._threads > 1)
        self._axons = self._tables.shape.axons
        self._mail = None if post is None else self._opened(post)
        self._blocks = {draw: self._block(draw) if post is None else post.least(self._block(draw)) for draw in _DRAWN}
        self._loader = Loader()
        self._functions = functions(self._tables.shape, cache, self._loader)
        self._control = aligned(Control.WORDS.value, np.int64)
        self._ring = aligned(circuit.slots * circuit.cores * self._axons // 8, np.uint8)
        self._order = self._dealt_groups()
        self._wire()
        kept = tuple(cores or usable_cores())[: self._threads]
        self._pool = Pool(self._functions.pool, self._threads, cores=kept if self._threads == len(kept) > 1 else ())

    def _opened(self, post: Post) -> Mail:
        targets, bounds = self._tables.targets, self._share.bounds
        slot_bits = [(end - first) * self._axons for first, end in pairwise(bounds)]
        return Mail(post, targets.senders, post.least(targets.least_delay), slot_bits)

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads."""
        self._pool.close()

    # ---- running ----

    def run(self, ticks: int, arrivals: Arrivals = NO_ARRIVALS) -> Outcome:
        """Move on by so many ticks; arrivals count ticks as `tick` does, and those before or after are left out."""
        return self._run(ticks, arrivals, draw=False, traced=()).outcome

    def draw(self, ticks: int, arrivals: Arrivals = NO_ARRIVALS) -> tuple[Outcome, Raster]:
        """The same, with every neuron's spikes."""
        watched = self._run(ticks, arrivals, draw=True, traced=())
        return watched.outcome, watched.raster

    def watch(self, ticks: int, arrivals: Arrivals, traced: Sequence[tuple[int, int]]) -> Watched:
        """The same, with the potentials of neurons `traced`, each a core and a neuron of it, after every tick."""
        return self._run(ticks, arrivals, draw=True, traced=traced)

    def restart(self, cores: NDArray[np.int64]) -> None:
        """Set the potentials of these cores' neurons to what they begin with; spikes on their way stay.

        They are numbers in the whole network; those of other shares are left out.
        """
        own = cores - self._share.first
        self._tables.restart(own[(own >= 0) & (own < self.circuit.cores)], self.tick)

    def potentials(self) -> NDArray[np.int32]:
        """`[cores, neurons]`: the membrane potentials of the share's cores after the last tick."""
        return self._tables.potentials(self.tick)

    @property
    def core_spikes(self) -> NDArray[np.int64]:
        """`[cores]`: spikes of the neurons of each of the share's cores since the beginning."""
        return self._tables.core_spikes.copy()

    @property
    def core_events(self) -> NDArray[np.int64]:
        """`[cores]`: synaptic events of each of the share's cores since the beginning."""
        return self._tables.core_events.copy()

    def _run(self, ticks: int, arrivals: Arrivals, *, draw: bool, traced: Sequence[tuple[int, int]]) -> Watched:
        block = self._blocks[draw]
        if traced:
            block = min(block, max(1, _TRACE_BYTES // (4 * len(traced))))
        spikes, events = int(self._tables.core_spikes.sum()), int(self._tables.core_events.sum())
        departures: list[NDArray[np.int64]] = []
        rasters: list[Raster] = []
        here = [number for number, (core, _) in enumerate(traced) if core in self._share.cores]
        places = np.array([self._place_of(*traced[number]) for number in here], np.int64).reshape(-1, 2)
        trace = np.zeros((ticks, len(here)), np.int32)
        self._control[Control.NAPS] = not traced
        if traced:
            self._tables.wakes[:] = self.tick
        seconds = 0.0
        done = 0
        while done < ticks:
            count = min(block, ticks - done)
            raster = self._raster(count) if draw else None
            rows = trace[done : done + count]
            calls = Calls(self._functions, self._control, self._groups, places, rows, self._mail)
            seconds += self._advance(count, arrivals, departures, raster, calls)
            if raster is not None:
                rasters.append(self._drawn(raster, self.tick - count))
            done += count
        outcome = Outcome(
            _departures(departures),
            int(self._tables.core_spikes.sum()) - spikes,
            int(self._tables.core_events.sum()) - events,
            seconds,
        )
        potentials = np.zeros((ticks, len(traced)), np.int32)
        potentials[:, here] = trace
        return Watched(outcome, joined(rasters), potentials)

    def _place_of(self, core: int, neuron: int) -> tuple[int, int]:
        return self._tables.place_of(core - self._share.first, neuron)

    def _advance(
        self,
        ticks: int,
        arrivals: Arrivals,
        departures: list[NDArray[np.int64]],
        raster: NDArray[np.uint8] | None,
        calls: Calls,
    ) -> float:
        """One block of ticks; the seconds it took."""
        first = self.tick
        starts = np.searchsorted(arrivals.ticks, np.arange(first, first + ticks + 1))
        cores = arrivals.cores[starts[0] : starts[-1]].astype(np.int64) - self._share.first
        here = (cores >= 0) & (cores < self.circuit.cores)
        places = (cores * self._axons + arrivals.axons[starts[0] : starts[-1]])[here]
        starts = np.append(0, np.cumsum(here))[starts - starts[0]]
        self._arrive_now(places[: starts[1]])
        # While tick t is computed, the input of t + 1 comes in; that of the block's last tick has nothing to bring.
        later = np.append(starts[1:], starts[-1]).astype(np.int64)
        records = np.empty((max(1, self._tables.targets.leaving * ticks), 2), np.int64)
        control = self._control
        control[Control.FIRST_TICK] = first
        control[Control.DEPARTURES] = records.ctypes.data
        control[Control.DEPARTED] = 0
        control[Control.RASTER] = 0 if raster is None else raster.ctypes.data
        control[Control.INPUT_STARTS] = later.ctypes.data
        control[Control.INPUTS] = places.ctypes.data
        seconds = calls.run(self._pool)
        self.tick = first + ticks
        departures.append(records[: int(control[Control.DEPARTED])].copy())
        return seconds

    def _arrive_now(self, places: NDArray[np.int64]) -> None:
        """Set the bits of these axons in the present tick's slot of the ring."""
        slot = self._ring.reshape(self.circuit.slots, -1)[self.tick % self.circuit.slots]
        np.bitwise_or.at(slot, places >> 3, (1 << (places & 7)).astype(np.uint8))

    def _block(self, draw: bool) -> int:
        """So many ticks that records of departures and rasters stay small."""
        block = min(_MOST_TICKS, max(1, _MOST_DEPARTURES // max(1, self._tables.targets.leaving)))
        if draw:
            block = min(block, max(1, _RASTER_BYTES // (self.circuit.cores * self.circuit.neurons // 8)))
        return block

    def _raster(self, ticks: int) -> NDArray[np.uint8]:
        return np.zeros((ticks, self.circuit.cores, self.circuit.neurons // 8), np.uint8)

    def _drawn(self, raster: NDArray[np.uint8], first: int) -> Raster:
        ticks, cores, neurons = np.nonzero(np.unpackbits(raster, axis=2, bitorder="little"))
        return Raster(ticks + first, cores + self._share.first, neurons)

    # ---- making ready ----

    def _dealt_groups(self) -> NDArray[np.int64]:
        """Groups of cores in an order that deals neighbours to different threads, as they tend to be busy together."""
        groups = np.arange(self._groups, dtype=np.int64)
        return np.concatenate([groups[thread :: self._threads] for thread in range(self._threads)])

    def _wire(self) -> None:
        tables, control = self._tables, self._control
        control[Control.CORES] = self.circuit.cores
        addresses: dict[Control, NDArray[Any]] = {
            Control.RING: self._ring,
            Control.WAKES: tables.wakes,
            Control.SETTLED: tables.settled,
            Control.QUIET: tables.quiet,
            Control.DESCRIPTORS: tables.descriptors,
            Control.ROWS_16: tables.rows_16,
            Control.ROWS_32: tables.rows_32,
            Control.POTENTIALS_16: tables.potentials_16,
            Control.POTENTIALS_32: tables.potentials_32,
            Control.MASKS: tables.masks,
            Control.CROSSBARS: tables.crossbars,
            Control.TYPES: tables.types,
            Control.TARGETS: tables.targets.words,
            Control.AWAY: tables.targets.away,
            Control.PLACES: tables.places,
            Control.SEQUENCE: tables.sequence,
            Control.CORE_SPIKES: tables.core_spikes,
            Control.CORE_EVENTS: tables.core_events,
            Control.ORDER: self._order,
        }
        if self._mail is not None:
            addresses[Control.PEERS] = self._mail.peers
        for word, array in addresses.items():
            control[word] = array.ctypes.data


def _departures(records: Sequence[NDArray[np.int64]]) -> Departures:
    every = np.concatenate(records) if records else np.zeros((0, 2), np.int64)
    every = every[np.lexsort((every[:, 1], every[:, 0]))]
    return Departures(every[:, 0], every[:, 1])


def succeeding(outcomes: Sequence[Outcome]) -> Outcome:
    """What came of runs one after the other, one at least."""
    departures = [outcome.departures for outcome in outcomes]
    return Outcome(
        Departures(np.concatenate([one.ticks for one in departures]), np.concatenate([one.pins for one in departures])),
        sum(outcome.spikes for outcome in outcomes),
        sum(outcome.synaptic_events for outcome in outcomes),
        sum(outcome.seconds for outcome in outcomes),
    )


def joined(rasters: Sequence[Raster]) -> Raster:
    """Rasters of runs one after the other."""
    if not rasters:
        return Raster(*(np.zeros(0, np.int64) for _ in range(3)))
    return Raster(
        np.concatenate([raster.ticks for raster in rasters]),
        np.concatenate([raster.cores for raster in rasters]),
        np.concatenate([raster.neurons for raster in rasters]),
    )
