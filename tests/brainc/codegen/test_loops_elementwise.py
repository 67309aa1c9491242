"""Maps and updates written as loops, against float64."""

from __future__ import annotations

import numpy as np
import pytest

from brainc.codegen.loops.emit import emit
from brainc.codegen.loops.source import LoopDefect
from brainc.ir import expression as ex
from brainc.ir.expression import Apply, Constant, Expression, Operand
from brainc.ir.kernel import Kernel
from brainc.ir.tensor import Map, Update, Value

from .loops_case import ORIGIN, assert_as_expected, assert_cuts_agree, expected, kernel_of, normal, results, run

X, Y = Operand(0), Operand(1)
FUNCTIONS: dict[str, Expression] = {
    "maximum": ex.maximum(X, Y),
    "minimum": ex.minimum(X, Constant(0.25)),
    "exponential": ex.call("exponential", X),
    "logarithm": ex.call("logarithm", ex.add(ex.multiply(X, X), Constant(0.1))),
    "log_one_plus": ex.call("log_one_plus", ex.multiply(X, X)),
    "square_root": ex.call("square_root", Apply("absolute", (X,))),
    "hyperbolic_tangent": ex.call("hyperbolic_tangent", X),
    "logistic": ex.call("logistic", X),
    "cube": Apply("power", (X, Constant(3.0))),
    "power": Apply("power", (Apply("absolute", (X,)), Y)),
    "quotient": ex.divide(X, ex.add(ex.multiply(Y, Y), ex.ONE)),
    "order": ex.subtract(X, ex.subtract(Y, ex.subtract(ex.negate(X), ex.multiply(Y, ex.subtract(X, Y))))),
    "elu": ex.select(ex.greater(X, ex.ZERO), X, ex.subtract(ex.call("exponential", X), ex.ONE)),
    "comparisons": ex.select(
        ex.compare("less_equal", X, Y), ex.select(ex.compare("equal", X, Y), X, Y), Constant(-0.5)
    ),
    "spike": Apply("spike", (X, Y, ex.ONE)),
    "spike's slope": ex.multiply(Y, ex.derivative(Apply("spike", (X, Constant(0.1), Constant(0.3))), 0)),
    "twice": ex.multiply(ex.call("exponential", X), ex.subtract(ex.ONE, ex.call("exponential", X))),
}


def activation(name: str, *shape: int) -> Value:
    return Value(name, shape, True)


def tensor(name: str, *shape: int) -> Value:
    return Value(name, shape, False)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_of_the_table_is_its_meaning(function: str) -> None:
    x, y = activation("x", 43, 7), activation("y", 43, 7)
    core = Map(activation("r", 43, 7), (x, y), ("bf", "bf", "bf"), FUNCTIONS[function], "forward", ORIGIN)
    assert_as_expected(kernel_of(core), {"x": normal(43, 7), "y": normal(43, 7, seed=1)})


@pytest.mark.parametrize("samples", [1, 16, 43, 128])
def test_operands_lacking_letters_are_the_same_along_them(samples: int) -> None:
    shape = (samples, 3, 4, 5)
    operands = (activation("x", *shape), tensor("c", 3), activation("w", samples), tensor("rate"), tensor("r", 4))
    expression = ex.add(
        ex.multiply(Operand(0), Operand(1)), ex.multiply(ex.multiply(Operand(2), Operand(3)), Operand(4))
    )
    core = Map(activation("y", *shape), operands, ("bchw", "bchw", "c", "b", "", "h"), expression, "forward", ORIGIN)
    values = {"x": normal(*shape), "c": normal(3), "w": normal(samples), "rate": normal(), "r": normal(4)}
    assert_as_expected(kernel_of(core), values)
    assert_cuts_agree(kernel_of(core), values)


def test_a_transposed_operand_is_read_by_its_own_letters() -> None:
    x, y = activation("x", 18, 5, 3), activation("y", 18, 3, 5)
    core = Map(activation("z", 18, 3, 5), (x, y), ("bcw", "bwc", "bcw"), ex.subtract(X, Y), "forward", ORIGIN)
    assert_as_expected(kernel_of(core), {"x": normal(18, 5, 3), "y": normal(18, 3, 5)})


def test_labels_become_numbers() -> None:
    labels = Value("t", (43,), True, "i32")
    core = Map(activation("y", 43, 3), (labels, tensor("c", 3)), ("bk", "b", "k"), ex.add(X, Y), "forward", ORIGIN)
    assert_as_expected(kernel_of(core), {"t": np.arange(43, dtype=np.int32), "c": normal(3)})


def test_a_map_of_blocks_may_be_chained() -> None:
    core = Map(activation("y", 43, 7), (activation("x", 43, 7),), ("bf", "bf"), X, "forward", ORIGIN)
    text = emit(kernel_of(core))
    assert (text.extent, text.chainable) == (3, True)


