"""How fast does training run? The median over windows, so that neither the first step nor a hiccup counts."""

from __future__ import annotations

from statistics import median
from time import perf_counter

_WINDOW_SECONDS = 0.25


class Throughput:
    """Measures samples a second, from step to step."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._rates: list[float] = []
        self._steps = 0
        self._cut_steps = 0
        self._cut_seconds = 0.0
        self._began = perf_counter()

    def pause(self) -> None:
        """Something else than training takes time from here until `resume`: the window is cut short."""
        self._cut_steps += self._steps
        self._cut_seconds += perf_counter() - self._began
        self.resume()

    def resume(self) -> None:
        """Training goes on, in a new window."""
        self._began = perf_counter()
        self._steps = 0

    def step(self) -> None:
        """A step is done."""
        self._steps += 1
        elapsed = perf_counter() - self._began
        if elapsed >= _WINDOW_SECONDS:
            self._rates.append(self._batch * self._steps / elapsed)
            self.resume()

    def samples_per_second(self) -> float:
        """The median rate so far; the first window counts only where there are fewer than three.

        A run too short for a whole window has the mean of its pieces.
        """
        if self._rates:
            return median(self._rates[1:] if len(self._rates) > 2 else self._rates)
        steps, seconds = self._cut_steps + self._steps, self._cut_seconds
        if self._steps:
            seconds += perf_counter() - self._began
        return self._batch * steps / seconds if seconds > 0 else 0.0
