"""The thread pool: every part of every call is done once, in order, by all threads together."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from brainrun.kernels import KernelSource, compile_missing, load, open_cache
from brainrun.native import Loader
from brainrun.pool import Pool, pool_source
from brainrun.processor import this_processor

# trace[i] = trace[i] * 3 + digit: what was done to a part, and in which order, stands in its number.
APPEND = KernelSource(
    "append",
    "numba",
    """from __future__ import annotations

from brainrun.kernel_prelude import i64


def append(trace: i64[1000], digit: i64[1], begin, end):
    for i in range(begin, end):
        trace[i] = trace[i] * 3 + digit[0]
""",
    "append.py",
)
# Reads what another thread wrote in the call before: wrong at once if threads do not meet.
REVERSE = KernelSource(
    "reverse",
    "numba",
    """from __future__ import annotations

from brainrun.kernel_prelude import i64


def reverse(x: i64[1000], y: i64[1000], begin, end):
    for i in range(begin, end):
        y[i] = x[999 - i] + 1
""",
    "reverse.py",
)


@pytest.fixture(scope="module")
def loader() -> Loader:
    return Loader()


@pytest.fixture(scope="module")
def addresses(loader: Loader, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    cache, _ = open_cache(tmp_path_factory.mktemp("cache"))
    sources = [APPEND, REVERSE, pool_source()]
    compile_missing(sources, this_processor(), cache, member=0, members=1, processes=1)
    return load(sources, this_processor(), cache, loader)


class Calls:
    """A table under construction; it keeps what its addresses point to."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, int]] = []
        self.kept: list[np.ndarray] = []

    def add(self, function: int, operands: list[np.ndarray], extent: int, chain: int = 1, first: int = 0) -> None:
        pointers = np.array([operand.ctypes.data for operand in operands], np.int64)
        self.kept += [pointers, *operands]
        self.rows.append((function, pointers.ctypes.data, extent, chain, first))

    def table(self) -> NDArray[np.int64]:
        return np.array(self.rows, np.int64)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("extent", [0, 1, 2, 7, 1000])
def test_each_part_of_a_call_is_done_once(addresses: dict[str, int], threads: int, extent: int) -> None:
    trace, calls = np.zeros(1000, np.int64), Calls()
    calls.add(addresses["append"], [trace, np.array([2])], extent)
    with Pool(addresses["brainrun_pool"], threads) as pool:
        pool.run(calls.table())
    np.testing.assert_array_equal(trace, np.repeat([2, 0], [extent, 1000 - extent]))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_meet_between_calls(addresses: dict[str, int], threads: int) -> None:
    x, y, calls = np.arange(1000), np.zeros(1000, np.int64), Calls()
    for _ in range(100):
        calls.add(addresses["reverse"], [x, y], 1000)
        calls.add(addresses["reverse"], [y, x], 1000)
    with Pool(addresses["brainrun_pool"], threads) as pool:
        for _ in range(5):
            pool.run(calls.table())
    np.testing.assert_array_equal(x, np.arange(1000) + 1000)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_chain_is_done_block_by_block_in_its_order(addresses: dict[str, int], threads: int) -> None:
    trace, calls = np.zeros(1000, np.int64), Calls()
    calls.add(addresses["append"], [trace, np.array([1])], 1000)
    for place, digit in enumerate((2, 0, 1)):
        calls.add(addresses["append"], [trace, np.array([digit])], 1000, chain=3 - place)
    calls.add(addresses["append"], [trace, np.array([2])], 1000)
    with Pool(addresses["brainrun_pool"], threads) as pool:
        pool.run(calls.table())
    np.testing.assert_array_equal(trace, int("12012", 3))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_call_begins_at_its_first_part_and_so_does_a_chain(addresses: dict[str, int], threads: int) -> None:
    trace, calls = np.zeros(1000, np.int64), Calls()
    calls.add(addresses["append"], [trace, np.array([1])], 100, first=700)
    calls.add(addresses["append"], [trace, np.array([2])], 300, chain=2, first=650)
    calls.add(addresses["append"], [trace, np.array([1])], 300, first=650)
    with Pool(addresses["brainrun_pool"], threads) as pool:
        pool.run(calls.table())
    expected = np.zeros(1000, np.int64)
    expected[650:950] = int("21", 3)
    expected[700:800] = int("121", 3)
    np.testing.assert_array_equal(trace, expected)


def test_an_idle_pool_uses_next_to_no_processor_time(addresses: dict[str, int]) -> None:
    with Pool(addresses["brainrun_pool"], 3):
        time.sleep(0.2)
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.05


def test_a_pool_with_more_threads_than_cores_makes_progress(addresses: dict[str, int]) -> None:
    x, y, calls = np.arange(1000), np.zeros(1000, np.int64), Calls()
    for _ in range(50):
        calls.add(addresses["reverse"], [x, y], 1000)
    with Pool(addresses["brainrun_pool"], 8) as pool:
        began = time.perf_counter()
        pool.run(calls.table())
    assert time.perf_counter() - began < 5


def test_a_closed_pool_leaves_no_thread(addresses: dict[str, int]) -> None:
    pool = Pool(addresses["brainrun_pool"], 3)
    workers = list(pool._workers)
    pool.close()
    assert not any(worker.is_alive() for worker in workers)


def test_workers_stay_on_their_cores_and_the_caller_gets_its_own_back(addresses: dict[str, int]) -> None:
    before = os.sched_getaffinity(0)
    core = min(before)
    with Pool(addresses["brainrun_pool"], 2, cores=(core, core)) as pool:
        threads = [worker.native_id for worker in pool._workers]
        assert [os.sched_getaffinity(thread or 0) for thread in threads] == [{core}]
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == before
