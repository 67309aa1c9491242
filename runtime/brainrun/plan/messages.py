"""Where does each message of a reduction lie? Slots of one buffer, one for each message of a step.

A message is a header, one uint32 a part with the length of its payload, and then the payloads end to end. A slot has
room for the longest message: the header, then each part's payload at its bound. Between `members` ranks, of which each
is `me` of its own, the slots are in order: to each other member, what it owns; from each other member, what I own; the
sum of what I own; from each other member, the sum of what it owns; then the encoders' scratch, one piece a part.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainrun.plan.schema import Part, Reduction

ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Slots:
    """Offsets in bytes into the buffer of messages, by member (0 at one's own place in the lists of others)."""

    outgoing: tuple[int, ...]
    incoming: tuple[int, ...]
    own: int
    gathered: tuple[int, ...]
    scratch: tuple[tuple[int, ...], ...]
    """For each member whose columns are encoded at once, a place for each part."""
    end: int


def header_bytes(parts: int) -> int:
    """Bytes of a message before its first payload."""
    return 4 * parts


def bound_bytes(reduction: Reduction, owner: int) -> int:
    """The most bytes of a message about the columns of `owner`; 0 where it owns none, and no message is sent."""
    payload = sum(part.bounds[owner] for part in reduction.parts)
    return header_bytes(len(reduction.parts)) + payload if payload else 0


def slots(reduction: Reduction, members: int, me: int) -> Slots:
    """Where member `me` has its messages."""
    end = 0

    def take(size: int) -> int:
        nonlocal end
        place, end = end, end + -(-size // ALIGNMENT) * ALIGNMENT
        return place

    def others(owner_of: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(
            take(bound_bytes(reduction, owner)) if member != me else 0 for member, owner in enumerate(owner_of)
        )

    everyone, myself = tuple(range(members)), (me,) * members
    outgoing, incoming = others(everyone), others(myself)
    own = take(bound_bytes(reduction, me))
    gathered = others(everyone)
    scratch = tuple(tuple(take(_scratch(part)) for part in reduction.parts) for _ in everyone)
    return Slots(outgoing, incoming, own, gathered, scratch, end)


def messages_bytes(reduction: Reduction, members: int) -> int:
    """How large the buffer of messages must be, whichever member one is."""
    return max(slots(reduction, members, me).end for me in range(members))


def _scratch(part: Part) -> int:
    return part.scratch
