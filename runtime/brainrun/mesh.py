"""Whom does a rank speak with? The ranks of a run, transfers bound once, and failures that all learn of.

A run of one rank has nobody to speak with, and needs MPI only when an MPI launcher started it (`open_world.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, assert_never

from numpy.typing import NDArray

from brainrun.errors import RunError
from brainrun.plan.schema import AllReduce, Exchange, Reduction
from brainrun.plan.schema import Mesh as Shape
from brainrun.pool import usable_cores
from brainrun.reduction.channel import Channel, Sum
from brainrun.truenorth.mail import Post

if TYPE_CHECKING:
    pass

T = TypeVar("T")

_LAUNCHED = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", "MPI_LOCALRANKID")

_SECONDS_BETWEEN_LOOKS = 1e-3


def launched(environment: Mapping[str, str]) -> bool:
    """Whether an MPI launcher started this process."""
    return any(name in environment for name in _LAUNCHED)


class AgreedFailure(Exception):
    """A rank failed, and all ranks know: each ends with status 1, and rank 0 prints this message."""


class BoundTransfer(Protocol):
    """A transfer between fixed places in memory, started and awaited once a step."""

    def start(self) -> None:
        """Begin it: from now on its buffers belong to it."""
        ...

    def wait(self) -> None:
        """Return when it is complete."""
        ...


class World(Protocol):
    """All ranks of a run, seen from one of them."""

    rank: int
    size: int
    local_rank: int
    local_size: int

    def form(self, shape: Shape) -> None:
        """Arrange the ranks as the plan's mesh; before any `bind`."""
        ...

    def bind(self, transfer: AllReduce | Exchange, view: Callable[[str], NDArray[Any]]) -> BoundTransfer:
        """Fix a transfer's places in memory."""
        ...

    def channel(self, reduction: Reduction) -> Channel:
        """The group of a reduction."""
        ...

    def node_sum(self, reduction: Reduction, view: Callable[[str], NDArray[Any]]) -> Sum:
        """The sum of a reduction's gradients over the members that share this rank's node."""
        ...

    def post(self) -> Post | None:
        """The way for spikes to cores of other ranks, if there are others."""
        ...

    def meet(self) -> None:
        """Wait for all ranks."""
        ...

    def progress(self) -> None:
        """Let messages under way move on."""
        ...

    def agree_on_error(self, failure: RunError | None) -> None:
        """Meet all ranks; AgreedFailure on all of them if any has a failure."""
        ...

    def broadcast(self, value: T | None) -> T:
        """Rank 0's value."""
        ...

    def gather(self, value: T) -> list[T]:
        """All ranks' values on rank 0, in their order; nothing on others."""
        ...

    def cores(self) -> tuple[int, ...]:
        """The cores of this node that this rank has to itself, at least one."""
        ...

    def cores_of_node(self) -> int:
        """How many cores this node's ranks have between them."""
        ...

    def close(self) -> None:
        """Give bound transfers back."""
        ...

    def is_of_mpi(self, error: Exception) -> bool:
        """Whether MPI raised it; as a rule because a message's other end is gone."""
        ...

    def abort(self) -> None:
        """End all ranks now, with status 1."""
        ...


@contextmanager
def agreed(world: World) -> Iterator[None]:
    """All ranks do this block, and go on only if none of them failed in it."""
    failure: RunError | None = None
    try:
        yield
    except RunError as error:
        failure = error
    world.agree_on_error(failure)


def share_of_cores(sets: Sequence[tuple[int, ...]], member: int) -> tuple[int, ...]:
    """The cores of one of a node's ranks, given the set that each may use.

    Ranks that may use the same cores divide them, the first ones taking more where it does not come out even; with more
    ranks than cores they share one.
    """
    own = sets[member]
    alike = [place for place, cores in enumerate(sets) if cores == own]
    count, place = len(alike), alike.index(member)
    if count >= len(own):
        return (own[place % len(own)],)
    return own[len(own) * place // count : len(own) * (place + 1) // count]


class Alone:
    """A run of one rank: nobody to speak with."""

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1

    def form(self, shape: Shape) -> None:
        """A mesh of one."""

    def bind(self, transfer: AllReduce | Exchange, view: Callable[[str], NDArray[Any]]) -> BoundTransfer:
        """A sum over one member is there already."""
        del view
        match transfer:
            case AllReduce():
                return Nothing()
            case Exchange(name=name):
                raise ValueError(f"{name} is an exchange, and there is nobody to exchange with")
            case _:
                assert_never(transfer)

    def channel(self, reduction: Reduction) -> Channel:
        """There is none."""
        raise ValueError(f"{reduction.name} has nobody to speak with")

    def node_sum(self, reduction: Reduction, view: Callable[[str], NDArray[Any]]) -> Sum:
        """There is none."""
        del view
        raise ValueError(f"{reduction.name} has nobody to share a node with")

    def post(self) -> Post | None:
        """There are no others."""
        return None

    def meet(self) -> None:
        """All are here."""

    def progress(self) -> None:
        """Nothing is under way."""

    def agree_on_error(self, failure: RunError | None) -> None:
        """AgreedFailure if there is a failure."""
        if failure is not None:
            raise AgreedFailure(str(failure))

    def broadcast(self, value: T | None) -> T:
        """The value itself."""
        assert value is not None
        return value

    def gather(self, value: T) -> list[T]:
        """The value alone."""
        return [value]

    def cores(self) -> tuple[int, ...]:
        """All cores that the process may use."""
        return usable_cores()

    def cores_of_node(self) -> int:
        """As many as this rank has."""
        return len(usable_cores())

    def close(self) -> None:
        """Nothing to give back."""

    def is_of_mpi(self, error: Exception) -> bool:
        """There is no MPI."""
        del error
        return False

    def abort(self) -> None:
        """Nobody else has to be ended."""


class Nothing:
    """A transfer that is complete as soon as it is started."""

    def start(self) -> None:
        """Nothing to begin."""

    def wait(self) -> None:
        """Nothing to await."""
