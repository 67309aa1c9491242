"""How are lists of 256 numbers kept short in IBM's model files? As ranges and repetitions.

An entry is a number `5`, a range `"0:255"`, a range in steps `"0:4:252"` (start, step, end; the end is included where a
step reaches it), or a repetition `"-1x240"` (value, count); numbers stand in quotes or not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_RANGE = re.compile(r"([+-]?\d{1,10})(?::([+-]?\d{1,10}))?(?::([+-]?\d{1,10}))?")
_REPETITION = re.compile(r"([+-]?\d{1,10})x(\d{1,10})")


class EntryError(Exception):
    """An entry that stands for no numbers: its place in the list, and why."""

    def __init__(self, entry: int, what: str) -> None:
        self.entry = entry
        self.what = what
        super().__init__(what)


def expanded(entries: Sequence[object], most: int) -> NDArray[np.int64]:
    """The numbers that the entries stand for; EntryError where one is none, or where they are more than `most`."""
    found = [_run(place, entry) for place, entry in enumerate(entries)]
    starts, steps, lengths = np.array(found, np.int64).reshape(-1, 3).T
    ends = np.cumsum(lengths)
    for place in np.flatnonzero(ends > most)[:1]:
        raise EntryError(int(place), f"the list has more than {most} numbers")
    places = np.arange(lengths.sum(), dtype=np.int64) - np.repeat(ends - lengths, lengths)
    numbers: NDArray[np.int64] = np.repeat(starts, lengths) + np.repeat(steps, lengths) * places
    return numbers


def _run(place: int, entry: object) -> tuple[int, int, int]:
    if isinstance(entry, int) and not isinstance(entry, bool) and abs(entry) < 10**10:
        return entry, 0, 1
    found = _parsed(entry) if isinstance(entry, str) else None
    if found is None:
        raise EntryError(place, f"{entry!r} is not a number, a range 0:255 or 0:4:252, or a repetition 1x256")
    start, step, length = found
    if length < 1:
        raise EntryError(place, f"{entry} stands for no number")
    return start, step, length


@lru_cache(maxsize=4096)
def _parsed(entry: str) -> tuple[int, int, int] | None:
    """Start, step and length of an entry."""
    if found := _REPETITION.fullmatch(entry):
        return int(found[1]), 0, int(found[2])
    if (found := _RANGE.fullmatch(entry)) is None:
        return None
    first, second, third = (None if word is None else int(word) for word in found.groups())
    assert first is not None
    if second is None:
        return first, 0, 1
    step, end = (1, second) if third is None else (second, third)
    return first, step, (end - first) // step + 1 if step else 0
