"""`brainrun model.json` on several ranks gives the files that one rank gives, byte for byte, and tells faults once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainrun.truenorth.graph import CoreGraph, Neuron, Reset
from tests.mpi.harness import launcher
from tests.runtime.truenorth.graphs import random_core
from tests.runtime.truenorth.ibm_files import model_text, spikes_text, write

CORES, TICKS = 5, 40
KINDS = (
    Neuron((3, -2, 5, 1), 9, floor=20, leak=1, saturates_at_floor=True),
    Neuron((3, -2, 5, 1), 9, floor=20, leak=1, threshold_bits=4),
    Neuron((30, -20, 9, 255), 60, floor=90, leak=-3, reset=Reset.LINEAR, leak_reversal=True),
    Neuron((200, -100, 50, 9), 6, stochastic_weights=(True, True, False, True), stochastic_leak=True, leak=90),
)
FILES = ("out.csv", "all.csv", "v.csv")


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINC_CACHE", str(tmp_path_factory.mktemp("cache")))
        launcher()
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of five cores that excite one another, and what comes in."""
    folder = tmp_path_factory.mktemp("cores")
    numbers = np.random.default_rng(4)
    cores = tuple(random_core(numbers, CORES, len(KINDS), 0.1, x) for x in range(CORES))
    write(folder / "m.json", model_text(CoreGraph(KINDS, cores)))
    arrivals = numbers.integers(0, [TICKS, CORES, 256], (400, 3))
    write(folder / "in.sfti", spikes_text(sorted({tuple(row) for row in arrivals.tolist()})))
    return folder


def brainrun(folder: Path, *arguments: object, ranks: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    command = [*ranks, sys.executable, "-m", "brainrun.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def run(folder: Path, *arguments: object, ranks: Sequence[str] = ()) -> tuple[list[str], dict[str, Any]]:
    """The files that a run leaves, and what it counted."""
    for name in (*FILES, "facts.json"):
        (folder / name).unlink(missing_ok=True)
    asked = ["m.json", "--spikes", "in.sfti", "--ticks", TICKS, "--seed", 7, "--output", "out.csv"]
    asked += ["--raster", "all.csv", "--trace", "0:3,4:250-255,2:0", "--trace-output", "v.csv"]
    ended = brainrun(folder, *asked, "--json", "facts.json", *arguments, ranks=ranks)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == 4
    facts = json.loads((folder / "facts.json").read_text())
    assert facts.pop("seconds") > 0
    return [(folder / name).read_text() for name in FILES], facts


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_write_what_one_rank_writes(folder: Path, ranks: int) -> None:
    expected = run(folder)
    assert expected[1]["spikes"] > 500
    assert run(folder, "-n", ranks) == expected


def test_a_launcher_may_start_the_ranks(folder: Path) -> None:
    expected = run(folder, "--threads", 1)
    assert run(folder, "--threads", 1, ranks=[*launcher(), "-n", "2"]) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-n", 6], "m.json: has 5 cores, too few for 6 ranks: start at most 5"),
        (["-n", 2, "--spikes", "none.sfti"], "none.sfti: cannot be read (No such file or directory)"),
        (["-n", 2, "--output", "none/o.csv"], "[rank 0] none/o.csv: cannot be written: No such file or directory"),
        (["-n", 2, "--raster", "none/o.csv"], "[rank 0] none/o.csv: cannot be written: No such file or directory"),
    ],
)
def test_a_fault_is_told_once_and_has_status_1(folder: Path, arguments: list[object], said: str) -> None:
    ended = brainrun(folder, "m.json", "--quiet", "--ticks", 5, *arguments)
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (1, "", f"brainrun: {said}")
