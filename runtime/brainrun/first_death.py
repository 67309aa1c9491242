"""Which rank ended first? The launcher's own report may name one that it ended itself; the kernel knows the order."""

from __future__ import annotations

import os
import select
import threading
from pathlib import Path

_SECONDS_BETWEEN_LOOKS = 0.05


class FirstDeath:
    """Watches the ranks of this node, which leave their process numbers in a folder as `RANK.pid`."""

    def __init__(self, folder: Path, ranks: int) -> None:
        self._folder = folder
        self._ranks = ranks
        self._first: tuple[int, int] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def first(self) -> tuple[int, int] | None:
        """(rank, pid) of the one that ended before the others, once all have; None where it was not seen."""
        self._closed = True
        self._thread.join(1)
        return self._first

    def _watch(self) -> None:
        # Events of one epoll come in the order in which they happened, even when many are read at once.
        with select.epoll() as ended:
            watched: dict[int, tuple[int, int]] = {}
            known: set[str] = set()
            while self._first is None and not (self._closed and not watched):
                if len(known) < self._ranks:
                    self._add(ended, watched, known)
                events = ended.poll(_SECONDS_BETWEEN_LOOKS if len(known) < self._ranks or self._closed else 1)
                if events:
                    self._first = watched[events[0][0]]
                elif self._closed:
                    break
            for handle in watched:
                os.close(handle)

    def _add(self, ended: select.epoll, watched: dict[int, tuple[int, int]], known: set[str]) -> None:
        for path in self._folder.glob("*.pid"):
            if path.name not in known:
                known.add(path.name)
                try:
                    pid = int(path.read_text())
                    handle = os.pidfd_open(pid)
                except (OSError, ValueError):
                    continue  # it is of another node, or gone already: the launcher's report has to do
                watched[handle] = (int(path.stem), pid)
                ended.register(handle, select.EPOLLIN)


def leave_pid(folder: Path, rank: int) -> None:
    """Note which process this rank is; whoever reads it sees the whole number or no file."""
    temporary = folder / f".{rank}"
    temporary.write_text(str(os.getpid()))
    temporary.rename(folder / f"{rank}.pid")
