"""Which rank ended first? The launcher's own report may name one that it ended itself; the kernel knows the order."""

from __future__ import annotations

import fcntl
import os
import select
from pathlib import Path

# Descriptors of this number and above are free in a rank, whatever its launcher handed it.
_A_HIGH_DESCRIPTOR = 256


class FirstDeath:
    """Knows which rank of this node ended first, by a named pipe `RANK.alive` that each holds open while it lives.

    The launcher learns of a death when its own connexion to the rank closes. A process that ends gives back the file
    it opened last first (Linux's task works run in that order), so our pipe hangs up before the launcher can have ended
    any other rank. The kernel lists the hang-ups of one epoll in the order in which they came; it lists the openings
    too, until it is asked, so `wait` is to be called before the ranks end.
    """

    def __init__(self, folder: Path, ranks: int) -> None:
        self._ranks: dict[int, int] = {}
        self._ended = select.epoll()
        for rank in range(ranks):
            path = _pipe_of(folder, rank)
            os.mkfifo(path)
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            self._ranks[handle] = rank
            self._ended.register(handle, 0)  # hang-ups only, which are always told

    def __enter__(self) -> FirstDeath:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()
        for handle in self._ranks:
            os.close(handle)

    def wait(self, launcher: int) -> tuple[int, int] | None:
        """Wait for the end of the launcher with this pid; (rank, pid) of the one that ended before the others.

        None where none of this node was seen to end.
        """
        first = None
        with os.fdopen(os.pidfd_open(launcher)) as ending:
            self._ended.register(ending, select.EPOLLIN)
            while True:
                for handle, _ in self._ended.poll():
                    if handle == ending.fileno():
                        return first
                    if first is None and (pid := os.read(handle, 32)):
                        first = self._ranks[handle], int(pid)
                    self._ended.unregister(handle)


def hold_pipe(folder: Path, rank: int) -> None:
    """Say which process this rank is, and hold its pipe open until it ends, however it does."""
    try:
        handle = os.open(_pipe_of(folder, rank), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # nobody of this node reads it: the launcher's report has to do
    os.write(handle, str(os.getpid()).encode())
    fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, _A_HIGH_DESCRIPTOR)
    os.close(handle)


def _pipe_of(folder: Path, rank: int) -> Path:
    return folder / f"{rank}.alive"
