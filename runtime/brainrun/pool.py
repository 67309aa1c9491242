"""Who owns the rank's cores? A pool of native threads that share out every call, with no lock of Python's held.

A stretch of calls is one native call: each thread does its part of each call, and all meet before the next. Workers
are Python threads that never leave native code; between stretches they spin for a moment, then yield, then sleep.
"""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from brainrun.kernels import KernelSource

_PAUSE: Mapping[str, str] = {"x86_64": "pause", "aarch64": "yield"}
_STOP, _THREADS, _WORDS = 8, 34, 40

CALL_WORDS = 5
"""A call in a table: function address, address of the operands' addresses, extent, calls chained from here (≥ 1), and
the first of its parts: it does parts `first … first + extent − 1`."""


def pool_source() -> KernelSource:
    """The pool's own native code, to be compiled and loaded like a kernel."""
    path = Path(__file__).with_name("pool.ll")
    text = path.read_text(encoding="utf-8").replace("PAUSE", _PAUSE.get(platform.machine(), "nop"))
    return KernelSource("brainrun_pool", "llvm", text, path.name)


class Pool:
    """`threads` threads, the calling one among them, that run tables of calls together.

    `entry` is the address of `pool_source`'s function; `cores` are the rank's, one a thread, or empty to leave the
    choice to the system: workers stay on one each, the caller (and the threads it starts later) among all of them.
    Close the pool, or use it in a `with`.
    """

    def __init__(self, entry: int, threads: int, *, cores: Sequence[int] = ()) -> None:
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)
        self._enter = function(entry)
        self._storage = np.zeros(_WORDS + 8, np.int64)
        first = -self._storage.ctypes.data % 64 // 8
        self._control = self._storage[first : first + _WORDS]
        self._control[_THREADS] = threads
        self._address = self._control.ctypes.data
        self.threads = threads
        self._cores_before = usable_cores()
        self._workers = [
            threading.Thread(target=self._work, args=(t, cores[t] if cores else None), daemon=True)
            for t in range(1, threads)
        ]
        for worker in self._workers:
            worker.start()
        if cores:
            _stay_on(cores)

    def run(self, table: NDArray[np.int64]) -> None:
        """Do the calls of `table[calls, 5]`, in order; a chained call counts within its first."""
        self._enter(self._address, 0, table.ctypes.data, len(table))

    def run_at(self, address: int, calls: int) -> None:
        """The same for a table at this address."""
        self._enter(self._address, 0, address, calls)

    def close(self) -> None:
        """Send the workers home. The pool is of no use afterwards."""
        self._control[_STOP] = 1
        self._control[0] += 1
        for worker in self._workers:
            worker.join()
        self._workers = []
        _stay_on(self._cores_before)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        self.close()
        return False

    def _work(self, thread: int, core: int | None) -> None:
        if core is not None:
            _stay_on((core,))
        self._enter(self._address, thread, None, 0)


def usable_cores() -> tuple[int, ...]:
    """The cores this process may run on."""
    return tuple(sorted(os.sched_getaffinity(0)))


def _stay_on(cores: Sequence[int]) -> None:
    """Keep the calling thread on these cores, where the system allows it."""
    try:
        os.sched_setaffinity(0, cores)
    except OSError:
        return
