"""What does RANC print? A file of rows, byte for byte: a 1 for every output that the bus held before the tick."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BEGINS = b"\xef\xbb\xbf"
"""RANC's logger marks its files as UTF-8."""

_BLOCK_BYTES = 2**24


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Ones: output `outputs[n]` of row `rows[n]`, in order of rows."""

    rows: NDArray[np.int64]
    outputs: NDArray[np.int64]


def row_texts(ticks: int, outputs: int, marks: tuple[Marks, ...]) -> Iterator[bytes]:
    """The file in pieces: so many rows of `0 1 … 1 `, each digit with a blank after it."""
    yield _BEGINS
    blank = np.full(2 * outputs + 1, ord(" "), np.uint8)
    blank[:-1:2] = ord("0")
    blank[-1] = ord("\n")
    height = max(1, _BLOCK_BYTES // len(blank))
    for first in range(0, ticks, height):
        block = np.tile(blank, (min(height, ticks - first), 1))
        for mark in marks:
            start, stop = np.searchsorted(mark.rows, (first, first + len(block)))
            block[mark.rows[start:stop] - first, 2 * mark.outputs[start:stop]] = ord("1")
        yield block.tobytes()
