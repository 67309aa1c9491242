"""Which units are these sums and thresholds? Weights become −1, 0 and 1 where they are exactly that, times a number.

For each channel there is the greatest number a of which all its weights are multiples, n · a. Then

    Σ a n x + b > t   is   Σ n x ≥ ⌊(t − b) / a⌋ + 1,

in fractions, without rounding. A weight n reads its spike |n| times, by so many axons. Where potentials last, so that

    v ← v + r (Σ a n x + b);   if v > t:  a spike, and v ← u,

b and u / r must be multiples of a as well: it is v / (r a) that a core holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, gcd, lcm
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.ir.spiking import Potentials
from brainc.truenorth.nir.signals import Sums, Term

Whole: TypeAlias = NDArray[np.int64]

MOST_COPIES = 15
"""How often a spike may be read for one weight: more axons than that are never worth it."""

_MOST = 2**31 - 1
"""More than any core holds."""


@dataclass(frozen=True, slots=True, eq=False)
class WholeSums:
    """Which layers are read, one after the other; `weights[channels, channels seen, height, width]`; thresholds."""

    inputs: tuple[str, ...]
    weights: NDArray[np.int8]
    thresholds: NDArray[np.int32]
    groups: int
    potentials: Potentials | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lasting:
    """What potentials are that last, in the graph's own numbers, `[channels]` each: by how much a sum moves them, above
    what they fire, and what they are set to then."""

    factors: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    resets: NDArray[np.float64]


def whole_sums(sums: Sums, thresholds: NDArray[np.float64]) -> WholeSums | str:
    """The units that fire where a channel's sum is greater than its threshold, or what stands in the way."""
    channels = len(sums.offset)
    multiples: list[Whole] = [np.zeros(term.weights.shape, np.int64) for term in sums.terms]
    found = np.empty(channels, np.int32)
    for channel in range(channels):
        step = _step(sums.terms, channel, ())
        if isinstance(step, str):
            return step
        border = Fraction(float(thresholds[channel])) - sums.offset[channel]
        if not step:
            found[channel] = 0 if border < 0 else 1
            continue
        for term, multiple in zip(sums.terms, multiples, strict=True):
            multiple[channel] = _multiples(term, channel, step)
        found[channel] = _threshold(floor(border / step) + 1, [multiple[channel] for multiple in multiples])
    return _in_groups(sums.terms, multiples, found, None)


def lasting_sums(sums: Sums, lasting: Lasting) -> WholeSums | str:
    """The units whose potentials add up a channel's sums, or what stands in the way. Thresholds are 0 or more."""
    channels = len(sums.offset)
    multiples: list[Whole] = [np.zeros(term.weights.shape, np.int64) for term in sums.terms]
    found = np.zeros((3, channels), np.int32)
    for channel in range(channels):
        factor, threshold, reset = (
            Fraction(float(numbers[channel])) for numbers in (lasting.factors, lasting.thresholds, lasting.resets)
        )
        gain, threshold, reset = sums.offset[channel], threshold / factor, reset / factor
        step = _step(sums.terms, channel, (abs(gain), abs(reset)))
        if isinstance(step, str):
            return step
        step = step or Fraction(1)
        for term, multiple in zip(sums.terms, multiples, strict=True):
            multiple[channel] = _multiples(term, channel, step)
        numbers = (floor(threshold / step) + 1, int(gain / step), int(reset / step))
        found[:, channel] = [min(max(number, -_MOST), _MOST) for number in numbers]
    return _in_groups(sums.terms, multiples, found[0], Potentials(found[1].tobytes(), found[2].tobytes()))


def _step(terms: Sequence[Term], channel: int, others: Sequence[Fraction]) -> Fraction | str:
    """What all weights of a channel and all `others` are multiples of, or that the weights are too many times it."""
    magnitudes = _row(terms, channel)
    step = _greatest_common([*magnitudes, *others])
    if not magnitudes or magnitudes[-1] / step <= MOST_COPIES:
        return step
    few = ", ".join(f"{float(magnitude):.9g}" for magnitude in magnitudes[:4])
    more = ", …" if len(magnitudes) > 4 else ""
    beside = ", with bias and reset," if any(others) else ""
    return f"the weights of channel {channel} ({few}{more}){beside} are not up to {MOST_COPIES} times one number"


def _in_groups(
    terms: Sequence[Term], multiples: Sequence[Whole], thresholds: NDArray[np.int32], potentials: Potentials | None
) -> WholeSums:
    inputs, weights = _read_several_times(terms, multiples)
    groups = finest_groups(weights)
    return WholeSums(inputs, _of_groups(weights, groups), thresholds, groups, potentials)


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
