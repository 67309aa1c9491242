"""What sparse schemes send, entry by entry in plain Python and NumPy, read from the papers and not from the kernels.

Payloads are parsed here as their scheme's file describes them: entries as a mapping from (row, column) to the value
that the decoder is to make of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tests.reductions.calling import Laid

Entries: TypeAlias = Mapping[tuple[int, int], np.float32]
Values: TypeAlias = NDArray[np.float32]


def dense(entries: Entries, rows: int, columns: int) -> Values:
    """The entries in a matrix of zeros."""
    result = np.zeros((rows, columns), np.float32)
    for place, value in entries.items():
        result[place] = value
    return result


def passing(v: Values, least: np.float32) -> set[tuple[int, int]]:
    """Where the magnitude is at least so much; an entry of 0 never passes."""
    return set(zip(*map(list, np.nonzero((np.abs(v) >= least) & (v != 0))), strict=True))


# ---- threshold -------------------------------------------------------------------------------------------------------


def threshold_entries(payload: bytes, laid: Laid, columns: tuple[int, int], tau: float) -> Entries:
    """What a payload of `threshold` says of the columns `[first, last)`; no entry twice."""
    numbers = _numbers_of_entries(laid, columns)
    entries = {}
    for word in np.frombuffer(payload, np.uint32).tolist():
        place = numbers[word >> 1]
        assert place not in entries
        entries[place] = np.float32(-tau if word & 1 else tau)
    return entries


def _numbers_of_entries(laid: Laid, columns: tuple[int, int]) -> Mapping[int, tuple[int, int]]:
    """The entry of each number: vectors are counted as they lie in memory, leaving out what other columns have."""
    matrix, (first, last) = laid.matrix, columns
    blocks = -(-matrix.rows // 16)
    numbers = {}
    for row in range(matrix.rows):
        for column in range(last - first):
            plain = matrix.block_stride == 16
            vector = column * blocks + row // 16 if plain else row // 16 * (last - first) + column
            numbers[16 * vector + row % 16] = (row, column)
    return numbers
