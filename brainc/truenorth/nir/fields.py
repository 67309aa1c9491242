"""What do a node's fields say? Shapes, numbers and windows as the package reads them; Refused where they do not fit."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainc.ir.spiking import Shape, Window
from brainc.truenorth.nir.refusals import Refused
from brainc.truenorth.nir.signals import Shaped, Spikes, three


def shape_of(given: Any) -> Shaped:
    """The shape that a type of NIR stands for."""
    shape = tuple(int(length) for length in np.asarray(given).reshape(-1))
    if not shape or min(shape) < 1:
        raise Refused(f"its shape is {list(shape)}", "give it one without the samples' axis")
    return shape


def finite(given: Any, what: str) -> NDArray[np.float64]:
    """The numbers of a field, of which there is one at least."""
    values = np.asarray(given, np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise Refused(f"its {what} is empty, or not all numbers", "write it again")
    return values


def of_channels(given: Any, what: str, shape: Shaped) -> NDArray[np.float64]:
    """The numbers of a field, one a channel."""
    numbers = finite(given, what)
    channels = three(shape)[0]
    if numbers.size == 1:
        return np.full(channels, numbers.flat[0])
    if numbers.shape != shape:
        raise Refused(f"its {what} is {list(numbers.shape)}, and it sees {list(shape)}", "make them agree")
    by_channel = numbers.reshape(channels, -1)
    if (by_channel != by_channel[:, :1]).any():
        raise Refused(f"its {what} differs within a channel", "use one for all places of a channel")
    return by_channel[:, 0]


def offset_of(node: Any, channels: int) -> tuple[Fraction, ...]:
    """What a node adds to each channel."""
    if not hasattr(node, "bias"):
        return (Fraction(0),) * channels
    bias = finite(node.bias, "bias").reshape(-1)
    if len(bias) not in (1, channels):
        raise Refused(f"it has {len(bias)} biases for {channels} channels", "make them agree")
    return tuple(Fraction(value) for value in np.broadcast_to(bias, channels).tolist())


def image_of(spikes: Spikes) -> Shape:
    """The shape that a window moves over."""
    if len(spikes.shape) != 3:
        raise Refused(f"it sees {list(spikes.shape)}", "let it see [channels, height, width]")
    return three(spikes.shape)


def windowed(channels: int, seen: Shape, window_of: Callable[[Any], Window], node: Any) -> tuple[Window, Shape]:
    """A node's window, and the shape of what it gives."""
    try:
        window = window_of(node)
        return window, _result_shape(channels, seen, window)
    except ValueError as error:
        raise Refused(str(error), "give it another window") from None


def _pair(value: Any) -> tuple[int, int]:
    """Two whole numbers, or one for both. ValueError: something else."""
    numbers = np.asarray(value).reshape(-1).tolist()
    if len(numbers) not in (1, 2) or any(number != int(number) for number in numbers):
        raise ValueError(f"{value} is not one whole number or two")
    return int(numbers[0]), int(numbers[-1])


def conv_window(node: Any) -> Window:
    """The window of a `Conv2d`, without its groups. ValueError: one that no padding alike on both sides gives."""
    height, width = np.asarray(node.weight).shape[2:]
    kernel, stride, dilation = (height, width), _pair(node.stride), _pair(node.dilation)
    return _sound(Window(kernel, stride, _padding(node.padding, kernel, stride, dilation), dilation))


def pool_window(node: Any) -> Window:
    """The window of a `SumPool2d` or `AvgPool2d`. ValueError as above."""
    return _sound(Window(_pair(node.kernel_size), _pair(node.stride), _pair(node.padding)))


def _result_shape(channels: int, seen: Shape, window: Window) -> Shape:
    """`[channels, height, width]` of what the window gives. ValueError: it does not fit even once."""
    height, width = (
        (length + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
        for length, kernel, stride, pad, dilation in zip(
            seen[1:], window.kernel, window.stride, window.pad, window.dilation, strict=True
        )
    )
    if height < 1 or width < 1:
        raise ValueError(f"a window of {list(window.kernel)} does not fit in {list(seen)}")
    return channels, height, width


def _padding(
    padding: Any, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int]:
    if not isinstance(padding, str):
        return _pair(padding)
    if padding == "valid":
        return 0, 0
    height, width = (step * (taps - 1) for taps, step in zip(kernel, dilation, strict=True))
    if stride != (1, 1):
        raise ValueError("padding 'same' goes with stride 1 only")
    if height % 2 or width % 2:
        raise ValueError("padding 'same' of an even kernel is not alike on both sides")
    return height // 2, width // 2


def _sound(window: Window) -> Window:
    if min(*window.kernel, *window.stride, *window.dilation) < 1 or min(window.pad) < 0:
        raise ValueError(f"kernel {window.kernel}, stride {window.stride}, padding {window.pad} is no window")
    return window
