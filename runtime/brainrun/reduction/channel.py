"""How do a group's members send each other messages whose lengths vary? Behind a small door, so tests need no MPI.

`brainrun.mesh`, which alone imports MPI, hands it in.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Arrival(Protocol):
    """A place for the messages of one member under one tag, one at a time, again and again."""

    def expect(self) -> None:
        """A message may come in from now on."""
        ...

    def here(self) -> bool:
        """Whether it has come; asking lets messages move."""
        ...


class Departure(Protocol):
    """A message on its way."""

    def gone(self) -> bool:
        """Whether the place that it was sent from is free again; asking lets messages move."""
        ...


class Channel(Protocol):
    """The other members of a group, seen from member `me`."""

    members: int
    me: int

    def receive(self, peer: int, tag: int, place: NDArray[np.uint8]) -> Arrival:
        """Bind a place that is long enough for any message of this peer under this tag."""
        ...

    def send(self, peer: int, tag: int, message: NDArray[np.uint8]) -> Departure:
        """Send these bytes, which must not change until they are gone."""
        ...


class Sum(Protocol):
    """The sum of all gradients of a reduction over the members of a node, in place, as they are."""

    def start(self) -> None:
        """From now on the gradients belong to it."""
        ...

    def here(self) -> bool:
        """Whether it is done; asking lets it move."""
        ...


class MpiChannel:
    """A group of MPI's: persistent receives, and sends of the true length. `bound` learns of what is to be freed."""

    def __init__(self, mpi: Any, group: Any, bound: list[Any]) -> None:
        self._byte = mpi.BYTE
        self._group = group
        self._bound = bound
        self.members = group.Get_size()
        self.me = group.Get_rank()

    def receive(self, peer: int, tag: int, place: NDArray[np.uint8]) -> Arrival:
        """A persistent receive."""
        request = self._group.Recv_init([place, self._byte], peer, tag)
        self._bound.append(request)
        return _MpiArrival(request)

    def send(self, peer: int, tag: int, message: NDArray[np.uint8]) -> Departure:
        """A non-blocking send."""
        return _MpiDeparture(self._group.Isend([message, self._byte], peer, tag))


class MpiSum:
    """A non-blocking sum of each array over a communicator."""

    def __init__(self, mpi: Any, group: Any, values: list[NDArray[np.float32]]) -> None:
        self._mpi = mpi
        self._group = group
        self._values = values
        self._requests: list[Any] = []

    def start(self) -> None:
        """Start all."""
        self._requests = [self._group.Iallreduce(self._mpi.IN_PLACE, each, self._mpi.SUM) for each in self._values]

    def here(self) -> bool:
        """Whether all are done."""
        done: bool = self._mpi.Request.Testall(self._requests)
        return done


class _MpiArrival:
    def __init__(self, request: Any) -> None:
        self.expect = request.Start
        self.here = request.Test


class _MpiDeparture:
    def __init__(self, request: Any) -> None:
        self.gone = request.Test
