"""How do several ranks come to run? MPI's launcher is found and started, and what it says is put in plain words."""

from __future__ import annotations

import codecs
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn, TextIO

from brainrun.errors import RunError
from brainrun.first_death import FirstDeath

_SECONDS_TO_END = 5
_INTERRUPTED = 130

# What MPI's launchers print about a rank that ended badly; we say it in one line of our own.
_HYDRA_PID = re.compile(r"PID (\d+) RUNNING AT")
_HYDRA_CODE = re.compile(r"EXIT CODE: (\d+)")
_OPEN_MPI = re.compile(r"process rank (\d+) with PID (\d+) on node \S+ exited on\s+signal (\d+)")
_CHATTER = re.compile(
    r"={20,}|-{60,}|=   |\*{20,}|YOUR APPLICATION TERMINATED|This typically refers|Please see the FAQ"
    r"|Abort\(\d+\) on node|application called MPI_Abort|MPI_ABORT was invoked|with errorcode|\[(mpiexec|proxy)"
    r"|NOTE: invoking MPI_ABORT|You may or may not see|exactly when Open MPI kills|Primary job  terminated"
    r"|a non-zero exit code|prterun|mpirun (noticed|has exited|detected)"
    r"|\s*(Process name|Proc|Exit code|Errorcode): "
    r"|exited on|signal \d+ \([A-Z][a-z ]+\)\.$|thus causing the job to be terminated|\[warn\] Epoll "
)


def find_launcher() -> Path:
    """MPI's launcher: this environment's own, or else the first on the path. RunError where there is none."""
    beside = Path(sys.executable).with_name("mpiexec")
    if beside.is_file():
        return beside
    found = shutil.which("mpiexec") or shutil.which("mpirun")
    if found is None:
        raise RunError(
            "several ranks need MPI's launcher, and there is no mpiexec",
            remedy="pip install 'brainc[mpi]', or load your site's MPI module",
        )
    return Path(found)


def launch(ranks: int, arguments: Sequence[str]) -> int:
    """Run `brainrun ARGUMENTS` on so many ranks; the exit status. A rank that died is named on standard error."""
    launcher = find_launcher()
    with tempfile.TemporaryDirectory(prefix="brainrun-") as folder, FirstDeath(Path(folder), ranks) as deaths:
        command = [str(launcher), *launcher_flags(launcher), "-n", str(ranks)]
        command += [sys.executable, "-m", "brainrun.cli", *arguments, "--pipes", folder]
        # A session of its own, so that Ctrl-C reaches us alone and we end the ranks in order.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        said: list[str] = []
        relays = [
            _relayed(process.stdout, sys.stdout, said),
            _relayed(process.stderr, sys.stderr, said),
        ]
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            first = deaths.wait(process.pid)
            status = process.wait()
            for relay in relays:
                relay.join(_SECONDS_TO_END)
        except KeyboardInterrupt:
            _end(process)
            print("brainrun: interrupted", file=sys.stderr)
            return _INTERRUPTED
        finally:
            signal.signal(signal.SIGTERM, before)
        death = death_of_a_rank("".join(said), first)
    if death:
        print(f"brainrun: {death}", file=sys.stderr)
    return min(status, 255) if status >= 0 else 1


def death_of_a_rank(said: str, first: tuple[int, int] | None) -> str:
    """Which rank a signal ended, in words, from what the launcher said; nothing where none was.

    `first` is the (rank, pid) that ended before the others, where that is known: MPICH's launcher may report one that
    it ended itself.
    """
    rank, pid, number = -1, 0, 0
    if (found := _OPEN_MPI.search(said)) is not None:
        rank, pid, number = (int(group) for group in found.groups())
    elif (at := _HYDRA_PID.search(said)) is not None and (code := _HYDRA_CODE.search(said)) is not None:
        pid, number = int(at.group(1)), int(code.group(1))
    if first is not None:
        rank, pid = first
    if not _is_signal(number):
        return ""
    name = signal.Signals(number).name
    hint = "; was it out of memory?" if name == "SIGKILL" else ""
    who = f"rank {rank} (pid {pid})" if rank >= 0 else f"the rank with pid {pid}"
    return f"{who} was ended by signal {number} ({name}), so the run ended{hint}"


def is_chatter(line: str) -> bool:
    """Whether a line is the launcher's, not a rank's."""
    return _CHATTER.match(line.strip("\r\n")) is not None


def _is_signal(number: int) -> bool:
    # A rank that ends by itself has status 1 or 2, which are signals too; ranks are not ended by those.
    return number > 2 and number in set(signal.Signals)


def launcher_flags(launcher: Path) -> list[str]:
    """What Open MPI must be told: root is allowed, more ranks than cores too, and we place the threads ourselves."""
    version = subprocess.run([str(launcher), "--version"], capture_output=True, text=True, check=False).stdout
    if not any(name in version for name in ("Open MPI", "OpenRTE", "PRRTE", "prte")):
        return []
    root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return [*root, "--oversubscribe", "--bind-to", "none"]


def _relayed(source: IO[bytes] | None, target: TextIO, said: list[str]) -> threading.Thread:
    """A thread that passes lines on, but for the launcher's, which it keeps in `said`."""

    def relay() -> None:
        assert source is not None
        pending, after_chatter = "", False
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while chunk := os.read(source.fileno(), 65536):
            lines = re.split(r"(?<=[\n\r])", pending + decoder.decode(chunk))
            pending = lines.pop()
            for line in lines:
                after_chatter = _pass_on(line, target, said, after_chatter)
        _pass_on(pending, target, said, after_chatter)

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    return thread


def _pass_on(line: str, target: TextIO, said: list[str], after_chatter: bool) -> bool:
    """Pass a line on, unless it is the launcher's, as blank ones after its own are; whether it was."""
    if is_chatter(line) or (after_chatter and not line.strip()):
        said.append(line)
        return True
    # Whoever read it may be gone, as in `brainrun … | head`; the ranks are not to stop for that.
    with suppress(BrokenPipeError):
        target.write(line)
        target.flush()
    return False


def _end_with_parent() -> None:
    """Linux's PR_SET_PDEATHSIG: should we be killed, the launcher is told to end, and ends its ranks."""
    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
