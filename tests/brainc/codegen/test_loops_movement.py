"""Concatenation, slices and dropout masks written as loops, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from brainc.codegen.loops.emit import emit
from brainc.ir import expression as ex
from brainc.ir.expression import Operand
from brainc.ir.kernel import Store
from brainc.ir.tensor import Concatenate, Draw, Slice, Value
from brainrun import philox

from .loops_case import (
    ORIGIN,
    assert_as_expected,
    assert_cuts_agree,
    compiled,
    from_memory,
    kernel_of,
    normal,
    placed,
    results,
    storage_of,
)

SHAPE = (43, 4, 5, 6)


def longer(axis: int, by: int) -> tuple[int, ...]:
    return tuple(n + by * (place == axis) for place, n in enumerate(SHAPE))


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_concatenation_is_its_operands_in_order(axis: int, scaled: bool) -> None:
    shapes = [SHAPE, longer(axis, -3), longer(axis, 2)]
    values = {f"x{place}": normal(*shape, seed=place) for place, shape in enumerate(shapes)}
    result = Value("y", longer(axis, SHAPE[axis] - 3 + SHAPE[axis] + 2), True)
    operands = tuple(Value(f"x{place}", shape, True) for place, shape in enumerate(shapes))
    core = Concatenate(result, operands, axis, "forward", ORIGIN)
    rows = Value("c", (result.shape[1],), False)
    stores = (Store(placed(result), ex.multiply(Operand(0), Operand(1))),) if scaled else ()
    kernel = kernel_of(core, stores, ((rows, "row"),) if scaled else ())
    values["c"] = normal(result.shape[1])
    assert_as_expected(kernel, values)
    assert_cuts_agree(kernel, values)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_slice_is_its_range_of_the_axis(axis: int, scaled: bool) -> None:
    result = Value("y", longer(axis, -2), True)
    core = Slice(result, Value("x", SHAPE, True), axis, 1, "forward", ORIGIN)
    rows = Value("c", (result.shape[1],), False)
    stores = (Store(placed(result), ex.multiply(Operand(0), Operand(1))),) if scaled else ()
    kernel = kernel_of(core, stores, ((rows, "row"),) if scaled else ())
    values = {"x": normal(*SHAPE), "c": normal(result.shape[1])}
    assert_as_expected(kernel, values)
    assert_cuts_agree(kernel, values)


CONTEXT = np.array([5 + (9 << 32), 3, 1000])


@pytest.mark.parametrize("shape", [(43, 7), (16, 1), (1, 4, 3, 3), (128, 30)])
def test_a_mask_keeps_what_philox_says(shape: tuple[int, ...]) -> None:
    kernel = kernel_of(Draw(Value("m", shape, True), 77, 0.7, "forward", ORIGIN))
    values = {"context": CONTEXT}
    assert_as_expected(kernel, values, tolerance=1e-7)
    assert_cuts_agree(kernel, values)


def test_dropout_applies_its_mask_as_it_draws_it() -> None:
    mask, y, x = (Value(name, (43, 3, 5), True) for name in "myx")
    stores = (Store(placed(y), ex.multiply(Operand(0), Operand(1))), Store(placed(mask), Operand(0)))
    kernel = kernel_of(Draw(mask, 77, 0.7, "forward", ORIGIN), stores, ((x, "same"),))
    made = results(kernel, {"context": CONTEXT, "x": normal(43, 3, 5)})
    kept = philox.keep_mask(int(CONTEXT[0]), 77, 3, 1000 + np.arange(43), np.arange(15), 0.7).reshape(43, 3, 5)
    np.testing.assert_allclose(made["m"], kept / 0.7, rtol=1e-6)
    np.testing.assert_allclose(made["y"], kept / 0.7 * normal(43, 3, 5), rtol=1e-6)


@pytest.mark.parametrize("first_feature", [0, 1, 2, 3, 4, 5])
def test_a_rank_draws_its_own_part_of_the_mask(first_feature: int) -> None:
    mask = Value("m", (19, 6), True)
    text = emit(kernel_of(Draw(mask, 77, 0.5, "forward", ORIGIN)))
    memory = np.zeros((2, 6, 16), np.float32)
    compiled(text)(memory, CONTEXT.copy(), begin=0, end=2, integers=(78, 40, first_feature))
    samples, features = 1000 + 40 + np.arange(19), first_feature + np.arange(6)
    kept = philox.keep_mask(int(CONTEXT[0]), 78, 3, samples, features, 0.5)
    np.testing.assert_array_equal(from_memory(memory, storage_of(mask)), kept * 2.0)


def test_the_same_mask_of_another_stream_is_the_same_kernel() -> None:
    first, second = (
        emit(kernel_of(Draw(Value(name, (43, 7), True), stream, 0.7, "forward", ORIGIN)))
        for name, stream in (("m", 77), ("other", 78))
    )
    assert (first.name, first.text) == (second.name, second.text)
    assert (first.integers, second.integers) == ((77, 0, 0), (78, 0, 0))
