"""The benchmark of accuracy trains what has no result yet, and tabulates what has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.accuracy import Result, Results, Run, table

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


def test_a_scheme_is_compared_with_the_sum_seed_by_seed() -> None:
    accuracies = {("sum", 1): 0.90, ("sum", 2): 0.88, ("onebit", 1): 0.91, ("onebit", 2): 0.87, ("onebit", 3): 0.5}
    results = {
        Run("mlp", 2, scheme, seed, 5): Result(accuracy, 3000.0 if scheme == "sum" else 100.0)
        for (scheme, seed), accuracy in accuracies.items()
    }
    *_, plain, onebit = table(results).splitlines()
    assert plain == "| mlp | 2 | `sum` | 89.00 ± 1.41 % |  | 3,000 | 1.0 |"
    assert onebit == "| mlp | 2 | `onebit` | 76.00 ± 22.61 % | +0.00 ± 1.00 | 100 | 30.0 |"
