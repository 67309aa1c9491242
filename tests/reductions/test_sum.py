"""Is everything sent and added as it is?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainc.ir.scheme import SUM
from brainc.reductions.table import METHODS, scheme_text
from tests.reductions.calling import decode, encode, flat, like, plain

METHOD = METHODS["sum"]
SIZES = [1, 15, 16, 17, 1000, 70_001]


def random(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_the_payload_is_the_floats(size: int) -> None:
    gradient = flat(random(size, 0))
    sent = encode(METHOD, gradient)
    assert sent.payload == gradient.floats.tobytes()
    assert not sent.strange


@given(size=st.integers(1, 400), first=st.integers(0, 24), last=st.integers(0, 25))
@settings(max_examples=40, deadline=None)
def test_a_segment_is_its_columns_only(size: int, first: int, last: int) -> None:
    gradient, result = flat(random(size, 1)), flat(random(size, 2))
    last = min(last, gradient.matrix.columns)
    first = min(first, last)
    expected = result.values
    expected[:, first:last] += gradient.values[:, first:last]
    sent = encode(METHOD, gradient, columns=(first, last))
    assert len(sent.payload) == 64 * (last - first) == METHOD.bound(gradient.matrix, last - first, ())
    decode(METHOD, sent.payload, result, add=True, columns=(first, last))
    np.testing.assert_array_equal(result.values, expected)


@pytest.mark.parametrize("size", SIZES)
def test_setting_forgets_what_was_there(size: int) -> None:
    gradient = flat(random(size, 3))
    result = like(gradient, np.nan)
    assert not decode(METHOD, encode(METHOD, gradient).payload, result, add=False)
    np.testing.assert_array_equal(result.values, gradient.values)


@pytest.mark.parametrize("add", [True, False])
def test_columns_of_any_length_are_summed_to_their_last_float(add: bool) -> None:
    gradient, start = plain(random(7 * 9, 5).reshape(7, 9)), random(7 * 9, 6).reshape(7, 9)
    result = like(gradient, start)
    sent = encode(METHOD, gradient, columns=(2, 7))
    assert len(sent.payload) == 4 * 7 * 5
    decode(METHOD, sent.payload, result, add=add, columns=(2, 7))
    expected = gradient.values + start if add else gradient.values
    np.testing.assert_array_equal(result.values[:, 2:7], expected[:, 2:7])


def test_large_gradients_are_set_as_small_ones_are() -> None:
    # Beyond a megabyte what is set goes past the caches.
    gradient = flat(random(400_003, 7))
    result = like(gradient, np.nan)
    decode(METHOD, encode(METHOD, gradient).payload, result, add=False)
    np.testing.assert_array_equal(result.values, gradient.values)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 17, 99])
def test_what_is_not_finite_is_said_by_both_sides(strange: float, place: int) -> None:
    values = random(100, 4)
    values[place] = strange
    gradient = flat(values)
    sent = encode(METHOD, gradient)
    assert sent.strange
    assert decode(METHOD, sent.payload, like(gradient, 0.0), add=True)
    assert decode(METHOD, sent.payload, like(gradient, 0.0), add=False)


def test_large_numbers_are_not_strange() -> None:
    gradient = flat(np.full(64, np.finfo(np.float32).max, np.float32))
    assert not encode(METHOD, gradient).strange


def test_it_is_written_by_its_name() -> None:
    assert scheme_text(SUM) == "sum"
