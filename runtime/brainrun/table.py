"""How do calls become rows of the pool's table? Whole, or in short pieces between which messages move.

Whether a call is cut does not change its bits; that is the kernels' promise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from brainrun.arena import Arena
from brainrun.plan.schema import Call
from brainrun.pool import CALL_WORDS

# What a thread does in about half a millisecond: messages wait no longer than a piece lasts.
_FLOPS_A_PIECE = 3e7
_BYTES_A_PIECE = 2e6
_CALLS_A_PIECE = 32


@dataclass(frozen=True, slots=True)
class Piece:
    """Parts `first … first + extent − 1` of calls that are chained, or of one call."""

    calls: tuple[Call, ...]
    first: int
    extent: int


def chains(calls: Sequence[Call]) -> Iterator[Piece]:
    """Each call whole, those that are chained together."""
    chain: list[Call] = []
    for call in calls:
        chain.append(call)
        if not call.chained:
            yield Piece(tuple(chain), 0, call.extent)
            chain = []
    if chain:
        yield Piece(tuple(chain), 0, chain[0].extent)


def short_tables(calls: Sequence[Call], threads: int) -> Iterator[list[Piece]]:
    """The same calls in the same order, cut into tables of about half a millisecond each.

    A cut lies at a multiple of `threads` parts, so that a cut call is shared out as evenly as a whole one.
    """
    table: list[Piece] = []
    filled = 0.0
    for chain in chains(calls):
        rounds = max(1, ceil(chain.extent / threads))
        work = sum(_work(call, threads) for call in chain.calls)
        count = min(ceil(work), rounds)
        for number in range(count):
            if table and filled + work / count > 1:
                yield table
                table, filled = [], 0.0
            first = rounds * number // count * threads
            end = min(rounds * (number + 1) // count * threads, chain.extent)
            table.append(Piece(chain.calls, first, end - first))
            filled += work / count
    if table:
        yield table


def _work(call: Call, threads: int) -> float:
    """How many pieces' worth the call is."""
    return max(call.flops / _FLOPS_A_PIECE / threads, call.bytes / _BYTES_A_PIECE / threads, 1 / _CALLS_A_PIECE)


class Table:
    """Pieces as the pool reads them, and the arrays that they point to."""

    def __init__(self, pieces: Sequence[Piece], arena: Arena, kernels: Mapping[str, int]) -> None:
        self._kept: list[NDArray[np.int64]] = []
        rows = [
            (kernels[call.kernel], self._operands(call, arena), piece.extent, len(piece.calls) - place, piece.first)
            for piece in pieces
            for place, call in enumerate(piece.calls)
        ]
        self._rows = np.array(rows, np.int64).reshape(-1, CALL_WORDS)
        self.address = int(self._rows.ctypes.data)
        self.calls = len(rows)

    def _operands(self, call: Call, arena: Arena) -> int:
        """The address of the operands' addresses."""
        pointers = [arena.address(name) for name in call.operands]
        if call.integers:
            integers = np.array(call.integers, np.int64)
            self._kept.append(integers)
            pointers.append(integers.ctypes.data)
        self._kept.append(np.array(pointers, np.int64))
        return int(self._kept[-1].ctypes.data)
