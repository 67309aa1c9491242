"""Pooling and its gradient written as loops, against float64."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from brainc.codegen.loops.emit import emit
from brainc.codegen.loops.source import LoopDefect
from brainc.evaluate.pooling import pool
from brainc.ir import expression as ex
from brainc.ir.expression import Operand
from brainc.ir.kernel import Kernel, Store
from brainc.ir.tensor import Pool, PoolGradient, Value

from .loops_case import ORIGIN, assert_as_expected, assert_cuts_agree, kernel_of, normal, placed, results

Kind = Literal["max", "mean"]
Windows = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
WINDOWS: list[Windows] = [
    ((8, 6), (2, 2), (2, 2), (0, 0)),
    ((7, 9), (2, 2), (2, 2), (0, 0)),
    ((9, 8), (3, 3), (2, 2), (1, 1)),
    ((9, 9), (4, 3), (1, 2), (0, 1)),
    ((5, 5), (5, 5), (5, 5), (0, 0)),
    ((11,), (3,), (1,), (1,)),
    ((9,), (2,), (3,), (0,)),
    ((12,), (4,), (4,), (0,)),
]  # fmt: skip


def pooling(
    kind: Kind, windows: Windows, samples: int = 43, integers: bool = False
) -> tuple[Pool, dict[str, np.ndarray]]:
    shape, size, stride, pad = windows
    x = normal(samples, 3, *shape)
    if integers:
        x = np.round(x)
    y = pool(x, kind, size, stride, pad)
    core = Pool(Value("y", y.shape, True), Value("x", x.shape, True), kind, size, stride, pad, "forward", ORIGIN)
    return core, {"x": x, "y": y, "dy": normal(*y.shape, seed=1)}


def gradient_of(core: Pool) -> PoolGradient:
    dy = Value("dy", core.result.shape, True)
    dx = Value("dx", core.source.shape, True)
    return PoolGradient(
        dx, core.source, core.result, dy, core.kind, core.size, core.stride, core.pad, "backward", ORIGIN
    )


@pytest.mark.parametrize("windows", WINDOWS, ids=str)
@pytest.mark.parametrize("kind", ["max", "mean"])
def test_pooling_is_float64_s(kind: Kind, windows: Windows) -> None:
    core, values = pooling(kind, windows)
    assert_as_expected(kernel_of(core), {"x": values["x"]})
    assert_cuts_agree(kernel_of(core), {"x": values["x"]})


@pytest.mark.parametrize("windows", WINDOWS, ids=str)
@pytest.mark.parametrize("kind", ["max", "mean"])
def test_pooling_s_gradient_is_float64_s(kind: Kind, windows: Windows) -> None:
    core, values = pooling(kind, windows)
    assert_as_expected(kernel_of(gradient_of(core)), values)
    assert_cuts_agree(kernel_of(gradient_of(core)), values)


@pytest.mark.parametrize("windows", [WINDOWS[0], WINDOWS[2]], ids=str)
def test_of_equally_large_elements_the_first_in_row_order_gets_the_gradient(windows: Windows) -> None:
    core, values = pooling("max", windows, integers=True)
    assert_as_expected(kernel_of(gradient_of(core)), values)


@pytest.mark.parametrize("samples", [1, 16, 128])
def test_any_number_of_samples_is_pooled(samples: int) -> None:
    core, values = pooling("max", WINDOWS[0], samples)
    assert_as_expected(kernel_of(core), {"x": values["x"]})
    assert_as_expected(kernel_of(gradient_of(core)), values)


def relu_gradient(core: PoolGradient) -> Kernel:
    """The pool's gradient, then that of a relu and a channel's scale, and the first of them by itself."""
    passed = ex.select(ex.greater(Operand(1), ex.ZERO), ex.multiply(Operand(0), Operand(2)), ex.ZERO)
    both = (Store(placed(Value("da", core.result.shape, True)), passed), Store(placed(core.result), Operand(0)))
    channel = Value("c", (core.result.shape[1],), False)
    return kernel_of(core, both, ((core.source, "same"), (channel, "row")))


@pytest.mark.parametrize("windows", [WINDOWS[1], WINDOWS[2], WINDOWS[6]], ids=str)
@pytest.mark.parametrize("kind", ["max", "mean"])
def test_a_gradient_passes_through_the_activation_before_it_is_stored(kind: Kind, windows: Windows) -> None:
    core, values = pooling(kind, windows)
    values["c"] = normal(3)
    assert_as_expected(relu_gradient(gradient_of(core)), values)


def test_a_pooled_value_is_scaled_by_channel_before_it_is_stored() -> None:
    core, values = pooling("max", WINDOWS[2])
    stores = (Store(placed(core.result), ex.multiply(Operand(0), ex.add(Operand(1), Operand(2)))),)
    extras = ((Value("c", (3,), False), "row"), (Value("s", (), False), "scalar"))
    kernel = kernel_of(core, stores, extras)  # type: ignore[arg-type]  # these are Accesses
    assert_as_expected(kernel, {"x": values["x"], "c": normal(3), "s": normal()})


def test_a_pool_never_chooses_padding() -> None:
    core, _ = pooling("max", WINDOWS[2])
    x = np.full(core.source.shape, -5.0)
    np.testing.assert_array_equal(results(kernel_of(core), {"x": x})["y"], np.full(core.result.shape, -5.0))


def test_overlapping_windows_cannot_be_summed_in_a_target_that_is_read() -> None:
    core, _ = pooling("max", WINDOWS[2])
    gradient = gradient_of(core)
    stores = (Store(placed(core.source), ex.add(Operand(0), Operand(1))),)
    with pytest.raises(LoopDefect, match="cannot be read too"):
        emit(kernel_of(gradient, stores, ((core.source, "same"),)))
