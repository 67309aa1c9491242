"""Copies between regions of activations, against NumPy."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from brainc.codegen.loops.region import region_text
from brainc.ir.schedule import Copy
from brainc.ir.tensor import DType, Value

from .loops_case import ORIGIN, compiled, from_memory, in_memory, normal, storage_of

Verb = Literal["copy", "add"]
# samples, features, (first sample, first feature) of the target and of the source
REGIONS = [
    (32, 7, (0, 0), (0, 0)),
    (43, 5, (0, 1), (0, 2)),
    (20, 3, (16, 4), (16, 0)),
    (9, 7, (3, 0), (3, 0)),
    (43, 4, (3, 1), (0, 3)),
    (30, 2, (1, 0), (18, 5)),
    (40, 7, (5, 0), (7, 0)),
    (1, 1, (47, 6), (15, 6)),
    (13, 7, (16, 0), (35, 0)),
]


def copy_of(verb: Verb, region: tuple[int, int, tuple[int, int], tuple[int, int]], dtype: DType = "f32") -> Copy:
    target, source = Value("t", (48, 7), True, dtype), Value("s", (50, 7), True, dtype)
    return Copy(target, source, verb, *region, "forward", ORIGIN)


def expected_of(copy: Copy, target: np.ndarray, source: np.ndarray) -> np.ndarray:
    places = [
        np.ix_(first[0] + np.arange(copy.samples), first[1] + np.arange(copy.features))
        for first in (copy.target_first, copy.source_first)
    ]
    result = target.copy()
    result[places[0]] = source[places[1]] + (target[places[0]] if copy.verb == "add" else 0)
    return result


@pytest.mark.parametrize("region", REGIONS, ids=str)
@pytest.mark.parametrize("verb", ["copy", "add"])
def test_a_region_arrives_and_nothing_beside_it_changes(
    verb: Verb, region: tuple[int, int, tuple[int, int], tuple[int, int]]
) -> None:
    copy = copy_of(verb, region)
    target, source = normal(48, 7), normal(50, 7, seed=1)
    stored = in_memory(target, storage_of(copy.target))
    text = region_text(copy)
    for begin in reversed(range(text.extent)):
        compiled(text)(stored, in_memory(source, storage_of(copy.source)), begin=begin, end=begin + 1)
    expected = expected_of(copy, target, source).astype(np.float32)
    np.testing.assert_array_equal(from_memory(stored, storage_of(copy.target)), expected)


def test_a_message_packs_a_part_of_an_activation_and_unpacks_into_another() -> None:
    source, message, target = Value("s", (50, 3, 4), True), Value("m", (21, 6), True), Value("t", (30, 8), True)
    packed = Copy(message, source, "copy", 21, 6, (0, 0), (19, 2), "forward", ORIGIN)
    unpacked = Copy(target, message, "copy", 21, 6, (9, 1), (0, 0), "forward", ORIGIN)
    values = normal(50, 3, 4)
    sent, arrived = in_memory(np.zeros((21, 6)), storage_of(message)), in_memory(np.zeros((30, 8)), storage_of(target))
    for copy, to, come in ((packed, sent, in_memory(values, storage_of(source))), (unpacked, arrived, sent)):
        text = region_text(copy)
        compiled(text)(to, come, begin=0, end=text.extent)
    expected = np.zeros((30, 8))
    expected[9:, 1:7] = values.reshape(50, 12)[19:40, 2:8]
    np.testing.assert_array_equal(from_memory(arrived, storage_of(target)), expected)


def test_labels_are_copied_as_integers() -> None:
    target, source = Value("t", (43,), True, "i32"), Value("s", (43,), True, "i32")
    text = region_text(Copy(target, source, "copy", 20, 1, (0, 0), (23, 0), "forward", ORIGIN))
    labels = np.arange(43, dtype=np.int32) + 2**30
    stored = in_memory(np.zeros(43, np.int32), storage_of(target))
    compiled(text)(stored, in_memory(labels, storage_of(source)), begin=0, end=text.extent)
    np.testing.assert_array_equal(from_memory(stored, storage_of(target)), [*labels[23:], *[0] * 23])


def test_regions_of_all_sizes_share_a_kernel() -> None:
    texts = {region_text(copy_of("copy", region)).text for region in REGIONS}
    assert len(texts) == 1
