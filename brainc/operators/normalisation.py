"""Normalisation layers."""

from __future__ import annotations

from math import prod
from typing import Literal

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.expression import Constant, Expression, Operand
from brainc.ir.graph import Node, Tensor, Weight
from brainc.ir.tensor import Value
from brainc.operators.operator import Argument, Arguments, Operator, Refusal, needs_numbers, same_shape
from brainc.tensor.builder import Builder, axes
from brainrun.plan.schema import Constant as Always


def _shape(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    needs_numbers(tensors[0], "batchnorm")
    if arguments["statistics"] not in ("local", "global"):
        raise Refusal(f'statistics={arguments["statistics"]!r} is neither "local" nor "global"', about="statistics")
    return same_shape(tensors, arguments)


def _weights(tensors: tuple[Tensor, ...], _arguments: Arguments, layer: str) -> tuple[Weight, ...]:
    channels = (tensors[0].shape[0],)
    return (
        Weight(f"{layer}.weight", channels, Always(1.0)),
        Weight(f"{layer}.bias", channels, Always(0.0)),
        Weight(f"{layer}.running_mean", channels, Always(0.0), trained=False),
        Weight(f"{layer}.running_var", channels, Always(1.0), trained=False),
    )


def _normalised(epsilon: float) -> Expression:
    """`(x − mean) / √(variance + ε) · weight + bias`, of operands x, mean, variance, weight, bias."""
    x, mean, variance, weight, bias = (Operand(index) for index in range(5))
    scale = ex.divide(weight, ex.call("square_root", ex.add(variance, Constant(epsilon))))
    return ex.add(ex.multiply(ex.subtract(x, mean), scale), bias)


def _lower(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    x = operands[0]
    own = axes(x)
    weight, bias, running_mean, running_var = (
        builder.parameters[f"{node.shared}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    epsilon = node.argument("epsilon")
    assert isinstance(epsilon, (int, float))
    letters = (own, own, *(own[1],) * 4)
    if builder.mode == "evaluate":
        given = (x, running_mean, running_var, weight, bias)
        return builder.map(node.name, given, letters, _normalised(float(epsilon)))
    scope: Literal["global", "local"] = "global" if node.argument("statistics") == "global" else "local"
    mean, variance = _moments(builder, node.name, x, own, scope)
    if scope == "global":
        _track(builder, node, x, (running_mean, mean), (running_var, variance))
    else:
        everywhere = _moments(builder, f"{node.name}.running", x, own, "global")
        _track(builder, node, x, (running_mean, everywhere[0]), (running_var, everywhere[1]))
    return builder.map(node.name, (x, mean, variance, weight, bias), letters, _normalised(float(epsilon)))


def _moments(builder: Builder, name: str, x: Value, own: str, scope: Literal["global", "local"]) -> tuple[Value, Value]:
    """Mean and (biased) variance of each channel over the mini-batch and the image, in two passes for accuracy."""
    share = Constant(1 / (x.shape[0] * prod(x.shape[2:])))
    channel = own[1]
    mean = builder.reduce(f"{name}.mean", (x,), (channel, own), ex.multiply(Operand(0), share), scope)
    centred = ex.subtract(Operand(0), Operand(1))
    square = ex.multiply(ex.multiply(centred, centred), share)
    return mean, builder.reduce(f"{name}.variance", (x, mean), (channel, own, channel), square, scope)


def _track(builder: Builder, node: Node, x: Value, mean: tuple[Value, Value], variance: tuple[Value, Value]) -> None:
    """The running statistics move a step of 1 − decay towards the mini-batch's; the variance as the unbiased one."""
    decay = node.argument("decay")
    assert isinstance(decay, (int, float))
    count = x.shape[0] * prod(x.shape[2:])
    for (running, seen), correction in ((mean, 1.0), (variance, count / max(count - 1, 1))):
        step = ex.add(
            ex.multiply(Constant(float(decay)), Operand(0)),
            ex.multiply(Constant((1 - float(decay)) * correction), Operand(1)),
        )
        builder.updates.append(ts.Update((running,), (running, seen), (step,), "update", builder.origin))


BATCHNORM = Operator(
    name="batchnorm",
    summary=(
        "Each channel to mean zero and variance one over the mini-batch, then scaled and shifted "
        "(Ioffe & Szegedy 2015)."
    ),
    formula="y = (x − mean) / √(variance + ε) · weight + bias",
    role="layer",
    operands=(1, 1),
    arguments=(
        Argument("decay", "fraction", "how much of the running statistics a step keeps", 0.9),
        Argument("epsilon", "magnitude", "added to the variance", 1e-5),
        Argument(
            "statistics", "text", 'over the whole mini-batch ("global") or each rank\'s samples ("local")', "global"
        ),
    ),
    shape=_shape,
    weights=_weights,
    lower=_lower,
)
