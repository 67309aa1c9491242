"""Which of the product kernels is this contraction? Read off its letters: who is summed, who is the weight."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from brainc.codegen.llvm.convolution import (
    Convolution,
    ConvolutionForward,
    ConvolutionInputGradient,
    ConvolutionWeightGradient,
    write_convolution,
)
from brainc.codegen.llvm.dense import Dense, DenseForward, DenseInputGradient, DenseWeightGradient, write_dense
from brainc.codegen.llvm.epilogue import FUNCTIONS_WRITTEN, Epilogue
from brainc.codegen.llvm.registers import RegisterFile
from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.kernel import Kernel, KernelText
from brainc.ir.tensor import Value


@dataclass(frozen=True, slots=True)
class _Match:
    """A product kernel, its two factors in the kernel's order, and the words of its name."""

    kernel: Dense | ConvolutionForward | ConvolutionInputGradient | ConvolutionWeightGradient
    factors: tuple[Value, Value]
    name: str


def refuses(kernel: Kernel) -> bool:
    """Whether an epilogue asks for a function that product kernels do not have."""
    used = frozenset().union(*(ex.functions_of(store.expression) for store in kernel.stores))
    return not used <= FUNCTIONS_WRITTEN


def write_product(kernel: Kernel, core: ts.Contract, registers: RegisterFile) -> tuple[KernelText, tuple[str, ...]]:
    """The text of a contraction's kernel and the buffers it is called with, in order."""
    epilogue = Epilogue(
        tuple(store.expression for store in kernel.stores), tuple(extra.access for extra in kernel.extras)
    )
    match = _convolution(core, epilogue) if core.windows else _dense(core, epilogue)
    digest = hashlib.sha256(f"{match.kernel} {registers}".encode()).hexdigest()[:10]
    name = f"{match.name}_{digest}"
    if isinstance(match.kernel, DenseForward | DenseInputGradient | DenseWeightGradient):
        text = write_dense(match.kernel, registers, name)
    else:
        text = write_convolution(match.kernel, registers, name)
    targets = tuple(store.target.value.name for store in kernel.stores)
    extras = tuple(extra.placed.value.name for extra in kernel.extras)
    return text, (*targets, *(factor.name for factor in match.factors), *extras)


def _dense(core: ts.Contract, epilogue: Epilogue) -> _Match:
    """`y = x · wᵀ`, `dx = dy · w`, or `dw = dyᵀ · x`, where w is stored `[outputs, inputs]`."""
    sides = ((core.left, core.letters[1]), (core.right, core.letters[2]))
    length = ts.lengths(core)
    if not core.result.samples:
        outputs, inputs = tuple(core.letters[0])
        x, dy = (next(value for value, letters in sides if letter in letters) for letter in (inputs, outputs))
        size = length["b"], length[inputs], length[outputs]
        return _Match(DenseWeightGradient(*size, epilogue), (x, dy), f"dense_weight_gradient_{_size(size)}")
    activation = next(value for value, _ in sides if value.samples)
    weight, letters = next(side for side in sides if not side[0].samples)
    outputs, inputs = tuple(letters)
    size = length["b"], length[inputs], length[outputs]
    if inputs not in core.letters[0]:
        return _Match(DenseForward(*size, epilogue), (activation, weight), f"dense_forward_{_size(size)}")
    return _Match(DenseInputGradient(*size, epilogue), (activation, weight), f"dense_input_gradient_{_size(size)}")


def _convolution(core: ts.Contract, epilogue: Epilogue) -> _Match:
    """The same three of a convolution: the image is the tensor with window positions, the weight the one with taps."""
    rows, columns = core.windows
    values = {
        role: (value, letters)
        for value, letters in zip((core.result, core.left, core.right), core.letters, strict=True)
        for role, letter in (("image", rows.position), ("output", rows.output), ("weight", rows.tap))
        if letter in letters
    }
    (image, _), (output, _), (weight, weight_letters) = (values[role] for role in ("image", "output", "weight"))
    length = ts.lengths(core)
    groups = length["g"] if "g" in weight_letters else 1
    layer = Convolution(
        samples=length["b"],
        channels=length["c"] * groups,
        filters=length["k"] * groups,
        image=(length[rows.position], length[columns.position]),
        kernel=(length[rows.tap], length[columns.tap]),
        groups=groups,
        stride=_pair(rows.stride, columns.stride),
        pad=_pair(rows.pad, columns.pad),
        dilation=_pair(rows.dilation, columns.dilation),
    )
    size = _size((layer.samples, layer.channels, *layer.image, layer.filters, *layer.kernel))
    match core.result:
        case value if value == output:
            return _Match(ConvolutionForward(layer, epilogue), (image, weight), f"conv_forward_{size}")
        case value if value == image:
            return _Match(ConvolutionInputGradient(layer, epilogue), (output, weight), f"conv_input_gradient_{size}")
    return _Match(ConvolutionWeightGradient(layer, epilogue), (image, output), f"conv_weight_gradient_{size}")


def _pair(first: int, second: int) -> tuple[int, int]:
    return first, second


def _size(lengths: tuple[int, ...]) -> str:
    return "x".join(map(str, lengths))
