"""What does a message cost between two ranks of MPI, and how many bytes a second cross, both ways at once?

Run on two ranks; rank 0 prints a JSON object: `latency_seconds` of a small message, and `bytes_per_second` each way.
"""

from __future__ import annotations

import json
from statistics import median
from time import perf_counter

import numpy as np
from mpi4py import MPI

_WARM_UP = 20
_PINGS = 400
_EXCHANGES = 4
_SECONDS_OF_EXCHANGES = 1.0


def latency(world: MPI.Intracomm) -> float:
    """Half the median round trip of 8 bytes."""
    peer, message, trips = 1 - world.rank, np.zeros(1), []
    for _ in range(_WARM_UP + _PINGS):
        began = perf_counter()
        if world.rank == 0:
            world.Send(message, peer)
            world.Recv(message, peer)
        else:
            world.Recv(message, peer)
            world.Send(message, peer)
        trips.append((perf_counter() - began) / 2)
    return median(trips[_WARM_UP:])


def bandwidth(world: MPI.Intracomm) -> float:
    """What each rank sends a second while it receives as much: the best of a few exchanges that take about a second."""
    peer, seconds, size = 1 - world.rank, 0.0, 1 << 18
    while seconds < _SECONDS_OF_EXCHANGES / _EXCHANGES / 2 and size < 1 << 28:
        size *= 2
        seconds = world.bcast(_exchange(world, peer, size), root=0)
    return size / min(_exchange(world, peer, size) for _ in range(_EXCHANGES))


def _exchange(world: MPI.Intracomm, peer: int, size: int) -> float:
    sent, received = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    world.Barrier()
    began = perf_counter()
    world.Sendrecv(sent, peer, 0, received, peer, 0)
    return perf_counter() - began


def main() -> None:
    """Measure, and print on rank 0."""
    world = MPI.COMM_WORLD
    found = {"latency_seconds": latency(world), "bytes_per_second": bandwidth(world)}
    if world.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
