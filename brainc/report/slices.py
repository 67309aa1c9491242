"""Which slice of which parameter lives on which ranks?"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from brainrun.plan.schema import Parameter, Plan, Slice

ELEMENT_BYTES = 4
"""Parameters are float32."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a tensor, one slice an axis, and the ranks that hold it."""

    slices: tuple[Slice, ...]
    ranks: tuple[int, ...]
    bytes: int
    """Of the elements alone: where a kernel wants padding, the rank's buffer is larger."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A parameter and its distinct pieces, in the order of their first index."""

    parameter: Parameter
    bytes: int
    pieces: tuple[Piece, ...]


def holdings(plan: Plan) -> tuple[Holding, ...]:
    """Every parameter of the plan, and who holds what of it."""
    return tuple(_holding(plan, place, parameter) for place, parameter in enumerate(plan.parameters))


def _holding(plan: Plan, place: int, parameter: Parameter) -> Holding:
    ranks_of_slices: dict[tuple[Slice, ...], list[int]] = {}
    for number, rank in enumerate(plan.ranks):
        ranks_of_slices.setdefault(rank.parameter_slices[place], []).append(number)
    pieces = [
        Piece(slices, tuple(ranks), ELEMENT_BYTES * prod(part.stop - part.start for part in slices))
        for slices, ranks in ranks_of_slices.items()
    ]
    pieces.sort(key=lambda piece: [(part.start, part.stop) for part in piece.slices])
    return Holding(parameter, ELEMENT_BYTES * prod(parameter.shape), tuple(pieces))
