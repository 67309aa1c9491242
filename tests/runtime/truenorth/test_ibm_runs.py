"""Run-length lists: every form stands for its numbers, and what stands for none is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainrun.truenorth.ibm.runs import EntryError, expanded
from tests.runtime.truenorth.ibm_files import runs


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], []),
        ([7], [7]),
        ([-32], [-32]),
        (["7"], [7]),
        (["0:3"], [0, 1, 2, 3]),
        (["5:5"], [5]),
        (["0:4:8"], [0, 4, 8]),
        (["0:4:11"], [0, 4, 8]),
        (["3:-1:0"], [3, 2, 1, 0]),
        (["-1x3"], [-1, -1, -1]),
        (["1x2", "0:2", 9], [1, 1, 0, 1, 2, 9]),
    ],
)
def test_an_entry_is_a_number_a_range_or_a_repetition(entries, expected):
    assert expanded(entries, 256).tolist() == expected


@given(st.lists(st.one_of(st.integers(-40, 300), st.integers(-(10**9), 10**9)), max_size=60))
def test_what_is_shortened_comes_back(values):
    assert expanded(runs(values), 60).tolist() == values


@pytest.mark.parametrize(
    ("entries", "entry", "what"),
    [
        (["0:3", "x4"], 1, "'x4' is not a number, a range 0:255 or 0:4:252, or a repetition 1x256"),
        ([True], 0, "True is not a number, a range 0:255 or 0:4:252, or a repetition 1x256"),
        ([1.5], 0, "1.5 is not a number, a range 0:255 or 0:4:252, or a repetition 1x256"),
        ([1, "3:0"], 1, "3:0 stands for no number"),
        (["0:0:9"], 0, "0:0:9 stands for no number"),
        (["1x0"], 0, "1x0 stands for no number"),
        (["0:9", "1x9999999999", 5], 1, "the list has more than 256 numbers"),
    ],
)
def test_an_entry_that_stands_for_no_numbers_is_named(entries, entry, what):
    with pytest.raises(EntryError) as caught:
        expanded(entries, 256)
    assert (caught.value.entry, caught.value.what) == (entry, what)
