"""Does one bit an entry say what it should, and does the error keep the rest?"""

from __future__ import annotations

from collections.abc import Callable

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainc.ir.scheme import Scheme
from brainc.reductions.table import METHODS, scheme_text
from brainrun.native import Loader, object_code, parse
from brainrun.plan import segments
from brainrun.processor import Processor
from tests.reductions import calling
from tests.reductions.calling import Laid, decode, encode, like, panels, plain
from tests.reductions.reference import onebit, onebit_bytes

METHOD = METHODS["onebit"]
STORAGES = pytest.mark.parametrize("storage", [panels, plain])
Storage = Callable[[np.ndarray], Laid]


def random(rows: int, columns: int, seed: int) -> np.ndarray:
    """Entries of several sizes and mixed signs, some of them exactly 0."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((rows, columns)) * np.exp(generator.standard_normal(columns))
    return np.where(generator.random((rows, columns)) < 0.05, 0.0, values).astype(np.float32)


def assert_means(actual: np.ndarray, expected: np.ndarray, v: np.ndarray) -> None:
    """Equal to the rounding of float32 sums of sixteen lanes, measured by the column's largest entry."""
    terms = len(v) / 16
    bound = 1e-7 * (4 + np.sqrt(terms)) * np.abs(v).max(axis=0) + 1e-30
    np.testing.assert_array_less(np.abs(actual - expected), np.broadcast_to(bound, v.shape))


def check_both_ways(storage: Storage, rows: int, columns: int, seed: int) -> None:
    gradient, error = storage(random(rows, columns, seed)), storage(random(rows, columns, seed + 1))
    expected = onebit(gradient.values, error.values)
    sent = encode(METHOD, gradient, error)
    assert not sent.strange
    assert len(sent.payload) == onebit_bytes(rows, columns) == METHOD.bound(gradient.matrix, columns, ())
    result = like(gradient, np.nan)
    decode(METHOD, sent.payload, result, add=False)
    assert_means(result.values, expected.reconstruction, expected.v)
    np.testing.assert_array_equal(error.values, expected.v - result.values)
    start = random(rows, columns, seed + 2)
    added = like(gradient, start)
    decode(METHOD, sent.payload, added, add=True)
    np.testing.assert_array_equal(added.values, start + result.values)


@STORAGES
@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (1, 1),
        (1, 70),
        (70, 1),
        (15, 2),
        (16, 16),
        (17, 31),
        (32, 32),
        (33, 33),
        (64, 65),
        (129, 40),
        (576, 64),
        (2000, 3),
    ],
)
def test_signs_means_and_error_are_those_of_the_reference(storage: Storage, rows: int, columns: int) -> None:
    check_both_ways(storage, rows, columns, seed=rows + columns)


