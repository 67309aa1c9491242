"""Elementwise arithmetic: meanings, derivatives against central differences, foldings, and how it reads."""

import math

import numpy as np
import pytest

from brainc.ir import expression as ex
from brainc.ir.expression import FUNCTIONS, ONE, ZERO, Apply, Constant, Expression, Operand

X, Y = Operand(0), Operand(1)
COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal")
SMOOTH_UNARY = (
    "negate",
    "absolute",
    "square_root",
    "exponential",
    "logarithm",
    "log_one_plus",
    "hyperbolic_tangent",
    "logistic",
    "error_function",
)
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum")


def central_difference(expression: Expression, index: int, operands: list[np.ndarray]) -> np.ndarray:
    """(f(x + h) − f(x − h)) / 2h for operand `index`."""
    h = 1e-6
    above, below = list(operands), list(operands)
    above[index] = operands[index] + h
    below[index] = operands[index] - h
    return np.asarray((ex.evaluate(expression, above) - ex.evaluate(expression, below)) / (2 * h))


def assert_derivative_holds(expression: Expression, index: int, operands: list[np.ndarray]) -> None:
    expected = central_difference(expression, index, operands)
    actual = np.broadcast_to(ex.evaluate(ex.derivative(expression, index), operands), expected.shape)
    np.testing.assert_allclose(actual, expected, rtol=2e-8, atol=2e-8)


