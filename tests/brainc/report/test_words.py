"""Quantities and groups of ranks read as a person would write them."""

from __future__ import annotations

import pytest

from brainc.report.words import bytes_text, flops_text, printable, ranks_text, seconds_text, shape_text, share_text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1000, "1,000 B"), (1024, "1.00 KiB"), (1_600_000, "1.53 MiB"), (1023 * 1024, "1,023 KiB")],
)
def test_bytes_are_written_in_binary_units(count: int, text: str) -> None:
    assert bytes_text(count) == text


@pytest.mark.parametrize(("count", "text"), [(60, "60.0 FLOP"), (7680, "7.68 kFLOP"), (999_999_999, "1.00 GFLOP")])
def test_operations_are_written_in_decimal_units(count: int, text: str) -> None:
    assert flops_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 ns"), (4e-9, "4.00 ns"), (5.64e-6, "5.64 µs"), (0.0112, "11.2 ms"), (0.9999, "1.00 s"), (150.0, "150 s")],
)
def test_times_are_written_in_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (1e-7, "0 %"), (0.034, "3.4 %"), (0.25, "25 %"), (1.0, "100 %")]
)
def test_shares_are_written_in_per_cent(share: float, text: str) -> None:
    assert share_text(share) == text


@pytest.mark.parametrize(
    ("ranks", "text"),
    [
        ((3,), "rank 3"),
        ((0, 1, 2, 3), "ranks 0–3"),
        ((0, 2), "ranks 0, 2"),
        ((0, 2, 4, 6), "ranks 0, 2 … 6"),
        ((0, 1, 2, 3, 8, 9, 10, 11), "ranks 0–3, 8–11"),
        ((0, 1, 4, 5, 8, 9, 12, 13), "ranks 0–1, 4–5 … 12–13"),
        ((0, 2, 4, 6, 20, 21), "ranks 0, 2 … 6, 20–21"),
        ((0, 1, 5), "ranks 0–1, 5"),
        ((0, 7, 9), "ranks 0, 7, 9"),
    ],
)
def test_runs_and_strides_of_ranks_are_drawn_together(ranks: tuple[int, ...], text: str) -> None:
    assert ranks_text(ranks) == text


def test_a_shape_is_written_with_crosses_and_a_number_as_scalar() -> None:
    assert (shape_text((20, 24, 24)), shape_text(())) == ("20×24×24", "scalar")


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    assert printable("net\x1b[31m\n") == "net�[31m�"
