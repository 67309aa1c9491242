"""How do the segments of a message become calls for the pool? As rows of a table, dealt to its threads by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainrun.plan.messages import piece_of
from brainrun.plan.schema import Part, Slice
from brainrun.plan.segments import (
    ADD,
    BLOCK_STRIDE,
    BOUND,
    COLUMN_STRIDE,
    COLUMNS,
    ERROR,
    GRADIENT,
    PARAMETERS,
    PAYLOAD,
    ROWS,
    SCRATCH,
    SEGMENT_WORDS,
    VELOCITY,
)
from brainrun.pool import CALL_WORDS, Pool


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of one part's columns of one owner: the kernel that codes it, and where it lies.

    `gradient`, `error`, `velocity`, `payload` and `scratch` are addresses: of the part's buffers (0: none), and of the
    segment's own two. `add` is for decoders.
    """

    kernel: int
    part: Part
    owner: int
    piece: int
    gradient: int
    error: int = 0
    velocity: int = 0
    payload: int = 0
    scratch: int = 0
    add: bool = False

    @property
    def columns(self) -> int:
        """How many columns it has."""
        own = self._own()
        return own.stop - own.start

    def _own(self) -> Slice:
        return piece_of(self.part.owned[self.owner], self.piece, self.part.pieces)

    def row(self) -> list[int]:
        """Its words, as far as they do not change from step to step."""
        matrix, words = self.part.matrix, [0] * SEGMENT_WORDS
        skipped = 4 * self._own().start * matrix.column_stride
        words[GRADIENT] = self.gradient + skipped
        words[ERROR] = self.error + skipped if self.error else 0
        words[VELOCITY] = self.velocity + skipped if self.velocity else 0
        words[ROWS], words[COLUMNS] = matrix.rows, self.columns
        words[COLUMN_STRIDE], words[BLOCK_STRIDE] = matrix.column_stride, matrix.block_stride
        words[PAYLOAD], words[BOUND] = self.payload, self.part.bounds[self.owner]
        words[SCRATCH], words[ADD] = self.scratch, int(self.add)
        return words

    def numbers(self, epoch: int) -> NDArray[np.int64]:
        """The bits of the scheme's numbers in an epoch, counted from 0."""
        warmup = self.part.warmup
        return np.array(warmup[epoch] if epoch < len(warmup) else self.part.parameters, np.float64).view(np.int64)


class Segments:
    """Segments as a table and the pool's calls over it, one call a kernel. It has state: the words that kernels write.

    Segment i is row `place[i]` of `table[rows, words]`. `words` is the same end to end, where single words are quicker
    to read; there the segment begins at `first_words[i]`. A thread's share of a call is a run of rows of equal number,
    so the shares are evened out by rows of no columns.
    """

    def __init__(self, segments: Sequence[Segment], threads: int) -> None:
        self._segments = segments
        kernels = list(dict.fromkeys(segment.kernel for segment in segments))
        rows: list[list[int]] = []
        self.place = np.zeros(len(segments), np.int64)
        extents = []
        for kernel in kernels:
            first = len(rows)
            for share in _shares([i for i, s in enumerate(segments) if s.kernel == kernel], segments, threads):
                for index in share:
                    if index is not None:
                        self.place[index] = len(rows)
                    rows.append([0] * SEGMENT_WORDS if index is None else segments[index].row())
            extents.append((first, len(rows) - first))
        self.table: NDArray[np.int64] = np.array(rows, np.int64).reshape(-1, SEGMENT_WORDS)
        self.words = self.table.data.cast("B").cast("q") if rows else memoryview(b"")
        self.first_words: list[int] = (self.place * SEGMENT_WORDS).tolist()
        self._operands = np.array([self.table[first:].ctypes.data for first, _ in extents], np.int64)
        self._calls = np.zeros((len(kernels), CALL_WORDS), np.int64)
        for number, (kernel, (_, extent)) in enumerate(zip(kernels, extents, strict=True)):
            self._calls[number, :4] = kernel, self._operands[number:].ctypes.data, extent, 1
        self._address = int(self._calls.ctypes.data)

    def begin(self, epoch: int) -> None:
        """Give each scheme the numbers that it has in this epoch."""
        for place, segment in zip(self.place.tolist(), self._segments, strict=True):
            numbers = segment.numbers(epoch)
            self.table[place, PARAMETERS : PARAMETERS + len(numbers)] = numbers

    def run(self, pool: Pool) -> None:
        """Code them all."""
        if len(self._calls):
            pool.run_at(self._address, len(self._calls))


def _shares(wanted: Sequence[int], segments: Sequence[Segment], threads: int) -> list[list[int | None]]:
    """The segments dealt out, the largest first, each to the thread that has least; None fills the shares up."""
    threads = min(threads, len(wanted))
    shares: list[list[int | None]] = [[] for _ in range(threads)]
    loads = [0] * threads
    for index in sorted(wanted, key=lambda i: -_entries(segments[i])):
        least = loads.index(min(loads))
        shares[least].append(index)
        loads[least] += _entries(segments[index])
    longest = max(map(len, shares))
    return [share + [None] * (longest - len(share)) for share in shares]


def _entries(segment: Segment) -> int:
    return segment.columns * segment.part.matrix.rows
