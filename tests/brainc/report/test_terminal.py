"""The plain report fits a terminal and says what matters."""

from __future__ import annotations

import msgspec
import pytest

from brainc.report.terminal import COLUMNS, STRIP, strip, terminal_report
from tests.brainc.report.plans import lenet_plan


@pytest.mark.parametrize(("data", "model", "stagger"), [(1, 1, 0.0), (2, 2, 0.0), (8, 8, 1e-5), (1, 48, 0.0)])
def test_no_line_is_wider_than_a_hundred_columns(data: int, model: int, stagger: float) -> None:
    written = terminal_report(lenet_plan(data, model, stagger=stagger))
    assert max(map(len, written.splitlines())) <= COLUMNS


def test_gradients_fit_the_line_too() -> None:
    written = terminal_report(lenet_plan(4, 2, scheme="adaptive(density=0.015625)"))
    assert max(map(len, written.splitlines())) <= COLUMNS


def test_the_gradients_stand_with_what_their_scheme_saves() -> None:
    lines = terminal_report(lenet_plan(2, 1, scheme="onebit")).splitlines()
    at = lines.index("GRADIENTS, ranks 0–1")
    assert lines[at + 4].split()[2:] == ["1.53", "MiB", "195", "KiB", "8.00×", "391", "KiB", "3.00", "µs", "84.0", "µs"]
    assert lines[at + 7].startswith("    onebit: logits.dense.weight.gradient, hidden.dense.weight.gradient,")
    assert "  Sends 210 KiB of gradients a step, 8.00× less than sums." in lines


def test_a_plan_without_reductions_says_nothing_of_them() -> None:
    assert "GRADIENTS" not in terminal_report(lenet_plan(2, 1))


def test_long_names_are_cut_to_the_line() -> None:
    plan = lenet_plan(2, 2, name="net" * 60)
    assert max(map(len, terminal_report(plan).splitlines())) <= COLUMNS


def test_ranks_that_are_alike_stand_on_one_line() -> None:
    lines = terminal_report(lenet_plan(2, 2)).splitlines()
    at = lines.index("RANKS")
    assert lines[at + 3].split("  ")[1] == "ranks 0–3"
    assert lines[at + 4] == ""


def test_every_message_is_listed_with_its_bytes() -> None:
    plan = lenet_plan(2, 2)
    written = terminal_report(plan)
    for transfer in plan.programs[0].train.transfers:
        assert transfer.name in written
    assert next(line for line in written.splitlines() if "gather features" in line).split()[2:6] == [
        "all-gather",
        "model",
        "(2)",
        "100",
    ]


def test_the_slices_name_the_ranks_that_hold_them() -> None:
    written = terminal_report(lenet_plan(2, 2))
    assert "[250:500, 0:800]" in written
    assert next(line for line in written.splitlines() if "[250:500, 0:800]" in line).endswith("ranks 1, 3")


def test_the_runner_up_stands_with_its_margin() -> None:
    written = terminal_report(lenet_plan(2, 2))
    assert "runner-up  data 4 × model 1" in written
    assert "25 % longer" in written


def test_names_cannot_command_the_terminal() -> None:
    plan = msgspec.structs.replace(lenet_plan(1, 1), name="net\x1b[2J")
    assert "\x1b" not in terminal_report(plan)


def test_a_strip_shows_when_a_track_is_busy() -> None:
    half = strip([("a", 0.0, 1.0)], 2.0)
    assert half == "█" * (STRIP // 2) + "·" * (STRIP // 2)
    assert strip([("a", 0.0, 0.001)], 2.0)[0] == "▌"
