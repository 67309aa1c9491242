"""Which operations are there? Each with the values that it reads and makes, the letters of their axes, and its work."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal, TypeAlias, assert_never

from brainc.ir import expression as ex
from brainc.ir.expression import Expression
from brainc.ir.origin import Origin

DType: TypeAlias = Literal["f32", "i32"]
Phase: TypeAlias = Literal["forward", "backward", "update", "metric"]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor by name. With `samples`, its first axis is the mini-batch's sample axis."""

    name: str
    shape: tuple[int, ...]
    samples: bool
    dtype: DType = "f32"


@dataclass(frozen=True, slots=True)
class Window:
    """`position = stride · output + dilation · tap − pad`: how a windowed axis is read.

    The three fields first named are letters of the operation; positions outside the axis read as zero.
    """

    position: str
    output: str
    tap: str
    stride: int
    dilation: int
    pad: int


@dataclass(frozen=True, slots=True)
class Contract:
    """`result[…] = Σ left[…] · right[…]`, summed over the letters that the result lacks, where the windows hold.

    A dense layer, a convolution, and all their gradients are of this one form: the gradient by an operand exchanges it
    with the result and leaves letters and windows as they are.
    """

    result: Value
    left: Value
    right: Value
    letters: tuple[str, str, str]
    """Letters of result, left and right."""
    windows: tuple[Window, ...]
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Map:
    """`result[…] = expression(operands[…])` element by element; an operand lacking a letter is the same along it."""

    result: Value
    operands: tuple[Value, ...]
    letters: tuple[str, ...]
    """Letters of the result, then of each operand."""
    expression: Expression
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reduce:
    """`result[…] = Σ expression(operands[…])`, summed over the letters that the result lacks.

    `scope` local: each rank sums over its own samples only, times how many of them make up the mini-batch, so that a
    mean over the mini-batch becomes the mean over the rank's samples, which local batch normalisation wants.
    """

    result: Value
    operands: tuple[Value, ...]
    letters: tuple[str, ...]
    expression: Expression
    scope: Literal["global", "local"]
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


AlongFunction: TypeAlias = Literal[
    "softmax",
    "softmax_gradient",
    "log_softmax",
    "log_softmax_gradient",
    "cross_entropy",
    "cross_entropy_gradient",
    "top1",
]


