"""The benchmark of accuracy trains what has no result yet, and keeps what it found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.accuracy import Result, Results, Run

from .command import ROOT


def test_a_network_with_a_result_is_not_trained_again(tmp_path: Path) -> None:
    asked = ["--networks", "digits", "--replicas", "2", "--seeds", "1", "--epochs", "1", "--schemes", "sum"]

    def lines() -> list[str]:
        command = [sys.executable, str(ROOT / "benchmarks" / "accuracy.py"), *asked]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return [*done.stdout.splitlines(), *done.stderr.splitlines()]

    *rows, said = lines()
    assert [row.split(" | ")[2] for row in rows[2:]] == ["`sum`"]
    assert said.startswith("1/1 digits × 2, sum, seed 1: ")
    assert lines() == rows


def test_results_are_read_as_they_were_kept(tmp_path: Path) -> None:
    run, result = Run("mlp", 2, "onebit", 1, 5), Result(0.875, 1234.5)
    Results(tmp_path / "kept.json").add(run, result)
    assert Results(tmp_path / "kept.json").of_run == {run: result}
