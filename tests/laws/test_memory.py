"""Whatever the lifetimes, what is needed at the same time never shares bytes."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis.strategies import builds, integers, lists, permutations

from brainc.schedule.memory import ALIGNMENT, Lifetime, aligned, lifetimes, place


def _named(drawn: list[tuple[int, int, int]]) -> list[Lifetime]:
    return [Lifetime(f"v{i}", size, first, first + length) for i, (size, first, length) in enumerate(drawn)]


LIVES = lists(builds(lambda *n: n, integers(1, 2000), integers(0, 20), integers(0, 10)), max_size=30).map(_named)


@given(lives=LIVES)
def test_buffers_alive_together_never_overlap(lives: list[Lifetime]) -> None:
    offsets, total = place(lives)
    for one, other in combinations(lives, 2):
        if one.first <= other.last and other.first <= one.last:
            low, high = sorted((one, other), key=lambda life: offsets[life.name])
            assert offsets[low.name] + low.bytes <= offsets[high.name]
    assert all(offsets[life.name] % ALIGNMENT == 0 for life in lives)
    assert total == max((offsets[life.name] + aligned(life.bytes) for life in lives), default=0)


@given(lives=LIVES)
def test_the_arena_is_no_larger_than_all_buffers_and_no_smaller_than_those_of_one_moment(lives: list[Lifetime]) -> None:
    _, total = place(lives)
    fullest = max(
        (sum(aligned(life.bytes) for life in lives if life.first <= step <= life.last) for step in range(31)), default=0
    )
    assert fullest <= total <= sum(aligned(life.bytes) for life in lives)


@given(lives=LIVES.flatmap(lambda lives: permutations(lives).map(lambda shuffled: (lives, shuffled))))
def test_places_do_not_depend_on_the_order_in_which_buffers_are_named(
    lives: tuple[list[Lifetime], list[Lifetime]],
) -> None:
    assert place(lives[0]) == place(lives[1])


def test_a_lifetime_spans_the_steps_that_touch_the_buffer_and_to_the_end_if_it_is_kept() -> None:
    lives = lifetimes([["x"], ["x", "y"], ["z"], ["y"], []], {"x": 1, "y": 2, "z": 3}, ["z"])
    assert lives == (Lifetime("x", 1, 0, 1), Lifetime("y", 2, 1, 3), Lifetime("z", 3, 2, 4))
