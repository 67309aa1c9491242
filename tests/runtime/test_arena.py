"""A rank's memory: weights go in and come out unchanged, whatever their storage."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from brainrun.arena import Arena
from brainrun.errors import RunError
from brainrun.plan.schema import Slice
from brainrun.plan.storage import from_panels, to_panels
from tests.runtime.small_plan import program


@pytest.mark.parametrize(("outputs", "inputs"), [(1, 1), (3, 16), (5, 17), (4, 40)])
def test_panels_are_sixteen_inputs_wide_and_zero_beyond_the_last(outputs: int, inputs: int) -> None:
    matrix = np.arange(1, outputs * inputs + 1, dtype=np.float32).reshape(outputs, inputs)
    panels = to_panels(matrix)
    assert panels.shape == (-(-inputs // 16), outputs, 16)
    assert panels[inputs // 16 - (inputs % 16 == 0), outputs - 1, (inputs - 1) % 16] == matrix[-1, -1]
    assert panels.sum(dtype=np.float64) == matrix.sum(dtype=np.float64)
    np.testing.assert_array_equal(from_panels(panels, inputs), matrix)


@pytest.fixture
def arena() -> Arena:
    return Arena(program(20, 4, Slice(0, 4), 0))


@pytest.mark.parametrize(("name", "shape"), [("w", (4, 3)), ("w", (4, 3, 1, 1)), ("c", (4,))])
def test_a_weight_comes_out_as_it_went_in(arena: Arena, name: str, shape: tuple[int, ...]) -> None:
    values: NDArray[np.float32] = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    arena.put(name, values)
    np.testing.assert_array_equal(arena.get(name, shape), values)


def test_buffers_lie_where_the_plan_says_on_cache_lines_and_zeroed(arena: Arena) -> None:
    offsets = {buffer.name: buffer.offset for buffer in program(20, 4, Slice(0, 4), 0).buffers}
    assert all(arena.address(name) - arena.address("w") == offset for name, offset in offsets.items())
    assert all(arena.address(name) % 64 == 0 for name in offsets)
    assert all(not arena.view(name).any() for name in offsets)
    assert arena.view("x").shape == (2, 3, 16)
    assert arena.view("x").ctypes.data == arena.address("x")


def test_memory_that_there_is_not_is_told_in_bytes() -> None:
    with pytest.raises(RunError, match="needs 9,000,000,000,000,000 bytes: Cannot allocate memory"):
        Arena(replace(program(20, 4, Slice(0, 4), 0), arena_bytes=9 * 10**15))
