"""In what order? Transfers start as soon as what they send is there, and what waits for them steps aside meanwhile."""

from __future__ import annotations

from brainc.ir.factoring import Factoring
from brainc.ir.schedule import Item, Reduction, Run, Start, Step, Sum, Transfer, Wait, reads, writes
from brainc.ir.tensor import Value
from brainc.schedule.buckets import in_buckets


def overlap(items: tuple[Item, ...], aliases: dict[str, str]) -> tuple[Step, ...]:
    """The items in an order that hides transfers behind arithmetic.

    Items keep their order, except that a sum over ranks begins where its term is made, and that an item which needs a
    transfer under way (or an item that itself had to step aside) is put off until nothing else can be done; then the
    transfer that the first of them needs is awaited. All ranks of a group hold the same items in the same order, so all
    of them start and await their transfers in the same order.
    """
    steps: list[Step] = []
    waiting = in_buckets(_sums_early(items, aliases), aliases)
    under_way: list[Transfer] = []
    while waiting or under_way:
        # What a transfer sends is its own too until it is over: the plan's rule P7 lets nobody look at it meanwhile.
        blocked_reads: set[str] = set()
        for transfer in under_way:
            blocked_reads |= _names((*reads(transfer), *writes(transfer)), aliases)
        blocked_writes = set(blocked_reads)
        put_off: list[Item] = []
        for item in waiting:
            read, written = _names(reads(item), aliases), _names(writes(item), aliases)
            if read & blocked_reads or written & blocked_writes:
                put_off.append(item)
                blocked_reads |= written
                blocked_writes |= read | written
            elif isinstance(item, Run):
                steps.append(item)
            else:
                steps.append(Start(item))
                under_way.append(item)
                blocked_reads |= read | written
                blocked_writes |= read | written
        waiting = put_off
        if under_way:
            awaited = _needed(waiting[0], under_way, aliases) if waiting else under_way[0]
            under_way.remove(awaited)
            steps.append(Wait(awaited))
    return tuple(steps)


def _sums_early(items: tuple[Item, ...], aliases: dict[str, str]) -> list[Item]:
    """The items with each sum right behind the last one before it that touches its memory: the maker of its term.

    So the sum of a layer's gradient is under way while the layers below still propagate theirs. The same holds for what
    makes the first factor of a gradient, which finds the gradient in the caches.
    """
    ordered: list[Item] = []
    for item in items:
        place = len(ordered)
        if memory := _names(_ready_with(item), aliases):
            while place and not memory & _names((*reads(ordered[place - 1]), *writes(ordered[place - 1])), aliases):
                place -= 1
            # Behind the sums that already stand there: their order is that in which they are needed.
            while place < len(ordered) and isinstance(ordered[place], Sum | Reduction):
                place += 1
        ordered.insert(place, item)
    return ordered


def _ready_with(item: Item) -> tuple[Value, ...]:
    """The values after whose last mention an item that is to be done early is placed; none for other items."""
    match item:
        case Sum() | Reduction():
            return writes(item)
        case Run(work=Factoring(stage="prepare" | "left", factors=factors)):
            return (factors.gradient, factors.error, factors.right)
        case _:
            return ()


def _needed(item: Item, under_way: list[Transfer], aliases: dict[str, str]) -> Transfer:
    """The oldest transfer that stands in the item's way."""
    touched = _names((*reads(item), *writes(item)), aliases)
    return next(t for t in under_way if touched & _names((*reads(t), *writes(t)), aliases))


def _names(values: tuple[Value, ...], aliases: dict[str, str]) -> set[str]:
    """The values by the names of their memory."""
    return {aliases.get(value.name, value.name) for value in values}
