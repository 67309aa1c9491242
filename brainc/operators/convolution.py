"""Convolution layers: cross-correlation with zero padding, as the field's frameworks have it."""

from __future__ import annotations

from math import prod

from brainc.ir.expression import Operand, add
from brainc.ir.graph import Node, Tensor, Weight
from brainc.ir.tensor import Value, Window
from brainc.operators.initial import INIT, bias_initial, weight_initial
from brainc.operators.operator import Argument, Arguments, Operator, Refusal
from brainc.operators.windows import positions, spatial, window_arguments
from brainc.tensor.builder import Builder


def _shape(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    lengths = spatial(tensors[0], "conv")
    kernel, stride, pad, dilation = window_arguments(arguments, "kernel", len(lengths))
    channels, groups = arguments["channels"], arguments["groups"]
    assert isinstance(channels, int)
    assert isinstance(groups, int)
    inputs = tensors[0].shape[0]
    if inputs % groups or channels % groups:
        raise Refusal(
            f"groups={groups} does not divide {inputs} input and {channels} output channels",
            remedy="use a number of groups that divides both",
            about="groups",
        )
    return Tensor((channels, *positions(lengths, kernel, stride, pad, dilation, "kernel")))


def _weights(tensors: tuple[Tensor, ...], arguments: Arguments, layer: str) -> tuple[Weight, ...]:
    kernel = window_arguments(arguments, "kernel", len(tensors[0].shape) - 1)[0]
    channels, groups, init = arguments["channels"], arguments["groups"], arguments["init"]
    assert isinstance(channels, int)
    assert isinstance(groups, int)
    inputs = tensors[0].shape[0] // groups
    fan_in, fan_out = inputs * prod(kernel), channels // groups * prod(kernel)
    weight = Weight(f"{layer}.weight", (channels, inputs, *kernel), weight_initial(init, fan_in, fan_out))
    bias = Weight(f"{layer}.bias", (channels,), bias_initial(init, fan_in))
    return (weight, bias) if arguments["bias"] else (weight,)


def _lower(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    """`y[b,k,p,q] = Σ_{c,r,s} x[b,c,h,w] · w[k,c,r,s]`; groups are an axis g of their own, seen through views."""
    x, weight = operands[0], builder.parameters[f"{node.shared}.weight"]
    arguments = dict(node.arguments)
    _, stride, pad, dilation = window_arguments(arguments, "kernel", 2)
    windows = (
        Window("h", "p", "r", stride[0], dilation[0], pad[0]),
        Window("w", "q", "s", stride[1], dilation[1], pad[1]),
    )
    batch, groups = builder.batch, arguments["groups"]
    assert isinstance(groups, int)
    k, c, r, s = weight.shape
    result = (batch, *node.tensor.shape)
    if groups == 1:
        product = builder.contract(f"{node.name}.product", result, x, weight, ("bkpq", "bchw", "kcrs"), windows)
    else:
        grouped_x = builder.view(f"{node.name}.grouped", x, (batch, groups, c, *x.shape[2:]))
        grouped_weight = builder.view(f"{node.name}.weight.grouped", weight, (groups, k // groups, c, r, s))
        grouped = builder.contract(
            f"{node.name}.groups",
            (batch, groups, k // groups, *node.tensor.shape[1:]),
            grouped_x,
            grouped_weight,
            ("bgkpq", "bgchw", "gkcrs"),
            windows,
        )
        product = builder.view(f"{node.name}.product", grouped, result)
    if not arguments["bias"]:
        return product
    bias = builder.parameters[f"{node.shared}.bias"]
    return builder.map(node.name, (product, bias), ("bchw", "bchw", "c"), add(Operand(0), Operand(1)))


CONV = Operator(
    name="conv",
    summary="A convolution over height and width with learnt filters.",
    formula=(
        "y[b,k,p,q] = Σ_{c,r,s} x[b, c, p·stride + r·dilation − pad, q·stride + s·dilation − pad] · w[k,c,r,s]"
        " + bias[k]"
    ),
    role="layer",
    operands=(1, 1),
    arguments=(
        Argument("channels", "count", "filters, the channels of the result"),
        Argument("kernel", "size", "height and width of a filter"),
        Argument("stride", "size", "distance between windows", 1),
        Argument("pad", "padding", 'zeros around the image, or "same"', 0),
        Argument("dilation", "size", "distance between the taps of a filter", 1),
        Argument("groups", "count", "groups of channels that see only their own", 1),
        Argument("bias", "truth", "whether a bias is added", True),
        INIT,
    ),
    shape=_shape,
    weights=_weights,
    lower=_lower,
    synapses=("weight",),
)
