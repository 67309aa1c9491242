"""Which scheme does `reduce = auto` take for a gradient? The one predicted to take the least time on the machine.

`sum` is counted by its messages alone, the others by their messages and all their encoding and decoding: on the wire a
gradient may hide behind arithmetic, on the core it cannot. And another must take half the time of `sum` at most: what
is lossy must pay, on a machine that is only roughly described.
"""

from __future__ import annotations

from collections.abc import Sequence

from brainc.ir.scheme import SUM, Scheme
from brainc.ir.sharded import slices
from brainc.machine import cost
from brainc.machine.description import Machine
from brainc.reductions.parts import matrix_of
from brainc.reductions.table import METHODS
from brainrun.plan.schema import Storage

CANDIDATES = (SUM, Scheme("onebit"), Scheme("adaptive", (1 / 64,)))
"""What `auto` chooses from."""
MARGIN = 0.5
"""The most of the time of `sum` that another scheme may take to be chosen."""


def cheapest(storage: Storage, members: int, machine: Machine, candidates: Sequence[Scheme] = CANDIDATES) -> Scheme:
    """The scheme by which so many members sum a gradient with the least predicted seconds; `sum` unless it is beaten.

    A tie goes to the candidate that comes first.
    """
    most = MARGIN * seconds(SUM, storage, members, machine)
    predicted = [(seconds(each, storage, members, machine), each) for each in candidates if each != SUM]
    least, best = min(predicted, key=lambda pair: pair[0], default=(most, SUM))
    return best if least <= most else SUM


def seconds(scheme: Scheme, storage: Storage, members: int, machine: Machine) -> float:
    """What a gradient's sum is predicted to take under a scheme, if nothing else is going on; see the file's head."""
    method = METHODS[scheme.method]
    matrix = matrix_of(storage, by_column=method.by_column)
    entries = matrix.rows * matrix.columns
    if scheme == SUM:
        return cost.all_reduce(machine, 4 * entries, members)
    owned = slices(matrix.columns, members)
    encoded = sum(method.expected(matrix, own.stop - own.start, scheme.numbers) for own in owned)
    return cost.reduction(machine, members, (cost.Reduced(entries, method.keeps_error),), encoded).seconds
