"""The account in a terminal: as a reader sees it, within a hundred columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from brainc.report.cores.facts import Activity, CoreFact, CoreReport, Cost, Totals
from brainc.report.cores.terminal import core_terminal_report
from brainc.report.terminal import COLUMNS
from brainrun.plan.cores import CoreLayer
from tests.conftest import Golden

from .conftest import Small

GOLDEN = Path(__file__).parent / "account.txt"


def made_up() -> CoreReport:
    """Two layers on three cores, with round numbers."""
    layers = (
        CoreLayer("features.conv1.spike", ("seen",), (8, 10, 10), 27, 1, 1, 0, False),
        CoreLayer("votes.spike", ("features.conv1.spike",), (40, 1, 1), 100, 1, 0, 2, False),
    )
    parts = (Totals(1, 1, 130, 456, 1200, 60_000), Totals(1, 0, 200, 40, 2000, 8000))
    cores = (
        CoreFact(0, 0, 0, False, 100, 200, 1000, ((1, 100), (2, 100)), 0),
        CoreFact(1, 0, 1, False, 200, 40, 2000, (), 40),
        CoreFact(0, 1, 0, True, 30, 256, 200, ((1, 256),), 0),
    )
    return CoreReport(
        name="small",
        layers=tuple(zip(layers, parts, strict=True)),
        cores=cores,
        totals=Totals(2, 1, 330, 496, 3200, 68_000),
        chips=(1, 1),
        latency_ticks=3,
        period_ticks=1,
        hops_in_order=1000.0,
        hops=400.0,
        idle_joules=25.5e-9,
        multiply_adds=25_600,
        float_costs=(Cost("arithmetic alone", 118e-9, "a source"),),
        activity=Activity("test", 1000, 0.925, 1.002, 150.0, 6000.0, 320.0, 900.0),
        event_joules=78e-9,
    )


def test_an_account_reads_well(golden: Golden) -> None:
    golden.check(GOLDEN, core_terminal_report(made_up()) + "\n")


@pytest.mark.parametrize("with_run", [False, True])
def test_no_line_is_wider_than_a_hundred_columns(small: Small, with_run: bool) -> None:
    written = core_terminal_report(small.report(with_run=with_run))
    assert max(map(len, written.splitlines())) <= COLUMNS


def test_long_names_are_cut_to_the_line() -> None:
    report = made_up()
    (layer, part), *rest = report.layers
    longer = type(layer)("block." * 60, layer.inputs, layer.shape, layer.fan_in, layer.cores, layer.splitters, 0, True)
    written = core_terminal_report(replace(report, name="net" * 60, layers=((longer, part), *rest)))
    assert max(map(len, written.splitlines())) <= COLUMNS


def test_names_cannot_command_the_terminal() -> None:
    assert "\x1b" not in core_terminal_report(replace(made_up(), name="net\x1b[2J"))


def test_without_a_run_it_says_how_to_make_one() -> None:
    report = replace(made_up(), activity=None, event_joules=0.0)
    lines = core_terminal_report(report).splitlines()
    assert not any(line.startswith("A RUN") for line in lines)
    assert (
        lines[-1]
        == "  Synaptic events are those of a run: brainrun --mode eval PLAN --run-dir DIR, and here --run DIR."
    )


def test_cores_that_stand_no_better_are_not_praised() -> None:
    assert "fewer" not in core_terminal_report(replace(made_up(), hops=1000.0))
    assert "2.50× fewer" in core_terminal_report(made_up())


def test_a_network_of_one_core_has_no_steps() -> None:
    assert "fewer" not in core_terminal_report(replace(made_up(), hops=0.0, hops_in_order=0.0))
