"""The simulator's benchmark counts what its networks do, keeps what it measured, and writes it into a page."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import truenorth
from benchmarks.truenorth import Case, kept, main, measured, network
from brainrun.truenorth.rules import broken_rules

SMALL = (Case(8, 20.0, 0, 1), Case(8, 20.0, 0, 2), Case(8, 0.0, 0, 1))


@pytest.mark.parametrize("bits", [0, truenorth.RANDOM_BITS])
def test_networks_break_no_rule(bits: int) -> None:
    assert list(broken_rules(network(3, 20.0, bits))) == []


def test_a_network_fires_about_as_often_as_asked_and_reaches_128_neurons_a_spike() -> None:
    (_, result), *_ = measured([Case(16, 50.0, 0, 1)], rounds=2, seconds=0.2)
    assert result.rate == pytest.approx(50, rel=0.2)
    assert result.events / (result.rate / 1000) == pytest.approx(128, rel=0.05)


def test_the_rates_are_drawn_from_what_was_kept(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="curves need the optional extra `plots`")
    results = {
        case: truenorth.Result(2000.0 / (1 + case.rate), 1.0, case.rate, 1.0, 0.1) for case in truenorth.SWEEPS["rates"]
    }
    for name in ("one.svg", "two.svg"):
        truenorth.plot(tmp_path / name, results)
    drawn = (tmp_path / "one.svg").read_text()
    assert drawn == (tmp_path / "two.svg").read_text()
    assert "mean rate of the neurons, Hz" in drawn
    assert "the chip itself" in drawn


def test_without_matplotlib_the_command_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match=r"pip install 'brainc\[plots\]'"):
        truenorth.plot(tmp_path / "no.svg", {})


def test_what_is_measured_is_kept_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(truenorth, "SWEEPS", {"chip": SMALL})
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text("before\n<!-- speed of chip: begin -->\nold\n<!-- speed of chip: end -->\nafter\n")
    asked = ["--sweeps", "chip", "--rounds", "1", "--seconds", "0.01", "--results", str(results)]
    assert main(asked) == 0
    assert capsys.readouterr().err.count("ticks/s") == len(SMALL)
    assert tuple(kept(results)) == SMALL
    assert main([*asked, "--write", str(page)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    head, *lines, tail = page.read_text().splitlines()
    assert (head, tail) == ("before", "after")
    assert "\n".join(lines[1:-1]) in out
    assert [line.split(" | ")[3] for line in lines[3:-1]][2] == "0.0 Hz"
