"""`brainrun net.brain`: the file is compiled first, by a process of its own, and then runs as its plan would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mpi.harness import ROOT, launcher

NETWORK = """network tiny {
    input x: f32[6]
    input label: class[3]

    logits = x | dense(8) | relu | dense(3)

    loss   objective = cross_entropy(logits, label)
    metric accuracy  = top1(logits, label)
}

data train {
    source = synthetic(count=100, seed=1)
    x      = x
    label  = label
}

train {
    batch     = 32
    epochs    = 2
    optimizer = sgd(rate=0.1)
    seed      = 3
}

parallel {
    data  = DATA
    model = 1
}
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.brain"
    path.write_text(NETWORK.replace("DATA", "1"))
    return path


def brainrun(folder: Path, *arguments: object, under: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*under, sys.executable, "-m", "brainrun.cli", *map(str, arguments), "--run-dir", "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def losses(folder: Path) -> list[float]:
    found: list[float] = json.loads((folder / "report.json").read_text())["loss_by_step"]
    return found


def test_a_brain_file_runs_alone_and_on_two_ranks_alike(network: Path, tmp_path: Path) -> None:
    launcher()
    alone = brainrun(tmp_path, "./tiny.brain", "--json", "report.json", "--quiet")
    assert (alone.returncode, alone.stderr) == (0, "")
    expected = losses(tmp_path)
    network.write_text(NETWORK.replace("DATA", "2"))
    for ended in (
        brainrun(tmp_path, "-n", "2", "tiny.brain", "--json", "report.json", "--quiet"),
        brainrun(tmp_path, "tiny.brain", "--json", "report.json", "--quiet", under=(*launcher(), "-n", "2")),
    ):
        assert (ended.returncode, ended.stderr) == (0, "")
        assert losses(tmp_path) == pytest.approx(expected, rel=1e-5)


def test_the_compiler_s_own_message_is_what_is_seen(network: Path, tmp_path: Path) -> None:
    network.write_text(NETWORK.replace("relu", "rellu"))
    ended = brainrun(tmp_path, network)
    assert ended.returncode == 1
    assert "rellu" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_another_number_of_ranks_than_the_file_s_is_refused_by_the_file_s_name(network: Path, tmp_path: Path) -> None:
    ended = brainrun(tmp_path, "-n", "3", network)
    assert ended.returncode == 1
    assert str(network) in ended.stderr
    assert "data 1 × model 1 cannot be 3 ranks" in ended.stderr
