"""What does a run report? One JSON object, for whoever compares runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from brainrun.errors import RunError
from brainrun.plan.schema import Plan


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run, in its mode's terms; empty where the mode has nothing to say."""

    steps: int = 0
    epochs: tuple[Mapping[str, Any], ...] = ()
    loss_by_step: tuple[float, ...] = ()
    samples_per_second: float = 0.0
    bytes_sent: Mapping[str, int] = field(default_factory=dict)
    """By this rank, by transfer."""

    def write(
        self,
        path: Path,
        plan: Plan,
        sent: Sequence[Mapping[str, int]],
        seconds: Mapping[str, float],
        parameters_sha256: str,
    ) -> None:
        """Write the object; `sent` is each rank's `bytes_sent`. RunError where it cannot be written."""
        content = {
            "mesh": {"data": plan.mesh.data, "model": plan.mesh.model},
            "steps": self.steps,
            "epochs": self.epochs,
            "loss_by_step": self.loss_by_step,
            "samples_per_second": self.samples_per_second,
            "bytes_sent": [sum(of_rank.values()) for of_rank in sent],
            "bytes_sent_by_transfer": sent,
            "seconds": seconds,
            "predicted": {
                "machine": plan.prediction.machine,
                "step_seconds": plan.prediction.step_seconds,
                "samples_per_second": plan.prediction.samples_per_second,
            },
            "parameters_sha256": parameters_sha256,
        }
        try:
            path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
        except OSError as error:
            raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None
