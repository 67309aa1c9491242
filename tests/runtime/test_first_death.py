"""Of many ranks that end at nearly one time, the one that ended before the others is told."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brainrun.first_death import FirstDeath, hold_pipe

RANK = "import sys, pathlib, brainrun.first_death as d; d.hold_pipe(pathlib.Path(sys.argv[1]), int(sys.argv[2]));"
LIVES = "print('held', flush=True); sys.stdin.read()"


def rank(folder: Path, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RANK + LIVES, str(folder), str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("victim", range(4))
def test_the_first_of_many_is_told(tmp_path: Path, victim: int) -> None:
    with FirstDeath(tmp_path, 4) as deaths, ThreadPoolExecutor() as threads:
        launcher = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        told = threads.submit(deaths.wait, launcher.pid)
        ranks = [rank(tmp_path, number) for number in range(4)]
        for process in ranks:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
        for process in [ranks[victim], *ranks]:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        launcher.communicate()
        assert told.result() == (victim, ranks[victim].pid)


def test_where_no_rank_was_seen_none_is_told(tmp_path: Path) -> None:
    with FirstDeath(tmp_path, 2) as deaths, subprocess.Popen(["true"]) as launcher:
        assert deaths.wait(launcher.pid) is None


def test_a_rank_of_another_node_finds_no_pipe(tmp_path: Path) -> None:
    hold_pipe(tmp_path / "elsewhere", 0)
