"""Does every scheme that sends single entries keep the rest, stay within its bound and say the same to all?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainc.reductions.table import METHODS
from tests.reductions.calling import Laid, decode, encode, like, panels, plain
from tests.reductions.sparse_reference import dense, most_entries, said

SCHEMES = [("threshold", 1.25), ("adaptive", 1 / 64), ("adaptive", 1.0), ("golomb", 1 / 100), ("golomb", 1 / 2)]
STORAGES: list[Callable[..., Laid]] = [panels, plain]

any_scheme = pytest.mark.parametrize(("name", "number"), SCHEMES)
any_storage = pytest.mark.parametrize("storage", STORAGES)


def random(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


@given(
    scheme=st.sampled_from(SCHEMES),
    storage=st.sampled_from(STORAGES),
    rows=st.integers(1, 90),
    columns=st.integers(1, 40),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=150, deadline=None)
def test_what_is_not_said_stays_in_the_error(
    scheme: tuple[str, float], storage: Callable[..., Laid], rows: int, columns: int, seed: int
) -> None:
    name, number = scheme
    gradient, error = storage(random(rows, columns, 0)), storage(random(rows, columns, 1) / 4)
    v = gradient.values + error.values
    sent = encode(METHODS[name], gradient, error, numbers=(number,), seed=seed)
    entries = said(name, sent.payload, gradient, (0, columns), number)
    assert len(entries) <= most_entries(name, rows * columns, number)
    assert all(np.sign(value) == np.sign(v[place]) for place, value in entries.items())
    np.testing.assert_array_equal(error.values, v - dense(entries, rows, columns))
    assert not sent.strange


@given(
    scheme=st.sampled_from(SCHEMES),
    storage=st.sampled_from(STORAGES),
    rows=st.integers(1, 50),
    columns=st.integers(1, 20),
    first=st.integers(0, 20),
    last=st.integers(0, 20),
)
@settings(max_examples=150, deadline=None)
def test_decoders_add_or_set_what_the_payload_says_of_a_segment(
    scheme: tuple[str, float], storage: Callable[..., Laid], rows: int, columns: int, first: int, last: int
) -> None:
    name, number = scheme
    last = min(last, columns)
    first = min(first, last)
    gradient, result = storage(random(rows, columns, 2)), storage(random(rows, columns, 3))
    sent = encode(METHODS[name], gradient, like(gradient, 0.0), numbers=(number,), columns=(first, last))
    read = dense(said(name, sent.payload, gradient, (first, last), number), rows, last - first)
    expected = result.values
    expected[:, first:last] += read
    decode(METHODS[name], sent.payload, result, add=True, numbers=(number,), columns=(first, last))
    np.testing.assert_array_equal(result.values, expected)
    decode(METHODS[name], sent.payload, result, add=False, numbers=(number,), columns=(first, last))
    np.testing.assert_array_equal(result.values[:, first:last], read)


@any_scheme
@any_storage
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 99), (99, 1), (300, 37), (16, 16), (40_000, 3), (10, 10)])
@pytest.mark.parametrize("value", [3.0, -3.0])
def test_of_equal_entries_as_many_are_sent_as_may_be(
    name: str, number: float, storage: Callable[..., Laid], rows: int, columns: int, value: float
) -> None:
    gradient = storage(np.full((rows, columns), value, np.float32))
    error = like(gradient, 0.0)
    sent = encode(METHODS[name], gradient, error, numbers=(number,))
    entries = said(name, sent.payload, gradient, (0, columns), number)
    assert len(entries) == most_entries(name, rows * columns, number)
    result = like(gradient, np.nan)
    decode(METHODS[name], sent.payload, result, add=False, numbers=(number,))
    np.testing.assert_array_equal(result.values + error.values, gradient.values)


@any_scheme
@any_storage
@pytest.mark.parametrize(("rows", "columns"), [(30, 1), (3, 40), (300, 3)])
def test_where_more_pass_than_may_be_sent_every_entry_has_its_turn(
    name: str, number: float, storage: Callable[..., Laid], rows: int, columns: int
) -> None:
    # What a step adds to an entry is more than one message takes from all.
    gradient = storage(np.full((rows, columns), 5.0, np.float32))
    error, received = like(gradient, 0.0), like(gradient, 0.0)
    for seed in range(300):
        sent = encode(METHODS[name], gradient, error, numbers=(number,), seed=seed)
        decode(METHODS[name], sent.payload, received, add=True, numbers=(number,))
    assert received.values.min() > 0


@any_scheme
@any_storage
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (40, 9), (1, 70), (70, 1)])
def test_zeros_are_not_sent(name: str, number: float, storage: Callable[..., Laid], rows: int, columns: int) -> None:
    gradient = storage(np.zeros((rows, columns), np.float32))
    error = like(gradient, -0.0)
    sent = encode(METHODS[name], gradient, error, numbers=(number,))
    assert said(name, sent.payload, gradient, (0, columns), number) == {}
    assert not error.values.any()
    result = like(gradient, np.nan)
    decode(METHODS[name], sent.payload, result, add=False, numbers=(number,))
    np.testing.assert_array_equal(result.values, gradient.values)


@pytest.mark.parametrize("name", ["adaptive", "golomb"])
def test_however_few_are_wanted_one_is_sent(name: str) -> None:
    gradient = panels(random(70, 33, 9))
    sent = encode(METHODS[name], gradient, like(gradient, 0.0), numbers=(5e-324,))
    assert len(said(name, sent.payload, gradient, (0, 33), 5e-324)) == 1


@any_scheme
@any_storage
def test_of_the_velocity_what_is_sent_becomes_0(name: str, number: float, storage: Callable[..., Laid]) -> None:
    gradient, velocity = storage(random(50, 30, 6)), storage(random(50, 30, 7))
    sent = encode(METHODS[name], gradient, like(gradient, 0.0), numbers=(number,), columns=(4, 21), velocity=velocity)
    expected = random(50, 30, 7)
    for row, column in said(name, sent.payload, gradient, (4, 21), number):
        expected[row, 4 + column] = 0
    np.testing.assert_array_equal(velocity.values, expected)


@any_scheme
@any_storage
@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 18])
def test_what_is_not_finite_is_told(
    name: str, number: float, storage: Callable[..., Laid], strange: float, row: int
) -> None:
    values = random(19, 6, 4)
    values[row, 5] = strange
    gradient = storage(values)
    assert encode(METHODS[name], gradient, like(gradient, 0.0), numbers=(number,)).strange
    assert encode(METHODS[name], like(gradient, strange), like(gradient, 0.0), numbers=(number,)).strange


@any_scheme
@any_storage
def test_the_same_seed_gives_the_same_bytes(name: str, number: float, storage: Callable[..., Laid]) -> None:
    gradient = storage(random(300, 30, 5))
    sent = [encode(METHODS[name], gradient, like(gradient, 1.0), numbers=(number,), seed=7) for _ in range(2)]
    assert sent[0].payload == sent[1].payload
