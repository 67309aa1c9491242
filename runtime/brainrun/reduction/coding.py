"""How do gradients become messages, and messages gradients? By their schemes' kernels, into and out of fixed slots.

A message is a header, one uint32 a part with the length of its payload, and then the payloads end to end.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainrun.plan.messages import bound_bytes, header_bytes
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


class Encoder:
    """Encodes the columns of some owners, each owner's into its slot. `messages[i]` is slot i's after `run`."""

    def __init__(self, reduction: Reduction, slots: Sequence[Slot], memory: Memory, *, me: int, threads: int) -> None:
        self._parts = reduction.parts
        count, first = len(slots), int(memory.messages.ctypes.data)
        self._header = header_bytes(len(self._parts))
        bounds = np.array([[part.bounds[slot.owner] for part in self._parts] for slot in slots], np.int64)
        self._bounds = bounds.reshape(count, len(self._parts))
        self._starts = self._header + np.cumsum(self._bounds, axis=1) - self._bounds
        self._slots = [
            memory.messages[slot.offset : slot.offset + bound_bytes(reduction, slot.owner)] for slot in slots
        ]
        self._headers = [place[: self._header].view(np.uint32) for place in self._slots]
        wanted = [
            (i, p) for i, slot in enumerate(slots) for p, part in enumerate(self._parts) if part.bounds[slot.owner]
        ]
        self._wanted = np.array(wanted, np.int64).reshape(-1, 2)
        segments = [
            Segment(
                memory.kernels[self._parts[p].encode],
                self._parts[p],
                slots[i].owner,
                memory.addresses[self._parts[p].gradient],
                memory.addresses.get(self._parts[p].error, 0),
                memory.addresses.get(self._parts[p].velocity, 0),
                first + slots[i].offset + int(self._starts[i, p]),
                first + slots[i].scratch[p],
            )
            for i, p in wanted
        ]
        self._segments = Segments(segments, threads)
        self.begin = self._segments.begin
        seeds = [_seed(f"{reduction.name}, part {p}, columns of {slots[i].owner} from {me}") for i, p in wanted]
        self._seeds = np.zeros(len(self._segments.table), np.uint64)
        self._seeds[self._segments.place] = np.array(seeds, np.uint64)
        self._seed_words = self._segments.table[:, SEED].view(np.uint64)
        self._strange_words = self._segments.table[:, STRANGE]
        self._lengths = np.zeros_like(self._bounds)
        self.messages: list[NDArray[np.uint8]] = list(self._slots)

    def run(self, pool: Pool, seed: int) -> Part | None:
        """Encode all; a part with an entry that is no finite number, if there is one, and then no message is made."""
        np.add(self._seeds, np.uint64(seed), out=self._seed_words)
        self._segments.run(pool)
        if self._strange_words.any():
            places = self._wanted[np.flatnonzero(self._strange_words[self._segments.place])]
            return self._parts[int(places[:, 1].min())]
        self._pack()
        return None

    def _pack(self) -> None:
        """Write the headers, and close the gaps that payloads shorter than their bounds leave."""
        lengths = self._lengths
        lengths[self._wanted[:, 0], self._wanted[:, 1]] = self._segments.table[self._segments.place, LENGTH]
        for header, row in zip(self._headers, lengths, strict=True):
            header[:] = row
        ends = self._header + np.cumsum(lengths, axis=1)
        starts = ends - lengths
        for i, p in np.argwhere((starts != self._starts) & (lengths > 0)).tolist():
            slot = int(self._slots[i].ctypes.data)
            ctypes.memmove(slot + int(starts[i, p]), slot + int(self._starts[i, p]), int(lengths[i, p]))
        self.messages = [slot[:end] for slot, end in zip(self._slots, ends[:, -1].tolist(), strict=True)]


class Decoder:
    """Decodes one slot's message, adding it to the gradient or setting the gradient to it."""

    def __init__(self, reduction: Reduction, slot: Slot, memory: Memory, *, add: bool, threads: int) -> None:
        place = memory.messages[slot.offset : slot.offset + bound_bytes(reduction, slot.owner)]
        header = header_bytes(len(reduction.parts))
        self._lengths = place[:header].view(np.uint32)
        self._first = int(place.ctypes.data) + header
        wanted = [p for p, part in enumerate(reduction.parts) if part.bounds[slot.owner]]
        self._wanted = np.array(wanted, np.int64)
        parts = [reduction.parts[p] for p in wanted]
        self._segments = Segments(
            [
                Segment(
                    memory.kernels[part.decode],
                    part,
                    slot.owner,
                    memory.addresses[part.gradient],
                    add=add,
                )
                for part in parts
            ],
            threads,
        )
        self.begin = self._segments.begin

    def run(self, pool: Pool) -> None:
        """Decode it."""
        lengths = self._lengths.astype(np.int64)
        starts = np.cumsum(lengths) - lengths + self._first
        table, place = self._segments.table, self._segments.place
        table[place, PAYLOAD] = starts[self._wanted]
        table[place, LENGTH] = lengths[self._wanted]
        self._segments.run(pool)


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
