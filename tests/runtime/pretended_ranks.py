"""Ranks of a reduction in one process: each has its memory, and messages wait in a post until a test lets them come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from brainc.ir.scheme import Scheme
from brainc.reductions.parts import coders, part_of
from brainc.reductions.table import METHODS
from brainrun.kernels import KernelSource
from brainrun.plan.messages import messages_bytes
from brainrun.plan.schema import Matrix, Panels, Part, Plain, Reduction
from brainrun.pool import Pool, pool_source
from brainrun.reduction.channel import Arrival, Channel, Departure
from brainrun.reduction.coding import Memory
from brainrun.reduction.collective import BoundReduction, UnderWay
from brainrun.reduction.moment import Moment

_ARGUMENTS = {"tau": 0.5, "density": 1 / 16}
SCHEMES = {
    name: Scheme(name, tuple(_ARGUMENTS[argument.name] for argument in method.arguments))
    for name, method in METHODS.items()
}
"""Each scheme there is, with numbers that suit small tensors of numbers of about 1."""

TENSORS: Mapping[str, Panels | Plain] = {
    "wide.weight": Panels(37, 100),
    "wide.bias": Plain((37,)),
    "filters.weight": Plain((6, 5, 3, 3)),
    "one.weight": Panels(1, 20),
    "one.bias": Plain((1,)),
    "tall.weight": Panels(3, 300),
}
"""Uneven ones, tiny ones, and some of one column."""


def kernel_sources(schemes: Sequence[Scheme]) -> list[KernelSource]:
    """What has to be compiled for them, and for the pool."""
    texts = [kernel for scheme in schemes for kernel in coders(scheme)]
    return [pool_source(), *(KernelSource(k.name, "llvm", k.text, f"{k.name}.ll") for k in texts)]


def reduction_of(
    tensors: Mapping[str, Panels | Plain], schemes: Mapping[str, Scheme], members: int, node: int = 1
) -> Reduction:
    """One reduction of these gradients, each under its scheme."""
    parts = [
        part_of(
            f"train:{name}.grad", _error(name, schemes[name]), "", storage, schemes[name], members, name.split(".")[0]
        )
        for name, storage in tensors.items()
    ]
    return Reduction("gradients", "data", tuple(parts), "messages", 0, "wide", node)


def _error(name: str, scheme: Scheme) -> str:
    return f"{name}.error" if METHODS[scheme.method].keeps_error else ""


def places(matrix: Matrix) -> NDArray[np.int64]:
    """Where entry i of column c lies: `places[i, c]`."""
    i, c = np.arange(matrix.rows)[:, None], np.arange(matrix.columns)
    return np.asarray(c * matrix.column_stride + i // 16 * matrix.block_stride + i % 16)


class Tensors:
    """A rank's gradients and errors, as their matrices, and its buffer of messages."""

    def __init__(self, reduction: Reduction, storages: Mapping[str, Panels | Plain], members: int) -> None:
        self.reduction = reduction
        self.messages = aligned(messages_bytes(reduction, members))
        self._floats: dict[str, NDArray[np.float32]] = {}
        for part, storage in zip(reduction.parts, storages.values(), strict=True):
            for name in filter(None, (part.gradient, part.error)):
                self._floats[name] = aligned(_padded_bytes(storage)).view(np.float32)
            if METHODS[part.scheme.partition("(")[0]].by_column:
                # What pads a panel may be anything.
                self._floats[part.gradient][:] = np.nan
            if part.error:
                self._floats[part.error][:] = 0

    def memory(self, kernels: Mapping[str, int]) -> Memory:
        return Memory({name: floats.ctypes.data for name, floats in self._floats.items()}, kernels, self.messages)

    def floats(self, name: str) -> NDArray[np.float32]:
        """A buffer as it lies in memory."""
        return self._floats[name]

    def set_gradient(self, part: Part, values: NDArray[np.float32]) -> None:
        self._floats[part.gradient][places(part.matrix)] = values

    def gradient(self, part: Part) -> NDArray[np.float32]:
        return self._floats[part.gradient][places(part.matrix)]

    def error(self, part: Part) -> NDArray[np.float32]:
        if not part.error:
            return np.zeros((part.matrix.rows, part.matrix.columns), np.float32)
        return self._floats[part.error][places(part.matrix)]


def aligned(size: int) -> NDArray[np.uint8]:
    """Zeros that begin at a multiple of 64, as buffers of an arena do."""
    block = np.zeros(size + 64, np.uint8)
    first = -block.ctypes.data % 64
    return block[first : first + size]


