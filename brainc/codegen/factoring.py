"""From a step of factoring to its kernel: what goes through the whole gradient is LLVM IR, the rest loops for Numba."""

from __future__ import annotations

import hashlib
from typing import assert_never

from brainc.codegen.llvm.factoring import (
    Factored,
    factored,
    left_parts,
    rebuild_parts,
    right_parts,
    write_left,
    write_rebuild,
    write_right,
)
from brainc.codegen.loops.factoring import orthonormalise_text, prepare_text
from brainc.ir.factoring import Factoring
from brainc.ir.kernel import KernelText


def factoring_text(work: Factoring) -> KernelText:
    """The kernel of a step, called with `ir.factoring.operands_of`."""
    shape = factored(work.factors)
    match work.stage:
        case "prepare":
            return prepare_text(shape.columns, shape.rank, work.factors.stream)
        case "left":
            return _kernel("left", shape, write_left(shape, _NAME), left_parts(shape))
        case "orthonormalise":
            return orthonormalise_text(shape.rows, shape.rank)
        case "right":
            return _kernel("right", shape, write_right(shape, _NAME), right_parts(shape))
        case "rebuild":
            return _kernel("rebuild", shape, write_rebuild(shape, _NAME), rebuild_parts(shape))
        case _:
            assert_never(work.stage)


def factoring_flops(work: Factoring) -> int:
    """Additions and multiplications of a step."""
    shape = factored(work.factors)
    entries = shape.rows * shape.columns
    match work.stage:
        case "prepare":
            return 3 * shape.rank * shape.columns
        case "left":
            return (1 + 2 * shape.rank) * entries
        case "orthonormalise":
            return (4 * shape.rank + 1) * shape.rank * shape.rows
        case "right":
            return 2 * shape.rank * entries
        case "rebuild":
            return (1 + 4 * shape.rank) * entries
        case _:
            assert_never(work.stage)


_NAME = "NAME"


def _kernel(stage: str, shape: Factored, text: str, extent: int) -> KernelText:
    """The text under its name, which ends in the first digits of the SHA-256 of everything but the name."""
    name = f"factors_{stage}_{shape.words}_{hashlib.sha256(text.encode()).hexdigest()[:10]}"
    return KernelText(name, "llvm", text.replace(f"@{_NAME}(", f"@{name}("), extent, chainable=False, integers=())
