"""Writes a kernel as Python loops for Numba: every operation but products, which become LLVM IR, and views.

Pure: the same kernel gives the same text, byte for byte, and no layer's name occurs in it.
"""

from __future__ import annotations

from typing import assert_never

from brainc.codegen.loops.along import along_function
from brainc.codegen.loops.elementwise import map_function, update_function
from brainc.codegen.loops.movement import concatenate_function, draw_function, slice_function
from brainc.codegen.loops.pooling import pool_function, pool_gradient_function
from brainc.codegen.loops.reduction import reduce_function
from brainc.codegen.loops.source import Function, LoopDefect, finished
from brainc.ir.kernel import Kernel, KernelText
from brainc.ir.tensor import (
    Along,
    Concatenate,
    Contract,
    Draw,
    Map,
    Pool,
    PoolGradient,
    Reduce,
    Slice,
    Update,
    View,
)


def emit(kernel: Kernel) -> KernelText:
    """The kernel's function as text; LoopDefect where it cannot be written as loops.

    Operands come in the kernel's order. The stores of a map or an update have the core's own expressions, which read
    the core's operands and then the extras. The operand of a `Draw` is the `context` buffer, and its `integers` are the
    stream, the first sample counted from the rank's first, and the first flat feature; the latter two are 0 here.
    """
    return finished(_function(kernel))


def _function(kernel: Kernel) -> Function:
    match kernel.core:
        case Map() as core:
            return map_function(kernel, core)
        case Reduce() as core:
            return reduce_function(kernel, core)
        case Along() as core:
            return along_function(kernel, core)
        case Pool() as core:
            return pool_function(kernel, core)
        case PoolGradient() as core:
            return pool_gradient_function(kernel, core)
        case Concatenate() as core:
            return concatenate_function(kernel, core)
        case Slice() as core:
            return slice_function(kernel, core)
        case Draw() as core:
            return draw_function(kernel, core)
        case Update() as core:
            return update_function(kernel, core)
        case Contract() | View():
            raise LoopDefect(f"{type(kernel.core).__name__.lower()} has no kernel of loops")
        case _:
            assert_never(kernel.core)
