"""The comparison of accuracies trains what it has no result of, and sets each scheme beside `sum`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import accuracy
from benchmarks.accuracy import Result, Results, Run, main, table


def test_a_scheme_is_compared_with_the_sums_of_the_same_seeds(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.json")
    for seed, plain, small in ((1, 0.90, 0.91), (2, 0.92, 0.92), (3, 0.94, 0.93)):
        results.add(Run("mlp", 2, "sum", seed, 8), Result(plain, 1000.0))
        results.add(Run("mlp", 2, "onebit", seed, 8), Result(small, 40.0))
    results.add(Run("mlp", 4, "onebit", 1, 8), Result(0.5, 60.0))
    rows = table(Results(results.path).of_run).splitlines()[2:]
    assert rows == [
        "| mlp | 2 | `sum` | 3 | 92.00 ± 2.00 % |  | 1,000 | 1.0 |",
        "| mlp | 2 | `onebit` | 3 | 92.00 ± 1.00 % | +0.00 ± 0.58 | 40 | 25.0 |",
        "| mlp | 4 | `onebit` | 1 | 50.00 % |  | 60 |  |",
    ]


def test_other_settings_are_other_runs(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.json")
    results.add(Run("mlp", 2, "sum", 1, 8), Result(0.9, 1000.0))
    results.add(Run("mlp", 2, "onebit", 1, 8, "momentum=0.9"), Result(0.8, 40.0))
    assert table(results.of_run).splitlines()[3] == "| mlp | 2 | `onebit` | 1 | 80.00 % |  | 40 |  |"


def test_it_trains_prints_and_does_not_train_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- accuracy: begin -->\nold\n<!-- accuracy: end -->\nafter\n")
    arguments = ["--networks", "digits", "--epochs", "1", "--replicas", "2", "--seeds", "1", "--schemes", "sum"]
    arguments += ["--results", str(tmp_path / "results.json"), "--write", str(page)]
    monkeypatch.setattr(sys, "argv", ["accuracy.py", *arguments])
    assert main() == 0
    printed = capsys.readouterr().out
    assert "| digits | 2 | `sum` | 1 | " in printed
    assert printed in page.read_text()
    assert "old" not in page.read_text()

    def never(*_: object) -> Result:
        raise AssertionError("trained again")

    monkeypatch.setattr(accuracy, "trained", never)
    assert main() == 0
    assert capsys.readouterr().out == printed
