"""Do all ranks mean the same transfers? Their steps are played on a pretended grid, without MPI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, assert_never

from brainrun.plan.procedures import procedures
from brainrun.plan.schema import AllReduce, Exchange, Message, Plan, Procedure, Rank, Reduction, Start, Step, Wait


def disagreements(plan: Plan) -> Iterator[str]:
    """P5: transfers that a group's members start in different orders, messages that do not match, and deadlocks."""
    of_program = [dict(procedures(program)) for program in plan.programs]
    for name in ("train", "evaluate", "predict"):
        by_rank = [of_program[rank.program][name] for rank in plan.ranks]
        found = [
            *_different_orders(plan, by_rank),
            *_strange_groups(plan, by_rank),
            *_unmatched_messages(plan, by_rank),
        ]
        yield from (f"{broken} ({name})" for broken in found)
        if not found:
            yield from (f"{broken} ({name})" for broken in _deadlocks(plan, by_rank))


def members(plan: Plan, rank: Rank, group: Literal["data", "model", "world"]) -> tuple[int, ...]:
    """The ranks of the group that this rank belongs to, in the order of the group's own numbers."""
    model = plan.mesh.model
    match group:
        case "data":
            return tuple(range(rank.model, len(plan.ranks), model))
        case "model":
            return tuple(range(rank.data * model, (rank.data + 1) * model))
        case "world":
            return tuple(range(len(plan.ranks)))
        case _:
            assert_never(group)


def _different_orders(plan: Plan, by_rank: Sequence[Procedure]) -> Iterator[str]:
    """All members of a group start the same all-reduces and reductions, of the same sizes, in the same order."""
    for group in ("data", "model", "world"):
        leaders: dict[int, list[AllReduce | Reduction]] = {}
        for number, rank in enumerate(plan.ranks):
            leader = members(plan, rank, group)[0]
            starts = _sums(by_rank[number], group)
            expected = leaders.setdefault(leader, starts)
            for place, (theirs, mine) in enumerate(zip(expected, starts, strict=False)):
                if said := _difference(theirs, mine):
                    yield f"sum {place} over {group} is {said[0]} on rank {leader} and {said[1]} on rank {number}"
                    break
            else:
                if len(expected) != len(starts):
                    yield f"rank {leader} starts {len(expected)} sums over {group}, rank {number} {len(starts)}"


def _sums(procedure: Procedure, group: str) -> list[AllReduce | Reduction]:
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    started = [transfers.get(step.transfer) for step in procedure.steps if isinstance(step, Start)]
    return [t for t in started if isinstance(t, (AllReduce, Reduction)) and t.group == group]


def _difference(one: AllReduce | Reduction, other: AllReduce | Reduction) -> tuple[str, str] | None:
    """What each of them is, as far as they differ in what goes over the wire; None where they do not."""
    match one, other:
        case AllReduce(), AllReduce():
            said = _named(one), _named(other)
            return said if said[0] != said[1] else None
        case Reduction(), Reduction() if one.name == other.name and len(one.parts) == len(other.parts):
            if one.node != other.node:
                return f"{one.name} with {one.node} members a node", f"{one.name} with {other.node}"
            for place, (theirs, mine) in enumerate(zip(one.parts, other.parts, strict=True)):
                for field in ("scheme", "parameters", "warmup", "matrix", "owned", "bounds", "pieces"):
                    values = getattr(theirs, field), getattr(mine, field)
                    if values[0] != values[1]:
                        theirs_said, mine_said = (f"{one.name} with {field} {v} of part {place}" for v in values)
                        return theirs_said, mine_said
            return None
        case _:
            return _named(one), _named(other)


def _named(transfer: AllReduce | Reduction) -> str:
    match transfer:
        case AllReduce(name=name, elements=elements):
            return f"{name} ({elements} elements)"
        case Reduction(name=name, parts=parts):
            return f"{name} (a reduction, parts: {len(parts)})"
        case _:
            assert_never(transfer)


