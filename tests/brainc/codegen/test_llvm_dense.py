"""The dense kernels against NumPy in float64, for shapes that end in the middle of every tile."""

from __future__ import annotations

import numpy as np
import pytest

from brainc.codegen.llvm.dense import Dense, DenseForward, DenseInputGradient, DenseWeightGradient, write_dense
from brainc.codegen.llvm.epilogue import Epilogue
from brainc.codegen.llvm.registers import AVX2, AVX512, NEON, RegisterFile
from brainc.ir.expression import (
    Apply,
    Constant,
    Expression,
    Operand,
    add,
    evaluate,
    greater,
    maximum,
    multiply,
    select,
    subtract,
)
from tests.brainc.codegen.loading import (
    aligned,
    assert_close,
    blocked_samples,
    blocked_weight,
    load,
    plain_samples,
    plain_weight,
    these_registers,
)

SHAPES = [
    (1, 1, 1),
    (16, 16, 16),
    (17, 35, 10),
    (100, 33, 1),
    (16, 784, 10),
    (37, 129, 131),
    (50, 530, 7),
    (5, 7, 700),
    (600, 20, 9),
    (1030, 40, 210),
]
BIAS_RELU = Epilogue((maximum(add(Operand(0), Operand(1)), Constant(0.0)),), ("row",))
MOMENTUM = add(multiply(Constant(0.9), Operand(2)), Operand(0))
UPDATE = Epilogue(
    (subtract(Operand(1), multiply(Operand(3), MOMENTUM)), MOMENTUM),
    ("same", "same", "scalar"),
)
THROUGH_RELU = Epilogue((select(greater(Operand(1), Constant(0.0)), Operand(0), Constant(0.0)),), ("same",))


class Case:
    """Random factors of one layer, plain in float64 and blocked in float32."""

    def __init__(self, samples: int, inputs: int, outputs: int) -> None:
        random = np.random.default_rng(samples + inputs + outputs)
        self.shape = (samples, inputs, outputs)
        self.x = random.standard_normal((samples, inputs)).astype(np.float32).astype(float)
        self.w = random.standard_normal((inputs, outputs)).astype(np.float32).astype(float)
        self.dy = random.standard_normal((samples, outputs)).astype(np.float32).astype(float)
        self.bias = random.standard_normal(outputs).astype(np.float32).astype(float)
        self.blocked_x, self.blocked_dy = blocked_samples(self.x), blocked_samples(self.dy)
        self.blocked_w = blocked_weight(self.w)


def run(kernel: Dense, *operands: np.ndarray, registers: RegisterFile | None = None) -> None:
    load(write_dense(kernel, registers or these_registers(), "kernel"))(*operands)


