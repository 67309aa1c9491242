"""Cores that talk stand together: optimal where that is known, and always on the board, one to a place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainc.truenorth.place import Traffic, board, hops, place, reading_order


def grid(side: int) -> Traffic:
    """Cores that each talk to the next in x and in y, numbered at random."""
    number = np.random.default_rng(0).permutation(side * side).reshape(side, side)
    pairs = [(number[y, x], number[y, x + 1]) for y in range(side) for x in range(side - 1)]
    pairs += [(number[y, x], number[y + 1, x]) for y in range(side - 1) for x in range(side)]
    sources, targets = np.array(pairs, np.int64).T
    return Traffic(side * side, sources, targets, np.ones(len(pairs)))


def test_neighbours_of_a_grid_stand_near_each_other() -> None:
    """The least is a step for each pair; in the order of their numbers it is more than twenty."""
    flow = grid(12)
    assert hops(flow, place(flow)) <= 1.5 * len(flow.sources)
    assert hops(flow, reading_order(flow.cores)) >= 20 * len(flow.sources)


def test_cores_stand_by_the_spikes_they_send_and_not_by_the_wires() -> None:
    """A grid in which one way in ten is busy: those become short, at the others' cost."""
    numbers = np.random.default_rng(2)
    pairs = np.unique(numbers.integers(0, 100, (600, 2)), axis=0)
    alike = Traffic(100, pairs[:, 0], pairs[:, 1], np.ones(len(pairs)))
    busy = Traffic(100, pairs[:, 0], pairs[:, 1], np.where(numbers.random(len(pairs)) < 0.1, 1.0, 0.01))
    assert hops(busy, place(busy)) < 0.5 * hops(busy, place(alike))
    assert hops(alike, place(alike)) < hops(alike, place(busy))


def test_a_chain_lies_along_a_path() -> None:
    order = np.random.default_rng(1).permutation(36)
    flow = Traffic(36, order[:-1], order[1:], np.ones(35))
    assert hops(flow, place(flow)) <= 39


@given(cores=st.integers(1, 60), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_core_has_a_place_of_its_own_and_the_search_does_no_harm(cores: int, seed: int) -> None:
    numbers = np.random.default_rng(seed)
    pairs = np.unique(numbers.integers(0, cores, (3 * cores, 2)), axis=0)
    flow = Traffic(cores, pairs[:, 0], pairs[:, 1], numbers.random(len(pairs)))
    places = place(flow)
    assert len({tuple(spot) for spot in places.tolist()}) == cores
    assert places.min() >= 0
    assert hops(flow, places) <= hops(flow, reading_order(cores)) + 1e-9
    assert np.array_equal(places, place(flow))


def test_cores_that_talk_to_nobody_are_placed_too() -> None:
    flow = Traffic(5, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    assert len({tuple(spot) for spot in place(flow).tolist()}) == 5


@pytest.mark.parametrize(
    ("cores", "chips"), [(1, (1, 1)), (4096, (1, 1)), (4097, (2, 1)), (8193, (2, 2)), (65536, (4, 4))]
)
def test_the_board_is_the_smallest_that_holds_the_cores(cores: int, chips: tuple[int, int]) -> None:
    assert board(cores) == chips


def test_hops_count_steps_in_both_directions_for_every_spike() -> None:
    flow = Traffic(2, np.array([0, 1]), np.array([1, 1]), np.array([0.5, 7.0]))
    assert hops(flow, np.array([[3, 4], [1, 9]])) == 0.5 * (2 + 5)
