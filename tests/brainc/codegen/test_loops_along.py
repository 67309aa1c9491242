"""Softmax, cross entropy and their kin written as loops, against float64."""

from __future__ import annotations

import numpy as np
import pytest

from brainc.ir import expression as ex
from brainc.ir.expression import Operand
from brainc.ir.kernel import Store
from brainc.ir.tensor import Along, AlongFunction, Value

from .loops_case import ORIGIN, assert_as_expected, assert_cuts_agree, kernel_of, normal, placed, results


def labels(samples: int, classes: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, classes, samples).astype(np.int32)


@pytest.mark.parametrize("shape", [(1, 10), (16, 1), (43, 10), (43, 7, 3), (128, 130)])
@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
def test_a_softmax_is_float64_s(function: AlongFunction, shape: tuple[int, ...]) -> None:
    x = Value("x", shape, True)
    kernel = kernel_of(Along(Value("y", shape, True), (x,), function, "forward", ORIGIN))
    values = {"x": 5 * normal(*shape)}
    assert_as_expected(kernel, values)
    assert_cuts_agree(kernel, values)


@pytest.mark.parametrize("shape", [(43, 10), (43, 7, 3)])
@pytest.mark.parametrize("function", ["softmax_gradient", "log_softmax_gradient"])
def test_a_softmax_s_gradient_is_float64_s(function: AlongFunction, shape: tuple[int, ...]) -> None:
    y, dy = Value("y", shape, True), Value("dy", shape, True)
    kernel = kernel_of(Along(Value("dx", shape, True), (y, dy), function, "backward", ORIGIN))
    assert_as_expected(kernel, {"y": normal(*shape), "dy": normal(*shape, seed=1)})


@pytest.mark.parametrize("samples", [1, 16, 43, 128])
@pytest.mark.parametrize("function", ["cross_entropy", "cross_entropy_gradient", "top1"])
def test_functions_of_a_label_are_float64_s(function: AlongFunction, samples: int) -> None:
    x, label = Value("x", (samples, 10), True), Value("t", (samples,), True, "i32")
    gradient = function == "cross_entropy_gradient"
    operands = (x, label, Value("d", (samples,), True)) if gradient else (x, label)
    result = Value("y", (samples, 10) if gradient else (samples,), True)
    values = {"x": 3 * normal(samples, 10), "t": labels(samples, 10), "d": normal(samples)}
    kernel = kernel_of(Along(result, operands, function, "forward", ORIGIN))
    assert_as_expected(kernel, values)
    assert_cuts_agree(kernel, values)


def test_large_logits_do_not_overflow() -> None:
    x, label = Value("x", (3, 4), True), Value("t", (3,), True, "i32")
    logits = np.array([[1e4, 0, 0, 0], [-1e4, 1e4, 0, 0], [200, 200, 200, 200]])
    kernel = kernel_of(Along(Value("y", (3,), True), (x, label), "cross_entropy", "forward", ORIGIN))
    made = results(kernel, {"x": logits, "t": np.array([0, 0, 2], np.int32)})["y"]
    np.testing.assert_allclose(made, [0, 2e4, np.log(4)], rtol=1e-6, atol=1e-6)


def test_the_first_of_equally_large_classes_counts_as_the_answer() -> None:
    x, label = Value("x", (3, 3), True), Value("t", (3,), True, "i32")
    kernel = kernel_of(Along(Value("y", (3,), True), (x, label), "top1", "metric", ORIGIN))
    made = results(kernel, {"x": np.array([[1, 1, 0], [1, 1, 0], [0, 2, 2]]), "t": np.array([0, 1, 1], np.int32)})
    np.testing.assert_array_equal(made["y"], [1, 0, 1])


def test_a_loss_is_weighted_as_it_is_stored() -> None:
    x, label = Value("x", (43, 10), True), Value("t", (43,), True, "i32")
    loss, weighted, weight = (Value(name, (43,), True) for name in ("l", "w", "s"))
    stores = (Store(placed(loss), Operand(0)), Store(placed(weighted), ex.multiply(Operand(0), Operand(1))))
    core = Along(loss, (x, label), "cross_entropy", "forward", ORIGIN)
    kernel = kernel_of(core, stores, ((weight, "same"),))
    assert_as_expected(kernel, {"x": normal(43, 10), "t": labels(43, 10), "s": normal(43, seed=2)})


def test_a_softmax_s_classes_may_be_scaled_by_rows() -> None:
    x, y = Value("x", (43, 10), True), Value("y", (43, 10), True)
    stores = (Store(placed(y), ex.multiply(ex.add(Operand(0), Operand(2)), Operand(1))),)
    extras = ((Value("c", (10,), False), "row"), (Value("s", (), False), "scalar"))
    kernel = kernel_of(Along(y, (x,), "softmax", "forward", ORIGIN), stores, extras)  # type: ignore[arg-type]  # these are Accesses
    assert_as_expected(kernel, {"x": normal(43, 10), "c": normal(10), "s": normal()})
