"""Which gradients travel together? Neighbours in the order in which they are ready, until a bucket is worth a message.

A message costs a latency whatever its size, so small tensors go with others; a large one goes alone, as soon as it is
there, while the layers below still propagate theirs (Li et al. 2020, section 3.2.3).
"""

from __future__ import annotations

from math import prod

from brainc.ir.schedule import Item, Reduction, reads, writes
from brainc.ir.tensor import Value
from brainc.schedule.reduction import reduction

BUCKET_BYTES = 2**20
"""A bucket is full with so many bytes of float32 gradients."""


def in_buckets(items: list[Item], aliases: dict[str, str]) -> list[Item]:
    """The items with reductions of one group joined; what needs the sum of a gradient comes after its bucket.

    Items keep their order otherwise, but that those which need a bucket that is not full yet step aside.
    """
    return _Buckets(aliases).run(items)


class _Buckets:
    """The items while reductions are being joined."""

    def __init__(self, aliases: dict[str, str]) -> None:
        self.aliases = aliases
        self.done: list[Item] = []
        self.held: list[Item] = []
        self.open: dict[str, Reduction] = {}

    def run(self, items: list[Item]) -> list[Item]:
        """Each item in its turn, and at the end whatever is in open buckets, or waits for one."""
        self._take(items)
        while self.open:
            self._close(next(iter(self.open)))
        return self.done

    def _take(self, items: list[Item]) -> None:
        for item in items:
            if self._blocked(item):
                self.held.append(item)
            elif isinstance(item, Reduction):
                self._add(item)
            else:
                self.done.append(item)

    def _add(self, item: Reduction) -> None:
        """The reduction joins the open bucket of its group, which leaves when it is full."""
        bucket = self.open.get(item.group)
        parts = item.parts if bucket is None else (*bucket.parts, *item.parts)
        self.open[item.group] = reduction(item.group, item.members, parts, parts[0].origin, node=item.node)
        if sum(4 * prod(part.value.shape) for part in parts) >= BUCKET_BYTES:
            self._close(item.group)

    def _close(self, group: str) -> None:
        self.done.append(self.open.pop(group))
        held, self.held = self.held, []
        self._take(held)

    def _blocked(self, item: Item) -> bool:
        """Whether it needs (or would change) what an open bucket or an item that steps aside has to do with."""
        read, written = self._names(reads(item)), self._names(writes(item))
        for other in (*self.open.values(), *self.held):
            changed = self._names(writes(other))
            if (read | written) & changed or written & self._names(reads(other)):
                return True
        return False

    def _names(self, values: tuple[Value, ...]) -> set[str]:
        return {self.aliases.get(value.name, value.name) for value in values}
