"""Are the entries beyond a threshold sent as the threshold, and is nothing lost?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainc.ir.scheme import Scheme
from brainc.reductions.table import METHODS, scheme_text
from tests.reductions.calling import Laid, decode, encode, like, panels, plain
from tests.reductions.sparse_reference import dense, passing, threshold_entries

METHOD = METHODS["threshold"]
Storage = Callable[..., Laid]
STORAGES: list[Storage] = [panels, plain]


def random(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


@given(
    rows=st.integers(1, 70),
    columns=st.integers(1, 40),
    storage=st.sampled_from(STORAGES),
    tau=st.sampled_from([1.5, 2.0, 3.0]),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=60, deadline=None)
def test_exactly_the_entries_that_reach_tau_are_sent_and_the_rest_stays(
    rows: int, columns: int, storage: Storage, tau: float, seed: int
) -> None:
    gradient, error = storage(random(rows, columns, 0)), storage(random(rows, columns, 1) / 4)
    v = gradient.values + error.values
    sent = encode(METHOD, gradient, error, numbers=(tau,), seed=seed)
    entries = threshold_entries(sent.payload, gradient, (0, columns), tau)
    wanted, most = passing(v, np.float32(tau)), -(-rows * columns // 4)
    if len(wanted) <= most:
        assert set(entries) == wanted
    else:
        assert set(entries) < wanted
        assert len(entries) == most
    assert all(np.sign(value) == np.sign(v[place]) for place, value in entries.items())
    np.testing.assert_array_equal(error.values, v - dense(entries, rows, columns))
    assert not sent.strange


@given(
    rows=st.integers(1, 50),
    columns=st.integers(1, 20),
    first=st.integers(0, 20),
    last=st.integers(0, 20),
    storage=st.sampled_from(STORAGES),
)
@settings(max_examples=60, deadline=None)
def test_decoders_add_or_set_what_the_payload_says_of_a_segment(
    rows: int, columns: int, first: int, last: int, storage: Storage
) -> None:
    last = min(last, columns)
    segment = (min(first, last), last)
    gradient, result = storage(random(rows, columns, 2)), storage(random(rows, columns, 3))
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(1.25,), columns=segment)
    said = dense(threshold_entries(sent.payload, gradient, segment, 1.25), rows, last - segment[0])
    expected = result.values
    expected[:, slice(*segment)] += said
    decode(METHOD, sent.payload, result, add=True, numbers=(1.25,), columns=segment)
    np.testing.assert_array_equal(result.values, expected)
    decode(METHOD, sent.payload, result, add=False, numbers=(1.25,), columns=segment)
    np.testing.assert_array_equal(result.values[:, slice(*segment)], said)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 33), (5, 1), (100, 37), (16, 16), (1, 4)])
def test_the_volume_is_bounded_where_all_entries_pass(storage: Storage, rows: int, columns: int) -> None:
    gradient = storage(np.full((rows, columns), 5.0, np.float32))
    error = like(gradient, 0.0)
    sent = encode(METHOD, gradient, error, numbers=(1.0,))
    assert len(sent.payload) == METHOD.bound(gradient.matrix, columns, (1.0,)) == 4 * -(-rows * columns // 4)
    result = like(gradient, 0.0)
    decode(METHOD, sent.payload, result, add=False, numbers=(1.0,))
    np.testing.assert_array_equal(result.values + error.values, gradient.values)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("rows", "columns"), [(30, 1), (3, 40), (100, 7)])
def test_where_too_many_pass_every_entry_has_its_turn(storage: Storage, rows: int, columns: int) -> None:
    # Every entry gains more in a step than it may lose in one, so all pass in every step.
    gradient = storage(np.full((rows, columns), 5.0, np.float32))
    error, received = like(gradient, 0.0), like(gradient, 0.0)
    for seed in range(100):
        sent = encode(METHOD, gradient, error, numbers=(1.0,), seed=seed)
        decode(METHOD, sent.payload, received, add=True, numbers=(1.0,))
    assert received.values.min() >= 5


@pytest.mark.parametrize("storage", STORAGES)
def test_nothing_is_sent_of_what_is_small(storage: Storage) -> None:
    gradient = storage(np.zeros((40, 9), np.float32))
    assert encode(METHOD, gradient, like(gradient, 0.0), numbers=(1e-60,)).payload == b""
    gradient = storage(np.full((40, 9), 0.9, np.float32))
    error = like(gradient, 0.0)
    assert encode(METHOD, gradient, error, numbers=(1.0,)).payload == b""
    np.testing.assert_array_equal(error.values, gradient.values)


@pytest.mark.parametrize("storage", STORAGES)
def test_of_the_velocity_what_is_sent_becomes_0(storage: Storage) -> None:
    gradient, velocity = storage(random(50, 30, 6)), storage(random(50, 30, 7))
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(1.0,), columns=(4, 21), velocity=velocity)
    said = dense(threshold_entries(sent.payload, gradient, (4, 21), 1.0), 50, 17)
    expected = random(50, 30, 7)
    expected[:, 4:21][said != 0] = 0
    np.testing.assert_array_equal(velocity.values, expected)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("row", [0, 18])
def test_what_is_not_finite_is_said(storage: Storage, strange: float, row: int) -> None:
    values = random(19, 6, 4)
    values[row, 5] = strange
    gradient = storage(values)
    assert encode(METHOD, gradient, like(gradient, 0.0), numbers=(1.0,)).strange


def test_the_same_seed_gives_the_same_bytes() -> None:
    gradient = panels(random(100, 30, 5))
    payloads = [encode(METHOD, gradient, like(gradient, 1.0), numbers=(1.0,), seed=7).payload for _ in range(2)]
    assert payloads[0] == payloads[1]


def test_it_is_written_with_its_tau() -> None:
    assert scheme_text(Scheme("threshold", (0.5,))) == "threshold(tau=0.5)"
