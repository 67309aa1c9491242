"""How are contenders compared? Each is probed for what a step takes, then all are measured in turns, round after round.

A machine that is noisy for a while is then noisy for all of them alike.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.links.contenders import WARM_UP, Contender, Failed, Measured
from benchmarks.links.hosts import Hosts
from benchmarks.links.record import Record, Result

_STEPS_OF_A_PROBE = 10
_LONG_STEP = 0.5
_SLOW_STEP = 2.0
_MOST_STEPS = 5000
_PATIENCE = 4.0
"""How many times as long as expected a measurement may take."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: rounds of about so many seconds, and nothing whose step takes longer than `longest_step`."""

    rounds: int
    seconds: float
    longest_step: float


def steps_of_probe(predicted: float) -> int:
    """How many steps tell what a step takes, given what it should take at least."""
    return 1 if predicted > _LONG_STEP else _STEPS_OF_A_PROBE


def steps_of_round(probed: int, step_seconds: float, seconds: float) -> int:
    """How many steps take so many seconds, at least two more than were probed: the difference shows a step's bytes."""
    return max(min(round(seconds / step_seconds), _MOST_STEPS), probed + 2)


def rounds_of(rounds: int, step_seconds: float) -> int:
    """How many rounds a contender has: one is enough where a step takes seconds."""
    return 1 if step_seconds > _SLOW_STEP else rounds


def bytes_between(probe: Measured, measured: Measured) -> list[float]:
    """What each host sends in a step: what the steps that one had more have added, so that starting does not count."""
    steps = measured.steps - probe.steps
    return [(b - a) / steps for a, b in zip(probe.sent, measured.sent, strict=True)]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A contender that has been probed."""

    contender: Contender
    result: Result
    probe: Measured
    step_seconds: float


class Comparison:
    """All contenders on one network and one link; `keep` is called whenever the record has grown."""

    def __init__(
        self, hosts: Hosts, network: str, batch: int, record: Record, effort: Effort, keep: Callable[[], None]
    ) -> None:
        self._hosts = hosts
        self._network = network
        self._batch = batch
        self._record = record
        self._effort = effort
        self._keep = keep

    def run(self, contenders: Sequence[Contender], machine: Path, folder: Path) -> None:
        """Get all ready that the record has no numbers of, and measure them in turns."""
        ready = []
        for number, contender in enumerate(contenders):
            result = self._result(contender)
            taken = self._batch / result.samples_per_second if result.rates else 0.0
            if len(result.rates) < rounds_of(self._effort.rounds, taken):
                own = folder / str(number)
                own.mkdir()
                ready += self._got_ready(contender, result, machine, own)
        for turn in range(self._effort.rounds):
            for one in ready:
                if len(one.result.rates) <= turn < rounds_of(self._effort.rounds, one.step_seconds):
                    self._measure(one)

    def _result(self, contender: Contender) -> Result:
        link = self._hosts.link.name
        found = self._record.find(link, self._network, contender.name)
        return found or Result(link=link, network=self._network, contender=contender.name, batch=self._batch)

    def _got_ready(self, contender: Contender, result: Result, machine: Path, folder: Path) -> list[_Ready]:
        """The contender, probed; none where it fails, or where its step would take too long."""
        result.note = ""
        self._record.put(result)
        try:
            contender.prepare(machine, folder)
            result.predicted = contender.step_seconds(self._hosts.link.bytes_per_second)
            if self._too_long(result, result.predicted, "would take"):
                return []
            steps = steps_of_probe(result.predicted)
            probe = contender.measure(self._hosts, steps, (WARM_UP + steps) * self._effort.longest_step)
        except Failed as failure:
            self._failed(result, failure)
            return []
        step_seconds = self._batch / probe.samples_per_second
        self._say(result, f"{step_seconds * 1e3:,.1f} ms a step, predicted {result.predicted * 1e3:,.1f}")
        if self._too_long(result, step_seconds, "takes"):
            return []
        return [_Ready(contender, result, probe, step_seconds)]

    def _measure(self, ready: _Ready) -> None:
        steps = steps_of_round(ready.probe.steps, ready.step_seconds, self._effort.seconds)
        try:
            measured = ready.contender.measure(self._hosts, steps, _PATIENCE * (WARM_UP + steps) * ready.step_seconds)
        except Failed as failure:
            self._failed(ready.result, failure)
            return
        ready.result.rates.append(measured.samples_per_second)
        ready.result.bytes_a_step = bytes_between(ready.probe, measured)
        ready.result.counted = measured.counted
        self._keep()
        self._say(ready.result, f"{measured.samples_per_second:,.0f} samples/s in {steps} steps")

    def _too_long(self, result: Result, seconds: float, verb: str) -> bool:
        if seconds <= self._effort.longest_step:
            return False
        result.note = f"skipped: a step {verb} {seconds:.0f} s"
        self._keep()
        self._say(result, result.note)
        return True

    def _failed(self, result: Result, failure: Failed) -> None:
        self._hosts.clear()
        result.note = f"failed: {failure}"
        self._keep()
        self._say(result, result.note)

    def _say(self, result: Result, text: str) -> None:
        print(f"{result.link} {result.network} {result.contender}: {text}", file=sys.stderr, flush=True)
