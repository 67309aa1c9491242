"""What may be on the way between two nodes of a NIR graph? Numbers that came in, spikes, or weighted sums of spikes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.ir.spiking import Shape, Window

Shaped: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What comes in by an Input, and is not spikes yet."""

    input: str
    shape: Shaped


@dataclass(frozen=True, slots=True)
class Spikes:
    """The sum of the spikes of these encoders and layers, place by place."""

    sources: tuple[str, ...]
    shape: Shaped


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """`unit · Σ weights · spikes of the source` over a window, the source seen as `seen`."""

    source: str
    weights: NDArray[np.float64]
    """`[channels, channels seen, height, width]`."""

    unit: Fraction
    seen: Shape
    window: Window


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The sum of terms, and what is added to each channel."""

    terms: tuple[Term, ...]
    shape: Shaped
    offset: tuple[Fraction, ...]


Signal: TypeAlias = Numbers | Spikes | Sums


def three(shape: Shaped) -> Shape:
    """`[channels, height, width]`, of an image or of anything else in one row."""
    if len(shape) == 3:
        channels, height, width = shape
        return channels, height, width
    return prod(shape), 1, 1


def as_sums(spikes: Spikes) -> Sums:
    """Spikes as sums of one spike each, or of as many as there are sources."""
    seen = three(spikes.shape)
    identity = np.eye(seen[0]).reshape(seen[0], seen[0], 1, 1)
    terms = tuple(Term(source, identity, Fraction(1), seen, Window((1, 1))) for source in spikes.sources)
    return Sums(terms, spikes.shape, (Fraction(0),) * seen[0])


def added(signals: list[Spikes | Sums]) -> Spikes | Sums | None:
    """What a node sees that several edges lead to; None where their shapes differ."""
    first = signals[0]
    if any(signal.shape != first.shape for signal in signals):
        return None
    if all(isinstance(signal, Spikes) for signal in signals):
        return Spikes(tuple(s for signal in signals if isinstance(signal, Spikes) for s in signal.sources), first.shape)
    sums = [as_sums(signal) if isinstance(signal, Spikes) else signal for signal in signals]
    offset = tuple(sum(parts, Fraction(0)) for parts in zip(*(one.offset for one in sums), strict=True))
    return Sums(tuple(term for one in sums for term in one.terms), first.shape, offset)
