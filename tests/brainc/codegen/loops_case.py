"""Runs a kernel of loops on arrays in their storages, and says in float64 what should come out."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.codegen.loops.emit import emit
from brainc.evaluate.program import evaluate
from brainc.ir import expression as ex
from brainc.ir.expression import Operand
from brainc.ir.kernel import Access, Extra, Kernel, KernelText, Placed, Store
from brainc.ir.origin import Origin
from brainc.ir.tensor import Draw, Map, Operation, Update, Value, operands_of, results_of
from brainlang.source import Source, Span
from brainrun.native import Loader, object_code
from brainrun.numba_kernels import llvm_module
from brainrun.plan.schema import Lanes, Panels, Plain, Storage
from brainrun.plan.storage import stored_shape, to_panels
from brainrun.processor import this_processor

Array: TypeAlias = NDArray[Any]
ORIGIN = Origin("some.layer", Span(Source("net.brain", ""), 0, 0))
ABSURD_LABEL = 1 << 30
"""The label in lanes beyond the last sample: whoever looks it up is found out."""


def storage_of(value: Value) -> Storage:
    """Activations in lanes, weight matrices in panels, all else plainly."""
    if value.samples:
        return Lanes(value.shape[0], value.shape[1:])
    return Panels(*value.shape) if len(value.shape) == 2 else Plain(value.shape)


def placed(value: Value) -> Placed:
    return Placed(value, storage_of(value))


def kernel_of(core: Operation, stores: tuple[Store, ...] = (), extras: tuple[tuple[Value, Access], ...] = ()) -> Kernel:
    """A kernel; without stores the core's elements are stored as they are."""
    operands = (Value("context", (3,), False),) if isinstance(core, Draw) else operands_of(core)
    match core:
        case Map(result=result, expression=expression):
            stores = stores or (Store(placed(result), expression),)
        case Update(targets=targets, expressions=expressions):
            stores = tuple(Store(placed(t), e) for t, e in zip(targets, expressions, strict=True))
        case _:
            stores = stores or (Store(placed(results_of(core)[0]), Operand(0)),)
    return Kernel(
        core, tuple(map(placed, operands)), stores, tuple(Extra(placed(value), access) for value, access in extras)
    )


