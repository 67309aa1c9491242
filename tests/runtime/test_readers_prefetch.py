"""Prefetch: batches come in order, one ahead, and the thread ends whatever happens."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from brainrun.readers.prefetch import SLOTS, prefetched


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_batches_come_in_order_and_the_thread_ends():
    assert list(prefetched(lambda number: number * number, 2, 6)) == [4, 9, 16, 25]
    assert prefetch_threads() == []


def test_no_batches_need_no_thread():
    assert list(prefetched(lambda number: number, 3, 3)) == []


def test_a_staging_area_is_not_filled_again_before_it_was_used():
    areas = [[-1] for _ in range(SLOTS)]

    def prepare(number: int) -> list[int]:
        area = areas[number % SLOTS]
        area[0] = number
        return area

    for number, area in enumerate(prefetched(prepare, 0, 50)):
        assert area[0] == number
        time.sleep(0.0005)
        assert area[0] == number


def test_the_next_batch_is_prepared_during_the_work_on_this_one():
    ready = [threading.Event() for _ in range(3)]
    for number in prefetched(lambda number: ready[number].set() or number, 0, 3):
        if number < 2:
            assert ready[number + 1].wait(timeout=5)


def test_batches_are_prepared_on_another_thread():
    assert threading.main_thread() not in list(prefetched(lambda _: threading.current_thread(), 0, 3))


def test_an_error_in_preparing_surfaces_at_its_batch():
    def prepare(number: int) -> int:
        if number == 2:
            raise ValueError("batch 2")
        return number

    batches = prefetched(prepare, 0, 5)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ValueError, match="batch 2"):
        next(batches)
    assert prefetch_threads() == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_thread_ends_when_the_consumer_is_interrupted(error):
    def consume() -> None:
        with closing(prefetched(lambda number: number, 0, 100)) as batches:
            for number in batches:
                if number == 3:
                    raise error

    with pytest.raises(error):
        consume()
    assert prefetch_threads() == []