@pytest.mark.parametrize("shape", SHAPES)
def test_forward_with_bias_and_relu(shape: tuple[int, int, int]) -> None:
    case = Case(*shape)
    y = aligned(np.full(case.blocked_dy.shape, np.nan))
    run(DenseForward(*shape, BIAS_RELU), y, case.blocked_x, case.blocked_w, aligned(case.bias))
    expected = np.maximum(np.einsum("bi,io->bo", case.x, case.w) + case.bias, 0)
    assert_close(plain_samples(y, shape[0]), expected, shape[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_input_gradient_through_relu(shape: tuple[int, int, int]) -> None:
    case = Case(*shape)
    dx = aligned(np.full(case.blocked_x.shape, np.nan))
    run(DenseInputGradient(*shape, THROUGH_RELU), dx, case.blocked_dy, case.blocked_w, case.blocked_x)
    expected = np.where(case.x > 0, np.einsum("bo,io->bi", case.dy, case.w), 0)
    assert_close(plain_samples(dx, shape[0]), expected, shape[2])


@pytest.mark.parametrize("shape", SHAPES)
def test_weight_gradient_sums_only_the_samples_and_keeps_lanes_beyond_the_inputs_zero(
    shape: tuple[int, int, int],
) -> None:
    case = Case(*shape)
    dw = aligned(np.full(case.blocked_w.shape, np.nan))
    run(DenseWeightGradient(*shape, Epilogue()), dw, case.blocked_x, case.blocked_dy)
    assert_close(plain_weight(dw, shape[1]), np.einsum("bi,bo->io", case.x, case.dy), shape[0])
    assert not plain_weight(dw, len(dw) * 16)[shape[1] :].any()


@pytest.mark.parametrize("shape", SHAPES)
def test_momentum_update_in_place(shape: tuple[int, int, int]) -> None:
    case = Case(*shape)
    w, m, rate = case.blocked_w, aligned(0.5 * case.blocked_w), aligned(np.array([0.01]))
    run(DenseWeightGradient(*shape, UPDATE), w, m, case.blocked_x, case.blocked_dy, w, m, rate)
    momentum = 0.9 * 0.5 * case.w + np.einsum("bi,bo->io", case.x, case.dy)
    assert_close(plain_weight(m, shape[1]), momentum, shape[0])
    assert_close(plain_weight(w, shape[1]), case.w - 0.01 * momentum, shape[0])


@pytest.mark.parametrize("form", [DenseForward, DenseInputGradient, DenseWeightGradient])
@pytest.mark.parametrize("registers", [AVX512, AVX2, NEON])
def test_every_cut_of_the_extent_gives_the_same_bits(form: type[Dense], registers: RegisterFile) -> None:
    shape = (150, 610, 70) if form is not DenseWeightGradient else (610, 150, 70)
    case = Case(*shape)
    factors = {
        DenseForward: (case.blocked_x, case.blocked_w, case.blocked_dy),
        DenseInputGradient: (case.blocked_dy, case.blocked_w, case.blocked_x),
        DenseWeightGradient: (case.blocked_x, case.blocked_dy, case.blocked_w),
    }[form]
    text = write_dense(form(*shape, Epilogue()), registers, "kernel")
    kernel = load(text)
    assert text.extent > 4
    whole, pieces = (aligned(np.zeros(factors[2].shape)) for _ in range(2))
    kernel(whole, *factors[:2])
    for begin, end in [(3, text.extent), (1, 3), (1, 1), (0, 1)]:
        kernel(pieces, *factors[:2], part=(begin, end))
    assert np.array_equal(whole, pieces, equal_nan=True)


EXPRESSIONS: list[Expression] = [
    Apply("minimum", (Operand(0), Operand(1))),
    Apply("maximum", (Constant(0.25), Operand(0))),
    Apply("divide", (Operand(0), add(Constant(2.0), Apply("absolute", (Operand(1),))))),
    Apply("square_root", (Apply("absolute", (Operand(0),)),)),
    Apply("negate", (subtract(multiply(Operand(0), Operand(1)), Constant(1.5)),)),
    *(
        select(Apply(name, (Operand(0), Operand(1))), Operand(0), Constant(3.0))
        for name in ("less", "less_equal", "greater", "greater_equal", "equal")
    ),
    Apply("spike", (Operand(0), Operand(1), Constant(0.5))),
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_an_epilogue_means_what_its_expression_means(expression: Expression) -> None:
    case = Case(20, 8, 6)
    y, other = aligned(np.zeros(case.blocked_dy.shape)), case.blocked_dy
    run(DenseForward(20, 8, 6, Epilogue((expression,), ("same",))), y, case.blocked_x, case.blocked_w, other)
    expected = evaluate(expression, [case.x @ case.w, case.dy])
    assert_close(plain_samples(y, 20), expected, 8)


def test_relu_lets_not_a_number_through() -> None:
    case = Case(4, 3, 2)
    y = aligned(np.zeros(case.blocked_dy.shape))
    case.blocked_x[0, 0, 1] = np.nan
    run(DenseForward(4, 3, 2, BIAS_RELU), y, case.blocked_x, case.blocked_w, aligned(case.bias))
    assert np.isnan(plain_samples(y, 4)).any(axis=1).tolist() == [False, True, False, False]


def test_the_text_depends_on_nothing_but_the_description() -> None:
    kernel = DenseWeightGradient(64, 100, 30, UPDATE)
    assert write_dense(kernel, AVX512, "k") == write_dense(kernel, AVX512, "k")
    assert write_dense(kernel, AVX512, "k").text != write_dense(kernel, AVX2, "k").text


def test_a_function_that_an_epilogue_cannot_apply_is_named() -> None:
    epilogue = Epilogue((Apply("exponential", (Operand(0),)),))
    with pytest.raises(ValueError, match="an epilogue cannot apply exponential"):
        write_dense(DenseForward(1, 1, 1, epilogue), AVX512, "k")