def in_memory(array: Array, storage: Storage) -> Array:
    """The array as it lies in memory; beyond the last sample stands what must not be counted."""
    kind = np.int32 if array.dtype.kind == "i" else np.float32
    match storage:
        case Lanes(samples=samples):
            blocks = -(-samples // 16)
            beyond = ABSURD_LABEL if kind is np.int32 else np.nan
            padded = np.full((blocks * 16, *array.shape[1:]), beyond, kind)
            padded[:samples] = array
            return np.ascontiguousarray(np.moveaxis(padded.reshape(blocks, 16, *array.shape[1:]), 1, -1))
        case Panels():
            return to_panels(array.astype(np.float32))
        case Plain():
            return np.array(array, kind, order="C")


def from_memory(stored: Array, storage: Storage) -> Array:
    """The inverse of `in_memory`."""
    match storage:
        case Lanes(samples=samples):
            return np.moveaxis(stored, -1, 1).reshape(-1, *stored.shape[1:-1])[:samples]
        case Panels(outputs=outputs, inputs=inputs):
            return stored.transpose(1, 0, 2).reshape(outputs, -1)[:, :inputs]
        case Plain():
            return stored


@cache
def _loader() -> Loader:
    return Loader()


@dataclass(frozen=True)
class Compiled:
    """A kernel's text in memory, called with arrays."""

    text: KernelText
    address: int

    def __call__(self, *arrays: Array, begin: int, end: int, integers: tuple[int, ...] = ()) -> None:
        numbers = np.array(integers or self.text.integers, np.int64)
        passed = (*arrays, numbers) if numbers.size else arrays
        pointers = np.array([array.ctypes.data for array in passed], np.int64)
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(self.address)
        function(pointers.ctypes.data, begin, end)


@cache
def compiled(text: KernelText) -> Compiled:
    """The kernel in memory."""
    module = llvm_module(text.text, text.name, f"{text.name}.py")
    return Compiled(text, _loader().address(object_code(module, this_processor()), text.name))


def buffers(kernel: Kernel, values: Mapping[str, Array]) -> dict[str, Array]:
    """Every buffer of the kernel in memory; targets that are not given are full of what was there before."""
    found: dict[str, Array] = {}
    extras = (extra.placed for extra in kernel.extras)
    for each in (*(store.target for store in kernel.stores), *kernel.operands, *extras):
        name, storage = each.value.name, each.storage
        if name == "context":
            found[name] = np.array(values[name], np.int64)
        elif name in values:
            found[name] = in_memory(np.asarray(values[name]), storage)
        else:
            found[name] = np.full(stored_shape(storage), 1e30, np.float32)
    return found


def run(kernel: Kernel, values: Mapping[str, Array], cut: int = 0) -> dict[str, Array]:
    """The targets in memory after the kernel ran in one piece, or in pieces of `cut` parts, the last ones first."""
    text = emit(kernel)
    function = compiled(text)
    memory = buffers(kernel, values)
    step = cut or text.extent
    for begin in reversed(range(0, text.extent, step)):
        function(*(memory[name] for name in kernel.buffers), begin=begin, end=min(begin + step, text.extent))
    return {store.target.value.name: memory[store.target.value.name] for store in kernel.stores}


def results(kernel: Kernel, values: Mapping[str, Array]) -> dict[str, Array]:
    """What the kernel makes of logical arrays, as logical arrays."""
    made = run(kernel, values)
    return {
        store.target.value.name: from_memory(made[store.target.value.name], store.target.storage)
        for store in kernel.stores
    }


def expected(kernel: Kernel, values: Mapping[str, Array]) -> dict[str, Array]:
    """The same in float64, by the reference evaluation and NumPy's broadcasting."""
    core = kernel.core
    seed, step, first = values.get("context", (0, 0, 0))
    element = evaluate([core], values, seed=int(seed), step=int(step), first_sample=int(first))
    if isinstance(core, Map | Update):
        return {store.target.value.name: element[store.target.value.name] for store in kernel.stores}
    (result,) = results_of(core)
    known = [element[result.name]]
    for extra in kernel.extras:
        array = np.asarray(values[extra.placed.value.name], np.float64)
        behind = len(result.shape) - (2 if result.samples else 1)
        known.append(array.reshape(-1, *(1,) * behind) if extra.access == "row" else array)
    return {store.target.value.name: ex.evaluate(store.expression, known) for store in kernel.stores}


def assert_as_expected(kernel: Kernel, values: Mapping[str, Array], tolerance: float = 1e-5) -> None:
    """Every target within `tolerance`, relative to the size of what is compared."""
    made, wanted = results(kernel, values), expected(kernel, values)
    for name, array in wanted.items():
        scale = float(np.max(np.abs(array), initial=1e-30))
        np.testing.assert_allclose(
            made[name], np.broadcast_to(array, made[name].shape), rtol=tolerance, atol=tolerance * scale
        )


def assert_cuts_agree(kernel: Kernel, values: Mapping[str, Array]) -> None:
    """Bit for bit the same in one piece and in pieces of one part."""
    whole, pieces = run(kernel, values), run(kernel, values, cut=1)
    for store in kernel.stores:
        name = store.target.value.name
        a, b = from_memory(whole[name], store.target.storage), from_memory(pieces[name], store.target.storage)
        np.testing.assert_array_equal(np.ascontiguousarray(a).view(np.int32), np.ascontiguousarray(b).view(np.int32))


def normal(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    """Gaussian numbers that are float32 already."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32).astype(np.float64)
