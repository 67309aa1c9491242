"""Every operator of the table in small networks, beside PyTorch's words for the same."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from brainrun import philox

from .case import BATCH, SEED, STEP, Case, Class, Formula, Mode, Values


def layer(name: str, call: str, shape: tuple[int, ...], units: int, torch: Formula, **more: Any) -> Case:
    """`y = x | call`, of an input x of this shape, against a target of `units` numbers."""
    operator = call.split("(")[0].strip()
    return Case(name, operator, {"x": shape, "target": (units,)}, f"y = x | {call}", torch, **more)


def convolution(name: str, call: str, shape: tuple[int, int, int], units: int, **settings: Any) -> Case:
    """A convolution with the settings in PyTorch's words."""

    def torch(F: Any, v: Values, _mode: Mode) -> Any:
        return F.conv2d(v["x"], v["y.conv.weight"], v.get("y.conv.bias"), **settings)

    return layer(f"conv, {name}", f"conv({call})", shape, units, torch)


def maxpool(name: str, call: str, shape: tuple[int, int, int], units: int, *arguments: Any) -> Case:
    """A max pool with PyTorch's arguments kernel_size, stride, padding."""

    def torch(F: Any, v: Values, _mode: Mode) -> Any:
        return F.max_pool2d(v["x"], *arguments)

    return layer(f"maxpool, {name}", f"maxpool({call})", shape, units, torch)


def avgpool(name: str, call: str, shape: tuple[int, int, int], units: int, *arguments: Any) -> Case:
    """A mean pool with PyTorch's arguments kernel_size, stride, padding."""

    def torch(F: Any, v: Values, _mode: Mode) -> Any:
        return F.avg_pool2d(v["x"], *arguments)

    return layer(f"avgpool, {name}", f"avgpool({call})", shape, units, torch)