def _padded_bytes(storage: Panels | Plain) -> int:
    match storage:
        case Panels(outputs=outputs, inputs=inputs):
            return 64 * -(-inputs // 16) * outputs
        case Plain(shape=shape):
            return 64 * -(-prod(shape) // 16)


class Post:
    """All messages between the ranks. `luck()` says whether one that waits has come when it is asked about.

    As with MPI, a message does not leave before its sender asks about anything.
    """

    def __init__(self, luck: Callable[[], bool]) -> None:
        self.luck = luck
        self.waiting: dict[tuple[int, int, int], deque[NDArray[np.uint8]]] = {}
        self.leaving: dict[int, list[tuple[tuple[int, int, int], NDArray[np.uint8]]]] = {}
        self.carried: list[tuple[int, int, int, NDArray[np.uint8]]] = []
        """Each message: from whom, to whom, its tag, its bytes."""

    def asked_by(self, rank: int) -> None:
        """Let this rank's messages leave."""
        for key, message in self.leaving.pop(rank, []):
            self.waiting.setdefault(key, deque()).append(message)


@dataclass
class PretendedChannel:
    """One rank's end of the post."""

    post: Post
    me: int
    members: int

    def receive(self, peer: int, tag: int, place: NDArray[np.uint8]) -> Arrival:
        return _Arrival(self.post, (peer, self.me, tag), place)

    def send(self, peer: int, tag: int, message: NDArray[np.uint8]) -> Departure:
        self.post.carried.append((self.me, peer, tag, message.copy()))
        self.post.leaving.setdefault(self.me, []).append(((self.me, peer, tag), message))
        return _Departure(self.post, (self.me, peer, tag), message)


class _Arrival:
    def __init__(self, post: Post, key: tuple[int, int, int], place: NDArray[np.uint8]) -> None:
        self._post, self._key, self._place = post, key, place
        self._expected = False

    def expect(self) -> None:
        assert not self._expected
        self._expected = True

    def here(self) -> bool:
        """The message is read from its sender only now: it must not have been touched."""
        assert self._expected
        self._post.asked_by(self._key[1])
        queue = self._post.waiting.get(self._key)
        if not queue or not self._post.luck():
            return False
        message = queue.popleft()
        self._place[: len(message)] = message
        self._place[len(message) :] = 0xFF
        self._expected = False
        return True


class _Departure:
    def __init__(self, post: Post, key: tuple[int, int, int], message: NDArray[np.uint8]) -> None:
        self._post, self._key, self._message = post, key, message

    def gone(self) -> bool:
        self._post.asked_by(self._key[0])
        return not any(waiting is self._message for waiting in self._post.waiting[self._key])


class NodeSum:
    """The sum over the ranks of a node, done when the last of them starts it."""

    def __init__(self, tensors: Sequence[Tensors], luck: Callable[[], bool]) -> None:
        self._tensors, self._luck = tensors, luck
        self._started = 0

    def start(self) -> None:
        self._started += 1
        if self.complete:
            for part in self._tensors[0].reduction.parts:
                total = np.sum([of_rank.gradient(part) for of_rank in self._tensors], axis=0, dtype=np.float32)
                for of_rank in self._tensors:
                    of_rank.set_gradient(part, total)

    @property
    def complete(self) -> bool:
        return self._started % len(self._tensors) == 0

    def here(self) -> bool:
        return self.complete and self._luck()


class Ranks:
    """So many ranks with the same tensors, and what a step of all of them does."""

    def __init__(
        self,
        reduction: Reduction,
        storages: Mapping[str, Panels | Plain],
        members: int,
        kernels: Mapping[str, int],
        pool: Pool,
        luck: Callable[[], bool],
    ) -> None:
        self.reduction = reduction
        self.post = Post(luck)
        self.moment = Moment(seed=7)
        self.tensors = [Tensors(reduction, storages, members) for _ in range(members)]
        self.fruitless = 0
        under_way = UnderWay()

        def progress() -> bool:
            moved = under_way.progress()
            self.fruitless = 0 if moved else self.fruitless + 1
            assert self.fruitless < 1000, "nothing moves any more"
            return moved

        nodes = range(0, members, reduction.node)
        within = [NodeSum(self.tensors[first : first + reduction.node], luck) for first in nodes]
        self.bound = [
            BoundReduction(
                reduction,
                tensors.memory(kernels),
                pool,
                self._channel(rank, members),
                within[rank // reduction.node] if reduction.node > 1 else None,
                tag=3,
                rank=rank,
                moment=self.moment,
                under_way=under_way,
                progress=progress,
            )
            for rank, tensors in enumerate(self.tensors)
        ]

    def _channel(self, rank: int, members: int) -> Channel:
        return PretendedChannel(self.post, rank, members)

    def step(self, gradients: Sequence[Mapping[str, NDArray[np.float32]]], *, step: int) -> None:
        """Reduce these gradients: of each rank, by part."""
        self.moment.step = step
        for tensors, of_rank in zip(self.tensors, gradients, strict=True):
            for part in self.reduction.parts:
                tensors.set_gradient(part, of_rank[part.gradient])
        for bound in self.bound:
            bound.start()
        for bound in self.bound:
            bound.wait()
