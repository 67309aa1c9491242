"""Are as many of the largest entries sent as the density says, in few bits?"""

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
    all_entries,
    golomb_blocks,
    mean_is_said,
    passing,
    sample_threshold,
    wanted,
)

METHOD = METHODS["golomb"]
STORAGES: list[Callable[..., Laid]] = [panels, plain]


def random(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


@given(
    rows=st.integers(1, 150),
    columns=st.integers(1, 60),
    storage=st.sampled_from(STORAGES),
    density=st.sampled_from([1 / 1000, 1 / 64, 1 / 3]),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=80, deadline=None)
def test_the_largest_are_sent_of_what_passes_the_sample_s_threshold(
    rows: int, columns: int, storage: Callable[..., Laid], density: float, seed: int
) -> None:
    gradient = storage(random(rows, columns, 0))
    v = gradient.values
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(density,), seed=seed)
    entries = all_entries(golomb_blocks(sent.payload, rows, columns, density))
    candidates = passing(v, sample_threshold(v, seed, min(1.0, 8 * density)))
    largest = sorted(candidates, key=lambda place: -abs(v[place]))
    assert set(entries) == set(largest[: wanted(rows * columns, density)])


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("rows", "columns"), [(1000, 40), (9, 700), (40_000, 2), (70, 33), (33, 1)])
@pytest.mark.parametrize("shift", [0, 5, -5])
def test_the_means_are_those_of_what_is_sent_of_each_block(
    storage: Callable[..., Laid], rows: int, columns: int, shift: int
) -> None:
    # Columns of different sizes: the means of another one would show. Some have entries of one sign only.
    gradient = storage((random(rows, columns, 2) + shift) * np.linspace(1, 1.5, columns, dtype=np.float32))
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(1 / 100,))
    blocks = golomb_blocks(sent.payload, rows, columns, 1 / 100)
    assert len(all_entries(blocks)) == wanted(rows * columns, 1 / 100)
    assert all(mean_is_said(block, gradient.values) for block in blocks)


@pytest.mark.parametrize("rows", [10, 100, 1024])
def test_a_bias_takes_eight_bytes(rows: int) -> None:
    gradient = plain(random(rows, 1, 3))
    assert len(encode(METHOD, gradient, like(gradient, 0.0), numbers=(1 / 1000,)).payload) == 8


@pytest.mark.parametrize(("place", "value"), [(0, 1.0), (99_999, -1e30), (65_536, 1e-45)])
def test_long_gaps_are_coded(place: int, value: float) -> None:
    values = np.zeros((100_000, 1), np.float32)
    values[place] = value
    gradient = plain(values)
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(1 / 100,))
    assert all_entries(golomb_blocks(sent.payload, 100_000, 1, 1 / 100)) == {(place, 0): np.float32(value)}
    result = like(gradient, np.nan)
    decode(METHOD, sent.payload, result, add=False, numbers=(1 / 100,))
    np.testing.assert_array_equal(result.values, values)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("density", [1 / 1000, 1 / 64])
@pytest.mark.parametrize("crowd", [0.02, 0.2, 1.0])
def test_a_message_is_as_long_as_predicted_and_never_beyond_its_bound(
    storage: Callable[..., Laid], density: float, crowd: float
) -> None:
    # Where the large entries crowd in a few rows and columns, gaps are far from what their code is made for.
    rows, columns = 1000, 300
    values = random(rows, columns, 5) / 100
    values[: int(crowd * rows), : int(crowd * columns)] *= 100
    gradient = storage(values)
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(density,))
    assert len(sent.payload) <= METHOD.bound(gradient.matrix, columns, (density,))
    if crowd == 1.0:
        expected = METHOD.expected(gradient.matrix, columns, (density,))
        assert len(sent.payload) == pytest.approx(expected, rel=0.05)


def test_the_first_epochs_send_more() -> None:
    assert METHOD.warmup((1 / 1000,)) == ((1 / 4,), (1 / 16,), (1 / 64,), (1 / 256,))
    assert METHOD.warmup((1 / 64,)) == ((1 / 4,), (1 / 16,))
    assert METHOD.warmup((1.0,)) == ()


def test_it_is_written_with_its_density() -> None:
    assert scheme_text(Scheme("golomb", (1 / 1000,))) == "golomb(density=0.001)"
