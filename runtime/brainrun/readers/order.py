"""In which order are samples seen? A permutation an epoch, cut into global batches, of which each rank takes its part.

Everything here is a pure function: ranks agree without a message, and a resumed run goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.philox import block, stream_of

_STREAM = stream_of("data.order")


def permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of `count` samples in an epoch, uniform over all orders, given by (seed, epoch, count) alone.

    The samples are sorted by a 64-bit draw each: sample i's is words 2·(i % 2), 2·(i % 2) + 1 of block i // 2 in the
    stream `data.order` at the step `epoch`.
    """
    counters = np.arange((count + 1) // 2, dtype=np.int64)
    words = block(seed, _STREAM, epoch, counters >> 32, counters)
    even, odd = (words[pair].astype(np.uint64) << np.uint64(32) | words[pair + 1] for pair in (0, 2))
    keys = np.stack((even, odd), axis=-1).reshape(-1)[:count]
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)


def unshuffled(count: int) -> NDArray[np.int64]:
    """The samples in the order of their file."""
    return np.arange(count, dtype=np.int64)


def training_batches(count: int, batch: int) -> int:
    """How many full batches an epoch has; the samples left over rest until another epoch. DataError if none."""
    if count < batch:
        raise DataError(
            f"there are {count} samples, but a batch takes {batch}",
            where="data train",
            remedy=f"use batch = {count} or less",
        )
    return count // batch


def evaluation_batches(count: int, batch: int) -> int:
    """How many batches show every sample once; the last one may be partly empty."""
    return -(-count // batch)


def training_indices(order: NDArray[np.int64], batch: int, number: int, first: int, samples: int) -> NDArray[np.int64]:
    """The samples at positions first … first + samples − 1 of the epoch's batch `number`."""
    start = number * batch + first
    return order[start : start + samples]


@dataclass(frozen=True, slots=True)
class Share:
    """A rank's part of an evaluation batch: `indices[samples]`, and `weights[samples]`, 1 or, where padded, 0."""

    indices: NDArray[np.int64]
    weights: NDArray[np.float32]


def evaluation_share(count: int, batch: int, number: int, first: int, samples: int) -> Share:
    """Positions first … first + samples − 1 of batch `number`; past the last sample, sample 0 with weight 0."""
    positions = np.arange(number * batch + first, number * batch + first + samples, dtype=np.int64)
    present = positions < min(count, (number + 1) * batch)
    return Share(np.where(present, positions, 0), present.astype(np.float32))
