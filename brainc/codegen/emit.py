"""From a step's work to its text: products as LLVM IR with register tiles, all else as loops for Numba."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from brainc.codegen.factoring import factoring_flops, factoring_text
from brainc.codegen.llvm.registers import RegisterFile
from brainc.codegen.loops.emit import emit
from brainc.codegen.loops.region import region_text
from brainc.codegen.products import refuses as product_refuses
from brainc.codegen.products import write_product
from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.factoring import Factoring, operands_of
from brainc.ir.kernel import Kernel, KernelText, storage_of
from brainc.ir.schedule import Copy, Run, reads, writes
from brainrun.plan.storage import stored_bytes


@dataclass(frozen=True, slots=True)
class Emitted:
    """A step's kernel, the values it is called with in order, and what it costs."""

    text: KernelText
    operands: tuple[str, ...]
    flops: int
    bytes: int


def refuses(kernel: Kernel) -> bool:
    """Whether no emitter could write the kernel with this epilogue."""
    return isinstance(kernel.core, ts.Contract) and product_refuses(kernel)


def emitted(run: Run, registers: RegisterFile) -> Emitted:
    """The step's kernel as text, with the work it does and the bytes it touches."""
    touched = {value.name: value for value in (*reads(run), *writes(run))}
    moved = sum(stored_bytes(value.dtype, storage_of(value)) for value in touched.values())
    match run.work:
        case Copy() as copy:
            return Emitted(region_text(copy), (copy.target.name, copy.source.name), 0, moved)
        case Factoring() as step:
            operands = tuple(value.name for value in operands_of(step))
            return Emitted(factoring_text(step), operands, factoring_flops(step), moved)
        case Kernel(core=ts.Contract() as core) as kernel:
            text, operands = write_product(kernel, core, registers)
            return Emitted(text, operands, ts.flops(core) + _epilogue_flops(kernel), moved)
        case Kernel(core=core) as kernel:
            return Emitted(emit(kernel), kernel.buffers, ts.flops(core) + _epilogue_flops(kernel), moved)


def _epilogue_flops(kernel: Kernel) -> int:
    if isinstance(kernel.core, ts.Map | ts.Update):
        return 0
    return prod(kernel.stores[0].target.value.shape) * ex.cost(*(store.expression for store in kernel.stores))
