"""Which kernels does a dense layer need, and which product is each of them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from brainc.codegen.llvm.epilogue import Epilogue, epilogue_buffers
from brainc.codegen.llvm.product import Product, product_extent, write_product
from brainc.codegen.llvm.registers import RegisterFile
from brainc.codegen.llvm.tiling import choose_tiling
from brainc.codegen.llvm.writer import LANES, Writer
from brainc.ir.kernel import KernelText


@dataclass(frozen=True, slots=True)
class DenseForward:
    """`y[b,o] = Σ_i x[b,i] · w[i,o]`; factors x, w; results are stored as y, rows are o."""

    samples: int
    inputs: int
    outputs: int
    epilogue: Epilogue


@dataclass(frozen=True, slots=True)
class DenseInputGradient:
    """`dx[b,i] = Σ_o dy[b,o] · w[i,o]`; factors dy, w; results are stored as x, rows are i."""

    samples: int
    inputs: int
    outputs: int
    epilogue: Epilogue


@dataclass(frozen=True, slots=True)
class DenseWeightGradient:
    """`dw[i,o] = Σ_b x[b,i] · dy[b,o]`; factors x, dy; results are stored as w, rows are o.

    Exactly `samples` samples are summed, and lanes of w beyond the inputs have the sum 0.
    """

    samples: int
    inputs: int
    outputs: int
    epilogue: Epilogue


Dense: TypeAlias = DenseForward | DenseInputGradient | DenseWeightGradient


def write_dense(kernel: Dense, registers: RegisterFile, name: str) -> KernelText:
    """The kernel's text; units of work are tiles of the result."""
    sample_blocks, input_blocks = -(-kernel.samples // LANES), -(-kernel.inputs // LANES)
    match kernel:
        case DenseForward():
            formula = "y[b,o] = Σ_i x[b,i] · w[i,o]"
            product = Product(kernel.outputs, kernel.inputs, sample_blocks, scalar_lanes="depth")
        case DenseInputGradient():
            formula = "dx[b,i] = Σ_o dy[b,o] · w[i,o]"
            product = Product(kernel.inputs, kernel.outputs, sample_blocks, scalar_lanes="rows")
        case DenseWeightGradient():
            formula = "dw[i,o] = Σ_b x[b,i] · dy[b,o]"
            product = Product(kernel.outputs, kernel.samples, input_blocks, "depth", turned_width=kernel.inputs)
        case _:
            assert_never(kernel)
    tiling = choose_tiling(product, registers)
    writer = Writer()
    # The left factor, of samples side by side, gives the vectors; the right one the scalars.
    buffers, (vectors, scalars) = epilogue_buffers(writer, kernel.epilogue)
    write_product(writer, product, tiling, buffers, scalars, vectors)
    header = [
        f"{formula}, then {kernel.epilogue}",
        f"{kernel.samples} samples, {kernel.inputs} inputs, {kernel.outputs} outputs",
        f"tile: {tiling.rows} rows × {tiling.panels} panels of {LANES}, so that all sums stay in registers",
        f"unit: {tiling.unit_rows} rows × {tiling.unit_panels} panels, the sum in {tiling.passes} passes",
    ]
    extent = product_extent(product, tiling)
    return KernelText(name, "llvm", writer.module(name, header), extent, chainable=False, integers=())
