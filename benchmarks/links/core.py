"""What one core multiplies and copies in a second: prints `flops` and `memory_bandwidth` as a line of JSON.

Run as a program of its own, with OPENBLAS_NUM_THREADS=1, so that NumPy multiplies with one thread.
"""

from __future__ import annotations

import json
from time import thread_time

import numpy as np

SIDE, FLOATS, TRIES = 1024, 1 << 26, 5


def main() -> None:
    """Take the best of several tries: neighbours on the machine only ever slow it."""
    square, source = np.ones((SIDE, SIDE), np.float32), np.ones(FLOATS, np.float32)
    target = np.zeros_like(source)
    flops = bandwidth = 0.0
    for _ in range(TRIES):
        began = thread_time()
        square @ square
        multiplied = thread_time()
        np.copyto(target, source)
        flops = max(flops, 2 * SIDE**3 / (multiplied - began))
        bandwidth = max(bandwidth, 2 * source.nbytes / (thread_time() - multiplied))
    print(json.dumps({"flops": flops, "memory_bandwidth": bandwidth}))


if __name__ == "__main__":
    main()
