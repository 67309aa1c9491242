"""Where does each message of a reduction lie? Slots of one buffer, one for each message of a step.

A message is a header, one uint32 with the length of its payload for each piece of each part, and then the payloads end
to end. A slot has room for the longest message: the header, then each payload at its bound. Between `members` ranks, of
which each is `me` of its own, the slots are in order: to each partner, what it owns; from each partner, what I own; the
sum of what I own; of what each other member owns, the sum; then the encoders' scratch, for each piece of each part.

Partners are the members that one exchanges terms with: all others, or, where members share nodes, those that stand at
one's own place in other nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from brainrun.plan.schema import Part, Reduction, Slice

ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Slots:
    """Offsets in bytes into the buffer of messages, by member (0 where there is no such message)."""

    outgoing: tuple[int, ...]
    incoming: tuple[int, ...]
    own: int
    gathered: tuple[int, ...]
    scratch: tuple[tuple[int, ...], ...]
    """For each member whose columns are encoded at once, a place for the pieces of each part, end to end."""
    end: int


def piece_of(owned: Slice, piece: int, pieces: int) -> Slice:
    """The columns of one of so many pieces that a member's columns are cut into."""
    length = owned.stop - owned.start
    return Slice(owned.start + length * piece // pieces, owned.start + length * (piece + 1) // pieces)


def header_bytes(reduction: Reduction) -> int:
    """Bytes of a message before its first payload."""
    return 4 * sum(part.pieces for part in reduction.parts)


def scratch_bytes(part: Part) -> int:
    """Bytes from one piece's scratch to the next one's."""
    return -(-part.scratch // ALIGNMENT) * ALIGNMENT


def bound_bytes(reduction: Reduction, owner: int) -> int:
    """The most bytes of a message about the columns of `owner`; 0 where it owns none, and no message is sent."""
    payload = sum(part.pieces * part.bounds[owner] for part in reduction.parts)
    return header_bytes(reduction) + payload if payload else 0


def partners(members: int, me: int, node: int) -> tuple[int, ...]:
    """With whom member `me` exchanges terms, the next one first, where so many members as `node` says share a node."""
    return tuple((me + step) % members for step in range(node, members, node))


def neighbours(me: int, node: int) -> tuple[int, ...]:
    """The other members of the node of `me`."""
    first = me - me % node
    return tuple(member for member in range(first, first + node) if member != me)


def slots(reduction: Reduction, members: int, me: int) -> Slots:
    """Where member `me` has its messages."""
    end = 0

    def take(size: int) -> int:
        nonlocal end
        place, end = end, end + -(-size // ALIGNMENT) * ALIGNMENT
        return place

    def one_each(chosen: Iterable[int], size: Callable[[int], int]) -> tuple[int, ...]:
        wanted = set(chosen)
        return tuple(take(size(member)) if member in wanted else 0 for member in range(members))

    def bound(owner: int) -> int:
        return bound_bytes(reduction, owner)

    mine, others = partners(members, me, reduction.node), [member for member in range(members) if member != me]
    outgoing, incoming = one_each(mine, bound), one_each(mine, lambda _: bound(me))
    own = take(bound(me))
    gathered = one_each(others, bound)
    encoded = {*mine, me}
    scratch = tuple(
        tuple(take(part.pieces * scratch_bytes(part)) if member in encoded else 0 for part in reduction.parts)
        for member in range(members)
    )
    return Slots(outgoing, incoming, own, gathered, scratch, end)


def messages_bytes(reduction: Reduction, members: int) -> int:
    """How large the buffer of messages must be, whichever member one is."""
    return max(slots(reduction, members, me).end for me in range(members))
