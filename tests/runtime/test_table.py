"""How calls are cut: into tables of about half a millisecond, chains whole, every part once."""

from __future__ import annotations

import pytest

from brainrun.plan.schema import Call
from brainrun.table import Piece, chains, short_tables


def call(extent: int, *, flops: int = 0, bytes: int = 0, chained: bool = False) -> Call:
    return Call("kernel", ("x",), extent, "layer", "forward", flops, bytes, chained=chained)


def ranges(table: list[Piece]) -> list[tuple[int, int]]:
    return [(piece.first, piece.first + piece.extent) for piece in table]


def test_a_long_call_is_cut_at_multiples_of_the_threads() -> None:
    tables = list(short_tables([call(37, flops=180_000_000)], threads=2))
    assert [ranges(table) for table in tables] == [[(0, 12)], [(12, 24)], [(24, 37)]]


def test_what_moves_much_memory_is_long_too() -> None:
    assert [ranges(table) for table in short_tables([call(8, bytes=4_000_000)], threads=1)] == [[(0, 4)], [(4, 8)]]


def test_a_call_of_few_parts_is_cut_into_no_more_than_it_has() -> None:
    assert len(list(short_tables([call(3, flops=10**9)], threads=2))) == 2


def test_short_calls_share_a_table_until_it_is_full() -> None:
    calls = [call(4, flops=10_000_000)] * 7
    assert [len(table) for table in short_tables(calls, threads=1)] == [3, 3, 1]


def test_a_chain_is_cut_by_parts_and_never_between_its_calls() -> None:
    chain = [call(10, flops=30_000_000, chained=True), call(10, flops=30_000_000)]
    tables = list(short_tables(chain, threads=1))
    assert [ranges(table) for table in tables] == [[(0, 5)], [(5, 10)]]
    assert all(piece.calls == tuple(chain) for table in tables for piece in table)


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
@pytest.mark.parametrize("extent", [0, 1, 5, 64, 1001])
def test_every_part_is_done_once(extent: int, threads: int) -> None:
    pieces = [piece for table in short_tables([call(extent, flops=900_000_000)], threads) for piece in table]
    parts = [part for piece in pieces for part in range(piece.first, piece.first + piece.extent)]
    assert parts == list(range(extent))


def test_uncut_calls_are_whole() -> None:
    calls = [call(7), call(9, chained=True), call(9)]
    assert list(chains(calls)) == [Piece((calls[0],), 0, 7), Piece(tuple(calls[1:]), 0, 9)]
