"""Operators that rearrange, join or combine tensors."""

from __future__ import annotations

from math import prod

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.expression import Constant, Expression, Operand
from brainc.ir.graph import Node, Tensor
from brainc.ir.tensor import Value
from brainc.operators.operator import Argument, Arguments, Operator, Refusal, equal_shapes, needs_numbers
from brainc.tensor.builder import Builder, axes


def _flat(tensors: tuple[Tensor, ...], _arguments: Arguments) -> Tensor:
    needs_numbers(tensors[0], "flatten")
    return Tensor((tensors[0].elements,))


def _reshaped(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    needs_numbers(tensors[0], "reshape")
    shape = arguments["shape"]
    assert isinstance(shape, tuple)
    if prod(shape) != tensors[0].elements:
        raise Refusal(
            f"reshape to {list(shape)} makes {prod(shape)} elements of {tensors[0].elements}, {tensors[0].written}",
            remedy="give a shape with as many elements",
            about="shape",
        )
    return Tensor(shape)


def _view(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    return builder.view(node.name, operands[0], (builder.batch, *node.tensor.shape))


def _transposed(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    needs_numbers(tensors[0], "transpose")
    order, shape = _axes(arguments), tensors[0].shape
    if sorted(order) != list(range(len(shape))):
        raise Refusal(
            f"{list(order)} are not the axes of {tensors[0].written}, each once",
            remedy=f"write each number of {list(range(len(shape)))} once; the sample axis is not counted",
            about="axes",
        )
    return Tensor(tuple(shape[axis] for axis in order))


def _permuted(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    before = axes(operands[0])
    after = before[0] + "".join(before[1 + axis] for axis in _axes(dict(node.arguments)))
    return builder.map(node.name, operands, (after, before), Operand(0))


def _axes(arguments: Arguments) -> tuple[int, ...]:
    found = arguments["axes"]
    assert isinstance(found, tuple)
    return found


def _sliced(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    needs_numbers(tensors[0], "slice")
    shape = tensors[0].shape
    axis, start, stop = _range(arguments, shape)
    _needs_axis(tensors[0], axis)
    if not start < stop <= shape[axis]:
        raise Refusal(
            f"{start} … {stop} is no range of axis {axis} of {tensors[0].written}",
            remedy=f"give a start below stop, and a stop of at most {shape[axis]}",
            about="stop" if stop > shape[axis] else "start",
        )
    return Tensor((*shape[:axis], stop - start, *shape[axis + 1 :]))


def _slice(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    axis, start, _ = _range(dict(node.arguments), operands[0].shape[1:])
    result = Value(builder.fresh(node.name), (builder.batch, *node.tensor.shape), True)
    return builder.append(ts.Slice(result, operands[0], axis + 1, start, builder.phase, builder.origin))


def _range(arguments: Arguments, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The axis, and its first index and the one after its last, by default the axis's end."""
    axis, start, stop = arguments["axis"], arguments["start"], arguments["stop"]
    assert isinstance(axis, int)
    assert isinstance(start, int)
    if stop is None:
        return axis, start, shape[axis] if axis < len(shape) else 0
    assert isinstance(stop, int)
    return axis, start, stop


def _needs_axis(tensor: Tensor, axis: int) -> None:
    if axis >= len(tensor.shape):
        raise Refusal(
            f"axis {axis} of a tensor with {len(tensor.shape)} axes, {tensor.written}",
            remedy="axes are counted from 0, without the sample axis",
            about="axis",
        )


def _joined(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    axis = arguments["axis"]
    assert isinstance(axis, int)
    for tensor in tensors:
        needs_numbers(tensor, "concat")
    _needs_axis(tensors[0], axis)
    for tensor in tensors[1:]:
        rest = [length for place, length in enumerate(tensor.shape) if place != axis]
        if rest != [length for place, length in enumerate(tensors[0].shape) if place != axis]:
            raise Refusal(
                f"{tensors[0].written} and {tensor.written} differ in more than axis {axis}",
                remedy="make all other axes equal",
            )
    shape = list(tensors[0].shape)
    shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
    return Tensor(tuple(shape))


def _concat(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    axis = node.argument("axis")
    assert isinstance(axis, int)
    result = Value(builder.fresh(node.name), (builder.batch, *node.tensor.shape), True)
    return builder.append(ts.Concatenate(result, operands, axis + 1, builder.phase, builder.origin))


def _all_numbers(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    for tensor in tensors:
        needs_numbers(tensor, "arithmetic")
    return equal_shapes(tensors, arguments)


def arithmetic(name: str, summary: str, formula: str, most: int) -> Operator:
    """The record of `+`, `−` or `·` on tensors of one shape, or a tensor and the constant `by`."""

    def lower(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
        by = node.argument("by")
        combine = {"add": ex.add, "subtract": ex.subtract, "multiply": ex.multiply}[name]
        expression: Expression = Operand(0)
        for index in range(1, len(operands)):
            expression = combine(expression, Operand(index))
        if isinstance(by, (int, float)):
            expression = combine(expression, Constant(float(by)))
        return builder.map_same(node.name, operands, expression)

    return Operator(
        name=name,
        summary=summary,
        formula=formula,
        role="layer",
        operands=(1, most),
        arguments=(Argument("by", "number", "a constant operand", None),),
        shape=_all_numbers,
        lower=lower,
        splits=("sample", "output", "replicate"),
    )


FLATTEN = Operator(
    name="flatten",
    summary="All axes as one, channel-major.",
    formula="y[b, (c·H + h)·W + w] = x[b,c,h,w]",
    role="layer",
    operands=(1, 1),
    arguments=(),
    shape=_flat,
    lower=_view,
    rearranges=True,
)
RESHAPE = Operator(
    name="reshape",
    summary="The same elements in the same order under another shape.",
    formula="y = x, with other axes",
    role="layer",
    operands=(1, 1),
    arguments=(Argument("shape", "shape", "the new per-sample shape"),),
    shape=_reshaped,
    lower=_view,
    rearranges=True,
)
TRANSPOSE = Operator(
    name="transpose",
    summary="The same elements with the axes in another order.",
    formula="y[b, i, j, …] = x[b, …], whose axis axes[n] is y's axis n",
    role="layer",
    operands=(1, 1),
    arguments=(Argument("axes", "axes", "which axis comes first, second, …, counted without the sample axis"),),
    shape=_transposed,
    lower=_permuted,
    rearranges=True,
)
SLICE = Operator(
    name="slice",
    summary="A range of one axis.",
    formula="y[…, i, …] = x[…, start + i, …], i < stop − start",
    role="layer",
    operands=(1, 1),
    arguments=(
        Argument("axis", "index", "the axis, counted without the sample axis"),
        Argument("start", "index", "its first index", 0),
        Argument("stop", "count", "the index after its last, by default the axis's end", None),
    ),
    shape=_sliced,
    lower=_slice,
    rearranges=True,
)
CONCAT = Operator(
    name="concat",
    summary="Tensors one after the other along an axis (0: channels or features).",
    formula="y = [x₁; x₂; …]",
    role="layer",
    operands=(1, 1000),
    arguments=(Argument("axis", "index", "the axis, counted without the sample axis", 0),),
    shape=_joined,
    lower=_concat,
    rearranges=True,
)
ADD = arithmetic("add", "The sum of tensors of one shape.", "y = x₁ + x₂ + …", 1000)
SUBTRACT = arithmetic("subtract", "The difference of two tensors of one shape.", "y = x₁ − x₂", 2)
MULTIPLY = arithmetic("multiply", "The elementwise product of tensors of one shape.", "y = x₁ · x₂ · …", 1000)