def test_every_function_is_in_a_list_of_these_tests() -> None:
    assert set(FUNCTIONS) == {*SMOOTH_UNARY, *BINARY, *COMPARISONS, "power", "select", "spike"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_partial_and_a_place_in_its_text_for_each_argument(name: str) -> None:
    function = FUNCTIONS[name]
    names = [f"argument{place}" for place in range(len(function.partials))]
    written = function.pattern.format(*names)
    assert all(written.count(argument) == 1 for argument in names)


@pytest.mark.parametrize("name", SMOOTH_UNARY)
def test_the_derivative_of_a_function_of_one_argument_is_its_slope(name: str) -> None:
    assert_derivative_holds(Apply(name, (X,)), 0, [np.linspace(0.2, 2.0, 7)])


@pytest.mark.parametrize(
    "name", ["negate", "absolute", "exponential", "hyperbolic_tangent", "logistic", "error_function"]
)
def test_the_derivative_holds_for_negative_arguments_too(name: str) -> None:
    assert_derivative_holds(Apply(name, (X,)), 0, [np.linspace(-2.0, -0.2, 7)])


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("name", BINARY)
def test_the_derivative_of_a_function_of_two_arguments_is_its_slope(name: str, index: int) -> None:
    assert_derivative_holds(Apply(name, (X, Y)), index, [np.linspace(0.3, 2.0, 6), np.linspace(1.9, 0.2, 6)])


def test_the_derivative_of_a_power_by_its_base_is_its_slope() -> None:
    assert_derivative_holds(Apply("power", (X, Constant(2.5))), 0, [np.linspace(0.5, 2.0, 6)])


def smooth_step(u: np.ndarray) -> np.ndarray:
    """From 0 at −1 to 1 at +1 by two parabolas; its slope is the triangle of height 1."""
    return np.where(u < 0, np.maximum(1 + u, 0) ** 2 / 2, 1 - np.maximum(1 - u, 0) ** 2 / 2)


@pytest.mark.parametrize(("threshold", "width"), [(0.0, 1.0), (0.3, 0.5), (-1.0, 3.0)])
def test_a_spike_is_a_step_with_the_slope_of_a_smooth_one(threshold: float, width: float) -> None:
    spike = Apply("spike", (X, Y, Constant(width)))
    x = np.array([threshold, threshold - 1e-9, *np.linspace(-4.9, 4.8, 17)])
    assert ex.evaluate(spike, [x, threshold]).tolist() == [float(number >= threshold) for number in x]
    h, u = 1e-6, (x[2:] - threshold) / width
    expected = (smooth_step(u + h) - smooth_step(u - h)) / (2 * h * width)
    np.testing.assert_allclose(ex.evaluate(ex.derivative(spike, 0), [x[2:], threshold]), expected, atol=2e-6)
    np.testing.assert_allclose(ex.evaluate(ex.derivative(spike, 1), [x[2:], threshold]), -expected, atol=2e-6)


def test_the_slope_of_a_spike_is_the_triangle_of_esser_et_al() -> None:
    slope = ex.derivative(Apply("spike", (X, ZERO, ONE)), 0)
    assert ex.text(slope, ["r"]) == "max((1 - abs(r)), 0)"
    assert ex.evaluate(slope, [np.array([-2.0, -1.0, -0.25, 0.0, 0.5, 3.0])]).tolist() == [0, 0, 0.75, 1, 0.5, 0]


def test_the_derivative_of_a_select_follows_the_branch_that_is_taken() -> None:
    leaky = ex.select(ex.greater(X, ZERO), X, ex.multiply(Constant(0.01), X))
    assert_derivative_holds(leaky, 0, [np.array([-1.5, -0.2, 0.3, 2.0])])


def test_the_derivative_of_a_composition_follows_the_chain_rule() -> None:
    composed = ex.multiply(ex.call("logistic", ex.add(X, ex.multiply(X, Y))), ex.call("exponential", ex.negate(Y)))
    operands = [np.linspace(-1.0, 1.0, 5), np.linspace(0.1, 0.9, 5)]
    assert_derivative_holds(composed, 0, operands)
    assert_derivative_holds(composed, 1, operands)


def test_the_derivative_by_an_absent_operand_is_zero() -> None:
    assert ex.derivative(ex.call("exponential", X), 1) == ZERO


def test_relu_has_slope_zero_at_zero_as_pytorch_has_it() -> None:
    relu = ex.maximum(X, ZERO)
    assert ex.evaluate(ex.derivative(relu, 0), [np.array([-1.0, 0.0, 1.0])]).tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_comparison_has_no_slope(name: str) -> None:
    assert ex.derivative(ex.select(Apply(name, (X, Y)), ONE, ZERO), 0) == ZERO


def test_the_logistic_function_neither_overflows_nor_loses_small_values() -> None:
    with np.errstate(over="raise", invalid="raise"):
        values = FUNCTIONS["logistic"].meaning(np.array([-700.0, -40.0, 0.0, 40.0, 800.0]))
    expected = [math.exp(-700.0), math.exp(-40.0), 0.5, 1.0, 1.0]
    np.testing.assert_allclose(values, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (ex.add(X, ZERO), X),
        (ex.add(ZERO, X), X),
        (ex.add(Constant(2.0), Constant(3.0)), Constant(5.0)),
        (ex.subtract(X, ZERO), X),
        (ex.subtract(ZERO, X), Apply("negate", (X,))),
        (ex.subtract(Constant(2.0), Constant(3.0)), Constant(-1.0)),
        (ex.multiply(X, ONE), X),
        (ex.multiply(ONE, X), X),
        (ex.multiply(X, ZERO), ZERO),
        (ex.multiply(ZERO, X), ZERO),
        (ex.multiply(Constant(2.0), Constant(3.0)), Constant(6.0)),
        (ex.divide(X, ONE), X),
        (ex.divide(ZERO, X), ZERO),
        (ex.divide(X, Constant(4.0)), Apply("multiply", (X, Constant(0.25)))),
        (ex.divide(X, Constant(3.0)), Apply("divide", (X, Constant(3.0)))),
        (ex.divide(Constant(3.0), Constant(2.0)), Constant(1.5)),
        (ex.negate(ex.negate(X)), X),
        (ex.negate(Constant(2.0)), Constant(-2.0)),
        (ex.select(ex.less(X, Y), X, X), X),
        (ex.call("exponential", ZERO), ONE),
    ],
)
def test_arithmetic_with_known_numbers_is_folded(made: Expression, expected: Expression) -> None:
    assert made == expected


def test_a_division_by_zero_is_left_as_it_stands() -> None:
    assert ex.divide(ONE, ZERO) == Apply("divide", (ONE, ZERO))


