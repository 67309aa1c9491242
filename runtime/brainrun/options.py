"""What was asked for on the command line, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from brainrun.progress import Show
from brainrun.timeline import Steps
from brainrun.train import Length

Mode = Literal["train", "eval", "predict", "bench"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a plan. None means what the plan, or the machine, says."""

    plan: Path
    mode: Mode
    length: Length | None
    seed: int | None
    order: Literal["shuffled", "as they are"]
    run_folder: Path | None
    threads: int | None
    data_folder: Path | None
    weights: Path | None
    json: Path | None
    timeline: Steps | None
    show: Show
    cache: Path
