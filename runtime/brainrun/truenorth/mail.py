"""How do spikes come to cores of other ranks? As bits of those ranks' rings, in one message a pair and window of ticks.

A spike that leaves a rank goes into the outbox of the rank that it is for, as the number of the bit that it sets there.
All delays are at least 1, so what was sent in a window need not be there before the next, as long as the window is no
longer than the least delay between ranks. `brainrun.mesh`, which alone imports MPI, hands the way to send in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from brainrun.truenorth.kernel.shape import PEER_WORDS
from brainrun.truenorth.memory import aligned

Boxes = Mapping[int, NDArray[np.uint32]]
"""By member, in order: a place for the bits that it is sent, or that it sends."""


class Post(Protocol):
    """The ranks that share a network's cores, seen from one of them."""

    member: int
    members: int

    def least(self, value: int) -> int:
        """The least of what all members say."""
        ...

    def tell(self, numbers: Sequence[int]) -> list[int]:
        """Tell each member its number; what each told us."""
        ...

    def connect(self, outboxes: Boxes, inboxes: Boxes) -> None:
        """Fix the places; where one member has an outbox, the other has an inbox as large."""
        ...

    def swap(self, counts: Sequence[int]) -> list[int]:
        """Send so many of each outbox, and receive into all inboxes; how many came into each."""
        ...

    def close(self) -> None:
        """Give back what `connect` made."""
        ...


class Mail:
    """A rank's outboxes and inboxes. State: what is in them."""

    def __init__(self, post: Post, senders: Sequence[int], window: int, slot_bits: Sequence[int]) -> None:
        """`senders[member]`: how many neurons of ours send to it; `slot_bits[member]`: bits of a slot of its ring."""
        self.window = window
        self._post = post
        capacities = [count * window for count in senders]
        outboxes = {member: _box(count) for member, count in enumerate(capacities) if count}
        inboxes = {member: _box(count) for member, count in enumerate(post.tell(capacities)) if count}
        post.connect(outboxes, inboxes)
        self.peers = aligned(len(senders) * PEER_WORDS, np.int64)
        peers = self.peers.reshape(-1, PEER_WORDS)
        peers[:, 0] = slot_bits
        for member, box in outboxes.items():
            peers[member, 1] = box.ctypes.data
        self._counts = peers[:, 2]
        self._out = list(outboxes)
        self._kept = (outboxes, inboxes)
        self.inboxes = np.array([(box.ctypes.data, 0) for box in inboxes.values()], np.int64).reshape(-1, 2)
        """Where each inbox lies, and how many bits came into it."""

    def swap(self) -> None:
        """Send what is in the outboxes, and have what others sent."""
        counts = self._counts[self._out].tolist()
        self._counts[:] = 0
        self.inboxes[:, 1] = self._post.swap(counts)


def _box(capacity: int) -> NDArray[np.uint32]:
    return np.zeros(capacity, np.uint32)


class MpiPost:
    """The ranks of a communicator: a persistent receive for each sender, and sends of the true length."""

    def __init__(self, mpi: Any, group: Any) -> None:
        self._mpi = mpi
        self._group = group
        self.member = group.Get_rank()
        self.members = group.Get_size()
        self._outboxes: list[tuple[int, NDArray[np.uint32]]] = []
        self._receives: list[Any] = []
        self._statuses: list[Any] = []

    def least(self, value: int) -> int:
        """An all-reduce."""
        return int(self._group.allreduce(value, self._mpi.MIN))

    def tell(self, numbers: Sequence[int]) -> list[int]:
        """An all-to-all."""
        told: list[int] = self._group.alltoall(list(numbers))
        return told

    def connect(self, outboxes: Boxes, inboxes: Boxes) -> None:
        """Make the receives."""
        self._outboxes = list(outboxes.items())
        self._receives = [self._group.Recv_init([box, self._mpi.UINT32_T], member) for member, box in inboxes.items()]
        self._statuses = [self._mpi.Status() for _ in self._receives]

    def swap(self, counts: Sequence[int]) -> list[int]:
        """One message to each member that is sent to at all, be it an empty one, as its receiver waits."""
        kind = self._mpi.UINT32_T
        self._mpi.Prequest.Startall(self._receives)
        sends = [
            self._group.Isend([box, count, kind], member)
            for (member, box), count in zip(self._outboxes, counts, strict=True)
        ]
        self._mpi.Request.Waitall(self._receives, self._statuses)
        self._mpi.Request.Waitall(sends)
        return [status.Get_count(kind) for status in self._statuses]

    def close(self) -> None:
        """Free the receives and the communicator."""
        for request in self._receives:
            request.Free()
        self._receives = []
        self._group.Free()
