"""`brainrun` given a `.brain` file: compiled for the ranks that there are, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from brainrun.launch import find_launcher, launcher_flags

from .command import printed, run

NETWORK = """network auto {
    input x: f32[4]
    input label: class[2]
    scores = x | dense(6) | relu | dense(2)
    loss objective = cross_entropy(scores, label)
}
data train {
    source = synthetic(count=64)
}
train {
    batch = 16
    steps = 3
}
parallel {
    data = auto
    model = auto
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "auto.brain").write_text(NETWORK)
    return tmp_path


def ranks_of(report: Path) -> int:
    mesh = json.loads(report.read_text())["mesh"]
    return int(mesh["data"] * mesh["model"])


def test_auto_is_laid_out_for_the_ranks_asked_for(folder: Path) -> None:
    printed("brainrun", "-n", "3", "auto.brain", "--json", "report.json", folder=folder)
    assert ranks_of(folder / "report.json") == 3


def test_auto_is_laid_out_for_the_ranks_that_a_launcher_started(folder: Path) -> None:
    launcher = find_launcher()
    command = [str(launcher), *launcher_flags(launcher), "-n", "3", sys.executable, "-m", "brainrun.cli", "auto.brain"]
    subprocess.run([*command, "--json", "report.json"], cwd=folder, check=True, timeout=120, capture_output=True)
    assert ranks_of(folder / "report.json") == 3


def test_a_mesh_of_other_ranks_is_refused_in_the_file_s_terms(folder: Path) -> None:
    (folder / "fixed.brain").write_text(NETWORK.replace("= auto", "= 2"))
    done = run("brainrun", "-n", "3", "fixed.brain", folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "fixed.brain:14:1: error: data 2 × model 2 cannot be 3 ranks, as was asked" in done.stderr


def test_evaluating_without_weights_says_that_they_are_untrained(folder: Path) -> None:
    said = printed("brainrun", "-n", "1", "auto.brain", "--mode", "eval", folder=folder)
    assert said.splitlines()[0] == "without --from, these are weights that nothing has trained"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_temporary_files(folder: Path, number: signal.Signals) -> None:
    temporary = folder / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "brainrun.cli", "-n", "1", "auto.brain", "--epochs", "1000000"],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch 1 ")
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "brainrun: interrupted\n")
    assert not list(temporary.iterdir())