@pytest.mark.parametrize("shape", [(6,), (4096,), (5000,), (3, 5, 3, 3), (21, 35)])
def test_tensors_without_samples_are_mapped_in_every_storage(shape: tuple[int, ...]) -> None:
    letters = "oikl"[: len(shape)]
    p, g = tensor("p", *shape), tensor("g", *shape)
    expression = ex.add(ex.multiply(Constant(0.1), X), Y)
    core = Map(tensor("q", *shape), (p, g), (letters,) * 3, expression, "backward", ORIGIN)
    values = {"p": normal(*shape), "g": normal(*shape, seed=1)}
    assert_as_expected(kernel_of(core), values)
    assert_cuts_agree(kernel_of(core), values)


def test_a_tensor_without_samples_may_be_scaled_by_rows() -> None:
    p, g = tensor("p", 4, 5, 3), tensor("g", 4)
    core = Map(tensor("q", 4, 5, 3), (p, g), ("oik", "oik", "o"), ex.multiply(X, Y), "backward", ORIGIN)
    assert_as_expected(kernel_of(core), {"p": normal(4, 5, 3), "g": normal(4)})


def test_one_minus_a_power_near_one_keeps_seven_digits() -> None:
    correction = ex.subtract(ex.ONE, Apply("power", (Constant(0.999), X)))
    core = Map(tensor("c"), (tensor("step"),), ("", ""), correction, "update", ORIGIN)
    made = results(kernel_of(core), {"step": np.array(1.0)})
    np.testing.assert_allclose(made["c"], 1 - 0.999, rtol=1e-7)


def momentum(parameter: Value) -> Kernel:
    velocity, gradient = (Value(name, parameter.shape, False) for name in ("v", "g"))
    moved = ex.add(ex.multiply(Constant(0.9), Operand(1)), Operand(2))
    targets, operands = (parameter, velocity), (parameter, velocity, gradient, tensor("rate"))
    return kernel_of(
        Update(targets, operands, (ex.subtract(X, ex.multiply(Operand(3), moved)), moved), "update", ORIGIN)
    )


def adam(parameter: Value) -> Kernel:
    first, second, gradient = (Value(name, parameter.shape, False) for name in ("m", "v", "g"))
    m = ex.add(ex.multiply(Constant(0.9), Operand(1)), ex.multiply(Constant(0.1), Operand(3)))
    v = ex.add(
        ex.multiply(Constant(0.999), Operand(2)), ex.multiply(Constant(0.001), ex.multiply(Operand(3), Operand(3)))
    )
    size = ex.add(ex.call("square_root", v), Constant(1e-8))
    rule = ex.subtract(X, ex.multiply(Operand(4), ex.divide(m, size)))
    operands = (parameter, first, second, gradient, tensor("rate"))
    return kernel_of(Update((parameter, first, second), operands, (rule, m, v), "update", ORIGIN))


@pytest.mark.parametrize("shape", [(7,), (9001,), (21, 35), (3, 4, 5, 5)])
@pytest.mark.parametrize("rule", [momentum, adam])
def test_an_update_reads_everything_before_it_writes(rule, shape: tuple[int, ...]) -> None:  # type: ignore[no-untyped-def]  # a parameter of pytest
    kernel = rule(tensor("p", *shape))
    values = {name: normal(*shape, seed=place) for place, name in enumerate("pmg")}
    values |= {"v": np.abs(normal(*shape, seed=9)) + 0.1, "rate": np.array(0.125)}
    assert_as_expected(kernel, values)
    assert_cuts_agree(kernel, values)


@pytest.mark.parametrize("shape", [(5, 20), (1, 1)])
@pytest.mark.parametrize("rule", [momentum, adam])
def test_zeros_beyond_a_weight_s_inputs_stay_zero(rule, shape: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]  # a parameter of pytest
    kernel = rule(tensor("p", *shape))
    values = {name: np.abs(normal(*shape)) for name in "pmvg"} | {"rate": np.array(0.5)}
    for made in run(kernel, values).values():
        assert made[-1, :, 0].all()
        assert not made[-1, :, shape[1] % 16 :].any()


def test_an_update_that_would_fill_those_zeros_is_refused() -> None:
    p = tensor("p", 5, 20)
    kernel = kernel_of(Update((p,), (p, tensor("g", 5, 20)), (ex.add(X, ex.ONE),), "update", ORIGIN))
    with pytest.raises(LoopDefect, match="zeros beyond a weight's inputs"):
        emit(kernel)


def test_a_map_with_two_stores_computes_what_they_share_once() -> None:
    kernel = momentum(tensor("p", 100))
    _, code = emit(kernel).text.split("def ")
    assert code.count("0.9 *") == 1
    values = {"p": normal(100), "v": normal(100), "g": normal(100), "rate": np.array(0.1)}
    np.testing.assert_allclose(results(kernel, values)["v"], expected(kernel, values)["v"], rtol=1e-6)
