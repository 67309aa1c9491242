"""Are the largest entries sent as their column's means, and is nothing lost?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainc.ir.scheme import Scheme
from brainc.reductions.table import METHODS, scheme_text
from tests.reductions.calling import Laid, decode, encode, like, panels, plain
from tests.reductions.sparse_reference import (
    Block,
    Entries,
    adaptive_blocks,
    adaptive_threshold,
    dense,
    mean,
    passing,
    wanted,
)

METHOD = METHODS["adaptive"]
Storage = Callable[..., Laid]
STORAGES: list[Storage] = [panels, plain]
DENSITIES = [1 / 64, 1 / 10, 1.0]


def random(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


def all_entries(blocks: list[Block]) -> Entries:
    return {place: value for block in blocks for place, value in block.entries.items()}


@given(
    rows=st.integers(1, 90),
    columns=st.integers(1, 40),
    storage=st.sampled_from(STORAGES),
    density=st.sampled_from(DENSITIES),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=80, deadline=None)
def test_what_the_sample_s_threshold_passes_is_sent_and_the_rest_stays(
    rows: int, columns: int, storage: Storage, density: float, seed: int
) -> None:
    gradient, error = storage(random(rows, columns, 0)), storage(random(rows, columns, 1) / 4)
    v = gradient.values + error.values
    sent = encode(METHOD, gradient, error, numbers=(density,), seed=seed)
    entries = all_entries(adaptive_blocks(sent.payload, rows, columns, density))
    chosen, most = passing(v, adaptive_threshold(v, seed, density)), 4 * wanted(rows * columns, density)
    assert set(entries) == chosen if len(chosen) <= most else set(entries) < chosen and len(entries) == most
    np.testing.assert_array_equal(error.values, v - dense(entries, rows, columns))
    assert not sent.strange


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("rows", "columns"), [(1000, 40), (9, 700), (40_000, 2), (70, 33), (33, 1)])
def test_the_means_are_those_of_what_is_sent_of_each_block(storage: Storage, rows: int, columns: int) -> None:
    # Columns of different sizes and signs: the means of another one would show.
    scale = np.linspace(1, 3, columns, dtype=np.float32)
    v = random(rows, columns, 2) * scale + scale / 8
    gradient = storage(v)
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(1 / 64,))
    blocks = adaptive_blocks(sent.payload, rows, columns, 1 / 64)
    assert sum(len(block.entries) for block in blocks) > rows * columns / 200
    for block in blocks:
        for positive in (True, False):
            places = [place for place in block.entries if (v[place] > 0) == positive]
            expected = mean([v[place] for place in places])
            said = {float(block.entries[place]) for place in places}
            assert said <= {float(expected)}


@given(
    rows=st.integers(1, 50),
    columns=st.integers(1, 20),
    first=st.integers(0, 20),
    last=st.integers(0, 20),
    storage=st.sampled_from(STORAGES),
    density=st.sampled_from(DENSITIES),
)
@settings(max_examples=60, deadline=None)
def test_decoders_add_or_set_what_the_payload_says_of_a_segment(
    rows: int, columns: int, first: int, last: int, storage: Storage, density: float
) -> None:
    last = min(last, columns)
    segment = (min(first, last), last)
    gradient, result = storage(random(rows, columns, 2)), storage(random(rows, columns, 3))
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(density,), columns=segment)
    assert (not sent.payload) == (segment[0] == last)
    blocks = adaptive_blocks(sent.payload, rows, last - segment[0], density)
    said = dense(all_entries(blocks), rows, last - segment[0])
    expected = result.values
    expected[:, slice(*segment)] += said
    decode(METHOD, sent.payload, result, add=True, numbers=(density,), columns=segment)
    np.testing.assert_array_equal(result.values, expected)
    decode(METHOD, sent.payload, result, add=False, numbers=(density,), columns=segment)
    np.testing.assert_array_equal(result.values[:, slice(*segment)], said)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 99), (99, 1), (300, 37), (16, 16), (40_000, 3), (10, 10)])
@pytest.mark.parametrize("value", [0.0, 1.0, -1e-42])
def test_equal_entries_are_sent_up_to_the_bound(storage: Storage, rows: int, columns: int, value: float) -> None:
    gradient = storage(np.full((rows, columns), value, np.float32))
    error = like(gradient, 0.0)
    sent = encode(METHOD, gradient, error, numbers=(1 / 64,))
    entries = all_entries(adaptive_blocks(sent.payload, rows, columns, 1 / 64))
    assert len(entries) == (min(rows * columns, 4 * wanted(rows * columns, 1 / 64)) if value else 0)
    result = like(gradient, np.nan)
    decode(METHOD, sent.payload, result, add=False, numbers=(1 / 64,))
    np.testing.assert_array_equal(result.values + error.values, gradient.values)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("rows", "columns"), [(300, 3), (7, 100), (30, 1)])
def test_of_equal_entries_each_has_its_turn(storage: Storage, rows: int, columns: int) -> None:
    gradient = storage(np.full((rows, columns), 1.0, np.float32))
    error, received = like(gradient, 0.0), like(gradient, 0.0)
    for seed in range(100):
        sent = encode(METHOD, gradient, error, numbers=(1 / 64,), seed=seed)
        decode(METHOD, sent.payload, received, add=True, numbers=(1 / 64,))
    assert received.values.min() > 25


@pytest.mark.parametrize("storage", STORAGES)
def test_one_huge_entry_is_sent_and_the_rest_later(storage: Storage) -> None:
    values = np.zeros((500, 20), np.float32)
    values[321, 13] = -1e30
    gradient = storage(values)
    error = like(gradient, 0.0)
    sent = encode(METHOD, gradient, error, numbers=(1 / 64,))
    assert all_entries(adaptive_blocks(sent.payload, 500, 20, 1 / 64)) == {(321, 13): np.float32(-1e30)}
    assert not error.values.any()


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("rows", "columns"), [(1024, 256), (576, 64), (25, 1000)])
def test_the_volume_is_about_what_is_predicted(storage: Storage, rows: int, columns: int) -> None:
    gradient = storage(random(rows, columns, 5))
    error = like(gradient, 0.0)
    lengths = [len(encode(METHOD, gradient, error, numbers=(1 / 64,), seed=seed).payload) for seed in range(60)]
    expected = METHOD.expected(gradient.matrix, columns, (1 / 64,))
    assert np.mean(lengths) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("storage", STORAGES)
def test_of_the_velocity_what_is_sent_becomes_0(storage: Storage) -> None:
    gradient, velocity = storage(random(50, 30, 6)), storage(random(50, 30, 7))
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(1 / 64,), columns=(4, 21), velocity=velocity)
    said = dense(all_entries(adaptive_blocks(sent.payload, 50, 17, 1 / 64)), 50, 17)
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
    assert encode(METHOD, gradient, like(gradient, 0.0), numbers=(1 / 64,)).strange
    assert encode(METHOD, like(gradient, strange), like(gradient, 0.0), numbers=(1 / 64,)).strange


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    gradient = panels(random(300, 30, 5))
    payloads = [encode(METHOD, gradient, like(gradient, 1.0), numbers=(1 / 64,), seed=s).payload for s in (7, 7, 8)]
    assert payloads[0] == payloads[1] != payloads[2]


def test_it_is_written_with_its_density() -> None:
    assert scheme_text(Scheme("adaptive", (1 / 64,))) == "adaptive(density=0.015625)"
