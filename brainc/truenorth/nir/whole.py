"""Which units are these sums and thresholds? Weights become −1, 0 and 1 where they are exactly that, times a number.

For each channel there is the greatest number a of which all its weights are multiples, n · a. Then

    Σ a n x + b > t   is   Σ n x ≥ ⌊(t − b) / a⌋ + 1,

in fractions, without rounding. A weight n reads its spike |n| times, by so many axons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, gcd, lcm
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.truenorth.nir.signals import Sums, Term

Whole: TypeAlias = NDArray[np.int64]

MOST_COPIES = 15
"""How often a spike may be read for one weight: more axons than that are never worth it."""


@dataclass(frozen=True, slots=True, eq=False)
class WholeSums:
    """Which layers are read, one after the other; `weights[channels, channels seen, height, width]`; thresholds."""

    inputs: tuple[str, ...]
    weights: NDArray[np.int8]
    thresholds: NDArray[np.int32]
    groups: int


def whole_sums(sums: Sums, thresholds: NDArray[np.float64]) -> WholeSums | str:
    """The units that fire where a channel's sum is greater than its threshold, or what stands in the way."""
    channels = len(sums.offset)
    rows = [_row(sums.terms, channel) for channel in range(channels)]
    multiples: list[Whole] = [np.zeros(term.weights.shape, np.int64) for term in sums.terms]
    found = np.empty(channels, np.int32)
    for channel, magnitudes in enumerate(rows):
        step = _greatest_common(magnitudes)
        if step and magnitudes[-1] / step > MOST_COPIES:
            few = ", ".join(f"{float(magnitude):.9g}" for magnitude in magnitudes[:4])
            more = ", …" if len(magnitudes) > 4 else ""
            return f"the weights of channel {channel} ({few}{more}) are not up to {MOST_COPIES} times one number"
        border = Fraction(float(thresholds[channel])) - sums.offset[channel]
        if not step:
            found[channel] = 0 if border < 0 else 1
            continue
        for term, multiple in zip(sums.terms, multiples, strict=True):
            multiple[channel] = _multiples(term, channel, step)
        found[channel] = _threshold(floor(border / step) + 1, [multiple[channel] for multiple in multiples])
    inputs, weights = _read_several_times(sums.terms, multiples)
    groups = finest_groups(weights)
    return WholeSums(inputs, _of_groups(weights, groups), found, groups)


def _row(terms: Sequence[Term], channel: int) -> list[Fraction]:
    """The distinct magnitudes of a channel's weights, 0 left out, in order."""
    found = {
        term.unit * Fraction(magnitude)
        for term in terms
        for magnitude in np.unique(np.abs(term.weights[channel])).tolist()
    }
    return sorted(found - {Fraction(0)})


def _greatest_common(magnitudes: Sequence[Fraction]) -> Fraction:
    """The greatest number that all are multiples of, 0 of none."""
    denominator = lcm(*(magnitude.denominator for magnitude in magnitudes))
    return Fraction(gcd(*(int(magnitude * denominator) for magnitude in magnitudes)), denominator)


def _multiples(term: Term, channel: int, step: Fraction) -> Whole:
    """`[channels seen, height, width]`: how many times the step each weight is."""
    values, place = np.unique(term.weights[channel], return_inverse=True)
    whole = np.array([int(term.unit * Fraction(value) / step) for value in values.tolist()], np.int64)
    return whole[place].reshape(term.weights.shape[1:])


def _threshold(wanted: int, rows: Sequence[Whole]) -> int:
    """The threshold within reach of the sum. A unit that always or never fires needs no weights, which become 0."""
    least = sum(int(np.minimum(row, 0).sum()) for row in rows)
    most = sum(int(np.maximum(row, 0).sum()) for row in rows)
    if least < wanted <= most:
        return wanted
    for row in rows:
        row[...] = 0
    return 0 if wanted <= least else 1


def _read_several_times(terms: Sequence[Term], multiples: Sequence[Whole]) -> tuple[tuple[str, ...], NDArray[np.int8]]:
    """The sources, each as often as its greatest weight says, and weights of −1, 0 and 1 for all of them."""
    inputs: list[str] = []
    parts = []
    for term, multiple in zip(terms, multiples, strict=True):
        for copy in range(max(1, int(np.abs(multiple).max(initial=0)))):
            inputs.append(term.source)
            parts.append(np.sign(multiple) * (np.abs(multiple) > copy))
    return tuple(inputs), np.concatenate(parts, axis=1).astype(np.int8)


def finest_groups(weights: NDArray[np.int8]) -> int:
    """The most groups that channels and channels seen fall into, with no weight between one group and another."""
    connected = weights.any(axis=(2, 3))
    channels, seen = connected.shape
    most = gcd(channels, seen)
    for groups in range(most, 1, -1):
        if most % groups == 0:
            blocks = connected.reshape(groups, channels // groups, groups, seen // groups).any(axis=(1, 3))
            if not (blocks & ~np.eye(groups, dtype=bool)).any():
                return groups
    return 1


def _of_groups(weights: NDArray[np.int8], groups: int) -> NDArray[np.int8]:
    """`[channels, channels of a group, height, width]`."""
    channels, seen, *kernel = weights.shape
    parted = weights.reshape(groups, channels // groups, groups, seen // groups, *kernel)
    own = parted[np.arange(groups), :, np.arange(groups)]
    return np.ascontiguousarray(own.reshape(channels, seen // groups, *kernel))
