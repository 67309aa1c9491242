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

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal, TypeAlias, assert_never

from brainc.ir import expression as ex
from brainc.ir.expression import Expression
from brainc.ir.origin import Origin
from brainrun.plan.schema import Initial

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


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tensor that outlives the step: a weight or, when not `trained`, a running statistic or a weight's hidden copy.

    `shape` is PyTorch's; `state` are the optimiser's tensors of the same shape, all zero at the start.
    """

    value: Value
    initial: Initial
    trained: bool
    state: tuple[Value, ...]
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """A number to report: the sum over the mini-batch of a loss or metric, each sample counted by its weight."""

    name: str
    kind: Literal["objective", "loss", "metric"]
    value: Value


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor that `predict` writes."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Procedure:
    """One thing to do with a mini-batch: a list of operations in a legal order, and what comes of them."""

    operations: tuple[Operation, ...]
    results: tuple[Result, ...]
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class TensorProgram:
    """A network as operations on whole tensors: how to train it, evaluate it, and predict with it.

    `inputs` are the network's inputs and `sample_weight` [b]; `scalars` are the numbers the runtime sets (rate, step).
    """

    name: str
    batch: int
    inputs: tuple[Value, ...]
    scalars: tuple[Value, ...]
    parameters: tuple[Parameter, ...]
    train: Procedure
    evaluate: Procedure
    predict: Procedure

    @property
    def procedures(self) -> tuple[tuple[str, Procedure], ...]:
        """The three procedures by name."""
        return (("train", self.train), ("evaluate", self.evaluate), ("predict", self.predict))


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


def _shape_text(value: Value) -> str:
    inner = ", ".join(("b" if value.samples and place == 0 else str(n)) for place, n in enumerate(value.shape))
    return f"{value.dtype}[{inner}]"


def operation_text(operation: Operation) -> str:
    """The operation on one line, in the notation of the field."""
    names = [value.name for value in operands_of(operation)]
    match operation:
        case Contract(letters=letters, windows=windows):
            summed = "".join(sorted(set(letters[1] + letters[2]) - set(letters[0])))
            where = "".join(f", {w.position} = {w.stride}{w.output} + {w.dilation}{w.tap} − {w.pad}" for w in windows)
            return f"Σ_{summed} {names[0]}[{letters[1]}] · {names[1]}[{letters[2]}] → [{letters[0]}]{where}"
        case Map(letters=letters, expression=expression):
            named = [f"{name}[{own}]" for name, own in zip(names, letters[1:], strict=True)]
            return f"{ex.text(expression, named)} → [{letters[0]}]"
        case Reduce(letters=letters, expression=expression, scope=scope):
            named = [f"{name}[{own}]" for name, own in zip(names, letters[1:], strict=True)]
            summed = "".join(dict.fromkeys(letter for letter in "".join(letters[1:]) if letter not in letters[0]))
            return f"Σ_{summed} {ex.text(expression, named)} → [{letters[0]}]" + (" local" if scope == "local" else "")
        case Along(function=function):
            return f"{function}({', '.join(names)})"
        case (
            Pool(kind=kind, size=size, stride=stride, pad=pad)
            | PoolGradient(kind=kind, size=size, stride=stride, pad=pad)
        ):
            verb = "pool" if isinstance(operation, Pool) else "pool_gradient"
            return f"{kind}_{verb}({', '.join(names)}, size={size}, stride={stride}, pad={pad})"
        case View():
            return f"view({names[0]})"
        case Concatenate(axis=axis):
            return f"concatenate({', '.join(names)}, axis={axis})"
        case Slice(axis=axis, start=start):
            return f"slice({names[0]}, axis={axis}, start={start})"
        case Draw(keep=keep, stream=stream):
            return f"draw(keep={keep}, stream={stream})"
        case Update(expressions=expressions):
            return ", ".join(ex.text(expression, names) for expression in expressions)
        case _:
            assert_never(operation)


def text(program: TensorProgram) -> str:
    """The whole program, one operation a line, aligned and stable."""
    lines = [f"tensor program {program.name}, batch {program.batch}"]
    lines += [f"  input      {value.name}: {_shape_text(value)}" for value in program.inputs]
    for parameter in program.parameters:
        state = "".join(f", {value.name}" for value in parameter.state)
        kind = "parameter" if parameter.trained else "kept"
        lines.append(f"  {kind:<10} {parameter.value.name}: {_shape_text(parameter.value)}{state}")
    for name, procedure in program.procedures:
        lines.append(f"{name}:")
        rows = [
            (
                operation.phase,
                ", ".join(value.name for value in results_of(operation)),
                _shape_text(results_of(operation)[0]),
                operation_text(operation),
            )
            for operation in procedure.operations
        ]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        lines += [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  = {d}".rstrip() for a, b, c, d in rows]
        lines += [f"  {result.kind:<10} {result.name} = {result.value.name}" for result in procedure.results]
        lines += [f"  output     {output.name} = {output.value.name}" for output in procedure.outputs]
    return "\n".join(lines) + "\n"


def _letter_faults(operation: Operation) -> Iterator[str]:
    match operation:
        case Contract() | Map() | Reduce():
            found: dict[str, int] = {}
            for letters, value in zip(operation.letters, (operation.result, *operands_of(operation)), strict=True):
                if len(letters) != len(value.shape):
                    yield f"T3: {value.name} has {len(value.shape)} axes and letters '{letters}'"
                    return
                for letter, length in zip(letters, value.shape, strict=True):
                    if found.setdefault(letter, length) != length:
                        yield f"T3: letter {letter} is {found[letter]} long, and {length} in {value.name}"
            missing = set(operation.letters[0]) - set("".join(operation.letters[1:]))
            if missing and isinstance(operation, Contract):
                missing -= {part for w in operation.windows for part in (w.position, w.output, w.tap)}
            if missing and not isinstance(operation, Map):
                yield f"T4: {operation.result.name} has letters {sorted(missing)} that no operand has"
        case View(result=result, source=source):
            if prod(result.shape) != prod(source.shape):
                yield f"T5: {result.name} has {prod(result.shape)} elements, its source {prod(source.shape)}"
        case _:
            return


def rules(program: TensorProgram) -> Iterator[str]:
    """Every broken rule (T1…T5), with the layer it concerns."""
    given = {value.name for value in (*program.inputs, *program.scalars)}
    for parameter in program.parameters:
        given |= {parameter.value.name, *(value.name for value in parameter.state)}
    for name, procedure in program.procedures:
        known = set(given)
        for operation in procedure.operations:
            place = f"in {name}, layer {operation.origin.layer}"
            for value in operands_of(operation):
                if value.name not in known:
                    yield f"T1: {value.name} is read before it is made, {place}"
            for value in results_of(operation):
                if value.name in known and not isinstance(operation, Update):
                    yield f"T2: {value.name} is made twice, {place}"
                known.add(value.name)
            yield from (f"{fault}, {place}" for fault in _letter_faults(operation))
