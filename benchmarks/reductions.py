"""How near to the speed of memory are gradients made small, and put back?

    python benchmarks/reductions.py [--json] [--rounds N] [WORD…]    (only the schemes whose name is one of the words)

For every scheme and some matrices: what the encoder, the adding decoder and the setting decoder move, in GB/s, and what
share that is of one core's memory bandwidth, measured in the same run. Counted is what must be moved: an encoder reads
the gradient and writes the payload, and with error feedback reads and writes the error; a decoder reads the payload,
and writes the gradient, which it reads first if it adds. Matrices are taken in turn from so many copies that none is
in the caches when its turn comes. Shares are of two streams: of a copy, which is what is usually called a core's memory
bandwidth, and of the fastest of three, the others being a = b + 3 c and the same in place, which moves what an encoder
with error feedback must move. Shown is the best of all rounds: neighbours on the machine only ever slow it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import thread_time
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.codegen.llvm.writer import LANES, Writer, vector_of
from brainc.ir.scheme import Scheme
from brainc.operators.operator import Argument
from brainc.reductions.scheme import Method
from brainc.reductions.table import METHODS, scheme_text
from brainrun.native import Loader, object_code, parse
from brainrun.plan import segments
from brainrun.plan.schema import Matrix
from brainrun.processor import this_processor


def _beyond_caches() -> int:
    """Twice the bytes of the largest cache, as far as Linux tells of it, and 192 MB at least."""
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    largest = max((int(size.read_text().strip().removesuffix("K")) << 10 for size in sizes), default=0)
    return max(192 << 20, 2 * largest)


BEYOND_CACHES = _beyond_caches()
"""Bytes of gradients and errors that one call goes through at least."""

NUMBERS = {"tau": 2.0}
"""Values of arguments that have no default, for gradients of deviation 1."""

Call: TypeAlias = Callable[[], object]


@dataclass(frozen=True)
class Shape:
    """A matrix, how it lies, and how many floats its buffer has."""

    name: str
    matrix: Matrix
    floats: int


@dataclass(frozen=True)
class Result:
    """What one direction of one scheme reached on one matrix."""

    scheme: str
    matrix: str
    direction: str
    payload_ratio: float
    """Bytes of the gradient for each byte of its payload."""
    gigabytes_a_second: float
    share_of_copy: float
    share_of_fastest: float


def panels(rows: int, columns: int) -> Shape:
    blocks = -(-rows // LANES)
    matrix = Matrix(rows, columns, LANES, LANES * columns)
    return Shape(f"panels {rows} × {columns}", matrix, blocks * columns * LANES)


def plain(rows: int, columns: int) -> Shape:
    return Shape(f"filters {columns} of {rows}", Matrix(rows, columns, rows, LANES), rows * columns)


SHAPES = (panels(1024, 1024), panels(8192, 8192), plain(64 * 9, 64))


def aligned(floats: int) -> NDArray[np.float32]:
    """So many zeros that begin at a multiple of 64 bytes."""
    memory = np.zeros(floats + LANES, np.float32)
    start = (-memory.ctypes.data // 4) % LANES
    return memory[start : start + floats]


def seconds_of(call: Call) -> float:
    """Of this thread's own time: what neighbours take of the processor is not counted."""
    began = thread_time()
    call()
    return thread_time() - began


