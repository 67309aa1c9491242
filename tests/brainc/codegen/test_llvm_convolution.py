"""The convolution kernels against sums over taps in NumPy's float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainc.codegen.llvm.convolution import (
    Convolution,
    ConvolutionForward,
    ConvolutionInputGradient,
    ConvolutionKernel,
    ConvolutionWeightGradient,
    write_convolution,
)
from brainc.codegen.llvm.epilogue import Epilogue
from brainc.codegen.llvm.registers import AVX2, AVX512, NEON, SSE, RegisterFile
from brainc.ir.expression import Constant, Operand, add, greater, maximum, multiply, select, subtract
from tests.brainc.codegen.loading import aligned, assert_close, blocked_samples, load, plain_samples, these_registers

LAYERS = {
    "one channel": Convolution(20, 1, 20, (13, 12), (5, 5)),
    "many channels": Convolution(16, 20, 50, (8, 9), (5, 5)),
    "padded": Convolution(5, 7, 9, (11, 17), (3, 3), pad=(1, 1)),
    "wide border": Convolution(3, 2, 3, (4, 3), (5, 5), pad=(4, 3)),
    "border beyond the taps": Convolution(2, 2, 3, (3, 3), (2, 2), pad=(3, 3)),
    "strided": Convolution(17, 3, 6, (15, 14), (3, 3), stride=(2, 2), pad=(1, 1)),
    "stride three, unequal": Convolution(9, 4, 5, (16, 23), (4, 3), stride=(2, 3), pad=(2, 0)),
    "stride beyond the taps": Convolution(4, 3, 4, (13, 14), (2, 2), stride=(3, 4)),
    "dilated": Convolution(6, 3, 4, (12, 21), (3, 3), pad=(2, 4), dilation=(2, 3)),
    "dilated and strided": Convolution(6, 3, 4, (14, 21), (3, 3), stride=(2, 2), pad=(1, 2), dilation=(3, 2)),
    "grouped": Convolution(18, 12, 20, (7, 8), (3, 3), groups=4, pad=(1, 1)),
    "depthwise": Convolution(16, 6, 6, (9, 19), (3, 3), groups=6, pad=(1, 1)),
    "depthwise with two filters each": Convolution(4, 5, 10, (9, 9), (3, 3), groups=5, stride=(2, 2)),
    "one tap": Convolution(40, 33, 17, (5, 6), (1, 1)),
    "one position": Convolution(16, 5, 37, (4, 4), (4, 4)),
    "patches": Convolution(2, 3, 10, (24, 24), (8, 8), stride=(8, 8)),
    "long filter": Convolution(4, 2, 3, (5, 60), (1, 31), pad=(0, 15)),
    "tall filter": Convolution(4, 1, 2, (70, 5), (61, 2)),
    "large filter": Convolution(2, 1, 2, (40, 41), (32, 31)),
}
BIAS_RELU = Epilogue((maximum(add(Operand(0), Operand(1)), Constant(0.0)),), ("row",))
THROUGH_RELU = Epilogue((select(greater(Operand(1), Constant(0.0)), Operand(0), Constant(0.0)),), ("same",))
MOMENTUM = add(multiply(Constant(0.9), Operand(2)), Operand(0))
UPDATE = Epilogue((subtract(Operand(1), multiply(Operand(3), MOMENTUM)), MOMENTUM), ("same", "same", "scalar"))


class Case:
    """A layer with random tensors and its three results, in float64."""

    def __init__(self, layer: Convolution) -> None:
        random = np.random.default_rng(1)

        def normal(*shape: int) -> np.ndarray:
            return random.standard_normal(shape).astype(np.float32).astype(float)

        self.layer = layer
        self.x = normal(layer.samples, layer.channels, *layer.image)
        self.w = normal(layer.filters, layer.channels // layer.groups, *layer.kernel)
        self.dy = normal(layer.samples, layer.filters, *layer.output)
        self.bias = normal(layer.filters)
        self.y, self.dx, self.dw = self.reference()

    def reference(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """y, dx and dw, tap by tap on a padded image."""
        layer = self.layer
        (high, wide), (down, right) = layer.output, layer.pad
        padded = np.pad(self.x, ((0, 0), (0, 0), (down, down), (right, right)))
        y, dx, dw = np.zeros_like(self.dy), np.zeros_like(padded), np.zeros_like(self.w)
        channels, filters = layer.channels // layer.groups, layer.filters // layer.groups
        for group, r, s in np.ndindex(layer.groups, *layer.kernel):
            top, left = r * layer.dilation[0], s * layer.dilation[1]
            window = (
                slice(None),
                slice(group * channels, (group + 1) * channels),
                slice(top, top + (high - 1) * layer.stride[0] + 1, layer.stride[0]),
                slice(left, left + (wide - 1) * layer.stride[1] + 1, layer.stride[1]),
            )
            own = slice(group * filters, (group + 1) * filters)
            y[:, own] += np.einsum("bchw,kc->bkhw", padded[window], self.w[own, :, r, s])
            dx[window] += np.einsum("bkhw,kc->bchw", self.dy[:, own], self.w[own, :, r, s])
            dw[own, :, r, s] = np.einsum("bkhw,bchw->kc", self.dy[:, own], padded[window])
        return y, dx[:, :, down : down + layer.image[0], right : right + layer.image[1]], dw


@pytest.fixture(scope="module", params=LAYERS, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(LAYERS[request.param])


def run(kernel: ConvolutionKernel, *operands: np.ndarray, registers: RegisterFile | None = None) -> None:
    load(write_convolution(kernel, registers or these_registers(), "kernel"))(*operands)


def taps(layer: Convolution) -> int:
    return layer.kernel[0] * layer.kernel[1]


def test_forward_with_bias_and_relu(case: Case) -> None:
    y = blocked_samples(np.full(case.dy.shape, np.nan))
    run(ConvolutionForward(case.layer, BIAS_RELU), y, blocked_samples(case.x), aligned(case.w), aligned(case.bias))
    expected = np.maximum(case.y + case.bias[:, None, None], 0)
    assert_close(plain_samples(y, case.layer.samples), expected, case.layer.channels * taps(case.layer))


def test_input_gradient_through_relu(case: Case) -> None:
    dx, x = blocked_samples(np.full(case.x.shape, np.nan)), blocked_samples(case.x)
    run(ConvolutionInputGradient(case.layer, THROUGH_RELU), dx, blocked_samples(case.dy), aligned(case.w), x)
    expected = np.where(case.x > 0, case.dx, 0)
    assert_close(plain_samples(dx, case.layer.samples), expected, case.layer.filters * taps(case.layer))


def test_weight_gradient_sums_only_the_samples(case: Case) -> None:
    dw = aligned(np.full(case.w.shape, np.nan))
    run(ConvolutionWeightGradient(case.layer, Epilogue()), dw, blocked_samples(case.x), blocked_samples(case.dy))
    assert_close(dw, case.dw, case.layer.samples * case.dy[0, 0].size)


def test_momentum_update_in_place() -> None:
    case = Case(LAYERS["padded"])
    w, m, rate = aligned(case.w), aligned(0.5 * case.w), aligned(np.array([0.01]))
    x, dy = blocked_samples(case.x), blocked_samples(case.dy)
    run(ConvolutionWeightGradient(case.layer, UPDATE), w, m, x, dy, w, m, rate)
    momentum = 0.45 * case.w + case.dw
    assert_close(m, momentum, 5 * 11 * 17)
    assert_close(w, case.w - 0.01 * momentum, 5 * 11 * 17)


def test_weight_gradient_writes_nothing_beyond_the_weight() -> None:
    case = Case(LAYERS["padded"])
    beyond = aligned(np.full(case.w.size + 64, 7.0))
    run(ConvolutionWeightGradient(case.layer, Epilogue()), beyond, blocked_samples(case.x), blocked_samples(case.dy))
    assert (beyond[case.w.size :] == 7.0).all()


@pytest.mark.parametrize("registers", [AVX512, AVX2, NEON, SSE])
@pytest.mark.parametrize("form", [ConvolutionForward, ConvolutionInputGradient, ConvolutionWeightGradient])
def test_every_cut_of_the_extent_gives_the_same_bits(form: type[ConvolutionKernel], registers: RegisterFile) -> None:
    case = Case(replace(LAYERS["padded"], samples=40, channels=9, filters=11))
    x, dy, w = blocked_samples(case.x), blocked_samples(case.dy), aligned(case.w)
    factors, result, expected = {
        ConvolutionForward: ((x, w), dy, case.y),
        ConvolutionInputGradient: ((dy, w), x, case.dx),
        ConvolutionWeightGradient: ((x, dy), w, case.dw),
    }[form]
    text = write_convolution(form(case.layer, Epilogue()), registers, "kernel")
    kernel = load(text)
    whole, pieces = (aligned(np.zeros(result.shape)) for _ in range(2))
    kernel(whole, *factors)
    assert text.extent > 2
    for begin, end in [(2, text.extent), (1, 2), (1, 1), (0, 1)]:
        kernel(pieces, *factors, part=(begin, end))
    assert np.array_equal(whole, pieces, equal_nan=True)
    plain = whole if form is ConvolutionWeightGradient else plain_samples(whole, 40)
    assert_close(plain, expected, 40 * 11 * 17)


def test_the_text_depends_on_nothing_but_the_description() -> None:
    kernel = ConvolutionWeightGradient(LAYERS["grouped"], UPDATE)
    assert write_convolution(kernel, AVX512, "k") == write_convolution(kernel, AVX512, "k")
