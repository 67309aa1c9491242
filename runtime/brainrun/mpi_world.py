"""How do ranks speak over MPI? Communicators of the mesh, requests bound once, and what all must agree on.

This is the only module that imports mpi4py.MPI.
"""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar, assert_never

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import RunError
from brainrun.mesh import AgreedFailure, BoundTransfer, Nothing, share_of_cores
from brainrun.plan.schema import AllReduce, Exchange, Message, Reduction
from brainrun.plan.schema import Mesh as Shape
from brainrun.pool import usable_cores
from brainrun.reduction.channel import Channel, MpiChannel, MpiSum, Sum
from brainrun.truenorth.mail import MpiPost, Post

if TYPE_CHECKING:
    from mpi4py import MPI

T = TypeVar("T")

_SECONDS_BETWEEN_LOOKS = 1e-3


def open_mpi_world() -> MpiWorld:
    """The ranks that MPI knows. RunError where it cannot be loaded."""
    # Only here, as importing it initialises it.
    import mpi4py

    mpi4py.rc.thread_level = "serialized"
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise RunError(
            f"MPI cannot be loaded: {error}", remedy="install brainc[mpi], or load your site's MPI"
        ) from None
    return MpiWorld(MPI)


class MpiWorld:
    """The ranks of MPI's world as a mesh: rank = data coordinate · model + model coordinate."""

    def __init__(self, mpi: Any) -> None:
        self._mpi = mpi
        world: MPI.Intracomm = mpi.COMM_WORLD
        self._world = world
        self.rank = world.Get_rank()
        self.size = world.Get_size()
        self._node = world.Split_type(mpi.COMM_TYPE_SHARED, self.rank)
        self.local_rank = self._node.Get_rank()
        self.local_size = self._node.Get_size()
        self._core_sets: list[tuple[int, ...]] = self._node.allgather(usable_cores())
        self._groups: dict[str, Any] = {}
        self._bound: list[MPI.Prequest] = []
        self._under_way: list[MPI.Request] = []

    def form(self, shape: Shape) -> None:
        """One communicator a row and a column of the mesh, and one for all ranks."""
        data, model = divmod(self.rank, shape.model)
        self._groups = {
            "world": self._world.Dup(),
            "data": self._world.Split(model, data),
            "model": self._world.Split(data, model),
        }

    def bind(self, transfer: AllReduce | Exchange, view: Callable[[str], NDArray[Any]]) -> BoundTransfer:
        """A persistent request for each message, or for the collective where the library has such."""
        match transfer:
            case AllReduce(group=group, buffer=buffer, elements=elements):
                return self._bind_sum(self._groups[group], view(buffer).reshape(-1)[:elements])
            case Exchange(sends=sends, receives=receives):
                group_of_model = self._groups["model"]
                requests: list[MPI.Prequest] = [
                    group_of_model.Recv_init(_part(view, message), message.peer) for message in receives
                ]
                requests += [group_of_model.Send_init(_part(view, message), message.peer) for message in sends]
                self._bound += requests
                return _Persistent(self._mpi, requests, self._under_way)
            case _:
                assert_never(transfer)

    def _bind_sum(self, group: MPI.Intracomm, values: NDArray[Any]) -> BoundTransfer:
        if group.Get_size() == 1:
            return Nothing()
        try:
            request = group.Allreduce_init(self._mpi.IN_PLACE, values, self._mpi.SUM)
        except NotImplementedError:  # MPI before 4.0
            return _Sum(self._mpi, group, values, self._under_way)
        self._bound.append(request)
        return _Persistent(self._mpi, [request], self._under_way)

    def channel(self, reduction: Reduction) -> Channel:
        """The group's communicator; exchanges use it too, with tag 0."""
        return MpiChannel(self._mpi, self._groups[reduction.group], self._bound)

    def node_sum(self, reduction: Reduction, view: Callable[[str], NDArray[Any]]) -> Sum:
        """Over so many consecutive members of the group as the plan says, wherever the launcher put them."""
        key = f"{reduction.group}, by {reduction.node}"
        if key not in self._groups:
            group = self._groups[reduction.group]
            self._groups[key] = group.Split(group.Get_rank() // reduction.node, group.Get_rank())
        values = [view(part.gradient).reshape(-1) for part in reduction.parts]
        return MpiSum(self._mpi, self._groups[key], values)

    def post(self) -> Post | None:
        """A communicator of its own, so that nothing else is taken for spikes."""
        return MpiPost(self._mpi, self._world.Dup()) if self.size > 1 else None

    def meet(self) -> None:
        """A barrier."""
        self._world.Barrier()

    def progress(self) -> None:
        """MPI libraries move large messages only while they are called; which request is asked about is no matter."""
        if self._under_way:
            self._under_way[0].Test()

    def agree_on_error(self, failure: RunError | None) -> None:
        """AgreedFailure with the message of the lowest rank that has one."""
        # Others may take seconds, to compile kernels for instance, and MPI would take their cores to wait.
        all_here = self._world.Ibarrier()
        while not all_here.Test():
            sleep(_SECONDS_BETWEEN_LOOKS)
        messages = self._world.allgather(None if failure is None else str(failure))
        for rank, message in enumerate(messages):
            if message is not None:
                alike = all(other == message for other in messages)
                raise AgreedFailure(message if alike or message.startswith("[rank") else f"[rank {rank}] {message}")

    def broadcast(self, value: T | None) -> T:
        """Rank 0's value, pickled."""
        received: T = self._world.bcast(value, root=0)
        return received

    def gather(self, value: T) -> list[T]:
        """All ranks' values on rank 0."""
        return self._world.gather(value, root=0) or []

    def cores(self) -> tuple[int, ...]:
        """This rank's share of what the node's ranks may use."""
        return share_of_cores(self._core_sets, self.local_rank)

    def cores_of_node(self) -> int:
        """All that any of the node's ranks may use."""
        return len(set().union(*self._core_sets))

    def close(self) -> None:
        """Give back what `bind` made; MPICH complains about what is left."""
        for request in self._bound:
            request.Free()
        self._bound = []

    def is_of_mpi(self, error: Exception) -> bool:
        """Whether it is MPI's exception."""
        return isinstance(error, self._mpi.Exception)

    def abort(self) -> None:
        """MPI_Abort."""
        self._world.Abort(1)


class _Persistent:
    """Requests that are started again each step."""

    def __init__(self, mpi: Any, requests: list[Any], under_way: list[Any]) -> None:
        self._startall = mpi.Prequest.Startall
        self._waitall = mpi.Request.Waitall
        self._requests = requests
        self._under_way = under_way

    def start(self) -> None:
        """Start all of them."""
        self._startall(self._requests)
        self._under_way.extend(self._requests)

    def wait(self) -> None:
        """Wait for all of them."""
        self._waitall(self._requests)
        for request in self._requests:
            self._under_way.remove(request)


class _Sum:
    """A sum over a group for libraries without persistent collectives."""

    def __init__(self, mpi: Any, group: Any, values: NDArray[Any], under_way: list[Any]) -> None:
        self._mpi = mpi
        self._group = group
        self._values = values
        self._under_way = under_way
        self._request: Any = None

    def start(self) -> None:
        """Start the non-blocking sum."""
        self._request = self._group.Iallreduce(self._mpi.IN_PLACE, self._values, self._mpi.SUM)
        self._under_way.append(self._request)

    def wait(self) -> None:
        """Wait for it."""
        self._under_way.remove(self._request)
        self._request.Wait()


def _part(view: Callable[[str], NDArray[Any]], message: Message) -> NDArray[np.float32]:
    part: NDArray[np.float32] = view(message.buffer).reshape(-1)[message.first : message.first + message.elements]
    return part
