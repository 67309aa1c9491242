"""How is a gradient sent as two thin matrices? As the best product that a step of power iteration finds for it.

A matrix of few vectors over columns is kept from step to step, and turns by itself towards the directions in which
gradients are large; so one step of the iteration is enough (Vogels, Karimireddy and Jaggi 2019, section 4.1).
"""

from __future__ import annotations

from brainc.operators.operator import Argument
from brainc.reductions.scheme import Factorisation, Numbers


def _rank(numbers: Numbers) -> int:
    return int(numbers[0])


def _pays(rows: int, columns: int, numbers: Numbers) -> bool:
    """Factors of half the gradient's size or more save less than they cost."""
    return 2 * (rows + columns) * _rank(numbers) < rows * columns


LOWRANK = Factorisation(
    name="lowrank",
    summary="Two thin matrices whose product is near the sum of the gradients.",
    source="Vogels, Karimireddy and Jaggi 2019, PowerSGD: practical low-rank gradient compression",
    arguments=(Argument("rank", "count", "how many vectors either of the two has", 2),),
    rank=_rank,
    pays=_pays,
)
