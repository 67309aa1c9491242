"""A gradient's sum by its factors, as local operations: three passes over the gradient, and two small sums.

`brainc.ir.factoring` says what each step does. The sums are ordinary reductions that send everything, so they share
messages with others that are ready, and overlap with what does not need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

from brainc.ir.factoring import Factoring, Factors
from brainc.ir.origin import Origin
from brainc.ir.schedule import Local, Reduced, Reduction
from brainc.ir.scheme import Scheme
from brainc.ir.tensor import Value
from brainc.reductions.table import FACTORISATIONS
from brainrun.philox import stream_of

Summed = Callable[[tuple[Reduced, ...], Origin], Reduction]
"""A reduction of these over the gradient's group."""


def by_factors(parameter: str, gradient: Value, scheme: Scheme, origin: Origin, summed: Summed) -> Iterator[Local]:
    """What makes a gradient, in place, the sum over its group as far as its factors say it."""
    columns, rows = gradient.shape[0], prod(gradient.shape[1:])
    rank = FACTORISATIONS[scheme.method].rank(scheme.numbers)
    right = Value(f"{parameter}.right", (rank, columns), False)
    factors = Factors(
        gradient=gradient,
        error=Value(f"{parameter}.error", gradient.shape, False),
        left=Value(f"{parameter}.left", (rank, rows), False),
        right=right,
        own=Value(f"{parameter}.right.own", (rank, columns), False),
        stream=stream_of(right.name),
    )
    left_sum, right_sum = (
        summed((Reduced(factor, factor, None, scheme, origin, factor_of=gradient),), origin)
        for factor in (factors.left, factors.right)
    )
    yield Factoring("prepare", factors, origin)
    yield Factoring("left", factors, origin)
    yield left_sum
    yield Factoring("orthonormalise", factors, origin)
    yield Factoring("right", factors, origin)
    yield right_sum
    yield Factoring("rebuild", factors, origin)
