"""How does a gradient become its sum over a group, made small on the way? Each member sums what it owns, and tells all.

Members send each other the terms of the columns that the other owns; an owner adds the terms to its own, always in the
same order, encodes the sum, and sends it to all. Everyone, the owner too, decodes the same bytes, so that all have the
same bits. Nothing here waits but `wait`: `advance` does what has become possible.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter

import numpy as np

from brainrun.errors import RunError
from brainrun.plan.messages import bound_bytes, slots
from brainrun.plan.schema import Part, Reduction
from brainrun.pool import Pool
from brainrun.reduction.channel import Arrival, Channel, Departure
from brainrun.reduction.coding import Decoder, Encoder, Memory, Slot
from brainrun.reduction.moment import Moment

_GOLDEN = 0x9E3779B97F4A7C15
_FRUITLESS_TURNS_BEFORE_YIELDING = 50


class UnderWay:
    """The reductions between their start and their wait, of one rank."""

    def __init__(self) -> None:
        self.reductions: list[BoundReduction] = []

    def progress(self) -> bool:
        """Do what has become possible for each; whether anything had."""
        moved = False
        for reduction in self.reductions:
            moved |= reduction.advance()
        return moved


class BoundReduction:
    """A reduction at its place in a rank's memory; a member of a group of two or more. It has state: its messages.

    `tag` and the number after it are the reduction's own on this channel. `bytes_sent` counts what was given to the
    channel so far.
    """

    def __init__(
        self,
        reduction: Reduction,
        memory: Memory,
        pool: Pool,
        channel: Channel,
        *,
        tag: int,
        rank: int,
        moment: Moment,
        under_way: UnderWay,
        progress: Callable[[], bool],
    ) -> None:
        self.name = reduction.name
        self.bytes_sent = 0
        self._pool, self._channel, self._moment = pool, channel, moment
        self._tag, self._rank = tag, rank
        self._under_way, self._progress = under_way, progress
        me, members, threads = channel.me, channel.members, pool.threads
        places = slots(reduction, members, me)
        bounds = [bound_bytes(reduction, owner) for owner in range(members)]
        # Each begins with its neighbour, so that not all send to the same member at once.
        after = [(me + step) % members for step in range(1, members)]
        before = after[::-1]
        self._owners = [peer for peer in after if bounds[peer]]
        self._terms = Encoder(
            reduction,
            [Slot(peer, places.outgoing[peer], places.scratch[peer]) for peer in self._owners],
            memory,
            me=me,
            threads=threads,
        )
        self._listeners = after if bounds[me] else []
        own = [Slot(me, places.own, places.scratch[me])] if bounds[me] else []
        self._sum = Encoder(reduction, own, memory, me=me, threads=threads)
        self._set_own = [Decoder(reduction, slot, memory, add=False, threads=threads) for slot in own]

        def inbox(peer: int, offset: int, owner: int, phase: int) -> tuple[Arrival, Decoder]:
            place = memory.messages[offset : offset + bounds[owner]]
            decoder = Decoder(reduction, Slot(owner, offset), memory, add=phase == 0, threads=threads)
            return channel.receive(peer, tag + phase, place), decoder

        self._incoming = [inbox(peer, places.incoming[peer], me, 0) for peer in before if bounds[me]]
        self._gathered = [inbox(peer, places.gathered[peer], peer, 1) for peer in before if bounds[peer]]
        self._coders: list[Encoder | Decoder] = [self._terms, self._sum, *self._set_own]
        self._coders += [decoder for _, decoder in self._incoming + self._gathered]
        self._epoch = -1
        self._added = 0
        self._told = True
        self._awaited: list[tuple[Arrival, Decoder]] = []
        self._sending: list[Departure] = []
        self._wire_began = 0.0

    def start(self) -> None:
        """Send the others their terms. RunError where the gradient is not finite."""
        for arrival, _ in self._incoming:
            arrival.expect()
        for arrival, _ in self._gathered:
            arrival.expect()
        began = perf_counter()
        self._begin_epoch()
        self._encode(self._terms, "gradient")
        self._note("encode", began)
        self._wire_began = perf_counter()
        for peer, message in zip(self._owners, self._terms.messages, strict=True):
            self._send(peer, self._tag, message)
        self._added, self._told = 0, False
        self._awaited = list(self._gathered)
        self._under_way.reductions.append(self)

    def advance(self) -> bool:
        """Do what has become possible, without waiting; whether anything had."""
        moved = False
        while self._added < len(self._incoming) and self._incoming[self._added][0].here():
            self._decode(self._incoming[self._added][1])
            self._added += 1
            moved = True
        if not self._told and self._added == len(self._incoming):
            self._tell()
            moved = True
        # One's own sum first: others wait for it.
        if self._awaited and (here := [inbox for inbox in self._awaited if inbox[0].here()]):
            for inbox in here:
                self._decode(inbox[1])
                self._awaited.remove(inbox)
            moved = True
            if not self._awaited and self._told:
                self._note_wire("sums", perf_counter())
        return moved

    def wait(self) -> None:
        """Return when the gradient is the sum and every message is gone; others under way advance meanwhile."""
        fruitless = 0
        while not self._complete():
            fruitless = 0 if self._progress() else fruitless + 1
            if fruitless > _FRUITLESS_TURNS_BEFORE_YIELDING:
                os.sched_yield()
        self._under_way.reductions.remove(self)

    def _complete(self) -> bool:
        if not self._told or self._awaited:
            return False
        self._sending = [departure for departure in self._sending if not departure.gone()]
        return not self._sending

    def _begin_epoch(self) -> None:
        """The schemes' numbers may change with the epoch."""
        if self._epoch != self._moment.epoch:
            self._epoch = self._moment.epoch
            for coder in self._coders:
                coder.begin(self._epoch)

    def _tell(self) -> None:
        """All terms are here: make the sum, and send it to all, oneself included."""
        began = perf_counter()
        self._note_wire("terms", began)
        self._encode(self._sum, "summed gradient")
        self._note("encode", began)
        self._wire_began = perf_counter()
        for peer in self._listeners:
            self._send(peer, self._tag + 1, self._sum.messages[0])
        for decoder in self._set_own:
            self._decode(decoder)
        self._told = True

    def _send(self, peer: int, tag: int, message: np.ndarray) -> None:
        self._sending.append(self._channel.send(peer, tag, message))
        self.bytes_sent += len(message)

    def _encode(self, encoder: Encoder, what: str) -> None:
        moment = self._moment
        strange = encoder.run(self._pool, (moment.seed + (moment.step + 1) * _GOLDEN) % 2**64)
        if strange is not None:
            raise RunError(
                f"the {what} of {_parameter(strange)} is not finite",
                remedy="lower the learning rate, or look at the data",
                rank=self._rank,
                layer=strange.layer,
                step=moment.step + 1,
            )

    def _decode(self, decoder: Decoder) -> None:
        began = perf_counter()
        decoder.run(self._pool)
        self._note("decode", began)

    def _note(self, track: str, began: float) -> None:
        if self._moment.timeline is not None:
            self._moment.timeline.note(track, self.name, began, perf_counter())

    def _note_wire(self, what: str, ended: float) -> None:
        if self._moment.timeline is not None:
            self._moment.timeline.note(f"wire: {self.name}", what, self._wire_began, ended)


def _parameter(part: Part) -> str:
    """What the gradient is of, as the user calls it: its buffer is named `PROCEDURE:PARAMETER.grad`."""
    return part.gradient.split(":", 1)[-1].removesuffix(".grad")
