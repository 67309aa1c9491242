"""Which step is it? What transfers under way must know of it, in one place that the executor sets."""

from __future__ import annotations

from dataclasses import dataclass

from brainrun.timeline import Timeline


@dataclass(slots=True)
class Moment:
    """The run's seed, step and epoch counted from 0, and the timeline where this step is recorded. It has state."""

    seed: int = 0
    step: int = 0
    epoch: int = 0
    timeline: Timeline | None = None
