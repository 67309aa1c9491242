"""Spikes in another order are parts of layers in another order, as few as there can be."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from brainc.ir.spiking import Read, reordered, whole


def elements(parts: tuple[Read, ...]) -> list[tuple[str, int]]:
    return [(part.source, place) for part in parts for place in range(part.begin, part.end)]


def test_an_order_that_changes_nothing_leaves_the_parts() -> None:
    parts = (whole("a", (2, 3, 3)), whole("b", (1, 3, 3)))
    assert reordered(parts, np.arange(27)) == parts


def test_channels_in_another_order_are_a_part_each() -> None:
    order = np.arange(12).reshape(3, 4)[[2, 0, 1]].reshape(-1)
    assert reordered((whole("a", (3, 2, 2)),), order) == (Read("a", 8, 12), Read("a", 0, 8))


def test_neighbours_of_unlike_layers_are_not_one_part() -> None:
    parts = (Read("a", 0, 3), Read("b", 3, 5))
    assert reordered(parts, np.arange(5)) == parts


@given(st.permutations(range(14)))
def test_each_spike_is_where_the_order_puts_it(order: list[int]) -> None:
    parts = (Read("a", 0, 4), Read("b", 2, 7), Read("a", 3, 8))
    found = reordered(parts, np.array(order))
    before = elements(parts)
    assert elements(found) == [before[place] for place in order]
    for one, other in itertools.pairwise(found):
        assert (one.source, one.end) != (other.source, other.begin)
