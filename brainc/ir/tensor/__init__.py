"""What is computed? The tensor program: operations on whole tensors, described by how their axes relate.

Every operation names the axes of its operands and of its result with letters, one letter an axis; `b` is always the
mini-batch's sample axis and comes first where it occurs. From the letters follow the gradient, what splitting an axis
over ranks costs, the work, and the loops of the kernel.

Rules, checked by `rules`:
T1 every operand is an input, a parameter, or the result of an earlier operation.
T2 every result has a name of its own.
T3 the letters of an operand are as many as its axes, and a letter has one length throughout an operation.
T4 the letters of a sum's or contraction's result all occur in an operand, or belong to a window.
T5 a view has as many elements a sample as its source.
"""

from __future__ import annotations

from brainc.ir.tensor.notation import (
    operation_text,
    text,
)
from brainc.ir.tensor.operations import (
    Along,
    AlongFunction,
    Concatenate,
    Contract,
    Draw,
    DType,
    Map,
    Operation,
    Phase,
    Pool,
    PoolGradient,
    Reduce,
    Slice,
    Update,
    Value,
    View,
    Window,
    flops,
    lengths,
    operands_of,
    results_of,
    with_operands,
    with_results,
)
from brainc.ir.tensor.program import (
    Output,
    Parameter,
    Procedure,
    Result,
    TensorProgram,
    rules,
)

__all__ = [
    "Along",
    "AlongFunction",
    "Concatenate",
    "Contract",
    "DType",
    "Draw",
    "Map",
    "Operation",
    "Output",
    "Parameter",
    "Phase",
    "Pool",
    "PoolGradient",
    "Procedure",
    "Reduce",
    "Result",
    "Slice",
    "TensorProgram",
    "Update",
    "Value",
    "View",
    "Window",
    "flops",
    "lengths",
    "operands_of",
    "operation_text",
    "results_of",
    "rules",
    "text",
    "with_operands",
    "with_results",
]
