"""Compiles a kernel's text for this machine and calls it through ctypes, for tests and benchmarks."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from brainc.codegen.llvm.registers import RegisterFile, register_file
from brainc.codegen.llvm.writer import LANES
from brainc.ir.kernel import KernelText


def target_machine() -> Any:
    """This machine, with all of its vector width in use; an engine takes its machine over, so each has its own."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    flags = ",".join(f"{'+' if present else '-'}{name}" for name, present in features.items())
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=f"{flags},-prefer-256-bit", opt=3
    )


@lru_cache(maxsize=1)
def these_registers() -> RegisterFile:
    """The register file of this machine."""
    return register_file(llvm.get_host_cpu_features().flatten())


@dataclass(frozen=True)
class LoadedKernel:
    """A kernel in memory, called with NumPy arrays."""

    text: KernelText
    engine: Any
    address: int
    compile_seconds: float
    assembly: str

    def __call__(self, *operands: np.ndarray, part: tuple[int, int] | None = None) -> None:
        begin, end = (0, self.text.extent) if part is None else part
        pointers = (ctypes.c_void_p * len(operands))(*(operand.ctypes.data for operand in operands))
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(self.address)
        function(ctypes.addressof(pointers), begin, end)


def load(kernel: KernelText, keep_assembly: bool = False) -> LoadedKernel:
    """Optimise, compile and link one kernel."""
    machine = target_machine()
    began = time.perf_counter()
    module = llvm.parse_assembly(kernel.text)
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    assembly = machine.emit_assembly(module) if keep_assembly else ""
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    seconds = time.perf_counter() - began
    return LoadedKernel(kernel, engine, engine.get_function_address(kernel.name), seconds, assembly)


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy in float32 whose first byte lies on a 64-byte boundary."""
    floats = np.zeros(array.size + LANES, np.float32)
    start = (-floats.ctypes.data // 4) % LANES
    place = floats[start : start + array.size].reshape(array.shape)
    place[...] = array
    return place


def blocked_samples(array: np.ndarray, beyond: float = np.nan) -> np.ndarray:
    """`[b, …]` as `[⌈b/16⌉][…][16]`, with `beyond` in the lanes that are no sample."""
    blocks = -(-len(array) // LANES)
    padded = np.full((blocks * LANES, *array.shape[1:]), beyond, np.float32)
    padded[: len(array)] = array
    return aligned(np.moveaxis(padded.reshape(blocks, LANES, *array.shape[1:]), 1, -1))


def plain_samples(array: np.ndarray, samples: int) -> np.ndarray:
    """`[⌈b/16⌉][…][16]` as `[b, …]`."""
    return np.moveaxis(array, -1, 1).reshape(-1, *array.shape[1:-1])[:samples]


def blocked_weight(array: np.ndarray) -> np.ndarray:
    """`[i, o]` as `[⌈i/16⌉][o][16]`, with zeros beyond the inputs."""
    blocks = -(-len(array) // LANES)
    padded = np.zeros((blocks * LANES, array.shape[1]), np.float32)
    padded[: len(array)] = array
    return aligned(padded.reshape(blocks, LANES, -1).transpose(0, 2, 1))


def plain_weight(array: np.ndarray, inputs: int) -> np.ndarray:
    """`[⌈i/16⌉][o][16]` as `[i, o]`."""
    return array.transpose(0, 2, 1).reshape(-1, array.shape[1])[:inputs]


def assert_close(actual: np.ndarray, expected: np.ndarray, depth: int) -> None:
    """Equal to float32's rounding of a sum of `depth` products of size one."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1.5e-6 * (depth + 8) ** 0.75)