@dataclass(frozen=True, slots=True)
class Along:
    """A function that needs axis 1, the classes or channels, whole.

    softmax(x), log_softmax(x), softmax_gradient(y, dy), log_softmax_gradient(y, dy): all [b, k, …].
    cross_entropy(x, label): [b, k], [b] → [b], −log softmax(x)[label].
    cross_entropy_gradient(x, label, d[b]): → [b, k].
    top1(x, label): → [b], 1 where the label has the largest value (the first of equals), else 0.
    """

    result: Value
    operands: tuple[Value, ...]
    function: AlongFunction
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Pool:
    """The largest or the mean value in each window of a [b, c, h, w] (or [b, c, t]) tensor.

    `mean` divides by the window's full size and counts padding as zeros, `max` never chooses padding: as PyTorch does.
    """

    result: Value
    source: Value
    kind: Literal["max", "mean"]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PoolGradient:
    """The gradient of `Pool` by its source: `max` gives a window's gradient to its first largest element in row order.

    `source` and `pooled` are the pool's operand and result, of which `mean` reads neither.
    """

    result: Value
    source: Value
    pooled: Value
    gradient: Value
    kind: Literal["max", "mean"]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class View:
    """The same elements in the same order under another shape: costs nothing."""

    result: Value
    source: Value
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Operands one after the other along `axis` (counted with the sample axis, so never 0)."""

    result: Value
    operands: tuple[Value, ...]
    axis: int
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Slice:
    """Elements `start … start + result.shape[axis] − 1` along `axis` (counted with the sample axis, so never 0)."""

    result: Value
    source: Value
    axis: int
    start: int
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Draw:
    """A dropout mask: 1/keep with probability `keep`, else 0.

    Element (sample, flat feature f) is word f mod 4 of Philox block(seed, stream, step, high=position of the sample in
    the global mini-batch, low=f div 4); kept where its top 24 bits, as a fraction of 1, are less than `keep`.
    `first` is where a rank's part begins: its sample, counted from the rank's first, and its flat feature.
    """

    result: Value
    stream: int
    keep: float
    phase: Phase
    origin: Origin = field(compare=False, repr=False)
    first: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Update:
    """`targets := expressions(operands)`, element by element and all at once: the optimiser's rule for one parameter.

    Operands are the targets (the parameter and its state), then the gradient, then numbers such as the rate.
    """

    targets: tuple[Value, ...]
    operands: tuple[Value, ...]
    expressions: tuple[Expression, ...]
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


Operation: TypeAlias = (
    Contract | Map | Reduce | Along | Pool | PoolGradient | View | Concatenate | Slice | Draw | Update
)


def results_of(operation: Operation) -> tuple[Value, ...]:
    """The values an operation makes or, for an update, overwrites."""
    match operation:
        case Update(targets=targets):
            return targets
        case _:
            return (operation.result,)


def operands_of(operation: Operation) -> tuple[Value, ...]:
    """The values an operation reads."""
    match operation:
        case Contract(left=left, right=right):
            return (left, right)
        case Map(operands=operands) | Reduce(operands=operands) | Along(operands=operands):
            return operands
        case Concatenate(operands=operands) | Update(operands=operands):
            return operands
        case Pool(source=source) | View(source=source) | Slice(source=source):
            return (source,)
        case PoolGradient(source=source, pooled=pooled, gradient=gradient, kind=kind):
            return (source, pooled, gradient) if kind == "max" else (gradient,)
        case Draw():
            return ()
        case _:
            assert_never(operation)


def with_operands(operation: Operation, operands: tuple[Value, ...]) -> Operation:
    """The same operation on other values, given in the order of `operands_of`."""
    match operation:
        case Contract():
            return replace(operation, left=operands[0], right=operands[1])
        case Map() | Reduce() | Along() | Concatenate() | Update():
            return replace(operation, operands=operands)
        case Pool() | View() | Slice():
            return replace(operation, source=operands[0])
        case PoolGradient(kind="max"):
            return replace(operation, source=operands[0], pooled=operands[1], gradient=operands[2])
        case PoolGradient():
            return replace(operation, gradient=operands[0])
        case Draw():
            return operation
        case _:
            assert_never(operation)


def with_results(operation: Operation, results: tuple[Value, ...]) -> Operation:
    """The same operation making other values, given in the order of `results_of`."""
    match operation:
        case Update():
            return replace(operation, targets=results)
        case _:
            return replace(operation, result=results[0])


def lengths(operation: Contract | Map | Reduce) -> dict[str, int]:
    """The length of each letter."""
    found: dict[str, int] = {}
    for letters, value in zip(operation.letters, (operation.result, *operands_of(operation)), strict=True):
        found.update(zip(letters, value.shape, strict=True))
    return found


def flops(operation: Operation) -> int:
    """Arithmetic operations, a multiply-add counted as two; data movement counts as none."""
    match operation:
        case Contract(letters=letters, windows=windows):
            length = lengths(operation)
            positions = {window.position for window in windows}
            return 2 * prod(length[letter] for letter in set("".join(letters)) - positions)
        case Map(result=result, expression=expression):
            return prod(result.shape) * ex.cost(expression)
        case Reduce(expression=expression):
            return prod(lengths(operation).values()) * (1 + ex.cost(expression))
        case Along(operands=operands):
            return 8 * prod(operands[0].shape)
        case Pool(result=result, size=size) | PoolGradient(pooled=result, size=size):
            return prod(result.shape) * prod(size)
        case Update(targets=targets, expressions=expressions):
            return prod(targets[0].shape) * ex.cost(*expressions)
        case Draw(result=result):
            return 20 * prod(result.shape)
        case View() | Concatenate() | Slice():
            return 0
        case _:
            assert_never(operation)
