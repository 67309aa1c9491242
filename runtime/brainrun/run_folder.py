"""Where does a run leave what it made? In a folder of its own: weights, metrics, predictions."""

from __future__ import annotations

from pathlib import Path

import msgspec

from brainrun.errors import RunError
from brainrun.train import Epoch

METRICS = "metrics.jsonl"
WEIGHTS = "weights.safetensors"


def open_run_folder(wanted: Path | None, name: str) -> Path:
    """The folder asked for, or the first of `runs/NAME-1`, `runs/NAME-2`, … that is free. RunError if it cannot be."""
    folder = wanted or Path("runs")
    try:
        if wanted is None:
            folder = _next_free(Path("runs"), name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / METRICS).write_bytes(b"")
    except OSError as error:
        raise RunError(
            f"cannot be written: {error.strerror}", where=str(folder), remedy="choose another with --run-dir"
        ) from None
    return folder


def note_epoch(folder: Path, epoch: Epoch, seconds: float) -> None:
    """Add a line to the folder's metrics. RunError where it cannot be written."""
    line = {"epoch": epoch.epoch, "step": epoch.step, "seconds": round(seconds, 3), **epoch.numbers}
    try:
        with (folder / METRICS).open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(folder / METRICS)) from None


def _next_free(runs: Path, name: str) -> Path:
    number = 1
    while True:
        folder = runs / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
