"""What does a rank send in a step of training, and how much of that does arithmetic hide?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from brainrun.plan.schema import AllReduce, Exchange, Interval, Mesh, Plan, Rank, Reduction, Start, Transfer, Wait

ELEMENT_BYTES = 4
"""Messages hold float32 or int32."""


@dataclass(frozen=True, slots=True)
class MessageFact:
    """One transfer of a training step as one rank sees it."""

    name: str
    kind: str
    """`all_reduce`, `all_gather`, `reduce_scatter`, `all_to_all` or `reduction`."""
    group: str
    """The ranks that take part: `data`, `model` or `world`."""
    members: int
    layer: str
    bytes_sent: int
    """Of a reduction, what it is predicted to send; else what it sends."""
    started: int
    """The step of the train procedure that starts it."""
    awaited: int
    """The step that waits for it."""


@dataclass(frozen=True, slots=True)
class WireTime:
    """When a transfer is predicted to be on the wire, and for how long its rank computes meanwhile; in seconds."""

    start: float
    seconds: float
    hidden_seconds: float


def messages_of(plan: Plan, rank: Rank) -> tuple[MessageFact, ...]:
    """The transfers that a rank starts in a training step, in the order in which it starts them."""
    procedure = plan.programs[rank.program].train
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    awaited = {step.transfer: place for place, step in enumerate(procedure.steps) if isinstance(step, Wait)}
    return tuple(
        _fact(transfers[step.transfer], plan.mesh, rank, place, awaited.get(step.transfer, len(procedure.steps)))
        for place, step in enumerate(procedure.steps)
        if isinstance(step, Start)
    )


def _fact(transfer: Transfer, mesh: Mesh, rank: Rank, started: int, awaited: int) -> MessageFact:
    match transfer:
        case AllReduce(name=name, group=group, elements=elements, layer=layer):
            members = {"data": mesh.data, "model": mesh.model, "world": mesh.data * mesh.model}[group]
            sent = all_reduce_bytes(elements * ELEMENT_BYTES, members)
            return MessageFact(name, "all_reduce", group, members, layer, sent, started, awaited)
        case Exchange(name=name, kind=kind, sends=sends, layer=layer):
            sent = ELEMENT_BYTES * sum(message.elements for message in sends if message.peer != rank.model)
            return MessageFact(name, kind, "model", mesh.model, layer, sent, started, awaited)
        case Reduction(name=name, group=group, parts=parts, expected_bytes=sent, layer=layer):
            return MessageFact(name, "reduction", group, len(parts[0].owned), layer, sent, started, awaited)
        case _:
            assert_never(transfer)


def all_reduce_bytes(tensor_bytes: int, members: int) -> int:
    """The bytes that each of N members sends to sum a tensor: 2·(N−1)/N of it.

    A reduce-scatter and an all-gather, which is the least possible (Patarasuk and Yuan 2009, theorem 1).
    """
    return 2 * (members - 1) * tensor_bytes // members


def wire_times(intervals: Iterable[Interval]) -> dict[str, WireTime]:
    """For each transfer in one rank's predicted timeline, its time and the part of it that arithmetic hides.

    A reduction is on the wire twice: it starts with the first time, and lasts as long as both.
    """
    intervals = tuple(intervals)
    busy = union([(each.start, each.start + each.seconds) for each in intervals if each.track != "wire"])
    found: dict[str, WireTime] = {}
    for each in intervals:
        if each.track == "wire":
            hidden = overlap((each.start, each.start + each.seconds), busy)
            before = found.get(each.name, WireTime(each.start, 0.0, 0.0))
            start = min(before.start, each.start)
            found[each.name] = WireTime(start, before.seconds + each.seconds, before.hidden_seconds + hidden)
    return found


def union(stretches: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Disjoint stretches in order that cover the same points."""
    merged: list[tuple[float, float]] = []
    for start, stop in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((start, stop))
    return tuple(merged)


def overlap(stretch: tuple[float, float], disjoint: Iterable[tuple[float, float]]) -> float:
    """How long a stretch coincides with any of some disjoint ones."""
    return sum(max(0.0, min(stretch[1], stop) - max(stretch[0], start)) for start, stop in disjoint)
