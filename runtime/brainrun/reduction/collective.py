"""How does a gradient become its sum over a group, made small on the way? Each member sums what it owns, and tells all.

Members send each other the terms of the columns that the other owns; an owner adds the terms to its own, always in the
same order, encodes the sum, and sends it to all. Everyone, the owner too, decodes the same bytes, so that all have the
same bits. Nothing here waits but `wait`: `advance` does what has become possible.

Where members share nodes, those of a node first sum their gradients as they are. Then each exchanges terms with its
partners in other nodes alone, and passes their sums on to its neighbours, in the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import RunError
from brainrun.plan.messages import bound_bytes, neighbours, partners, slots
from brainrun.plan.schema import Part, Reduction
from brainrun.pool import Pool
from brainrun.reduction.channel import Arrival, Channel, Departure, Sum
from brainrun.reduction.coding import Decoder, Encoder, Memory, Slot, message_place
from brainrun.reduction.moment import Moment

_GOLDEN = 0x9E3779B97F4A7C15
_FRUITLESS_TURNS_BEFORE_YIELDING = 50


def tags_of(reduction: Reduction) -> int:
    """How many tags a reduction needs: one for terms, and one for the sum of what each member owns."""
    return 1 + len(reduction.parts[0].owned)


@dataclass(frozen=True, slots=True)
class _Inbox:
    """Where a message about the columns of `owner` comes in, and what makes gradients of it."""

    decoder: Decoder
    arrival: Arrival
    owner: int


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

    `within` sums over one's node where members share nodes. The tags from `tag` on, as many as `tags_of` says, are the
    reduction's own on this channel. `bytes_sent` counts what was given to the channel so far, but for what is passed on
    within a node.
    """

    def __init__(
        self,
        reduction: Reduction,
        memory: Memory,
        pool: Pool,
        channel: Channel,
        within: Sum | None,
        *,
        tag: int,
        rank: int,
        moment: Moment,
        under_way: UnderWay,
        progress: Callable[[], bool],
    ) -> None:
        self.name = reduction.name
        self.bytes_sent = 0
        self._pool, self._channel, self._within, self._moment = pool, channel, within, moment
        self._tag, self._rank = tag, rank
        self._under_way, self._progress = under_way, progress
        me, members, threads, node = channel.me, channel.members, pool.threads, reduction.node
        places = slots(reduction, members, me)
        bounds = [bound_bytes(reduction, owner) for owner in range(members)]
        self._me, self._partners, self._neighbours = me, partners(members, me, node), neighbours(me, node)
        self._owners = [peer for peer in self._partners if bounds[peer]]
        outgoing = [Slot(peer, places.outgoing[peer], places.scratch[peer]) for peer in self._owners]
        own = [Slot(me, places.own, places.scratch[me])] if bounds[me] else []
        self._terms = Encoder(reduction, outgoing, memory, me=me, threads=threads)
        self._sum = Encoder(reduction, own, memory, me=me, threads=threads)
        self._set_own = [Decoder(reduction, slot, memory, add=False, threads=threads) for slot in own]
        # Partners begin with their next one, so the one before is the first to be heard of.
        incoming = [(peer, Slot(me, places.incoming[peer])) for peer in reversed(self._partners) if bounds[me]]
        self._incoming = [
            _Inbox(
                Decoder(reduction, slot, memory, add=True, threads=threads),
                channel.receive(peer, tag, message_place(reduction, slot, memory)),
                slot.owner,
            )
            for peer, slot in incoming
        ]
        gathered = [Slot(owner, places.gathered[owner]) for owner in range(members) if owner != me and bounds[owner]]
        self._gathered = [
            _Inbox(
                Decoder(reduction, slot, memory, add=False, threads=threads),
                channel.receive(
                    slot.owner if slot.owner in self._partners else me - me % node + slot.owner % node,
                    tag + 1 + slot.owner,
                    message_place(reduction, slot, memory),
                ),
                slot.owner,
            )
            for slot in gathered
        ]
        self._coders: list[Encoder | Decoder] = [self._terms, self._sum, *self._set_own]
        self._coders += [inbox.decoder for inbox in self._incoming + self._gathered]
        self._epoch = -1
        self._phase: Literal["summing", "adding", "setting"] = "setting"
        self._added = 0
        self._awaited: list[_Inbox] = []
        self._sending: list[Departure] = []
        self._wire_began = 0.0

    def start(self) -> None:
        """Send the partners their terms, once the node's are summed. RunError where the gradient is not finite."""
        for inbox in self._incoming + self._gathered:
            inbox.arrival.expect()
        if self._epoch != self._moment.epoch:  # the schemes' numbers may change with it
            self._epoch = self._moment.epoch
            for coder in self._coders:
                coder.begin(self._epoch)
        self._phase, self._added, self._awaited = "summing", 0, list(self._gathered)
        self._under_way.reductions.append(self)
        self._wire_began = perf_counter()
        if self._within is None:
            self._send_terms()
        else:
            self._within.start()

    def advance(self) -> bool:
        """Do what has become possible, without waiting; whether anything had."""
        moved = False
        if self._phase == "summing":
            # Until the node's sum is there, it may still overwrite the gradient.
            if self._within is not None and not self._within.here():
                return False
            self._note_wire("node")
            self._send_terms()
            moved = True
        while self._added < len(self._incoming) and self._incoming[self._added].arrival.here():
            self._decode(self._incoming[self._added].decoder)
            self._added += 1
            moved = True
        if self._phase == "adding" and self._added == len(self._incoming):
            self._send_sum()  # before others' sums are looked at: everyone waits for it
            moved = True
        if self._awaited and (here := [inbox for inbox in self._awaited if inbox.arrival.here()]):
            for inbox in here:
                self._pass_on(inbox)
                self._decode(inbox.decoder)
                self._awaited.remove(inbox)
            moved = True
            if not self._awaited and self._phase == "setting":
                self._note_wire("sums")
        if self._phase == "setting" and self._sending and not self._awaited and self._sending[0].gone():
            del self._sending[0]  # nothing else is asked about, and unasked MPI would not send it
            moved = True
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
        if self._phase != "setting" or self._awaited:
            return False
        self._sending = [departure for departure in self._sending if not departure.gone()]
        return not self._sending

    def _send_terms(self) -> None:
        """Encode what the partners own, and send it to them."""
        began = perf_counter()
        self._encode(self._terms, "gradient")
        self._note("encode", began)
        self._wire_began = perf_counter()
        for peer, message in zip(self._owners, self._terms.messages, strict=True):
            self._send(peer, self._tag, message)
        self._phase = "adding"

    def _send_sum(self) -> None:
        """All terms are here: encode the sum, and send it to all, oneself included."""
        self._note_wire("terms")
        began = perf_counter()
        self._encode(self._sum, "summed gradient")
        self._note("encode", began)
        self._wire_began = perf_counter()
        for message in self._sum.messages:
            for peer in self._partners:
                self._send(peer, self._tag + 1 + self._me, message)
            for neighbour in self._neighbours:
                self._sending.append(self._channel.send(neighbour, self._tag + 1 + self._me, message))
        for decoder in self._set_own:
            self._decode(decoder)
        self._phase = "setting"

    def _send(self, peer: int, tag: int, message: NDArray[np.uint8]) -> None:
        self._sending.append(self._channel.send(peer, tag, message))
        self.bytes_sent += len(message)

    def _pass_on(self, inbox: _Inbox) -> None:
        """What a partner owns, the neighbours learn from here."""
        if self._neighbours and inbox.owner in self._partners:
            message = inbox.decoder.message()
            for neighbour in self._neighbours:
                self._sending.append(self._channel.send(neighbour, self._tag + 1 + inbox.owner, message))

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

    def _note_wire(self, what: str) -> None:
        if self._moment.timeline is not None:
            self._moment.timeline.note(f"wire: {self.name}", what, self._wire_began, perf_counter())


def _parameter(part: Part) -> str:
    """What the gradient is of, as the user calls it: its buffer is named `PROCEDURE:PARAMETER.grad`."""
    return (part.factor_of or part.gradient).split(":", 1)[-1].removesuffix(".grad")
