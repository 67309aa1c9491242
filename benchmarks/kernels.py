"""How near to one core's arithmetic peak are the generated matrix products and convolutions?

    python benchmarks/kernels.py [WORD…]        (only the kernels whose name contains one of the words)

Prints GFLOP/s, the share of the peak, and for dense layers what NumPy's BLAS does with the same product. The peak is
that of a loop of multiply-adds between registers, timed before and after every round of every kernel: neighbours on
the machine slow both. A share is that of the best round; the median over rounds stands beside it.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from brainc.codegen.llvm.convolution import (
    Convolution,
    ConvolutionForward,
    ConvolutionInputGradient,
    ConvolutionWeightGradient,
    write_convolution,
)
from brainc.codegen.llvm.dense import DenseForward, DenseInputGradient, DenseWeightGradient, write_dense
from brainc.codegen.llvm.epilogue import Epilogue
from brainc.codegen.llvm.registers import register_file
from brainc.codegen.llvm.writer import LANES, Writer, vector_of
from brainc.ir.expression import Constant, Operand, add, maximum, multiply, subtract
from brainc.ir.kernel import KernelText
from brainrun.native import Loader, object_code, parse
from brainrun.processor import this_processor

ROUNDS = 40
BIAS_RELU = Epilogue((maximum(add(Operand(0), Operand(1)), Constant(0.0)),), ("row",))
MOMENTUM = add(multiply(Constant(0.9), Operand(2)), Operand(0))
UPDATE = Epilogue((subtract(Operand(1), multiply(Operand(3), MOMENTUM)), MOMENTUM), ("same", "same", "scalar"))

DENSE = [(128, 1024, 1024), (128, 784, 1024), (128, 1024, 10), (1024, 512, 512), (16, 1024, 1024)]
CONVOLUTIONS = {
    "LeNet's first": Convolution(128, 1, 20, (28, 28), (5, 5)),
    "LeNet's second": Convolution(128, 20, 50, (12, 12), (5, 5)),
    "3 × 3, 64 to 64": Convolution(64, 64, 64, (32, 32), (3, 3), pad=(1, 1)),
    "1 × 1, 64 to 256": Convolution(64, 64, 256, (14, 14), (1, 1)),
    "3 × 3, stride 2": Convolution(64, 64, 128, (28, 28), (3, 3), stride=(2, 2), pad=(1, 1)),
    "depthwise 3 × 3": Convolution(64, 64, 64, (28, 28), (3, 3), groups=64, pad=(1, 1)),
}


@dataclass(frozen=True)
class Trial:
    """A kernel with what it is to run on; `blas` does the same product in NumPy."""

    name: str
    flops: float
    kernel: KernelText
    operands: list[np.ndarray]
    blas: Callable[[], object] | None = None


def peak_kernel() -> tuple[KernelText, float]:
    """A loop of multiply-adds that touches no memory, and its operations."""
    writer = Writer()
    sums, rounds = min(8, register_file(this_processor().features).vectors - 2), 60_000
    pointer = writer.operands(1)[0]
    factor = writer.load("factor", pointer)
    with writer.loop("round", 0, rounds, [vector_of(float(k)) for k in range(sums)]) as loop:
        loop.next([writer.multiply_add("sum", value, factor, factor) for value in loop.values])
    for place, value in enumerate(loop.values):
        writer.store(value, pointer, (place + 1) * LANES)
    text = writer.module("peak", ["multiply-adds between registers"])
    return KernelText("peak", "llvm", text, 1, chainable=False, integers=()), 2.0 * LANES * sums * rounds


def buffer(*shape: int) -> np.ndarray:
    """Small random numbers, aligned to 64 bytes."""
    floats = np.zeros(int(np.prod(shape)) + LANES, np.float32)
    start = (-floats.ctypes.data // 4) % LANES
    place = floats[start : start + int(np.prod(shape))].reshape(shape)
    place[...] = np.random.default_rng(0).uniform(-0.01, 0.01, shape)
    return place


def dense_trials() -> Iterator[Trial]:
    registers = register_file(this_processor().features)
    for samples, inputs, outputs in DENSE:
        flops = 2.0 * samples * inputs * outputs
        blocks = -(-samples // LANES)
        x, dy = buffer(blocks, inputs, LANES), buffer(blocks, outputs, LANES)
        w, m = (buffer(-(-inputs // LANES), outputs, LANES) for _ in range(2))
        y, dx, bias, rate = buffer(*dy.shape), buffer(*x.shape), buffer(outputs), buffer(1)
        plain_x, plain_w, plain_dy = buffer(samples, inputs), buffer(inputs, outputs), buffer(samples, outputs)
        shape = f"{samples} × {inputs} × {outputs}"
        forms = (
            ("forward", DenseForward(samples, inputs, outputs, BIAS_RELU), [y, x, w, bias], (plain_x, plain_w)),
            (
                "input gradient",
                DenseInputGradient(samples, inputs, outputs, Epilogue()),
                [dx, dy, w],
                (plain_dy, plain_w.T),
            ),
            (
                "weight gradient",
                DenseWeightGradient(samples, inputs, outputs, Epilogue()),
                [m, x, dy],
                (plain_x.T, plain_dy),
            ),
            ("weight update", DenseWeightGradient(samples, inputs, outputs, UPDATE), [w, m, x, dy, w, m, rate], None),
        )
        for form, kernel, operands, factors in forms:
            blas = None if factors is None else (lambda pair=factors: pair[0] @ pair[1])
            yield Trial(f"dense {shape} {form}", flops, write_dense(kernel, registers, "kernel"), operands, blas)


def convolution_trials() -> Iterator[Trial]:
    registers = register_file(this_processor().features)
    for name, layer in CONVOLUTIONS.items():
        blocks = -(-layer.samples // LANES)
        x, dx = (buffer(blocks, layer.channels, *layer.image, LANES) for _ in range(2))
        y, dy = (buffer(blocks, layer.filters, *layer.output, LANES) for _ in range(2))
        w, dw = (buffer(layer.filters, layer.channels // layer.groups, *layer.kernel) for _ in range(2))
        for form, kernel, operands in (
            ("forward", ConvolutionForward(layer, Epilogue()), [y, x, w]),
            ("input gradient", ConvolutionInputGradient(layer, Epilogue()), [dx, dy, w]),
            ("weight gradient", ConvolutionWeightGradient(layer, Epilogue()), [dw, x, dy]),
        ):
            text = write_convolution(kernel, registers, "kernel")
            yield Trial(f"{name} {form}", 2.0 * layer.multiply_adds, text, operands)


def loaded(loader: Loader, kernel: KernelText, operands: list[np.ndarray]) -> tuple[Callable[[], object], float]:
    """A call of the whole kernel, and the seconds that its compilation took; the operands must outlive the call."""
    began = perf_counter()
    code = object_code(parse(kernel.text), this_processor())
    seconds = perf_counter() - began
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        loader.address(code, kernel.name)
    )
    pointers = (ctypes.c_void_p * len(operands))(*(operand.ctypes.data for operand in operands))
    return (lambda: function(ctypes.addressof(pointers), 0, kernel.extent)), seconds


def seconds_of(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began


def main(words: list[str]) -> None:
    """Time every kernel whose name contains one of the words."""
    loader = Loader()
    peak_text, peak_flops = peak_kernel()
    peak_buffer = buffer(LANES, LANES)
    peak, _ = loaded(loader, peak_text, [peak_buffer])
    print(f"{'':48} GFLOP/s  of peak (median)     peak    BLAS  compiled in")
    for trial in [*dense_trials(), *convolution_trials()]:
        if words and not any(word in trial.name for word in words):
            continue
        call, compile_seconds = loaded(loader, trial.kernel, trial.operands)
        call()
        rounds = []
        for _ in range(ROUNDS):
            before = seconds_of(peak)
            kernel = seconds_of(call)
            rounds.append((kernel, min(before, seconds_of(peak)), seconds_of(trial.blas) if trial.blas else None))
        speeds = [trial.flops / kernel / 1e9 for kernel, _, _ in rounds]
        peaks = [peak_flops / best / 1e9 for _, best, _ in rounds]
        middle = statistics.median(speed / top for speed, top in zip(speeds, peaks, strict=True))
        blas = [trial.flops / other / 1e9 for _, _, other in rounds if other is not None]
        print(
            f"{trial.name:48} {max(speeds):7.1f}    {max(speeds) / max(peaks):4.0%} ({middle:4.0%})"
            f"    {max(peaks):6.1f}  {f'{max(blas):6.1f}' if blas else '      '}  {1e3 * compile_seconds:6.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # BLAS reads this once, before Python could set it.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    main(sys.argv[1:])
