"""`brainrun` on several ranks, from the command line: the same numbers on every mesh, and every way to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from brainrun.plan.store import read_plan
from tests.mpi.harness import ROOT, launcher
from tests.runtime.small_data import COUNT, reference, write_small


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINC_CACHE", str(tmp_path_factory.mktemp("cache")))
        launcher()
        yield


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "brainrun.cli", *map(str, arguments)]


def brainrun(folder: Path, *arguments: object, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)


def trained(folder: Path, plan: Path, *arguments: object) -> dict[str, Any]:
    ended = brainrun(folder, plan, "--run-dir", "out", "--json", "report.json", "--quiet", *arguments)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", "")
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


@pytest.mark.parametrize(("data", "model"), [(2, 1), (1, 2), (3, 1), (2, 2)])
def test_every_mesh_trains_evaluates_and_predicts_the_same(data: int, model: int, tmp_path: Path) -> None:
    plan = write_small(tmp_path, data=data, model=model)
    report = trained(tmp_path, plan)
    expected = reference(read_plan(plan)[0], plan)
    np.testing.assert_allclose(report["loss_by_step"], expected.losses, rtol=1e-5)
    weights = load_file(tmp_path / "out" / "weights.safetensors")
    np.testing.assert_allclose(weights["line.weight"], expected.weight, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(weights["line.bias"], expected.bias, rtol=1e-4, atol=1e-6)
    assert report["epochs"][1]["test"]["objective"] == pytest.approx(expected.test, rel=1e-5)
    assert len(report["bytes_sent"]) == data * model
    trained(tmp_path, plan, "--mode", "predict", "--from", "out/weights.safetensors")
    x = np.load(plan / "predict-x.npy")
    predicted = np.load(tmp_path / "out" / "y.npy")
    assert len(predicted) == COUNT["predict"]
    np.testing.assert_allclose(predicted, x @ weights["line.weight"].T + weights["line.bias"], rtol=1e-5, atol=1e-5)


def test_the_same_run_gives_the_same_bits(tmp_path: Path) -> None:
    plan = write_small(tmp_path, data=3)
    assert trained(tmp_path, plan)["parameters_sha256"] == trained(tmp_path, plan)["parameters_sha256"]


def test_a_run_under_the_user_s_own_launcher(tmp_path: Path) -> None:
    plan = write_small(tmp_path, data=2)
    ended = subprocess.run(
        [*launcher(), "-n", "2", *command(plan, "--run-dir", "out")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    words = [line.split()[0] for line in ended.stdout.splitlines()]
    assert [words[0], words[1], words[3]] == ["epoch", "epoch", "weights"]


def test_a_data_error_is_told_once_and_has_status_1(tmp_path: Path) -> None:
    plan = write_small(tmp_path, data=3)
    (plan / "train-t.npy").unlink()
    ended = brainrun(tmp_path, plan)
    assert ended.returncode == 1
    assert [line for line in ended.stderr.splitlines() if line] == [ended.stderr.strip()]
    assert "train-t.npy" in ended.stderr


def test_a_plan_for_another_number_of_ranks_is_refused(tmp_path: Path) -> None:
    plan = write_small(tmp_path, data=3)
    ended = subprocess.run(
        [*launcher(), "-n", "2", *command(plan)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "is for 3 ranks (data 3 × model 1), but 2 were started" in ended.stderr


def endless(tmp_path: Path, data: int) -> subprocess.Popen[str]:
    """A run that trains until it is ended, once it does."""
    plan = write_small(tmp_path, data=data)
    process = subprocess.Popen(
        command(plan, "--run-dir", "out", "--epochs", 10_000_000),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch 1 ")
    return process


def rank_processes(process: subprocess.Popen[str], tmp_path: Path) -> list[int]:
    """The ranks of a run: they know the folder and were told where their pipes are."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            inside = str(tmp_path).encode() in b" ".join(words) and b"--pipes" in words
            if inside and words[0].endswith((b"python", b"python3", b"python3.11")) and int(entry.name) != process.pid:
                found.append(int(entry.name))
    return sorted(found)


def test_a_killed_rank_is_named_and_ends_the_run(tmp_path: Path) -> None:
    process = endless(tmp_path, 3)
    ranks = rank_processes(process, tmp_path)
    assert len(ranks) == 3
    began = time.perf_counter()
    os.kill(ranks[1], signal.SIGKILL)
    _, complaint = process.communicate(timeout=10)
    assert time.perf_counter() - began < 10
    assert process.returncode != 0
    lines = complaint.strip().splitlines()
    assert len(lines) == 1, complaint
    assert f"(pid {ranks[1]}) was ended by signal 9 (SIGKILL), so the run ended" in lines[0]
    assert lines[0].startswith("brainrun: rank ")
    assert rank_processes(process, tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_ranks(tmp_path: Path, number: signal.Signals) -> None:
    process = endless(tmp_path, 2)
    process.send_signal(number)
    _, complaint = process.communicate(timeout=10)
    assert (process.returncode, complaint) == (130, "brainrun: interrupted\n")
    assert rank_processes(process, tmp_path) == []


def test_ranks_do_not_outlive_a_killed_brainrun(tmp_path: Path) -> None:
    process = endless(tmp_path, 2)
    process.kill()
    process.communicate(timeout=10)
    until = time.perf_counter() + 10
    while rank_processes(process, tmp_path) and time.perf_counter() < until:
        time.sleep(0.05)
    assert rank_processes(process, tmp_path) == []


def test_an_exception_on_one_rank_ends_all_and_is_told_once(tmp_path: Path) -> None:
    plan = write_small(tmp_path, data=3)
    program = f"""
import sys
from brainrun import train
from brainrun.cli import main
from brainrun.mpi_world import MpiWorld

note, gather = train._note, MpiWorld.__init__
ranks = []
def begin(self, mpi):
    gather(self, mpi)
    ranks.append(self.rank)
def noted(*arguments):
    note(*arguments)
    if ranks == [1] and len(arguments[2].loss_by_step) == 4:
        raise ValueError("a defect")
MpiWorld.__init__, train._note = begin, noted
sys.exit(main([{str(plan)!r}, "--run-dir", "out", "--epochs", "100000"]))
"""
    ended = subprocess.run(
        [*launcher(), "-n", "3", sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode != 0
    assert ended.stderr.count("ValueError: a defect") == 1
