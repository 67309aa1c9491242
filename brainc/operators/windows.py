"""How do windows lie along an axis? Sizes after convolution and pooling, padding, and refusals where none fits."""

from __future__ import annotations

from brainc.ir.graph import ArgumentValue, Tensor
from brainc.operators.operator import Arguments, Refusal, pair
from brainlang.diagnostics import counted

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def spatial(tensor: Tensor, operator: str) -> tuple[int, ...]:
    """The windowed axes of `[channels, height, width]` (or `[channels, length]`)."""
    if tensor.classes or len(tensor.shape) != 3:
        raise Refusal(
            f"{operator} wants [channels, height, width], and this is {tensor.written}",
            remedy="reshape([channels, height, width]) first" if len(tensor.shape) < 3 else "",
        )
    return tensor.shape[1:]


def padding(
    value: ArgumentValue, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[int, ...]:
    """Zeros before and after each axis; `same` keeps the size, which needs stride 1 and an odd span."""
    if value != "same":
        return pair(value, len(kernel))
    spans = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
    if any(s != 1 for s in stride):
        raise Refusal('pad="same" keeps the size only with stride 1', remedy="give pad as a number", about="pad")
    if any(span % 2 for span in spans):
        raise Refusal(
            'pad="same" needs an odd kernel', remedy="use an odd kernel, or give pad as a number", about="pad"
        )
    return tuple(span // 2 for span in spans)


def positions(
    lengths: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    pad: tuple[int, ...],
    dilation: tuple[int, ...],
    what: str,
) -> tuple[int, ...]:
    """How many windows fit along each axis, or a refusal that names the axis and the size that would fit."""
    found = []
    for name, length, k, s, p, d in zip(AXES[len(lengths)], lengths, kernel, stride, pad, dilation, strict=True):
        span = d * (k - 1) + 1
        if span > length + 2 * p:
            fitting = (length + 2 * p - 1) // d + 1
            padded = f" padded by {p}" if p else ""
            raise Refusal(
                f"{what} {k} does not fit in {name} {length}{padded}",
                remedy=f"pad it or use {what} ≤ {fitting}",
                about="size" if what == "window" else "kernel",
            )
        found.append((length + 2 * p - span) // s + 1)
    return tuple(found)


def window_arguments(arguments: Arguments, size: str, rank: int) -> tuple[tuple[int, ...], ...]:
    """Kernel (or window), stride, padding and dilation for each axis."""
    kernel = pair(arguments[size], rank)
    stride = pair(arguments["stride"], rank)
    dilation = pair(arguments.get("dilation", 1), rank)
    for name, given in ((size, kernel), ("stride", stride), ("dilation", dilation)):
        if len(given) != rank:
            raise Refusal(f"{name} has {counted(len(given), 'size')} for {rank} axes", about=name)
    pad = padding(arguments["pad"], kernel, stride, dilation)
    if len(pad) != rank:
        raise Refusal(f"pad has {counted(len(pad), 'size')} for {rank} axes", about="pad")
    return kernel, stride, pad, dilation
