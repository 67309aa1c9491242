"""Ranks that are threads: each has a simulator of its own, and spikes go through queues, so that no MPI is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Queue
from typing import TypeVar

import numpy as np

from brainrun.truenorth.mail import Boxes, Post

T = TypeVar("T")
SECONDS = 60


class Ranks:
    """So many ranks. `run` does the same on each, and gives what each returns."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._queues = {(a, b): Queue() for a in range(count) for b in range(count)}

    def run(self, work: Callable[[Post], T]) -> list[T]:
        found: list[T | BaseException | None] = [None] * self.count

        def rank(member: int) -> None:
            try:
                found[member] = work(QueuePost(self._queues, member, self.count))
            except BaseException as error:  # raised anew in the test's own thread
                found[member] = error

        threads = [threading.Thread(target=rank, args=(member,), daemon=True) for member in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        for result in found:
            if isinstance(result, BaseException):
                raise result
        return found


class QueuePost:
    """A rank's way to the others: a queue for each pair."""

    def __init__(self, queues: dict[tuple[int, int], Queue], member: int, members: int) -> None:
        self.member, self.members = member, members
        self._queues = queues

    def least(self, value: int) -> int:
        return min(self.tell([value] * self.members))

    def tell(self, numbers: Sequence[int]) -> list[int]:
        for peer, number in enumerate(numbers):
            self._queues[self.member, peer].put(number)
        return [self._queues[peer, self.member].get(timeout=SECONDS) for peer in range(self.members)]

    def connect(self, outboxes: Boxes, inboxes: Boxes) -> None:
        self._outboxes, self._inboxes = outboxes, inboxes

    def swap(self, counts: Sequence[int]) -> list[int]:
        for (peer, box), count in zip(self._outboxes.items(), counts, strict=True):
            self._queues[self.member, peer].put(box[:count].copy())
        came = []
        for peer, box in self._inboxes.items():
            bits: np.ndarray = self._queues[peer, self.member].get(timeout=SECONDS)
            box[: len(bits)] = bits
            came.append(len(bits))
        return came

    def close(self) -> None:
        """Nothing to give back."""