def _strange_groups(plan: Plan, by_rank: Sequence[Procedure]) -> Iterator[str]:
    """A reduction gives columns to as many members as its group has."""
    for number, rank in enumerate(plan.ranks):
        for transfer in by_rank[number].transfers:
            if not isinstance(transfer, Reduction):
                continue
            count = len(members(plan, rank, transfer.group))
            yield from (
                f"{transfer.name} shares {part.gradient} among {len(part.owned)} members, and rank {number} is one"
                f" of {count}"
                for part in transfer.parts
                if len(part.owned) != count
            )


def _unmatched_messages(plan: Plan, by_rank: Sequence[Procedure]) -> Iterator[str]:
    """Between two ranks, MPI matches messages by their order: the k-th sent must be the k-th received."""
    for number, rank in enumerate(plan.ranks):
        group = members(plan, rank, "model")
        for place, peer in enumerate(group):
            sent = _messages(plan, number, by_rank[number], "sends", place)
            wanted = _messages(plan, peer, by_rank[peer], "receives", group.index(number))
            if sent != wanted:
                k = next((k for k, pair in enumerate(zip(sent, wanted, strict=False)) if pair[0] != pair[1]), None)
                k = min(len(sent), len(wanted)) if k is None else k
                yield (
                    f"message {k} from rank {number} to rank {peer} is sent as {_said(sent, k)}"
                    f" and received as {_said(wanted, k)}"
                )


def _messages(
    plan: Plan, number: int, procedure: Procedure, side: Literal["sends", "receives"], peer: int
) -> list[tuple[str, int, str]]:
    types = {buffer.name: buffer.dtype for buffer in plan.programs[plan.ranks[number].program].buffers}
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    found = []
    for step in procedure.steps:
        transfer = transfers.get(step.transfer) if isinstance(step, Start) else None
        if isinstance(transfer, Exchange):
            listed: tuple[Message, ...] = transfer.sends if side == "sends" else transfer.receives
            found += [
                (transfer.name, message.elements, str(types.get(message.buffer)))
                for message in listed
                if message.peer == peer
            ]
    return found


def _said(messages: Sequence[tuple[str, int, str]], k: int) -> str:
    if k >= len(messages):
        return "nothing"
    name, elements, dtype = messages[k]
    return f"{elements} {dtype} of {name}"


def _deadlocks(plan: Plan, by_rank: Sequence[Procedure]) -> Iterator[str]:
    """Each rank goes on until it awaits what a partner has not started; in the end all must be through."""
    partners = [_partners(plan, number, procedure) for number, procedure in enumerate(by_rank)]
    steps: list[tuple[Step, ...]] = [procedure.steps for procedure in by_rank]
    places = [0] * len(steps)
    started: set[tuple[int, str]] = set()
    moved = True
    while moved:
        moved = False
        for number, mine in enumerate(steps):
            while places[number] < len(mine):
                match mine[places[number]]:
                    case Start(transfer=name):
                        started.add((number, name))
                    case Wait(transfer=name) if any((p, name) not in started for p in partners[number].get(name, ())):
                        break
                    case _:
                        pass
                places[number] += 1
                moved = True
    for number, mine in enumerate(steps):
        if places[number] < len(mine):
            step = mine[places[number]]
            name = step.transfer if isinstance(step, Wait) else ""
            yield f"rank {number} waits for {name} for ever: its partners wait for something else"
            return


def _partners(plan: Plan, number: int, procedure: Procedure) -> Mapping[str, frozenset[int]]:
    rank = plan.ranks[number]
    found = {}
    for transfer in procedure.transfers:
        match transfer:
            case AllReduce(group=group) | Reduction(group=group):
                found[transfer.name] = frozenset(members(plan, rank, group))
            case Exchange(receives=receives):
                group_members = members(plan, rank, "model")
                found[transfer.name] = frozenset(group_members[message.peer] for message in receives)
            case _:
                assert_never(transfer)
    return found
