"""The mesh: groups, sums, exchanges, and failures that all ranks learn of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.mesh import AgreedFailure, World, agreed, share_of_cores
from brainrun.open_world import open_world
from brainrun.plan.schema import AllReduce, Exchange, Mesh, Message
from tests.mpi.harness import ranks


def world_of(data: int, model: int) -> World:
    world = open_world(with_mpi=True)
    world.form(Mesh(data, model))
    return world


def viewing(**arrays: NDArray[Any]) -> Callable[[str], NDArray[Any]]:
    return lambda name: arrays[name]


def fail(really: bool) -> None:
    if really:
        raise DataError("is missing", where="faces.npy")


@ranks(4)
def test_a_sum_goes_over_its_own_group_again_and_again() -> None:
    world = world_of(2, 2)
    data, model = divmod(world.rank, 2)
    expected = {"data": [model, model + 2], "model": [2 * data, 2 * data + 1], "world": [0, 1, 2, 3]}
    for group in ("data", "model", "world"):
        values = np.zeros(70_000, np.float32)
        transfer = world.bind(AllReduce("sum", group, "values", 65_000, ""), viewing(values=values))
        for step in range(3):
            values[:] = world.rank + step
            transfer.start()
            world.progress()
            transfer.wait()
            np.testing.assert_array_equal(values[:65_000], sum(rank + step for rank in expected[group]))
            np.testing.assert_array_equal(values[65_000:], world.rank + step)
    world.close()


@ranks(3)
def test_an_exchange_moves_each_message_to_its_place() -> None:
    world = world_of(1, 3)
    me, others = world.rank, [peer for peer in range(3) if peer != world.rank]
    mine, all_parts = np.zeros(10, np.float32), np.zeros(30, np.float32)
    exchange = Exchange(
        "gather",
        "all_gather",
        tuple(Message(peer, "mine", 2, 5) for peer in others),
        tuple(Message(peer, "all", 10 * peer, 5) for peer in others),
        "",
    )
    transfer = world.bind(exchange, viewing(mine=mine, all=all_parts))
    for step in range(3):
        mine[:] = np.arange(10) + 100 * me + step
        transfer.start()
        world.progress()
        transfer.wait()
        for peer in others:
            np.testing.assert_array_equal(all_parts[10 * peer : 10 * peer + 5], np.arange(2, 7) + 100 * peer + step)
    world.close()


@ranks(3)
def test_two_exchanges_under_way_do_not_mix_their_messages() -> None:
    world = world_of(1, 3)
    after, before = (world.rank + 1) % 3, (world.rank - 1) % 3
    values = np.zeros((2, 2), np.float32)
    transfers = [
        world.bind(
            Exchange(name, "all_to_all", (Message(after, "out", n, 1),), (Message(before, "in", n, 1),), ""),
            viewing(**{"out": np.array([10, 20], np.float32) + world.rank, "in": values[1]}),
        )
        for n, name in enumerate(("first", "second"))
    ]
    for transfer in transfers:
        transfer.start()
    for transfer in reversed(transfers):
        transfer.wait()
    np.testing.assert_array_equal(values[1], [10 + before, 20 + before])
    world.close()


@ranks(3)
def test_all_ranks_learn_of_a_failure_on_one() -> None:
    world = world_of(3, 1)
    with pytest.raises(AgreedFailure) as caught, agreed(world):
        fail(world.rank == 1)
    assert str(caught.value) == "[rank 1] faces.npy: is missing"
    with agreed(world):
        pass


@ranks(2)
def test_a_failure_that_all_ranks_have_is_told_once_without_a_rank() -> None:
    world = world_of(2, 1)
    with pytest.raises(AgreedFailure) as caught, agreed(world):
        fail(True)
    assert str(caught.value) == "faces.npy: is missing"


@ranks(2)
def test_ranks_of_a_node_divide_its_cores() -> None:
    world = world_of(2, 1)
    shares = world.broadcast(world.gather(world.cores()) if world.rank == 0 else world.gather(world.cores()) or None)
    assert shares is not None
    assert all(shares)


@pytest.mark.parametrize(
    ("sets", "shares"),
    [
        ([(0, 1, 2, 3)], [(0, 1, 2, 3)]),
        ([(0, 1, 2, 3)] * 2, [(0, 1), (2, 3)]),
        ([(0, 1, 2)] * 2, [(0,), (1, 2)]),
        ([(0, 1)] * 4, [(0,), (1,), (0,), (1,)]),
        ([(0, 1), (2, 3)], [(0, 1), (2, 3)]),
    ],
)
def test_cores_are_shared_by_the_ranks_that_may_use_them(
    sets: list[tuple[int, ...]], shares: list[tuple[int, ...]]
) -> None:
    assert [share_of_cores(sets, member) for member in range(len(sets))] == shares
