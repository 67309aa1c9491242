"""Are about as many of the largest entries sent as the density says, as their column's means?"""

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
    adaptive_blocks,
    all_entries,
    mean_is_said,
    passing,
    sample_threshold,
    wanted,
)

METHOD = METHODS["adaptive"]
STORAGES: list[Callable[..., Laid]] = [panels, plain]


def random(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


@given(
    rows=st.integers(1, 90),
    columns=st.integers(1, 40),
    storage=st.sampled_from(STORAGES),
    density=st.sampled_from([1 / 64, 1 / 10, 1.0]),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=80, deadline=None)
def test_what_passes_the_sample_s_threshold_is_sent(
    rows: int, columns: int, storage: Callable[..., Laid], density: float, seed: int
) -> None:
    gradient = storage(random(rows, columns, 0))
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(density,), seed=seed)
    entries = all_entries(adaptive_blocks(sent.payload, rows, columns, density))
    chosen = passing(gradient.values, sample_threshold(gradient.values, seed, density))
    most = 4 * wanted(rows * columns, density)
    assert set(entries) == chosen if len(chosen) <= most else set(entries) < chosen and len(entries) == most


def test_of_a_large_matrix_single_entries_are_sampled() -> None:
    v = random(1000, 300, 1)
    sent = encode(METHOD, panels(v), panels(np.zeros_like(v)), numbers=(1 / 64,), seed=11)
    entries = all_entries(adaptive_blocks(sent.payload, 1000, 300, 1 / 64))
    assert set(entries) == passing(v, sample_threshold(v, 11, 1 / 64))


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("rows", "columns"), [(1000, 40), (9, 700), (40_000, 2), (70, 33), (33, 1)])
def test_the_means_are_those_of_what_is_sent_of_each_block(
    storage: Callable[..., Laid], rows: int, columns: int
) -> None:
    # Columns of different sizes and signs: the means of another one would show.
    scale = np.linspace(1, 3, columns, dtype=np.float32)
    gradient = storage(random(rows, columns, 2) * scale + scale / 8)
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(1 / 64,))
    blocks = adaptive_blocks(sent.payload, rows, columns, 1 / 64)
    assert len(all_entries(blocks)) > rows * columns / 200
    assert all(mean_is_said(block, gradient.values) for block in blocks)


@pytest.mark.parametrize(("rows", "columns"), [(1024, 1024), (1030, 1100), (600, 2000), (40_000, 30)])
@pytest.mark.parametrize("density", [1 / 64, 1 / 2])
def test_a_large_panel_is_set_to_what_is_said(rows: int, columns: int, density: float) -> None:
    gradient = panels(random(rows, columns, 8))
    last = columns - 3
    sent = encode(METHOD, gradient, like(gradient, 0.0), numbers=(density,), columns=(0, last))
    set_, added = like(gradient, np.nan), like(gradient, 0.0)
    decode(METHOD, sent.payload, set_, add=False, numbers=(density,), columns=(0, last))
    decode(METHOD, sent.payload, added, add=True, numbers=(density,), columns=(0, last))
    np.testing.assert_array_equal(set_.values[:, :last], added.values[:, :last])


def test_one_huge_entry_is_sent_as_it_is() -> None:
    values = np.zeros((500, 20), np.float32)
    values[321, 13] = -1e30
    gradient = panels(values)
    error = like(gradient, 0.0)
    sent = encode(METHOD, gradient, error, numbers=(1 / 64,))
    assert all_entries(adaptive_blocks(sent.payload, 500, 20, 1 / 64)) == {(321, 13): np.float32(-1e30)}
    assert not error.values.any()


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("rows", "columns"), [(1024, 256), (576, 64), (25, 1000)])
def test_the_volume_is_about_what_is_predicted(storage: Callable[..., Laid], rows: int, columns: int) -> None:
    gradient = storage(random(rows, columns, 5))
    error = like(gradient, 0.0)
    lengths = [len(encode(METHOD, gradient, error, numbers=(1 / 64,), seed=seed).payload) for seed in range(60)]
    assert np.mean(lengths) == pytest.approx(METHOD.expected(gradient.matrix, columns, (1 / 64,)), rel=0.15)


def test_another_seed_chooses_others() -> None:
    gradient = panels(random(300, 30, 5))
    payloads = [encode(METHOD, gradient, like(gradient, 1.0), numbers=(1 / 64,), seed=seed).payload for seed in (7, 8)]
    assert payloads[0] != payloads[1]


def test_it_is_written_with_its_density() -> None:
    assert scheme_text(Scheme("adaptive", (1 / 64,))) == "adaptive(density=0.015625)"
