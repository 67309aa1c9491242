"""What lies in a rank's arena at each step of training, and what at its fullest moment?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from brainrun.plan.schema import Buffer, Call, Procedure, RankProgram, Start, Wait
from brainrun.plan.transfers import buffers_of

ROLES = ("parameter", "state", "error", "input", "activation", "gradient", "message", "result", "scalar")
"""The roles of buffers, in the order in which reports list them."""
LASTING = frozenset({"parameter", "state", "error", "scalar"})
"""Roles whose buffers keep their values from one step of training to the next."""


@dataclass(frozen=True, slots=True)
class Life:
    """A buffer and the steps `first … last` of the training procedure between which its bytes are taken."""

    buffer: Buffer
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Memory:
    """The arena over one training step: `steps` moments, and the bytes held at the fullest of them."""

    steps: int
    lives: tuple[Life, ...]
    """In the order of their offsets."""
    fullest: int
    """The first step at which `peak_bytes` are held."""
    peak_bytes: int
    held: tuple[tuple[str, int], ...]
    """At the fullest step, the bytes of each role that holds any, in the order of `ROLES`."""
    arena_bytes: int


def memory_of(program: RankProgram) -> Memory:
    """What the train procedure of a rank's program keeps in the arena, and when."""
    lives = tuple(sorted(lives_in(program), key=lambda life: (life.buffer.offset, -life.buffer.bytes)))
    steps = max(1, len(program.train.steps))
    totals = [
        sum(count for _, count in held_bytes(life.buffer for life in lives if life.first <= step <= life.last))
        for step in range(steps)
    ]
    fullest = totals.index(max(totals))
    held = held_bytes(life.buffer for life in lives if life.first <= fullest <= life.last)
    return Memory(steps, lives, fullest, totals[fullest], held, program.arena_bytes)


def lives_in(program: RankProgram) -> Iterator[Life]:
    """The life of every buffer that training uses: from its first use to its last, or always where it lasts.

    What is fed before the procedure lives from step 0; what is read after it, to the last step.
    """
    end = max(0, len(program.train.steps) - 1)
    first, last = _uses(program.train)
    for feed in program.train.feeds:
        first[feed.buffer] = 0
        last.setdefault(feed.buffer, 0)
    read = [result.buffer for result in program.train.results] + [output.buffer for output in program.train.outputs]
    for name in read:
        last[name] = end
        first.setdefault(name, end)
    for buffer in program.buffers:
        if buffer.role in LASTING:
            yield Life(buffer, 0, end)
        elif buffer.name in first:
            yield Life(buffer, first[buffer.name], last[buffer.name])


def _uses(procedure: Procedure) -> tuple[dict[str, int], dict[str, int]]:
    """The first and the last step that names each buffer; a transfer's buffers are named by its start and its wait."""
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for place, step in enumerate(procedure.steps):
        match step:
            case Call(operands=operands):
                names: Iterable[str] = operands
            case Start(transfer=name) | Wait(transfer=name):
                names = sorted(buffers_of(transfers[name]))
        for name in names:
            first.setdefault(name, place)
            last[name] = place
    return first, last


def held_bytes(buffers: Iterable[Buffer]) -> tuple[tuple[str, int], ...]:
    """The bytes of the arena that buffers cover, by role; they come in the order of their offsets.

    A byte that two of them share counts once, for the one that begins lower.
    """
    by_role = dict.fromkeys(ROLES, 0)
    covered = 0
    for buffer in buffers:
        stop = buffer.offset + buffer.bytes
        by_role[buffer.role] += max(0, stop - max(covered, buffer.offset))
        covered = max(covered, stop)
    return tuple((role, count) for role, count in by_role.items() if count)
