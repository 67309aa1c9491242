"""How is the next mini-batch ready in time? A thread prepares it while the current one computes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Staged = TypeVar("Staged")

SLOTS = 2
"""Staging areas that `prepare` needs: number k may use area k % SLOTS."""


def prefetched(prepare: Callable[[int], Staged], first: int, last: int) -> Generator[Staged, None, None]:
    """Yield prepare(first) … prepare(last − 1), each made on another thread while the one before is in use.

    `prepare(k + 1)` begins when `prepare(k)` is handed out: by then the consumer is done with k − 1, whose staging area
    may be filled again. What `prepare` raises is raised here, in its turn. The thread has ended when the generator
    has: after its last value, on an exception, or on `close()`, which `contextlib.closing` calls at the end of a block.
    """
    if first >= last:
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as thread:
        coming = thread.submit(prepare, first)
        for number in range(first, last):
            staged = coming.result()
            if number + 1 < last:
                coming = thread.submit(prepare, number + 1)
            yield staged
