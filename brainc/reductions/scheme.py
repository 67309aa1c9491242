"""What is a reduction scheme? A record from which the language, docs, plans, kernels and tests read.

A scheme says what a rank sends of a gradient, seen as a matrix whose columns are the weights into one output unit (or
filter). With error feedback nothing is dropped: what is not sent now is sent later. Most schemes
are a way to encode columns, a `Method`; a `Factorisation` sends factors of the matrix in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from brainc.operators.operator import Argument
from brainrun.plan.schema import Matrix

Numbers: TypeAlias = tuple[float, ...]
"""The scheme's arguments, in their order."""


def no_warmup(_numbers: Numbers) -> tuple[Numbers, ...]:
    """For schemes that are the same from the first epoch to the last."""
    return ()


@dataclass(frozen=True, slots=True)
class Method:
    """One scheme of the language.

    keeps_error: whether what is not sent is kept for later; otherwise everything is sent.
    by_column: whether columns matter; otherwise the tensor is seen as columns of one vector each, whatever its shape.
    bound(matrix, columns, numbers): the most bytes that so many of its columns may take, a multiple of 4.
    expected(matrix, columns, numbers): the bytes they are predicted to take.
    scratch(matrix, numbers): bytes that the encoder needs beside.
    encode(name), decode(name): the kernels as LLVM IR under that name; `brainrun.plan.segments` says what they are
    given and must do.
    corrects_momentum: whether velocities are kept by each rank and reduced, instead of gradients.
    warmup(numbers): other numbers for the first epochs, one after the other; none for most.
    streams: how many times as long as to stream over what it reads and writes its encoder takes, for predictions; about
    what `benchmarks/reductions.py` shows on several processors.
    sums_vectors: whether tensors of one axis (biases, scales) are summed as they are instead: they are few bytes, and
    one number too coarse there shifts every sample alike.
    """

    name: str
    summary: str
    source: str
    arguments: tuple[Argument, ...]
    keeps_error: bool
    by_column: bool
    bound: Callable[[Matrix, int, Numbers], int]
    expected: Callable[[Matrix, int, Numbers], float]
    scratch: Callable[[Matrix, Numbers], int]
    encode: Callable[[str], str]
    decode: Callable[[str], str]
    corrects_momentum: bool = False
    warmup: Callable[[Numbers], tuple[Numbers, ...]] = no_warmup
    streams: float = 1.0
    sums_vectors: bool = True


@dataclass(frozen=True, slots=True)
class Factorisation:
    """A scheme of the language that sends factors of a gradient in its place, each as it is; the rest is kept.

    `brainc.ir.factoring` says how they are made. Tensors for which it does not pay are summed as they are.

    rank(numbers): how many vectors a factor has.
    pays(rows, columns, numbers): whether factors are worth their making.
    """

    name: str
    summary: str
    source: str
    arguments: tuple[Argument, ...]
    rank: Callable[[Numbers], int]
    pays: Callable[[int, int, Numbers], bool]
