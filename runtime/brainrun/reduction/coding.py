"""How do gradients become messages, and messages gradients? By their schemes' kernels, into and out of fixed slots.

A message is a header, one uint32 with the length of its payload for each piece of each part, and then the payloads end
to end.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from brainrun.plan.messages import bound_bytes, header_bytes, scratch_bytes
from brainrun.plan.schema import Part, Reduction
from brainrun.plan.segments import LENGTH, PAYLOAD, SEED, STRANGE
from brainrun.pool import Pool
from brainrun.reduction.segments import Segment, Segments


@dataclass(frozen=True, slots=True)
class Memory:
    """Where a reduction's buffers lie: addresses by name, kernels by name, and the bytes of its buffer of messages."""

    addresses: Mapping[str, int]
    kernels: Mapping[str, int]
    messages: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one message about the columns of `owner`."""

    owner: int
    offset: int
    scratch: tuple[int, ...] = ()
    """A place for each part's encoder."""


def message_place(reduction: Reduction, slot: Slot, memory: Memory) -> NDArray[np.uint8]:
    """The slot's bytes, as many as its message may have."""
    return memory.messages[slot.offset : slot.offset + bound_bytes(reduction, slot.owner)]


class Encoder:
    """Encodes the columns of some owners, each owner's into its slot. `messages[i]` is slot i's after `run`."""

    def __init__(self, reduction: Reduction, slots: Sequence[Slot], memory: Memory, *, me: int, threads: int) -> None:
        parts, first = reduction.parts, int(memory.messages.ctypes.data)
        places = [message_place(reduction, slot, memory) for slot in slots]
        self._first_payload = header_bytes(reduction)
        pieces = _pieces(reduction)
        wanted = [(slot, n) for slot in slots for n, (p, _) in enumerate(pieces) if parts[p].bounds[slot.owner]]
        starts = {slot: _starts(reduction, slot.owner) for slot in slots}
        self._segments = Segments(
            [
                Segment(
                    memory.kernels[part.encode],
                    part,
                    slot.owner,
                    piece,
                    memory.addresses[part.gradient],
                    memory.addresses.get(part.error, 0),
                    memory.addresses.get(part.velocity, 0),
                    first + slot.offset + starts[slot][n],
                    first + slot.scratch[p] + piece * scratch_bytes(part),
                )
                for slot, n in wanted
                for p, piece in (pieces[n],)
                for part in (parts[p],)
            ],
            threads,
        )
        self.begin = self._segments.begin
        seeds = [
            _seed(f"{reduction.name}, part {p}, {f'piece {piece}, ' if piece else ''}columns of {slot.owner} from {me}")
            for slot, n in wanted
            for p, piece in (pieces[n],)
        ]
        self._seeds = np.zeros(len(self._segments.table), np.uint64)
        self._seeds[self._segments.place] = np.array(seeds, np.uint64)
        self._seed_words = self._segments.table[:, SEED].view(np.uint64)
        rows = dict(zip(wanted, self._segments.first_words, strict=True))
        self._slots = [
            (
                place,
                _header(reduction, place),
                [(n, parts[p], rows[slot, n], starts[slot][n]) for n, (p, _) in enumerate(pieces) if (slot, n) in rows],
                [n for n in range(len(pieces)) if (slot, n) not in rows],
            )
            for slot, place in zip(slots, places, strict=True)
        ]
        self.messages = places

    def run(self, pool: Pool, seed: int) -> Part | None:
        """Encode all; a part with an entry that is no finite number, if there is one."""
        np.add(self._seeds, np.uint64(seed), out=self._seed_words)
        self._segments.run(pool)
        words = self._segments.words
        for i, (place, header, payloads, absent) in enumerate(self._slots):
            for n in absent:
                header[n] = 0
            end = self._first_payload
            for n, part, row, start in payloads:
                if words[row + STRANGE]:
                    return part
                header[n] = length = words[row + LENGTH]
                if end != start:  # a payload before it is shorter than its bound
                    first = words[row + PAYLOAD] - start
                    ctypes.memmove(first + end, first + start, length)
                end += length
            self.messages[i] = place[:end]
        return None


class Decoder:
    """Decodes one slot's message, adding it to the gradient or setting the gradient to it."""

    def __init__(self, reduction: Reduction, slot: Slot, memory: Memory, *, add: bool, threads: int) -> None:
        place = message_place(reduction, slot, memory)
        self._place = place
        self._header = _header(reduction, place)
        self._first_payload = int(place.ctypes.data) + header_bytes(reduction)
        wanted = [
            (n, reduction.parts[p], piece)
            for n, (p, piece) in enumerate(_pieces(reduction))
            if reduction.parts[p].bounds[slot.owner]
        ]
        self._segments = Segments(
            [
                Segment(
                    memory.kernels[part.decode],
                    part,
                    slot.owner,
                    piece,
                    memory.addresses[part.gradient],
                    add=add,
                )
                for _, part, piece in wanted
            ],
            threads,
        )
        self.begin = self._segments.begin
        self._payloads = list(zip((n for n, *_ in wanted), self._segments.first_words, strict=True))

    def run(self, pool: Pool) -> None:
        """Decode it."""
        words, header, address = self._segments.words, self._header, self._first_payload
        for n, row in self._payloads:
            words[row + PAYLOAD] = address
            words[row + LENGTH] = length = header[n]
            address += length
        self._segments.run(pool)

    def message(self) -> NDArray[np.uint8]:
        """The message that is there, in its true length."""
        return self._place[: self._header.nbytes + sum(self._header)]


def _header(reduction: Reduction, place: NDArray[np.uint8]) -> memoryview:
    """The lengths of the payloads, by part and piece."""
    return place[: header_bytes(reduction)].data.cast("I")


def _pieces(reduction: Reduction) -> list[tuple[int, int]]:
    """Of each payload of a message the numbers of its part and of its piece."""
    return [(p, piece) for p, part in enumerate(reduction.parts) for piece in range(part.pieces)]


def _starts(reduction: Reduction, owner: int) -> list[int]:
    """Where each payload begins in a message if those before it are as long as they may be."""
    bounds = [reduction.parts[p].bounds[owner] for p, _ in _pieces(reduction)]
    return list(accumulate(bounds[:-1], initial=header_bytes(reduction)))


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
