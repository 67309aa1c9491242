"""`@ranks(4)`: the body of a test runs on four ranks, and every rank's traceback is reported."""

from __future__ import annotations

import functools
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from brainrun.errors import RunError
from brainrun.launch import find_launcher, launcher_flags

ROOT = Path(__file__).parents[2]
_IN_RANK = "BRAINC_TEST_OUTCOMES"


def launcher() -> list[str]:
    """MPI's launcher with its flags; the test is skipped where there is none."""
    try:
        found = find_launcher()
    except RunError as error:
        pytest.skip(str(error))
    return [str(found), *launcher_flags(found)]


def ranks(count: int, *, seconds: float = 60) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Run the test on so many ranks; it fails with each failed rank's traceback, or when the time is up."""

    def decorate(body: Callable[[], None]) -> Callable[[], None]:
        @functools.wraps(body)
        def test() -> None:
            if _IN_RANK in os.environ:
                body()
            else:
                _launch(body, count, seconds)

        return test

    return decorate


def _launch(body: Callable[[], None], count: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as outcomes:
        command = [*launcher(), "-n", str(count), sys.executable, "-m", "tests.mpi.harness"]
        process = subprocess.Popen(
            [*command, body.__module__, body.__name__],
            cwd=ROOT,
            env={**os.environ, _IN_RANK: outcomes},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            said += f"\n(not done after {seconds} s)"
        failures = [
            f"rank {path.stem}:\n{path.read_text()}" for path in sorted(Path(outcomes).iterdir()) if path.read_text()
        ]
        missing = count - len(list(Path(outcomes).iterdir()))
    if failures or missing or process.returncode:
        lost = f"{missing} of {count} ranks did not end\n" if missing else ""
        pytest.fail("\n".join([*failures, lost, said]), pytrace=False)


def _main() -> None:
    """What each rank does: the test named on the command line."""
    from mpi4py import MPI  # here, because pytest imports this file too, and must not initialise MPI

    outcome = Path(os.environ[_IN_RANK]) / str(MPI.COMM_WORLD.Get_rank())
    try:
        getattr(importlib.import_module(sys.argv[1]), sys.argv[2])()
    except BaseException:  # whatever ends a rank ends the others, and is told
        outcome.write_text(traceback.format_exc())
        MPI.COMM_WORLD.Abort(1)
    outcome.write_text("")


if __name__ == "__main__":
    _main()