class Trial:
    """One scheme on copies of one matrix, which are the segments of one table; it has state, the errors.

    `keep` holds what the table's addresses point to.
    """

    def __init__(self, loader: Loader, method: Method, shape: Shape) -> None:
        self.numbers = tuple(_number(a) for a in method.arguments)
        self.shape = shape
        self.flat = shape.matrix if method.by_column else _flat(shape.floats)
        self.keeps_error = method.keeps_error
        matrices = 2 if method.keeps_error else 1
        self.copies = -(-BEYOND_CACHES // (4 * shape.floats * matrices))
        self.bound = method.bound(self.flat, self.flat.columns, self.numbers)
        self.gradients = aligned(self.copies * shape.floats)
        self.gradients[...] = np.random.default_rng(0).standard_normal(self.gradients.size, np.float32)
        self.errors = aligned(self.copies * shape.floats if method.keeps_error else 0)
        self.payloads = aligned(self.copies * self.bound // 4)
        self.scratch = aligned(-(-method.scratch(self.flat, self.numbers) // 4))
        self.table = np.stack([self._segment(copy) for copy in range(self.copies)])
        self.encode = self._kernel(loader, method.encode("kernel"))
        self.decode = self._kernel(loader, method.decode("kernel"))

    def _segment(self, copy: int) -> NDArray[np.int64]:
        words = np.zeros(segments.SEGMENT_WORDS, np.int64)
        here = 4 * copy * self.shape.floats
        words[segments.GRADIENT] = self.gradients.ctypes.data + here
        words[segments.ERROR] = self.errors.ctypes.data + here if self.keeps_error else 0
        words[segments.ROWS], words[segments.COLUMNS] = self.flat.rows, self.flat.columns
        words[segments.COLUMN_STRIDE], words[segments.BLOCK_STRIDE] = self.flat.column_stride, self.flat.block_stride
        words[segments.PAYLOAD] = self.payloads.ctypes.data + copy * self.bound
        words[segments.BOUND], words[segments.SEED] = self.bound, copy
        words[segments.SCRATCH] = self.scratch.ctypes.data
        numbers = (*self.numbers, 0.0, 0.0, 0.0)[:3]
        words[segments.PARAMETERS : segments.PARAMETERS + 3] = struct.unpack("=3q", struct.pack("=3d", *numbers))
        return words

    def _kernel(self, loader: Loader, text: str) -> Call:
        address = loader.address(object_code(parse(text), this_processor()), "kernel")
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
        operands = (ctypes.c_void_p * 1)(self.table.ctypes.data)
        return lambda: function(ctypes.addressof(operands), 0, self.copies)

    def run(self, direction: str) -> float:
        """The GB/s of one call."""
        self.table[:, segments.ADD] = int(direction == "decode, add")
        seconds = seconds_of(self.encode if direction == "encode" else self.decode)
        moved = {"encode": 12 if self.keeps_error else 4, "decode, add": 8, "decode, set": 4}[direction]
        return (moved * self.copies * self.shape.floats + self.payload_bytes()) / seconds / 1e9

    def payload_bytes(self) -> int:
        return int(self.table[:, segments.LENGTH].sum())


DIRECTIONS = ("encode", "decode, add", "decode, set")


def _number(argument: Argument) -> float:
    if argument.name in NUMBERS:
        return NUMBERS[argument.name]
    if isinstance(argument.default, int | float):
        return float(argument.default)
    raise SystemExit(f"give a value of {argument.name} in NUMBERS")


def _flat(floats: int) -> Matrix:
    return Matrix(LANES, -(-floats // LANES), LANES, LANES)


class Bandwidth:
    """Streams through arrays far larger than the caches, as STREAM has them, and one that overwrites what it reads.

    `best` is what each reached so far, in GB/s.
    """

    def __init__(self, loader: Loader) -> None:
        floats = BEYOND_CACHES // 4
        self.arrays = [aligned(floats) for _ in range(3)]
        for place, array in enumerate(self.arrays):
            array[...] = place
        a, b, c = self.arrays
        self.streams: dict[str, tuple[int, Call]] = {"a = b": (8 * floats, lambda: np.copyto(a, b))}
        self.best: dict[str, float] = {}
        address = loader.address(object_code(parse(_triad()), this_processor()), "triad")
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
        for name, operands in (("a = b + 3 c", (a, b, c)), ("a = a + 3 b", (a, a, b))):
            pointers = (ctypes.c_void_p * 3)(*(operand.ctypes.data for operand in operands))
            triad = partial(lambda given: function(ctypes.addressof(given), 0, floats // LANES), pointers)
            self.streams[name] = (12 * floats, triad)

    def measure(self) -> None:
        """Let each stream run once."""
        for name, (moved, stream) in self.streams.items():
            self.best[name] = max(self.best.get(name, 0.0), moved / seconds_of(stream) / 1e9)


def _triad() -> str:
    writer = Writer()
    target, left, right = writer.operands(3)
    with writer.loop("vector", "%begin", "%end") as vector:
        place = writer.affine("place", (vector.index, LANES))
        b, c = writer.load("b", left, place), writer.load("c", right, place)
        writer.store(writer.multiply_add("a", vector_of(3.0), c, b), target, place)
    return writer.module("triad", ["a = b + 3 c"])


def measure(names: list[str], rounds: int) -> tuple[dict[str, float], list[Result]]:
    """The GB/s of each stream, and every result; streams and kernels take turns, to meet the same neighbours."""
    loader = Loader()
    bandwidth = Bandwidth(loader)
    best = dict[tuple[str, str, str], tuple[float, float]]()
    for method in METHODS.values():
        if names and method.name not in names:
            continue
        for shape in SHAPES:
            trial = Trial(loader, method, shape)
            trial.encode()
            for _ in range(rounds):
                bandwidth.measure()
                for direction in DIRECTIONS:
                    key = (scheme_text(Scheme(method.name, trial.numbers)), shape.name, direction)
                    speed = trial.run(direction)
                    ratio = 4 * shape.floats * trial.copies / max(1, trial.payload_bytes())
                    best[key] = (max(speed, best.get(key, (0.0, 0.0))[0]), ratio)
    copy, fastest = bandwidth.best["a = b"], max(bandwidth.best.values())
    results = [Result(*key, ratio, speed, speed / copy, speed / fastest) for key, (speed, ratio) in best.items()]
    return bandwidth.best, results


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of the reduction schemes against that of memory.")
    parser.add_argument("schemes", nargs="*", help="names of schemes; all where none is given")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    bandwidth, results = measure(options.schemes, options.rounds)
    if options.json:
        answer: dict[str, Any] = {"bandwidth": bandwidth, "results": [asdict(result) for result in results]}
        print(json.dumps(answer, indent=1))
        return
    streams = ", ".join(f"{name}: {speed:.1f}" for name, speed in bandwidth.items())
    print(f"one core streams, in GB/s, {streams}\n")
    print(f"{'scheme':28} {'matrix':20} {'direction':12} {'ratio':>7} {'GB/s':>7}  of a copy  of the fastest")
    for r in results:
        print(
            f"{r.scheme:28} {r.matrix:20} {r.direction:12} {r.payload_ratio:7.1f} {r.gigabytes_a_second:7.1f}"
            f"  {r.share_of_copy:9.0%}  {r.share_of_fastest:14.0%}"
        )


if __name__ == "__main__":
    main()
