"""What does one see while a run goes on? A line that changes on a terminal, one line an epoch elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from time import perf_counter
from typing import Literal, Protocol, TextIO

_SECONDS_BETWEEN_LINES = 0.1
_WIDTH = 100

Show = Literal["terminal", "lines", "nothing"]


class Watch(Protocol):
    """What a run tells about itself."""

    def step(self, step: int, steps: int, epoch: int, loss: float, samples_per_second: float, megabytes: float) -> None:
        """A training step is done; `megabytes` is what each rank has sent so far."""
        ...

    def epoch(self, epoch: int, numbers: Mapping[str, Mapping[str, float]], samples_per_second: float) -> None:
        """An epoch is done, and its evaluations: by role, then by name."""
        ...

    def say(self, text: str) -> None:
        """Anything else that is worth a line."""
        ...


def open_watch(show: Show) -> Watch:
    """The watch of this kind, on standard output."""
    return Silent() if show == "nothing" else Lines(sys.stdout, show)


class Silent:
    """Shows nothing."""

    def step(self, step: int, steps: int, epoch: int, loss: float, samples_per_second: float, megabytes: float) -> None:
        """Nothing."""

    def epoch(self, epoch: int, numbers: Mapping[str, Mapping[str, float]], samples_per_second: float) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


class Lines:
    """Writes lines to a stream; on a terminal, also one that changes from step to step."""

    def __init__(self, stream: TextIO, show: Show) -> None:
        self._stream = stream
        self._live = show == "terminal"
        self._last = 0.0
        self._began = perf_counter()

    def step(self, step: int, steps: int, epoch: int, loss: float, samples_per_second: float, megabytes: float) -> None:
        """Rewrite the changing line, at most ten times a second."""
        now = perf_counter()
        if not self._live or now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        left = (now - self._began) / step * (steps - step)
        sent = f"  {megabytes:,.0f} MB sent" if megabytes else ""
        speed = f"{samples_per_second:,.0f} samples/s{sent}  {clock(left)} left"
        text = f"epoch {epoch}  step {step}/{steps}  loss {loss:.4f}  {speed}"
        # The carriage return comes last, so that whoever relays our output line by line passes it on at once.
        self._stream.write(text.ljust(_WIDTH)[:_WIDTH] + "\r")
        self._stream.flush()

    def epoch(self, epoch: int, numbers: Mapping[str, Mapping[str, float]], samples_per_second: float) -> None:
        """One line for the epoch."""
        said = "  ".join(
            f"{role} " + " ".join(f"{name} {value:.4f}" for name, value in of_role.items())
            for role, of_role in numbers.items()
        )
        self.say(f"epoch {epoch}  {said}  {samples_per_second:,.0f} samples/s")

    def say(self, text: str) -> None:
        """Write a line in place of the changing one."""
        self._stream.write(text.ljust(_WIDTH if self._live else 0) + "\n")
        self._stream.flush()


def clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
