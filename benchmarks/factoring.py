"""How near to the speed of memory is a gradient summed by its factors?

    python -m benchmarks.factoring [--rounds N] [--ranks R …]

For some gradients and numbers of vectors: what each pass over the gradient moves, as a share of what the fastest stream
of benchmarks/reductions.py moves in the same run, the microseconds of the two small steps, and the share of all five
together. Counted is what must be moved of gradient and error: 12, 4 and 12 bytes an entry. Gradients are taken in turn
from so many copies that none is in the caches when its turn comes. Shown is the best of all rounds. What only reads is
slower than what also writes: on most cores, a read alone reaches two thirds of the fastest stream.
"""

from __future__ import annotations

import argparse
import ctypes
import os
from collections.abc import Callable
from math import prod

from benchmarks.reductions import BEYOND_CACHES, Bandwidth, aligned, seconds_of
from brainc.codegen.factoring import factoring_text
from brainc.ir.factoring import CONTEXT, Factoring, Factors, Stage, operands_of
from brainc.ir.kernel import storage_of
from brainc.ir.origin import Origin
from brainc.ir.tensor import Value
from brainlang.source import Source, Span
from brainrun.native import Loader, object_code, parse
from brainrun.numba_kernels import llvm_module
from brainrun.plan.storage import stored_elements
from brainrun.processor import this_processor

SHAPES = ((1024, 1024), (1024, 784), (4096, 4096), (64, 64, 3, 3), (512, 256, 3, 3))
STAGES: tuple[Stage, ...] = ("prepare", "left", "orthonormalise", "right", "rebuild")
MOVED: dict[Stage, int] = {"left": 12, "right": 4, "rebuild": 12}
"""Bytes of gradient and error an entry."""
ORIGIN = Origin("benchmark", Span(Source("benchmark", ""), 0, 0))


class Trial:
    """Copies of one gradient with their errors, and its factors; it has state."""

    def __init__(self, loader: Loader, shape: tuple[int, ...], rank: int) -> None:
        columns, rows = shape[0], prod(shape[1:])
        gradient, error = (Value(name, shape, False) for name in ("gradient", "error"))
        left, right, own = (
            Value(name, (rank, n), False) for name, n in (("left", rows), ("right", columns), ("own", columns))
        )
        self.factors = Factors(gradient, error, left, right, own, stream=1)
        self.floats = stored_elements(storage_of(gradient))
        self.copies = max(1, BEYOND_CACHES // (8 * self.floats))
        counts = {value.name: stored_elements(storage_of(value)) for value in (left, right, own)}
        counts |= dict.fromkeys(("gradient", "error"), self.copies * self.floats)
        self.memory = {name: aligned(count) for name, count in counts.items()}
        self.context = (ctypes.c_int64 * 3)(7, 0, 0)
        self.kept: list[object] = []
        self.calls = {stage: self._calls(loader, stage) for stage in STAGES}

    def _calls(self, loader: Loader, stage: Stage) -> Callable[[], None]:
        """What does a stage for every copy."""
        work = Factoring(stage, self.factors, ORIGIN)
        text = factoring_text(work)
        module = parse(text.text) if text.language == "llvm" else llvm_module(text.text, text.name, text.name)
        address = loader.address(object_code(module, this_processor()), text.name)
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
        integers = (ctypes.c_int64 * len(text.integers))(*text.integers)
        tables = []
        for copy in range(self.copies):
            pointers = [self._address(value, copy) for value in operands_of(work)]
            if text.integers:
                pointers.append(ctypes.addressof(integers))
            table = (ctypes.c_void_p * len(pointers))(*pointers)
            self.kept += [table, integers]
            tables.append(ctypes.addressof(table))

        def run() -> None:
            for table in tables:
                function(table, 0, text.extent)

        return run

    def _address(self, value: Value, copy: int) -> int:
        if value == CONTEXT:
            return ctypes.addressof(self.context)
        first = 4 * copy * self.floats if value.name in ("gradient", "error") else 0
        return int(self.memory[value.name].ctypes.data) + first

    def seconds(self) -> dict[Stage, float]:
        """Of one round, for one gradient."""
        self.memory["gradient"][...] = 1.0
        return {stage: seconds_of(self.calls[stage]) / self.copies for stage in STAGES}


def measure(shape: tuple[int, ...], rank: int, rounds: int, loader: Loader, bandwidth: Bandwidth) -> str:
    """A line of the table."""
    trial = Trial(loader, shape, rank)
    best = dict.fromkeys(STAGES, float("inf"))
    for _ in range(rounds):
        bandwidth.measure()
        best = {stage: min(best[stage], seconds) for stage, seconds in trial.seconds().items()}
    fastest = 1e9 * max(bandwidth.best.values())
    shares = {stage: moved * trial.floats / best[stage] / fastest for stage, moved in MOVED.items()}
    all_of_it = sum(MOVED.values()) * trial.floats / sum(best.values()) / fastest
    small = f"{1e6 * best['prepare']:9.1f} {1e6 * best['orthonormalise']:15.1f}"
    passes = " ".join(f"{shares[stage]:8.0%}" for stage in MOVED)
    return f"{' × '.join(map(str, shape)):20} {rank:5} {small} {passes} {all_of_it:8.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of sums by factors against that of memory.")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    loader = Loader()
    bandwidth = Bandwidth(loader)
    passes = " ".join(f"{title:>8}" for title in (*MOVED, "all"))
    print(f"{'gradient':20} {'rank':>5} {'µs ready':>9} {'µs orthonormal':>15} {passes}")
    for shape in SHAPES:
        for rank in options.ranks:
            print(measure(shape, rank, options.rounds, loader, bandwidth), flush=True)
    print(f"\nthe fastest stream of one core: {max(bandwidth.best.values()):.1f} GB/s")


if __name__ == "__main__":
    main()
