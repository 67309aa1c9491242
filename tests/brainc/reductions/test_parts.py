"""Large gradients are cut into pieces that threads can share, and that takes no more memory than one piece would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from brainc.ir.scheme import Scheme
from brainc.ir.sharded import slices
from brainc.reductions.parts import MOST_PIECES, PIECE_ENTRIES, expected_payloads, matrix_of, part_of, pieces_of
from brainc.reductions.table import METHODS
from brainrun.plan.messages import piece_of
from brainrun.plan.schema import Matrix, Panels, Slice

GOLOMB = Scheme("golomb", (1 / 1000,))


@given(start=st.integers(0, 50), length=st.integers(0, 2000), pieces=st.integers(1, 20))
def test_pieces_tile_what_a_member_owns_and_differ_by_at_most_one(start: int, length: int, pieces: int) -> None:
    owned = Slice(start, start + length)
    cut = [piece_of(owned, piece, pieces) for piece in range(pieces)]
    assert [column for each in cut for column in range(each.start, each.stop)] == list(range(start, start + length))
    widths = [each.stop - each.start for each in cut]
    assert max(widths) - min(widths) <= 1


@given(rows=st.integers(1, 1 << 22), columns=st.integers(1, 10_000), members=st.integers(1, 9))
def test_no_piece_is_without_columns_where_members_have_some(rows: int, columns: int, members: int) -> None:
    pieces = pieces_of(Matrix(rows, columns, rows, 16), members)
    assert 1 <= pieces <= MOST_PIECES
    least = min(own.stop - own.start for own in slices(columns, members))
    assert pieces <= max(1, least)


@pytest.mark.parametrize(
    ("shape", "members", "pieces"), [((1024, 1024), 2, 1), ((2048, 1024), 2, 2), ((8192, 8192), 2, 16), ((8, 8), 2, 1)]
)
def test_a_piece_has_about_half_a_million_entries(shape: tuple[int, int], members: int, pieces: int) -> None:
    assert PIECE_ENTRIES == 1 << 19
    assert pieces_of(matrix_of(Panels(*shape), by_column=True), members) == pieces


@pytest.mark.parametrize("name", METHODS)
def test_pieces_take_no_more_memory_together_than_the_whole(name: str) -> None:
    method, storage = METHODS[name], Panels(8192, 8192)
    scheme = Scheme(name, {"threshold": (0.01,), "adaptive": (1 / 64,), "golomb": (1 / 1000,)}.get(name, ()))
    part = part_of("g", "e", "", storage, scheme, 2, "layer")
    owned = replace(part.matrix, columns=part.matrix.columns // 2)
    whole = max(method.scratch(owned, numbers) for numbers in (scheme.numbers, *part.warmup))
    bound = max(method.bound(part.matrix, owned.columns, numbers) for numbers in (scheme.numbers, *part.warmup))
    # onebit keeps one tile for each piece.
    assert part.pieces * part.scratch <= 1.1 * whole + (2 << 24)
    assert part.pieces * part.bounds[0] <= 1.01 * bound


def test_what_is_expected_is_that_of_all_pieces() -> None:
    matrix = matrix_of(Panels(4096, 4096), by_column=True)
    alone = METHODS["golomb"].expected(matrix, 4096, GOLOMB.numbers)
    assert pieces_of(matrix, 2) == 16
    assert expected_payloads(matrix, 2, GOLOMB) == pytest.approx(alone, rel=0.02)
    assert expected_payloads(matrix, 2, GOLOMB) == pytest.approx(
        32 * METHODS["golomb"].expected(matrix, 128, GOLOMB.numbers)
    )
