"""What did a run leave of each core's work? A file of the run's folder that `brainc report --run` reads.

`cores.json` counts spikes and synaptic events core by core, and holds every spike of the first samples: `spikes` is, in
base64, `[ticks, cores, neurons / 8]`, where bit j % 8 of byte j // 8 is neuron j.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from brainrun.errors import RunError
from brainrun.plan.cores import CORES_FILE, CorePlan
from brainrun.plan.schema import Value
from brainrun.truenorth.limits import NEURONS
from brainrun.truenorth.simulate import Raster

ACTIVITY_FILE = "cores.json"
FORMAT = 1
MOST_SAMPLES = 32
MOST_BYTES = 2**20
"""Of a recording, where that is enough for one sample."""


class Recording(Value, frozen=True):
    """Every spike in the first ticks of a run, in which its first samples go through."""

    ticks: int
    labels: tuple[int, ...]
    """Of these samples; none where the data has none."""
    decisions: tuple[int, ...]
    spikes: bytes


class RoleActivity(Value, frozen=True):
    """What a data set took of the cores."""

    role: str
    samples: int
    right: int
    """How many decisions were the label."""
    ticks: int
    core_spikes: tuple[int, ...]
    """Of each core's neurons."""
    core_events: tuple[int, ...]
    """Synaptic events of each core: active axons times the neurons that they reach."""
    recording: Recording


class Activity(Value, frozen=True):
    """The file."""

    format: int
    network: str
    cores_sha256: str
    """Of the plan's cores, to know them by."""
    roles: tuple[RoleActivity, ...]


def samples_to_record(plan: CorePlan, cores: int) -> int:
    """As many as make a small file: at most `MOST_SAMPLES`, and at least one."""
    ticks = MOST_BYTES // (cores * NEURONS // 8)
    return max(1, min(MOST_SAMPLES, (ticks - plan.latency) // plan.period))


def packed(raster: Raster, ticks: int, cores: int) -> bytes:
    """A raster of so many ticks from 0 on, a bit a neuron."""
    spikes = np.zeros((ticks, cores, NEURONS), bool)
    spikes[raster.ticks, raster.cores, raster.neurons] = True
    return np.packbits(spikes, axis=2, bitorder="little").tobytes()


def spikes_of(recording: Recording, cores: int) -> NDArray[np.bool_]:
    """`[ticks, cores, neurons]`: which neuron fires when."""
    bits = np.frombuffer(recording.spikes, np.uint8).reshape(recording.ticks, cores, NEURONS // 8)
    return np.unpackbits(bits, axis=2, bitorder="little").astype(bool)


def fingerprint(plan: CorePlan) -> str:
    """The SHA-256 of the plan's cores."""
    return next((file.sha256 for file in plan.files if file.path == CORES_FILE), "")


def write_activity(folder: Path, plan: CorePlan, roles: tuple[RoleActivity, ...]) -> Path:
    """Write the file into a folder, which is made where it is not there; its path. RunError: it cannot be."""
    path = folder / ACTIVITY_FILE
    temporary = folder / f".{ACTIVITY_FILE}.part"
    content = msgspec.json.encode(Activity(FORMAT, plan.name, fingerprint(plan), roles))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content + b"\n")
        os.replace(temporary, path)
    except OSError as error:
        remedy = "choose another folder with --run-dir"
        raise RunError(f"cannot be written: {error.strerror}", where=str(path), remedy=remedy) from None
    return path


def read_activity(folder: Path, cores: int, plan: CorePlan | None = None) -> Activity:
    """What the run in this folder left of so many cores, those of the plan where one is given.

    RunError: nothing, nonsense, or that of other cores.
    """
    path = folder / ACTIVITY_FILE
    again = f"make it with brainrun --mode eval PLAN --run-dir {folder}"
    try:
        activity = msgspec.json.decode(path.read_bytes(), type=Activity)
    except OSError as error:
        raise RunError(f"cannot be read: {error.strerror}", where=str(path), remedy=again) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunError(f"is damaged: {error}", where=str(path), remedy=again) from None
    if activity.format != FORMAT:
        what = f"is in format {activity.format}, and this brainc reads format {FORMAT}"
        raise RunError(what, where=str(path), remedy=again)
    if plan is not None and activity.cores_sha256 != fingerprint(plan):
        what = f"is of other cores than those of the plan ({activity.network})"
        raise RunError(what, where=str(path), remedy=again)
    if not activity.roles or not all(_sound(role, cores) for role in activity.roles):
        raise RunError(f"is damaged, or not of {cores:,} cores", where=str(path), remedy=again)
    return activity


def _sound(role: RoleActivity, cores: int) -> bool:
    recording = role.recording
    counts = len(role.core_spikes) == len(role.core_events) == cores and role.samples > 0 and role.ticks > 0
    classes = len(recording.labels) in (0, len(recording.decisions))
    return counts and classes and len(recording.spikes) == recording.ticks * cores * NEURONS // 8
