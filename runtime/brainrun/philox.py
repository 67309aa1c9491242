"""Where do random numbers come from? From Philox4x32-10, a function of (seed, stream, step, position) without state.

A draw depends on nothing but its key and its place, so any rank can make any part of a tensor's numbers, in any order,
on any mesh. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).

Conventions:
- the key is (seed & 2³²−1, seed >> 32); the counter's words are (low, high, stream, step);
- element i of a parameter is word i % 4 of counter low = (i // 4) & 2³²−1, high = (i // 4) >> 32, step = 2³²−1, in the
  stream of the parameter's name;
- a dropout mask's feature f of the sample at position s of the global batch is word f % 4 of low = f // 4, high = s.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TypeAlias, assert_never

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainrun.plan.schema import Constant, Normal, Parameter, Rounded, Slice, Uniform

Words: TypeAlias = NDArray[np.uint32]

INITIAL_STEP = 2**32 - 1
"""The step of initial values: no training step has this number."""

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
_WORD = 0xFFFFFFFF
_BLOCKS_AT_ONCE = 1 << 14  # 16,384 counters: their uint64 words stay in a core's second-level cache.


def stream_of(name: str) -> int:
    """The stream of everything drawn under this name: CRC-32 of its UTF-8 bytes."""
    return zlib.crc32(name.encode())


def block(seed: int, stream: int, step: int, high: ArrayLike, low: ArrayLike) -> tuple[Words, Words, Words, Words]:
    """The four 32-bit words that belong to each counter; `high` and `low` are broadcast against each other."""
    mask, half = np.uint64(_WORD), np.uint64(32)
    first, second = np.uint64(_MULTIPLIERS[0]), np.uint64(_MULTIPLIERS[1])
    low_words, high_words = np.broadcast_arrays(np.asarray(low, np.uint64), np.asarray(high, np.uint64))
    words: tuple[NDArray[np.uint64], ...] = (
        low_words & mask,
        high_words & mask,
        np.asarray(stream & _WORD, np.uint64),
        np.asarray(step & _WORD, np.uint64),
    )
    key = (seed & _WORD, (seed >> 32) & _WORD)
    for _ in range(_ROUNDS):
        left, right = words[0] * first, words[2] * second
        words = (
            (right >> half) ^ words[1] ^ np.uint64(key[0]),
            right & mask,
            (left >> half) ^ words[3] ^ np.uint64(key[1]),
            left & mask,
        )
        key = ((key[0] + _KEY_INCREMENTS[0]) & _WORD, (key[1] + _KEY_INCREMENTS[1]) & _WORD)
    return (
        words[0].astype(np.uint32),
        words[1].astype(np.uint32),
        words[2].astype(np.uint32),
        words[3].astype(np.uint32),
    )


def uniform(words: Words) -> NDArray[np.float32]:
    """Each word as a number in [0, 1): its top 24 bits over 2²⁴, exactly."""
    return (words >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def normal(words: Words) -> NDArray[np.float32]:
    """Standard Gaussian draws: words 2j and 2j+1 of the last axis give draws 2j and 2j+1 (Box and Muller, 1958)."""
    pairs = words.reshape(*words.shape[:-1], -1, 2).astype(np.float64)
    radius = np.sqrt(-2.0 * np.log((pairs[..., 0] + 1.0) * 2.0**-32))
    angle = pairs[..., 1] * (2.0 * math.pi * 2.0**-32)
    draws = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=-1)
    return draws.reshape(words.shape).astype(np.float32)


def draws(
    seed: int, stream: int, step: int, samples: NDArray[np.int64], features: NDArray[np.int64]
) -> NDArray[np.float32]:
    """`drawn[s, f]` in [0, 1): a number for each feature of each sample, which are known by their own numbers."""
    words = np.stack(block(seed, stream, step, samples[:, None], features[None, :] // 4))
    word = np.broadcast_to(features % 4, words.shape[1:])[None]
    return uniform(np.take_along_axis(words, word, axis=0)[0])


def keep_mask(
    seed: int, stream: int, step: int, samples: NDArray[np.int64], features: NDArray[np.int64], keep: float
) -> NDArray[np.bool_]:
    """Which features dropout keeps: `mask[s, f]`, true with probability `keep`.

    `samples` are positions in the global batch, `features` flat feature numbers.
    """
    return draws(seed, stream, step, samples, features) < np.float32(keep)


def initial_values(parameter: Parameter, slices: Sequence[Slice], seed: int) -> NDArray[np.float32]:
    """The first values of one box of a parameter, one slice an axis; only the draws of that box are made."""
    shape = tuple(part.stop - part.start for part in slices)
    match parameter.initial:
        case Constant(value=value):
            return np.full(shape, value, np.float32)
        case Uniform() | Normal() as initial:
            starts, length = _runs(parameter.shape, slices)
            return _drawn(initial, stream_of(parameter.name), starts, length, seed).reshape(shape)
        case Rounded(of=name, drawn=drawn):
            values = initial_values(msgspec.structs.replace(parameter, name=name, initial=drawn), slices, seed)
            return (values > 0.5).astype(np.float32) - (values < -0.5).astype(np.float32)
        case _:
            assert_never(parameter.initial)


def _runs(shape: tuple[int, ...], slices: Sequence[Slice]) -> tuple[NDArray[np.int64], int]:
    """A box as runs of consecutive flat indices: where each begins, and how many elements each has."""
    length, stride = 1, 1
    axis = len(shape)
    while axis > 0:
        axis -= 1
        length = (slices[axis].stop - slices[axis].start) * stride
        stride *= shape[axis]
        if length < stride:
            break
    starts = np.full(1, slices[axis].start * (stride // shape[axis]) if shape else 0, np.int64)
    for outer in range(axis - 1, -1, -1):
        steps = np.arange(slices[outer].start, slices[outer].stop, dtype=np.int64) * stride
        starts = (steps[:, None] + starts[None, :]).reshape(-1)
        stride *= shape[outer]
    return starts, length


def _drawn(
    initial: Uniform | Normal, stream: int, starts: NDArray[np.int64], length: int, seed: int
) -> NDArray[np.float32]:
    """`drawn[run, place]`, made a cache-sized piece at a time."""
    drawn = np.empty((len(starts), length), np.float32)
    columns = max(1, min(length, 4 * _BLOCKS_AT_ONCE))
    rows = 4 * _BLOCKS_AT_ONCE // columns
    for row in range(0, len(starts), rows):
        for column in range(0, length, columns):
            piece = drawn[row : row + rows, column : column + columns]
            piece[...] = _piece(initial, stream, starts[row : row + rows] + column, piece.shape[1], seed)
    return drawn


def _piece(
    initial: Uniform | Normal, stream: int, starts: NDArray[np.int64], length: int, seed: int
) -> NDArray[np.float32]:
    """`piece[run, place]`: the draws at `starts[run] + place`."""
    counters = starts[:, None] // 4 + np.arange((length + 6) // 4, dtype=np.int64)
    words = np.stack(block(seed, stream, INITIAL_STEP, counters >> 32, counters), axis=-1).reshape(len(starts), -1)
    match initial:
        case Uniform(bound=bound):
            draws = (uniform(words) * np.float32(2.0) - np.float32(1.0)) * np.float32(bound)
        case Normal(deviation=deviation):
            draws = normal(words) * np.float32(deviation)
        case _:
            assert_never(initial)
    places = (starts % 4)[:, None] + np.arange(length)
    return np.take_along_axis(draws, places, axis=1)
