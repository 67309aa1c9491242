"""How is a gradient summed by its factors? In five steps, of which two make what is summed.

The gradient is a matrix of rows and columns (outputs); V is the gradient with what was not delivered before. `right`
holds vectors over columns that are kept from step to step, `left` vectors over rows (Vogels, Karimireddy and Jaggi
2019, PowerSGD, algorithms 1 and 2):

prepare        right := its vectors at length one; those that are zero are drawn anew
left           error := error + gradient = V; left := V · right, to be summed over the group
orthonormalise left := orthonormal vectors that span the same; zero where there are fewer
right          right, own := Vᵀ · left, of which `right` is to be summed
rebuild        gradient := left · rightᵀ; error := error − left · ownᵀ

Over all ranks, the gradient delivered and the errors left are together what the gradients and errors were before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

from brainc.ir.origin import Origin
from brainc.ir.tensor import Value

CONTEXT = Value("context", (3,), False)
"""Seed, step and first sample, which random draws read; set by the runtime."""

Stage: TypeAlias = Literal["prepare", "left", "orthonormalise", "right", "rebuild"]


@dataclass(frozen=True, slots=True)
class Factors:
    """A gradient, what was not delivered of it, and its factors: `left[rank, rows]`, `right` and `own[rank, columns]`.

    `stream` is that of the numbers drawn for it. `error` and `right` outlive the step, and are zero at the start.
    """

    gradient: Value
    error: Value
    left: Value
    right: Value
    own: Value
    stream: int

    @property
    def rank(self) -> int:
        """How many vectors each factor has."""
        return self.left.shape[0]


@dataclass(frozen=True, slots=True)
class Factoring:
    """One of the steps, for one gradient."""

    stage: Stage
    factors: Factors
    origin: Origin = field(compare=False, repr=False)


def written_by(work: Factoring) -> tuple[Value, ...]:
    """The values that a step overwrites."""
    factors = work.factors
    match work.stage:
        case "prepare":
            return (factors.right,)
        case "left":
            return (factors.left, factors.error)
        case "orthonormalise":
            return (factors.left,)
        case "right":
            return (factors.right, factors.own)
        case "rebuild":
            return (factors.gradient, factors.error)
        case _:
            assert_never(work.stage)


def read_by(work: Factoring) -> tuple[Value, ...]:
    """The values that a step reads, some of which it overwrites."""
    factors = work.factors
    match work.stage:
        case "prepare":
            return (factors.right, CONTEXT)
        case "left":
            return (factors.error, factors.gradient, factors.right)
        case "orthonormalise":
            return (factors.left,)
        case "right":
            return (factors.error, factors.left)
        case "rebuild":
            return (factors.error, factors.left, factors.right, factors.own)
        case _:
            assert_never(work.stage)


def operands_of(work: Factoring) -> tuple[Value, ...]:
    """Each value that a step touches, once: first what it writes."""
    return tuple(dict.fromkeys((*written_by(work), *read_by(work))))
