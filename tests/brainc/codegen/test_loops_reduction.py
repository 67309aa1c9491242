"""Sums written as loops, against float64; lanes that are no sample hold NaN and must not be counted."""

from __future__ import annotations

import numpy as np
import pytest

from brainc.codegen.loops.emit import emit
from brainc.ir import expression as ex
from brainc.ir.expression import Operand
from brainc.ir.kernel import Store
from brainc.ir.tensor import Reduce, Value

from .loops_case import ORIGIN, assert_as_expected, assert_cuts_agree, kernel_of, normal, placed, results

X, Y = Operand(0), Operand(1)
LENGTHS = {"c": 5, "h": 6, "w": 7, "f": 37, "o": 21, "i": 35, "k": 3}


def value(name: str, letters: str, samples: int) -> Value:
    shape = tuple(samples if letter == "b" else LENGTHS[letter] for letter in letters)
    return Value(name, shape, letters.startswith("b"))


def assert_sums(letters: tuple[str, ...], expression: ex.Expression, samples: int = 43) -> None:
    operands = tuple(value(f"x{place}", own, samples) for place, own in enumerate(letters[1:]))
    core = Reduce(value("y", letters[0], samples), operands, letters, expression, "global", "forward", ORIGIN)
    values = {each.name: normal(*each.shape, seed=place) for place, each in enumerate(operands)}
    assert_as_expected(kernel_of(core), values)
    assert_cuts_agree(kernel_of(core), values)


@pytest.mark.parametrize("samples", [1, 16, 43, 128])
@pytest.mark.parametrize("letters", [("c", "bchw"), ("f", "bf"), ("", "b"), ("", "bf"), ("b", "bf"), ("bc", "bchw")])
def test_a_sum_over_any_letters_counts_every_sample_once(letters: tuple[str, ...], samples: int) -> None:
    assert_sums(letters, X, samples)


@pytest.mark.parametrize(
    "letters", [("c", "bchw", "c"), ("f", "bf", "bf"), ("", "b", "b"), ("bc", "bchw", "b"), ("chw", "bchw", "w")]
)
def test_a_sum_of_an_expression_reads_each_operand_by_its_letters(letters: tuple[str, ...]) -> None:
    assert_sums(letters, ex.multiply(ex.subtract(X, Y), ex.subtract(X, Y)))


@pytest.mark.parametrize("letters", [("", "oi"), ("", "kchw"), ("k", "kchw"), ("o", "oi"), ("", "f"), ("kch", "kchw")])
def test_tensors_without_samples_are_summed_in_every_storage(letters: tuple[str, ...]) -> None:
    assert_sums(letters, ex.multiply(X, X))


def test_the_mean_and_variance_of_a_hundred_thousand_numbers_keep_five_digits() -> None:
    shape = (173, 2, 24, 25)
    x, mean, variance = Value("x", shape, True), Value("m", (2,), False), Value("v", (2,), False)
    numbers = 3 + normal(*shape)
    share = ex.Constant(1 / (173 * 600))
    core = Reduce(mean, (x,), ("c", "bchw"), ex.multiply(X, share), "global", "forward", ORIGIN)
    made = results(kernel_of(core), {"x": numbers})["m"]
    np.testing.assert_allclose(made, numbers.mean(axis=(0, 2, 3)), rtol=1e-6)
    centred = ex.multiply(ex.subtract(X, Y), ex.subtract(X, Y))
    core = Reduce(variance, (x, mean), ("c", "bchw", "c"), ex.multiply(centred, share), "global", "forward", ORIGIN)
    made = results(kernel_of(core), {"x": numbers, "m": made})["v"]
    np.testing.assert_allclose(made, numbers.var(axis=(0, 2, 3)), rtol=2e-6)


def test_a_long_sum_of_ones_is_exact() -> None:
    x = Value("x", (16, 1, 300_000), True)
    core = Reduce(Value("y", (), False), (x,), ("", "bcw"), X, "global", "forward", ORIGIN)
    assert results(kernel_of(core), {"x": np.ones(x.shape)})["y"] == 4_800_000


def test_a_finished_sum_goes_into_an_update_at_once() -> None:
    dy, bias, velocity = Value("dy", (43, 37), True), Value("p", (37,), False), Value("v", (37,), False)
    core = Reduce(Value("g", (37,), False), (dy,), ("o", "bo"), X, "global", "backward", ORIGIN)
    moved = ex.add(ex.multiply(ex.Constant(0.9), Operand(2)), X)
    stores = (
        Store(placed(bias), ex.subtract(Operand(1), ex.multiply(Operand(3), moved))),
        Store(placed(velocity), moved),
    )
    extras = ((bias, "same"), (velocity, "same"), (Value("rate", (), False), "scalar"))
    kernel = kernel_of(core, stores, extras)  # type: ignore[arg-type]  # "same" is an Access
    values = {"dy": normal(43, 37), "p": normal(37), "v": normal(37, seed=3), "rate": np.array(0.25)}
    assert_as_expected(kernel, values)
    assert_cuts_agree(kernel, values)


PARTS = [(("bc", "bchw"), 3, True), (("c", "bchw"), 5, False), (("f", "bf"), 3, False), (("", "b"), 1, False)]


@pytest.mark.parametrize(("letters", "extent", "chainable"), PARTS)
def test_the_parts_of_a_sum_are_blocks_or_elements_of_the_result(
    letters: tuple[str, str], extent: int, chainable: bool
) -> None:
    core = Reduce(value("y", letters[0], 43), (value("x", letters[1], 43),), letters, X, "global", "forward", ORIGIN)
    text = emit(kernel_of(core))
    assert (text.extent, text.chainable) == (extent, chainable)