def batchnorm(name: str, call: str, shape: tuple[int, ...], units: int, momentum: float, epsilon: float) -> Case:
    """A batch normalisation; PyTorch's momentum is 1 − decay."""

    def torch(F: Any, v: Values, mode: Mode) -> Any:
        weight, bias, mean, variance = (
            v[f"y.batchnorm.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return F.batch_norm(v["x"], mean, variance, weight, bias, mode == "train", momentum, epsilon)

    return layer(f"batchnorm, {name}", call, shape, units, torch)


def dropped(x: Any, layer_name: str, drop: float) -> Any:
    """x · mask / (1 − drop), the mask drawn as the runtime's documentation says: stream CRC-32 of the layer's name."""
    features = x[0].numel()
    kept = philox.keep_mask(
        SEED, zlib.crc32(layer_name.encode()), STEP, np.arange(BATCH), np.arange(features), 1.0 - drop
    )
    return x * x.new_tensor(kept / (1.0 - drop)).reshape(x.shape)


def tied(F: Any, v: Values, _mode: Mode) -> Any:
    """Two dense layers that share one weight, each the other's transpose (a tied autoencoder)."""
    hidden = F.linear(v["x"], v["h.dense.weight"], v["h.dense.bias"])
    return F.linear(hidden, v["h.dense.weight"].T, v["y.dense.bias"])


def fired(x: Any, threshold: float, width: float) -> Any:
    """The step, with autograd's slope of the two parabolas that rise from 0 to 1 between threshold ± width."""
    u = ((x - threshold) / width).clamp(-1.0, 1.0)
    smooth = (1 + u.clamp(max=0.0)) ** 2 / 2 + (1 - (1 - u.clamp(min=0.0)) ** 2) / 2
    return (x >= threshold).to(x.dtype) + smooth - smooth.detach()


def spike(name: str, call: str, shape: tuple[int, ...], units: int, threshold: float, width: float) -> Case:
    """A spike of an input on both sides of the threshold."""

    def torch(_F: Any, v: Values, _mode: Mode) -> Any:
        return fired(v["x"], threshold, width)

    return layer(f"spike, {name}", call, shape, units, torch, low=-2.0, high=2.0, surrogate=True)


def population(name: str, call: str, shape: tuple[int, ...], units: int, thresholds: tuple[float, ...]) -> Case:
    """A population, whose neurons stand one after the other along the first axis."""

    def torch(_F: Any, v: Values, _mode: Mode) -> Any:
        return sum(_placed(fired(v["x"], at, 1.0), number, len(thresholds)) for number, at in enumerate(thresholds))

    return layer(f"population, {name}", call, shape, units, torch, low=-2.0, high=3.0, surrogate=True)


def _placed(part: Any, number: int, size: int) -> Any:
    """Part `number` of so many along axis 1, with zeros for the others."""
    whole = part.new_zeros((part.shape[0], size * part.shape[1], *part.shape[2:]))
    whole[:, number * part.shape[1] : (number + 1) * part.shape[1]] = part
    return whole


def cross_entropy(F: Any, y: Any, v: Values) -> Any:
    """PyTorch's mean over samples."""
    return F.cross_entropy(y, v["label"])


DENSE = (
    layer(
        "dense, of features",
        "dense(4)",
        (5,),
        4,
        lambda F, v, _mode: F.linear(v["x"], v["y.dense.weight"], v["y.dense.bias"]),
    ),
    layer("dense, no bias", "dense(4, bias=false)", (5,), 4, lambda F, v, _mode: F.linear(v["x"], v["y.dense.weight"])),
    layer(
        "dense, of an image",
        "dense(4)",
        (2, 3, 2),
        4,
        lambda F, v, _mode: F.linear(v["x"].flatten(1), v["y.dense.weight"], v["y.dense.bias"]),
    ),
    Case(
        "dense, one weight used twice",
        "dense",
        {"x": (4,), "target": (4,)},
        """h = x | dense(4, name="first") | tanh
        y = h | dense(4, share=first)""",
        lambda F, v, _mode: F.linear(
            F.linear(v["x"], v["first.weight"], v["first.bias"]).tanh(), v["first.weight"], v["first.bias"]
        ),
    ),
    Case(
        "dense, a weight and its transpose",
        "dense",
        {"x": (5,), "target": (5,)},
        """h = x | dense(3)
        y = h | dense(5, share=transpose(h.dense))""",
        tied,
    ),
)

CONVOLUTIONS = (
    convolution("plain", "4, kernel=3", (2, 5, 6), 48),
    convolution("one tap", "3, kernel=1", (2, 4, 3), 36),
    convolution("the whole image", "3, kernel=[4, 3]", (2, 4, 3), 3),
    convolution("no bias", "2, kernel=2, bias=false", (3, 4, 4), 18),
    convolution("oblong kernel", "2, kernel=[1, 3]", (2, 4, 5), 24),
    convolution("stride", "2, kernel=3, stride=2", (2, 7, 6), 12, stride=2),
    convolution("stride that leaves a rest", "2, kernel=2, stride=3", (1, 7, 6), 8, stride=3),
    convolution("stride beyond the kernel", "2, kernel=1, stride=2", (2, 5, 5), 18, stride=2),
    convolution("oblong stride", "2, kernel=2, stride=[1, 2]", (2, 4, 5), 12, stride=(1, 2)),
    convolution("pad", "2, kernel=3, pad=1", (2, 4, 3), 24, padding=1),
    convolution("oblong pad", "2, kernel=3, pad=[0, 2]", (1, 4, 3), 20, padding=(0, 2)),
    convolution("same", '2, kernel=[3, 5], pad="same"', (2, 4, 5), 40, padding="same"),
    convolution("dilation", "2, kernel=3, dilation=2", (2, 6, 5), 4, dilation=2),
    convolution("oblong dilation", "2, kernel=2, dilation=[1, 3]", (2, 4, 5), 12, dilation=(1, 3)),
    convolution("same, dilated", '1, kernel=3, dilation=2, pad="same"', (2, 5, 4), 20, padding="same", dilation=2),
    convolution(
        "stride, pad and dilation",
        "3, kernel=3, stride=2, pad=2, dilation=2",
        (2, 6, 7),
        36,
        stride=2,
        padding=2,
        dilation=2,
    ),
    convolution("groups", "4, kernel=3, groups=2", (4, 4, 5), 24, groups=2),
    convolution("a filter a channel", "3, kernel=3, pad=1, groups=3", (3, 4, 4), 48, padding=1, groups=3),
    convolution(
        "groups, stride and pad",
        "6, kernel=[3, 2], stride=2, pad=1, groups=3",
        (3, 5, 4),
        54,
        stride=2,
        padding=1,
        groups=3,
    ),
)

POOLS = (
    maxpool("plain", "2", (2, 4, 6), 12, 2),
    maxpool("a rest left over", "2", (2, 5, 3), 4, 2),
    maxpool("overlapping", "3, stride=2", (2, 5, 7), 12, 3, 2),
    maxpool("apart", "2, stride=3", (1, 5, 8), 6, 2, 3),
    maxpool("padded", "3, stride=2, pad=1", (2, 5, 4), 12, 3, 2, 1),
    maxpool("oblong", "[2, 3], stride=[1, 2], pad=[1, 0]", (2, 4, 5), 20, (2, 3), (1, 2), (1, 0)),
    avgpool("plain", "2", (2, 4, 6), 12, 2),
    avgpool("a rest left over", "2", (2, 5, 3), 4, 2),
    avgpool("overlapping", "3, stride=2", (2, 5, 7), 12, 3, 2),
    avgpool("apart", "2, stride=3", (1, 5, 8), 6, 2, 3),
    avgpool("padded", "3, stride=2, pad=1", (2, 5, 4), 12, 3, 2, 1),
    avgpool("oblong", "[2, 3], stride=[1, 2], pad=[1, 0]", (2, 4, 5), 20, (2, 3), (1, 2), (1, 0)),
)

ELEMENTWISE = (
    layer("relu", "relu", (2, 3, 4), 24, lambda F, v, _mode: F.relu(v["x"])),
    layer("leaky_relu", "leaky_relu", (9,), 9, lambda F, v, _mode: F.leaky_relu(v["x"])),
    layer("leaky_relu, steep", "leaky_relu(0.3)", (9,), 9, lambda F, v, _mode: F.leaky_relu(v["x"], 0.3)),
    layer("sigmoid", "sigmoid", (9,), 9, lambda _F, v, _mode: v["x"].sigmoid(), low=-6.0, high=6.0),
    layer("tanh", "tanh", (9,), 9, lambda _F, v, _mode: v["x"].tanh(), low=-4.0, high=4.0),
    spike("at zero", "spike", (9,), 9, 0.0, 1.0),
    spike("of an image", "spike", (2, 3, 4), 24, 0.0, 1.0),
    spike("at a threshold of its own", "spike(0.7)", (9,), 9, 0.7, 1.0),
    spike("steep", "spike(threshold=-0.25, width=0.4)", (12,), 12, -0.25, 0.4),
    spike("wide", "spike(width=3)", (9,), 9, 0.0, 3.0),
    layer("rate", "rate", (9,), 9, lambda _F, v, _mode: v["x"].clamp(0, 1), low=-0.5, high=1.5),
    layer("stochastic", "stochastic", (2, 3), 6, lambda _F, v, _mode: v["x"].clamp(0, 1), low=-0.5, high=1.5),
    population("of features", "population(4)", (5,), 20, (0.125, 0.375, 0.625, 0.875)),
    population("of an image, in a range", "population(2, least=-1, most=3)", (2, 2, 3), 24, (0.0, 2.0)),
    layer("softmax, of features", "softmax", (5,), 5, lambda F, v, _mode: F.softmax(v["x"], 1), low=-3.0, high=3.0),
    layer("softmax, over channels", "softmax", (4, 2, 3), 24, lambda F, v, _mode: F.softmax(v["x"], 1)),
    layer(
        "dropout, half",
        "dropout",
        (2, 3, 4),
        24,
        lambda _F, v, mode: dropped(v["x"], "y.dropout", 0.5) if mode == "train" else v["x"],
    ),
    layer(
        "dropout, a tenth",
        "dropout(0.1)",
        (30,),
        30,
        lambda _F, v, mode: dropped(v["x"], "y.dropout", 0.1) if mode == "train" else v["x"],
    ),
    layer("dropout, none", "dropout(0)", (6,), 6, lambda _F, v, _mode: v["x"] * 1.0),
)

ONE = {"x": (4,), "target": (4,)}
PAIR = {"x": (2, 3), "z": (2, 3), "target": (6,)}
SHAPES = (
    layer("flatten", "flatten", (2, 3, 2), 12, lambda _F, v, _mode: v["x"].flatten(1)),
    layer("transpose", "transpose([2, 0, 1])", (2, 3, 4), 24, lambda _F, v, _mode: v["x"].permute(0, 3, 1, 2)),
    layer("slice, channels", "slice(0, 1)", (3, 2, 4), 16, lambda _F, v, _mode: v["x"][:, 1:]),
    layer("slice, rows", "slice(1, start=1, stop=3)", (2, 4, 3), 12, lambda _F, v, _mode: v["x"][:, :, 1:3]),
    layer("slice, columns", "slice(2, stop=1)", (2, 3, 4), 6, lambda _F, v, _mode: v["x"][..., :1]),
    layer("reshape", "reshape([3, 4])", (2, 3, 2), 12, lambda _F, v, _mode: v["x"].reshape(BATCH, 3, 4)),
    Case("add, two tensors", "add", PAIR, "y = x + z", lambda _F, v, _mode: v["x"] + v["z"]),
    Case("add, three tensors", "add", PAIR, "y = add(x, z, x)", lambda _F, v, _mode: 2 * v["x"] + v["z"]),
    Case("add, a constant", "add", ONE, "y = x + 0.5", lambda _F, v, _mode: v["x"] + 0.5),
    Case("subtract, two tensors", "subtract", PAIR, "y = x - z", lambda _F, v, _mode: v["x"] - v["z"]),
    Case("subtract, a constant", "subtract", ONE, "y = x - 2", lambda _F, v, _mode: v["x"] - 2),
    Case(
        "subtract, from a constant",
        "add",
        ONE,
        "y = 2 - x",
        lambda _F, v, _mode: 2 - v["x"],
    ),
    Case("multiply, two tensors", "multiply", PAIR, "y = x * z", lambda _F, v, _mode: v["x"] * v["z"]),
    Case("multiply, a square", "multiply", ONE, "y = x * x", lambda _F, v, _mode: v["x"] ** 2),
    Case("multiply, a constant", "multiply", ONE, "y = 3 * x", lambda _F, v, _mode: 3 * v["x"]),
    Case("multiply, a sign", "multiply", ONE, "y = -x", lambda _F, v, _mode: -v["x"]),
    Case(
        "concat, channels",
        "concat",
        {"x": (2, 2, 3), "z": (1, 2, 3), "target": (18,)},
        "y = concat(x, z)",
        lambda F, v, _mode: F.pad(v["x"], (0, 0, 0, 0, 0, 1)) + F.pad(v["z"], (0, 0, 0, 0, 2, 0)),
    ),
    Case(
        "concat, columns, one tensor twice",
        "concat",
        {"x": (2, 2, 3), "z": (2, 2, 1), "target": (28,)},
        "y = concat(x, z, x, axis=2)",
        lambda F, v, _mode: F.pad(v["x"], (0, 4)) + F.pad(v["z"], (3, 3)) + F.pad(v["x"], (4, 0)),
    ),
)

NORMALISATIONS = (
    batchnorm("of features", "batchnorm", (4,), 4, 0.1, 1e-5),
    batchnorm("of an image", "batchnorm", (2, 3, 4), 24, 0.1, 1e-5),
    batchnorm("own decay and epsilon", "batchnorm(decay=0.7, epsilon=0.01)", (2, 3, 2), 12, 0.3, 0.01),
    batchnorm("local statistics", 'batchnorm(statistics="local")', (2, 3, 2), 12, 0.1, 1e-5),
)

SCORES: Mapping[str, tuple[int, ...] | Class] = {"x": (5,), "label": Class(4)}
LOSSES = (
    Case(
        "cross_entropy",
        "cross_entropy",
        SCORES,
        "y = x | dense(4)",
        lambda F, v, _mode: F.linear(v["x"], v["y.dense.weight"], v["y.dense.bias"]),
        loss=cross_entropy,
        terms="loss objective = cross_entropy(y, label)",
    ),
    Case(
        "top1, beside its loss",
        "top1",
        SCORES,
        "y = x | dense(4)",
        lambda F, v, _mode: F.linear(v["x"], v["y.dense.weight"], v["y.dense.bias"]),
        loss=cross_entropy,
        terms="loss objective = cross_entropy(y, label)\nmetric accuracy = top1(y, label)",
    ),
    Case(
        "binary_cross_entropy",
        "binary_cross_entropy",
        {"x": (2, 3), "target": (2, 3)},
        "y = x * x",
        lambda _F, v, _mode: v["x"] ** 2,
        loss=lambda F, y, v: F.binary_cross_entropy(y, v["target"]),
        terms="loss objective = binary_cross_entropy(y, target)",
        low=0.1,
        high=0.95,
    ),
    Case(
        "mean_squared_error, of images",
        "mean_squared_error",
        {"x": (2, 2, 3), "target": (12,)},
        "y = x | tanh",
        lambda _F, v, _mode: v["x"].tanh(),
    ),
    Case(
        "mean_squared_error, two terms with weights",
        "mean_squared_error",
        {"x": (6,), "target": (6,)},
        "y = x | tanh",
        lambda _F, v, _mode: v["x"].tanh(),
        loss=lambda F, y, v: 0.7 * F.mse_loss(y, v["target"]) + 0.3 * F.mse_loss(v["x"], v["target"]),
        terms="loss weight(0.7) near = mean_squared_error(y, target)\n"
        "loss weight(0.3) far = mean_squared_error(x, target)",
    ),
)

NETWORKS = (
    Case(
        "dense, a tensor used twice",
        "dense",
        ONE,
        """h = x | dense(4) | relu
        y = h + (h | dense(4))""",
        lambda F, v, _mode: (lambda h: h + F.linear(h, v["y.dense.weight"], v["y.dense.bias"]))(
            F.relu(F.linear(v["x"], v["h.dense.weight"], v["h.dense.bias"]))
        ),
    ),
    Case(
        "conv, in a small network",
        "conv",
        {"x": (1, 6, 6), "label": Class(3)},
        """h = x | conv(2, kernel=3) | relu | maxpool(2)
        y = h | dense(3)""",
        lambda F, v, _mode: F.linear(
            F.max_pool2d(F.relu(F.conv2d(v["x"], v["h.conv.weight"], v["h.conv.bias"])), 2).flatten(1),
            v["y.dense.weight"],
            v["y.dense.bias"],
        ),
        loss=cross_entropy,
        terms="loss objective = cross_entropy(y, label)",
    ),
    Case(
        "spike, between layers",
        "spike",
        {"x": (5,), "label": Class(3)},
        """h = x | dense(6) | spike(width=2) | dense(4) | spike(0.1)
        y = h | dense(3)""",
        lambda F, v, _mode: F.linear(
            fired(
                F.linear(
                    fired(F.linear(v["x"], v["h.dense1.weight"], v["h.dense1.bias"]), 0.0, 2.0),
                    v["h.dense2.weight"],
                    v["h.dense2.bias"],
                ),
                0.1,
                1.0,
            ),
            v["y.dense.weight"],
            v["y.dense.bias"],
        ),
        loss=cross_entropy,
        terms="loss objective = cross_entropy(y, label)",
        surrogate=True,
    ),
)

CASES = (*DENSE, *CONVOLUTIONS, *POOLS, *ELEMENTWISE, *SHAPES, *NORMALISATIONS, *LOSSES, *NETWORKS)
