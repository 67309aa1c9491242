"""What sparse schemes send, entry by entry in plain Python and NumPy, read from the papers and not from the kernels.

Payloads are parsed here as their scheme's file describes them: entries as a mapping from (row, column) to the value
that the decoder is to make of it. A scheme's number is its threshold or its density.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
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


def said(method: str, payload: bytes, laid: Laid, columns: tuple[int, int], number: float) -> Entries:
    """What a payload of this method says of the columns `[first, last)`, counted from the first of them."""
    first, last = columns
    match method:
        case "threshold":
            return threshold_entries(payload, laid, columns, number)
        case "adaptive":
            return all_entries(adaptive_blocks(payload, laid.matrix.rows, last - first, number))
        case _:
            return all_entries(golomb_blocks(payload, laid.matrix.rows, last - first, number))


def most_entries(method: str, entries: int, number: float) -> int:
    """How many of so many entries a message has at most."""
    match method:
        case "threshold":
            return -(-entries // 4)
        case "adaptive":
            return min(entries, 4 * wanted(entries, number))
        case _:
            return wanted(entries, number)


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


# ---- adaptive --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """Columns `[first, last)` that share two means, and what is said to be sent of them."""

    first: int
    last: int
    entries: Entries


def all_entries(blocks: list[Block]) -> Entries:
    """The entries of all blocks."""
    return {place: value for block in blocks for place, value in block.entries.items()}


def block_width(rows: int, columns: int, density: float) -> int:
    """The fewest columns of which eight entries are expected, as long as places in them fit 15 bits."""
    width = 1
    while width < columns and width * rows * density < 8 and (width + 1) * rows <= 32767:
        width += 1
    return width


def adaptive_blocks(payload: bytes, rows: int, columns: int, density: float) -> list[Block]:
    """What a payload of `adaptive` says, block after block; nothing may be left over."""
    if columns == 0:
        assert not payload
        return []
    width = block_width(rows, columns, density)
    blocks = -(-columns // width)
    kind = np.dtype(np.uint16 if rows <= 32767 else np.uint32)
    numbers = np.frombuffer(payload, kind, blocks).tolist()
    words = np.frombuffer(payload, kind, sum(numbers), blocks * kind.itemsize).tolist()
    means_at = -(-kind.itemsize * (blocks + sum(numbers)) // 4) * 4
    means = np.frombuffer(payload, np.float32, 2 * np.count_nonzero(numbers), means_at).reshape(-1, 2)
    assert len(payload) == means_at + means.nbytes
    assert words_are_sorted(words, numbers)
    result, word, pairs = [], iter(words), iter(means)
    for block, number in enumerate(numbers):
        pair = next(pairs) if number else None
        entries = {}
        for _ in range(number):
            place, negative = divmod(next(word), 2)
            entries[place % rows, block * width + place // rows] = pair[negative]
        result.append(Block(block * width, min(columns, (block + 1) * width), entries))
    return result


def words_are_sorted(words: list[int], numbers: list[int]) -> bool:
    """Whether the places of each block grow, so that none is there twice."""
    ends = np.cumsum(numbers)
    stretches = (words[end - number : end] for end, number in zip(ends, numbers, strict=True))
    return all(word >> 1 < following >> 1 for stretch in stretches for word, following in pairwise(stretch))


# ---- golomb ----------------------------------------------------------------------------------------------------------


def golomb_blocks(payload: bytes, rows: int, columns: int, density: float) -> list[Block]:
    """What a payload of `golomb` says, block after block; nothing but zeros may be left over, less than a word."""
    width = max(1, math.ceil(min(columns, 8 / density / rows)))
    blocks = [(first, min(columns, first + width)) for first in range(0, columns, width)]
    if not payload:
        return [Block(first, last, {}) for first, last in blocks]
    bits = iter("".join(f"{word:032b}"[::-1] for word in np.frombuffer(payload, np.uint32).tolist()))
    number_parameter = rice_parameter(wanted(rows * columns, density) / len(blocks))
    gap_parameter = rice_parameter(rows * columns / wanted(rows * columns, density))
    result = []
    for first, last in blocks:
        number = _rice(bits, number_parameter)
        entries, place = {}, -1
        if number:
            has_positive, has_negative = _low_first(bits, 1), _low_first(bits, 1)
            positive = _float(bits) if has_positive else None
            negative = _float(bits) if has_negative else None
        for _ in range(number):
            place += 1 + _rice(bits, gap_parameter)
            sign = _low_first(bits, 1) if has_positive and has_negative else has_negative
            entries[place % rows, first + place // rows] = negative if sign else positive
        result.append(Block(first, last, entries))
    rest = "".join(bits)
    assert len(rest) < 32
    assert "1" not in rest
    return result


def rice_parameter(average: float) -> int:
    """The b of Golomb's code with 2ᵇ that suits a geometric distribution, at most 14."""
    return min(14, max(0, 1 + math.floor(math.log2(math.log((1 + math.sqrt(5)) / 2) * average))))


def _rice(bits: Iterator[str], parameter: int) -> int:
    quotient = 0
    while next(bits) == "1":
        quotient += 1
    return quotient << parameter | _low_first(bits, parameter)


def _low_first(bits: Iterator[str], count: int) -> int:
    return sum(int(next(bits)) << place for place in range(count))


def _float(bits: Iterator[str]) -> np.float32:
    return np.uint32(_low_first(bits, 32)).view(np.float32)


# ---- samples ---------------------------------------------------------------------------------------------------------


def sample(v: Values, seed: int) -> Values:
    """1,024 magnitudes of `v[rows, columns]`: one from each of as many stretches, or four side by side from a quarter.

    The entries are counted column after column.
    """
    flat = np.abs(v.T.ravel())
    if flat.size <= 1024:
        return flat
    beside = 4 if flat.size < 2**18 else 1
    stretches = 1024 // beside
    chosen = []
    for stretch in range(stretches):
        first, last = stretch * flat.size // stretches, (stretch + 1) * flat.size // stretches
        drawn = first + ((splitmix(seed, stretch) >> 32) * (last - first - beside + 1) >> 32)
        chosen += range(drawn, drawn + beside)
    return flat[chosen]


def splitmix(seed: int, index: int) -> int:
    """Number `index` of the generator splitmix64 that starts at `seed`."""
    mask = (1 << 64) - 1
    word = (seed + (index + 1) * 0x9E3779B97F4A7C15) & mask
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & mask
    word = (word ^ word >> 27) * 0x94D049BB133111EB & mask
    return word ^ word >> 31


def wanted(entries: int, density: float) -> int:
    """How many of so many entries are to be sent."""
    return max(1, int(entries * density))


def sample_threshold(v: Values, seed: int, density: float) -> np.float32:
    """What an entry must reach: the magnitude that the wanted share of a sample reaches."""
    magnitudes = np.sort(sample(v, seed))[::-1]
    return magnitudes[wanted(magnitudes.size, density) - 1]


def mean_is_said(block: Block, v: Values) -> bool:
    """Whether all entries of a block are said to be the means of those of their sign among them, summed exactly."""
    for places in (
        [place for place in block.entries if v[place] > 0],
        [place for place in block.entries if v[place] < 0],
    ):
        mean = np.float32(math.fsum(float(v[place]) for place in places) / max(1, len(places)))
        if any(block.entries[place] != mean for place in places):
            return False
    return True
