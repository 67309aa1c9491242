"""However a run ends early, all of its ranks end, it is told, and what it leaves in its folder is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.mpi.harness import launcher

from .running import DIGITS, command, run

SECONDS = 10


@contextmanager
def training(folder: Path, under: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """The digits on four ranks, in training for longer than the test."""
    launcher()
    plan = folder / "digits.plan"
    assert run("brainc", "compile", DIGITS, "-o", plan, folder=folder).returncode == 0
    words = (plan, "--data-dir", DIGITS.parent, "--run-dir", "out", "--epochs", 10_000_000)
    process = subprocess.Popen(
        [*under, *command("brainrun", *words)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("epoch 1 ")
        yield process
    finally:
        process.kill()
        process.communicate()


def ranks_of(folder: Path) -> list[int]:
    """The processes that train this folder's plan under a launcher."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            environment = (entry / "environ").read_bytes() if words else b""
        except OSError:
            continue
        started = any(name in environment for name in (b"\0PMI_RANK=", b"\0PMIX_RANK="))
        if started and b"brainrun.cli" in words and str(folder / "digits.plan").encode() in words:
            found.append(int(entry.name))
    return sorted(found)


def assert_all_end(folder: Path) -> None:
    """No rank is left, and the run's folder holds whole lines of metrics and nothing else."""
    until = time.monotonic() + SECONDS
    while ranks_of(folder) and time.monotonic() < until:
        time.sleep(0.05)
    assert ranks_of(folder) == []
    assert [path.name for path in (folder / "out").iterdir()] == ["metrics.jsonl"]
    assert all(json.loads(line) for line in (folder / "out" / "metrics.jsonl").read_text().splitlines())


def test_a_killed_rank_of_a_mesh_is_named(tmp_path: Path) -> None:
    with training(tmp_path) as process:
        ranks = ranks_of(tmp_path)
        assert len(ranks) == 4
        os.kill(ranks[2], signal.SIGKILL)
        _, complaint = process.communicate(timeout=SECONDS)
        assert process.returncode != 0
        assert complaint.startswith("brainrun: rank ")
        assert f"(pid {ranks[2]}) was ended by signal 9 (SIGKILL), so the run ended" in complaint
        assert len(complaint.splitlines()) == 1
        assert_all_end(tmp_path)


def test_a_killed_rank_ends_a_run_under_mpiexec(tmp_path: Path) -> None:
    with training(tmp_path, [*launcher(), "-n", "4"]) as process:
        ranks = ranks_of(tmp_path)
        assert len(ranks) == 4
        os.kill(ranks[2], signal.SIGKILL)
        said, complaint = process.communicate(timeout=SECONDS)
        assert process.returncode != 0
        assert "signal 9" in said + complaint  # the launcher's words: nobody else is left to speak
        assert "Traceback" not in complaint
        assert_all_end(tmp_path)


def test_an_interrupted_run_of_a_mesh_leaves_nothing_half_written(tmp_path: Path) -> None:
    with training(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=SECONDS)
        assert (process.returncode, complaint) == (130, "brainrun: interrupted\n")
        assert_all_end(tmp_path)
