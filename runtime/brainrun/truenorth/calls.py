"""What does a run ask of the pool? For each tick a few calls: mail is taken in, the tick computed, potentials read."""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from brainrun.pool import CALL_WORDS, Pool
from brainrun.truenorth.kernel.compiled import Functions
from brainrun.truenorth.mail import Mail

_OPERANDS = 6
"""Two for each call of a tick."""


class Calls:
    """The calls of a block of ticks, as a table that the pool goes through.

    `control` is the kernel's table, `groups` the extent of a tick; `places[traced, 2]` is where potentials lie that go
    into `rows[ticks, traced]`. With `mail`, ticks are done a window at a time, and mail goes out after each.
    """

    def __init__(
        self,
        functions: Functions,
        control: NDArray[np.int64],
        groups: int,
        places: NDArray[np.int64],
        rows: NDArray[np.int32],
        mail: Mail | None,
    ) -> None:
        ticks = len(rows)
        numbers = np.arange(ticks)
        self._ticks = ticks
        self._mail = mail
        self._operands = np.zeros((ticks, _OPERANDS), np.int64)
        self._operands[:, 0] = self._operands[:, 2] = control.ctypes.data
        self._operands[:, 3] = numbers
        self._operands[:, 4] = places.ctypes.data
        self._operands[:, 5] = rows.ctypes.data + numbers * rows.strides[0]
        table = np.empty((ticks, _OPERANDS // 2, CALL_WORDS), np.int64)
        table[:, 0] = (functions.take, 0, 0, 1, 0)
        table[:, 1] = (functions.tick, 0, groups, 1, 0)
        table[:, 2] = (functions.trace, 0, len(places), 1, 0)
        table[:, :, 1] = self._operands.ctypes.data + np.arange(0, self._operands.nbytes, 16).reshape(ticks, -1)
        if mail is not None:
            self._operands[:, 1] = mail.inboxes.ctypes.data
            table[:: mail.window, 0, 2] = len(mail.inboxes)
        wanted = [mail is not None, True, len(places) > 0]
        self._each = sum(wanted)
        self._table = np.ascontiguousarray(table[:, wanted]).reshape(-1, CALL_WORDS)

    def run(self, pool: Pool) -> float:
        """Do them; the seconds that it took."""
        began = perf_counter()
        if self._mail is None:
            pool.run(self._table)
        else:
            for tick in range(0, self._ticks, self._mail.window):
                first = self._table.ctypes.data + tick * self._each * CALL_WORDS * self._table.itemsize
                pool.run_at(first, min(self._mail.window, self._ticks - tick) * self._each)
                self._mail.swap()
        return perf_counter() - began
