"""What may the command line say about a compilation?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Extent: TypeAlias = int | Literal["auto"] | None
"""Ranks along a mesh dimension: a number, `auto` for the partitioner's choice, None for what the file says."""

TARGETS = ("cpu", "truenorth")
TARGETS_TO_COME = ("cuda",)
LEVELS: Mapping[str, tuple[str, ...]] = {
    "cpu": ("graph", "tensor", "partition", "schedule", "kernels"),
    "truenorth": ("graph", "units", "cores"),
}
"""What `--show` can print, for each target in the order of its pipeline."""


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """Everything `brainc compile` is told.

    `output` None is NAME.plan in the working folder. `data`, `model` and `reduce` go before the file's `parallel`
    section; `ranks` is how many there are where one of them is `auto` (None: as many as a node of the machine has
    cores). `settings` are the `--set` pairs (name, text of a constant). `data_dir` None is the source's folder.

    For neurosynaptic cores: `weights` go onto them (none: as training would start), those of several files as networks
    that decide together; where those are probabilities, `ensemble` networks are drawn of each by `seed`; a sample is
    shown in so many `ticks` (None: what the file says); cores stand where the spikes of a `run` of them travel few
    steps (None: where those of neurons would that fire alike).
    """

    source: Path
    output: Path | None = None
    data: Extent = None
    model: Extent = None
    ranks: int | None = None
    reduce: str | None = None
    target: str = "cpu"
    machine: Path | None = None
    weights: tuple[Path, ...] = ()
    ensemble: int | None = None
    seed: int | None = None
    ticks: int | None = None
    run: Path | None = None
    settings: tuple[tuple[str, str], ...] = ()
    data_dir: Path | None = None
    show: tuple[str, ...] = ()

    @property
    def plan(self) -> Path:
        """Where the plan is written."""
        return self.output or Path(f"{self.source.stem}.plan")
