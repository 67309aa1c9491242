"""Members of a group that sum a gradient by its factors, with the generated kernels, in one process."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from brainc.codegen.factoring import factoring_text
from brainc.ir.factoring import CONTEXT, Factoring, Factors, Stage, operands_of, written_by
from brainc.ir.kernel import KernelText, storage_of
from brainc.ir.origin import Origin
from brainc.ir.tensor import Value
from brainlang.source import Source, Span
from brainrun.native import Loader, object_code, parse
from brainrun.numba_kernels import llvm_module
from brainrun.plan.schema import Panels
from brainrun.plan.storage import from_panels, stored_elements, stored_shape, to_panels
from brainrun.processor import this_processor
from tests.runtime.pretended_ranks import aligned

STREAM = 77
ORIGIN = Origin("layer", Span(Source("test.brain", ""), 0, 0))

Floats = NDArray[np.float32]


def factors_of(shape: tuple[int, ...], rank: int) -> Factors:
    """The factors of a gradient of this shape."""
    columns, rows = shape[0], prod(shape[1:])
    left, right, own = (
        Value("left", (rank, rows), False),
        *(Value(name, (rank, columns), False) for name in ("right", "own")),
    )
    return Factors(Value("gradient", shape, False), Value("error", shape, False), left, right, own, STREAM)


@cache
def _loader() -> Loader:
    return Loader()


@cache
def _function(text: KernelText) -> object:
    module = parse(text.text) if text.language == "llvm" else llvm_module(text.text, text.name, text.name)
    address = _loader().address(object_code(module, this_processor()), text.name)
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


class Member:
    """One rank's memory of a gradient and its factors. What pads a gradient's panels is not a number."""

    def __init__(self, factors: Factors) -> None:
        self.factors = factors
        self.context = np.zeros(3, np.int64)
        values = (factors.gradient, factors.error, factors.left, factors.right, factors.own)
        self._memory = {
            value.name: aligned(4 * stored_elements(storage_of(value))).view(np.float32) for value in values
        }
        self._values = {value.name: value for value in values}
        for name in ("left", "own"):
            self._memory[name][:] = 1e30

    def memory(self, name: str) -> Floats:
        """A tensor as it lies in memory."""
        return self._memory[name].reshape(stored_shape(storage_of(self._values[name])))

    def get(self, name: str) -> Floats:
        """A tensor in its own shape."""
        value = self._values[name]
        storage = storage_of(value)
        if isinstance(storage, Panels):
            return from_panels(self.memory(name), storage.inputs).copy()
        return self.memory(name).copy()

    def put(self, name: str, array: NDArray[np.floating]) -> None:
        """Overwrite a tensor."""
        value = self._values[name]
        if isinstance(storage_of(value), Panels):
            self.memory(name)[...] = to_panels(np.asarray(array, np.float32).reshape(value.shape))
            if name == "gradient" and value.shape[1] % 16:
                self.memory(name)[-1, :, value.shape[1] % 16 :] = np.nan
        else:
            self.memory(name)[...] = np.asarray(array, np.float32).reshape(value.shape)

    def do(self, stage: Stage, *, cut: int = 0) -> None:
        """Run a step's kernel: in one piece, or in pieces of `cut` parts, the last ones first."""
        work = Factoring(stage, self.factors, ORIGIN)
        text = factoring_text(work)
        arrays = [self.context if value == CONTEXT else self._memory[value.name] for value in operands_of(work)]
        if text.integers:
            arrays.append(np.array(text.integers, np.int64))
        pointers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
        step = cut or text.extent
        function = _function(text)
        assert callable(function)
        for begin in reversed(range(0, text.extent, step)):
            function(ctypes.addressof(pointers), begin, min(begin + step, text.extent))

    def written(self, stage: Stage) -> Mapping[str, Floats]:
        """What a step has written, as it lies in memory."""
        work = Factoring(stage, self.factors, ORIGIN)
        return {value.name: self.memory(value.name).copy() for value in written_by(work)}


class Group:
    """So many members, and what a step of all of them does."""

    def __init__(self, shape: tuple[int, ...], rank: int, members: int) -> None:
        self.members = [Member(factors_of(shape, rank)) for _ in range(members)]

    def step(self, gradients: list[Floats], *, step: int = 0) -> None:
        """Sum these gradients, one of each member."""
        for member, gradient in zip(self.members, gradients, strict=True):
            member.context[:] = (7, step, 0)
            member.put("gradient", gradient)
            member.do("prepare")
            member.do("left")
        self._sum("left")
        for member in self.members:
            member.do("orthonormalise")
            member.do("right")
        self._sum("right")
        for member in self.members:
            member.do("rebuild")

    def _sum(self, name: str) -> None:
        total = self.members[0].memory(name).copy()
        for member in self.members[1:]:
            total += member.memory(name)
        for member in self.members:
            member.memory(name)[...] = total