@STORAGES
@given(rows=st.integers(1, 200), columns=st.integers(1, 80), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_any_size_is_encoded_as_the_reference_says(storage: Storage, rows: int, columns: int, seed: int) -> None:
    check_both_ways(storage, rows, columns, seed)


@STORAGES
def test_very_tall_columns_are_whole(storage: Storage) -> None:
    check_both_ways(storage, 70_001, 3, seed=5)


@STORAGES
def test_large_gradients_are_set_as_small_ones_are(storage: Storage) -> None:
    # Beyond a megabyte what is set goes past the caches, in panels and in filters of whole vectors.
    check_both_ways(storage, 1040, 300, seed=6)


@pytest.mark.parametrize("rows", [16, 40, 100])
def test_v_is_kept_aside_where_the_caches_would_not_keep_it(rows: int) -> None:
    # From 4,096 columns on the blocks of a panel lie 256 KB apart.
    assert METHOD.scratch(panels(random(rows, 4100, 1)).matrix, ()) >= 4 * 32 * rows
    assert METHOD.scratch(panels(random(rows, 300, 1)).matrix, ()) == 0
    check_both_ways(panels, rows, 4100, seed=8)


@STORAGES
@given(columns=st.integers(1, 90), first=st.integers(0, 89), count=st.integers(0, 90))
@settings(max_examples=40, deadline=None)
def test_a_segment_is_its_columns_only(storage: Storage, columns: int, first: int, count: int) -> None:
    first = min(first, columns)
    last = min(columns, first + count)
    gradient, error = storage(random(37, columns, 1)), storage(random(37, columns, 2))
    expected = onebit(gradient.values[:, first:last], error.values[:, first:last])
    sent = encode(METHOD, gradient, error, columns=(first, last))
    assert len(sent.payload) == onebit_bytes(37, last - first)
    result = like(gradient, 3.0)
    decode(METHOD, sent.payload, result, add=False, columns=(first, last))
    if last > first:
        assert_means(result.values[:, first:last], expected.reconstruction, expected.v)
    np.testing.assert_array_equal(error.values[:, first:last], expected.v - result.values[:, first:last])


def test_the_storage_does_not_change_the_message() -> None:
    gradient, error = random(75, 40, 3), random(75, 40, 4)
    messages = {encode(METHOD, storage(gradient), storage(error)).payload for storage in (panels, plain)}
    assert len(messages) == 1


@STORAGES
@pytest.mark.parametrize("sign", [1, -1])
def test_where_all_have_one_sign_the_other_mean_is_zero(storage: Storage, sign: int) -> None:
    gradient = storage(sign * (1 + np.abs(random(50, 20, 7))))
    sent = encode(METHOD, gradient, like(gradient, 0.0))
    means = np.frombuffer(sent.payload[: 8 * 20], np.float32).reshape(2, 20)
    np.testing.assert_array_equal(means[1 if sign > 0 else 0], 0)
    assert not sent.strange


def test_zero_of_either_sign_counts_as_not_negative() -> None:
    gradient = plain(np.array([[0.0], [-0.0], [-4.0]], np.float32))
    result = like(gradient, 0.0)
    decode(METHOD, encode(METHOD, gradient, like(gradient, 0.0)).payload, result, add=False)
    np.testing.assert_array_equal(result.values, [[0], [0], [-4]])


@STORAGES
@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (44, 33), (32, 12)])
@pytest.mark.parametrize("where", ["gradient", "error"])
def test_what_is_not_finite_is_said(storage: Storage, strange: float, place: tuple[int, int], where: str) -> None:
    parts = {"gradient": random(45, 34, 8), "error": random(45, 34, 9)}
    parts[where][place] = strange
    assert encode(METHOD, storage(parts["gradient"]), storage(parts["error"])).strange


@STORAGES
def test_large_entries_are_not_strange(storage: Storage) -> None:
    gradient = storage(np.full((100, 3), 1e36, np.float32))
    assert not encode(METHOD, gradient, like(gradient, 0.0)).strange


@STORAGES
def test_over_many_steps_nothing_is_lost(storage: Storage) -> None:
    generator = np.random.default_rng(10)
    error = storage(np.zeros((100, 20), np.float32))
    given_, delivered = np.zeros((100, 20)), np.zeros((100, 20))
    for _ in range(50):
        gradient = like(error, generator.standard_normal((100, 20)).astype(np.float32))
        result = like(error, 0.0)
        decode(METHOD, encode(METHOD, gradient, error).payload, result, add=False)
        given_ += gradient.values
        delivered += result.values
    np.testing.assert_allclose(delivered + error.values, given_, atol=2e-5)


@STORAGES
def test_every_processor_sends_the_same_bits(storage: Storage) -> None:
    gradient, start = storage(random(77, 37, 11)), random(77, 37, 12)
    machine = llvm.Target.from_default_triple()
    families = {"x86_64": ["x86-64", "x86-64-v3"]}.get(machine.triple.split("-")[0], [])
    here_error = like(gradient, start)
    here = encode(METHOD, gradient, here_error)
    for family in families:
        error = like(gradient, start)
        payload = encoded_by(Processor(family, ""), gradient, error)
        assert payload == here.payload
        np.testing.assert_array_equal(error.values, here_error.values)


def encoded_by(processor: Processor, gradient: Laid, error: Laid) -> bytes:
    """The payload that code for another processor makes."""
    loader = Loader()
    address = loader.address(object_code(parse(METHOD.encode("other")), processor), "other")
    matrix = gradient.matrix
    payload = calling.aligned(METHOD.bound(matrix, matrix.columns, ()))
    table = calling.segment_words(matrix, gradient.floats.ctypes.data, error.floats.ctypes.data, 0, matrix.columns, ())
    table[segments.PAYLOAD], table[segments.BOUND] = payload.ctypes.data, payload.size
    calling.call_table(calling.kernel_at(address), table)
    return payload.tobytes()


def test_it_is_written_by_its_name() -> None:
    assert scheme_text(Scheme("onebit")) == "onebit"
