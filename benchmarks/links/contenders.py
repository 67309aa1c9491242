"""Who trains over the link? brainrun with a reduction scheme, and PyTorch's DDP with or without a hook.

All have one process on each host, one thread a process, and the same global batch.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.links.hosts import HOSTS, INTERFACE, Hosts, address
from brainrun.plan.schema import Plan
from brainrun.plan.store import read_plan

BENCHMARKS = Path(__file__).parents[1]
WARM_UP = 5
"""Steps that a contender does before those it is asked for: as brainrun's own bench and torch_peer.py do."""

_PORT = "29500"
_SECONDS_MORE = 120


class Failed(Exception):
    """A contender did not measure; the message is the last thing that it said."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one measurement; `sent` is what each host put on its link meanwhile, start and end included.

    `counted` is what a rank sends in a step by its own count, where it counts.
    """

    samples_per_second: float
    steps: int
    sent: tuple[int, ...]
    counted: int | None = None


class Contender(Protocol):
    """Someone who can train one network over one link."""

    name: str

    def prepare(self, machine: Path, folder: Path) -> None:
        """Get ready for the link that a machine's description tells of. Failed where that cannot be."""
        ...

    def step_seconds(self, bytes_per_second: float) -> float:
        """How long a step should take at least, before any is done."""
        ...

    def measure(self, hosts: Hosts, steps: int, seconds: float) -> Measured:
        """Train so many steps. Failed where that cannot be, or takes much longer than `seconds`."""
        ...


class Brainrun:
    """brainrun with a reduction scheme, written as in `--reduce`."""

    def __init__(self, network: str, scheme: str) -> None:
        self.name = scheme
        self._network = network
        self._plan: Path | None = None
        self._folder = Path()
        self._predicted = 0.0

    def prepare(self, machine: Path, folder: Path) -> None:
        """Compile for the link."""
        plan = folder / f"{self._network}.plan"
        source = BENCHMARKS / "networks" / f"{self._network}.brain"
        command = [sys.executable, "-m", "brainc.cli", "compile", str(source), "-o", str(plan)]
        command += ["--data", str(HOSTS), "--model", "1", "--machine", str(machine), "--reduce", self.name]
        finished([command], _SECONDS_MORE)
        self._plan, self._folder = plan, folder
        self._predicted = read_plan(plan)[0].prediction.step_seconds

    def step_seconds(self, bytes_per_second: float) -> float:
        """As the plan predicts for the link."""
        del bytes_per_second
        return self._predicted

    def measure(self, hosts: Hosts, steps: int, seconds: float) -> Measured:
        """`brainrun --mode bench` under MPI's launcher."""
        result = self._folder / "bench.json"
        command = [sys.executable, "-m", "brainrun.cli", str(self._plan), "--mode", "bench", "--quiet"]
        command += ["--steps", str(steps), "--json", str(result), "--run-dir", str(self._folder / "run")]
        before = hosts.bytes_sent()
        finished([hosts.mpi(command)], seconds + _SECONDS_MORE)
        sent = _since(before, hosts.bytes_sent())
        report = json.loads(result.read_text(encoding="utf-8"))
        return Measured(report["samples_per_second"], steps, sent, max(report["bytes_sent"]) // steps)


class Ddp:
    """PyTorch's DistributedDataParallel over gloo, run by an interpreter that has PyTorch."""

    def __init__(self, network: str, hook: str, python: str, parameters: int) -> None:
        self.name = "DDP" if hook == "none" else f"DDP {hook}"
        self._network = network
        self._hook = hook
        self._python = python
        self._bytes = parameters * (2 if hook == "fp16" else 4)

    def prepare(self, machine: Path, folder: Path) -> None:
        """Nothing to get ready."""

    def step_seconds(self, bytes_per_second: float) -> float:
        """What its gradients take to cross the link."""
        return 2 * (HOSTS - 1) / HOSTS * self._bytes / bytes_per_second

    def measure(self, hosts: Hosts, steps: int, seconds: float) -> Measured:
        """A process on each host."""
        command = [self._python, str(BENCHMARKS / "torch_peer.py"), self._network]
        command += ["--steps", str(steps), "--hook", self._hook]
        before = hosts.bytes_sent()
        said = finished(
            [hosts.on(host, ["env", *_torch_environment(host), *command]) for host in range(HOSTS)],
            seconds + _SECONDS_MORE,
        )
        return Measured(float(said[0]), steps, _since(before, hosts.bytes_sent()))


def parameters_of(network: str, folder: Path) -> int:
    """How many parameters a network has, by its plan."""
    plan = folder / "counted.plan"
    source = BENCHMARKS / "networks" / f"{network}.brain"
    finished([[sys.executable, "-m", "brainc.cli", "compile", str(source), "-o", str(plan)]], _SECONDS_MORE)
    return count(read_plan(plan)[0])


def count(plan: Plan) -> int:
    """The elements of all its parameters."""
    total = 0
    for parameter in plan.parameters:
        elements = 1
        for extent in parameter.shape:
            elements *= extent
        total += elements
    return total


def _torch_environment(host: int) -> list[str]:
    settings = {
        "RANK": host,
        "WORLD_SIZE": HOSTS,
        "MASTER_ADDR": address(0),
        "MASTER_PORT": _PORT,
        "GLOO_SOCKET_IFNAME": INTERFACE,
        "OMP_NUM_THREADS": 1,
    }
    return [f"{name}={value}" for name, value in settings.items()]


def _since(before: tuple[int, ...], now: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(b - a for a, b in zip(before, now, strict=True))


def finished(commands: Sequence[Sequence[str]], seconds: float) -> list[str]:
    """What each of some commands, run at once, printed; Failed with its last words if one fails or takes longer."""
    running = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    try:
        said = [process.communicate(timeout=seconds) for process in running]
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {seconds:.0f} s") from None
    finally:
        for process in running:
            with suppress(ProcessLookupError):  # it has ended by itself
                process.kill()
    for process, (_, error) in zip(running, said, strict=True):
        if process.returncode:
            raise Failed(_last_words(error) or f"status {process.returncode}")
    return [out for out, _ in said]


def _last_words(text: str) -> str:
    """The line that says most: the last that is an error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or line.startswith("brainrun:")]
    return (errors or lines or [""])[-1]