@pytest.mark.parametrize("factor_first", [True, False])
def test_a_product_with_a_select_of_numbers_becomes_a_select(factor_first: bool) -> None:
    mask = ex.select(ex.greater(X, ZERO), ONE, ZERO)
    product = ex.multiply(Y, mask) if factor_first else ex.multiply(mask, Y)
    assert product == ex.select(ex.greater(X, ZERO), Y, ZERO)


def test_the_gradient_of_relu_reads_as_a_select() -> None:
    backward = ex.multiply(Y, ex.derivative(ex.maximum(X, ZERO), 0))
    assert ex.text(backward, ["x", "dy"]) == "(dy if (max(x, 0) > 0) else 0)"


def test_a_backward_expression_can_be_written_by_its_result() -> None:
    sigmoid = ex.call("logistic", X)
    by_result = ex.replace_part(ex.derivative(sigmoid, 0), sigmoid, Y)
    assert ex.text(by_result, ["x", "y"]) == "(y * (1 - y))"


def test_substitution_puts_expressions_in_the_place_of_operands() -> None:
    assert ex.substitute(ex.subtract(X, Y), [Y, ex.negate(X)]) == ex.subtract(Y, ex.negate(X))


def test_substitution_leaves_constants_alone() -> None:
    assert ex.substitute(Constant(3.0), []) == Constant(3.0)


def test_an_expression_knows_its_operands_functions_and_cost() -> None:
    expression = ex.add(ex.multiply(Operand(2), X), ex.call("exponential", X))
    assert ex.operands_of(expression) == {0, 2}
    assert ex.functions_of(expression) == {"add", "multiply", "exponential"}
    assert ex.cost(expression) == 3


def test_parts_that_occur_twice_are_computed_once() -> None:
    square = ex.multiply(X, X)
    assert ex.cost(ex.add(square, ex.negate(square)), square, ex.add(square, Y)) == 4


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Constant(2.0), "2"),
        (Constant(0.1), "0.1"),
        (Constant(1e20), "1e+20"),
        (ex.add(X, ex.multiply(Constant(-0.5), Y)), "(x + (-0.5 * y))"),
        (ex.select(ex.less(X, Y), X, Y), "(x if (x < y) else y)"),
        (ex.minimum(X, ex.negate(Y)), "min(x, (-y))"),
        (ex.call("log_one_plus", ex.call("exponential", X)), "log1p(exp(x))"),
    ],
)
def test_an_expression_reads_as_the_field_writes_it(expression: Expression, expected: str) -> None:
    assert ex.text(expression, ["x", "y"]) == expected


def test_operands_broadcast_against_each_other() -> None:
    result = ex.evaluate(ex.multiply(X, Y), [np.ones((3, 1)), np.arange(4.0)])
    np.testing.assert_array_equal(result, np.tile(np.arange(4.0), (3, 1)))


SUM = ex.add(ex.multiply(X, Y), ex.negate(ex.divide(X, Constant(3.0))))


@pytest.mark.parametrize(
    ("expression", "operands", "linear"),
    [
        (X, {0}, True),
        (X, {1}, False),
        (ex.ZERO, {0}, True),
        (ex.ONE, {0}, False),
        (SUM, {0}, True),
        (SUM, {1}, False),
        (SUM, {0, 1}, False),
        (ex.subtract(X, Y), {0, 1}, True),
        (ex.add(X, ex.ONE), {0}, False),
        (ex.divide(Y, X), {0}, False),
        (ex.select(ex.less(Y, ex.ZERO), ex.negate(X), X), {0}, True),
        (ex.select(ex.less(X, ex.ZERO), ex.negate(X), X), {0}, False),
        (Apply("absolute", (X,)), {0}, False),
    ],
)
def test_linear_is_what_gives_of_sums_the_sum(expression: Expression, operands: set[int], linear: bool) -> None:
    assert ex.is_linear(expression, frozenset(operands)) == linear
    numbers = np.random.default_rng(0)
    one, other = numbers.normal(size=(2, 2, 50))
    other = np.where([[place in operands] for place in (0, 1)], other, one)
    total = np.where([[place in operands] for place in (0, 1)], one + other, one)
    of_sum = ex.evaluate(expression, total)
    sum_of = ex.evaluate(expression, one) + ex.evaluate(expression, other)
    assert bool(np.allclose(of_sum, sum_of)) == linear
