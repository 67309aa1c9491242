"""What did each rank do in the steps that a run recorded? Read from the `timeline.json` that `brainrun` writes.

The file is a trace in Chrome's format: a process is a rank, and intervals are of the categories `step`, `compute`,
`encode`, `decode`, `wire` and `wait`; times are in microseconds. A thread named `wire: NAME` belongs to the transfer
NAME.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import msgspec

from brainc.report.messages import overlap, union
from brainc.report.timeline import CODING, Stretch, Track
from brainrun.errors import RunError
from brainrun.plan.schema import Call, Plan

TIMELINE = "timeline.json"
TRACKS = ("compute", "encode", "decode", "wait", "wire")
"""What totals are told of; all but the wire share the core."""
MICROSECOND = 1e-6


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run recorded: the totals of a step, and one of the steps for drawing, the one of median length."""

    steps: int
    """How many steps were recorded."""
    step_seconds: float
    """The mean over steps and ranks, as of all that follows."""
    seconds_of_track: tuple[tuple[str, float], ...]
    tracks: tuple[Track, ...]
    """One for each rank."""
    layers: Mapping[str, str]
    """The layer of what is named in the tracks, where the run told it."""


class _Event(msgspec.Struct):
    """One entry of the trace; of most kinds only some fields mean anything."""

    ph: str
    name: str = ""
    cat: str = ""
    pid: int = 0
    tid: int = 0
    ts: float = 0.0
    dur: float = 0.0
    args: dict[str, str | int | float | None] = {}


class _Trace(msgspec.Struct):
    traceEvents: list[_Event]


@dataclass(frozen=True, slots=True)
class _Lasting:
    """Something that a rank did, in seconds from the ranks' common zero."""

    track: str
    name: str
    begin: float
    end: float


def read_measured(folder: Path, plan: Plan) -> Measured:
    """What the run in this folder recorded of its steps. RunError: nothing, nonsense, or not the plan's ranks."""
    path = folder / TIMELINE
    try:
        events = msgspec.json.decode(path.read_bytes(), type=_Trace).traceEvents
    except OSError as error:
        remedy = "record one with brainrun --timeline"
        raise RunError(f"cannot be read: {error.strerror}", where=str(path), remedy=remedy) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunError(f"is no timeline: {error}", where=str(path)) from None
    found, layers = _intervals(events, _phases(plan))
    if sorted(found) != list(range(len(plan.ranks))):
        raise RunError(
            f"is a timeline of the ranks {sorted(found)}, and the plan has {len(plan.ranks)}", where=str(path)
        )
    steps = {rank: _steps(found[rank]) for rank in range(len(plan.ranks))}
    if len({len(each) for each in steps.values()}) != 1 or not steps[0]:
        raise RunError("its ranks have recorded different steps, or none", where=str(path))
    return Measured(
        steps=len(steps[0]),
        step_seconds=fmean(step.end - step.begin for each in steps.values() for step in each),
        seconds_of_track=tuple((track, _mean_seconds(track, found, steps)) for track in TRACKS),
        tracks=_drawn(found, steps),
        layers=layers,
    )


def _phases(plan: Plan) -> dict[tuple[str, str], str]:
    """The phase of a layer's kernel in training."""
    steps = (step for program in plan.programs for step in program.train.steps)
    return {(step.layer, step.kernel): step.phase for step in steps if isinstance(step, Call)}


def _intervals(
    events: list[_Event], phases: Mapping[tuple[str, str], str]
) -> tuple[dict[int, list[_Lasting]], dict[str, str]]:
    """By rank what it did, and by name the layer; calls have the names of the prediction, transfers their own."""
    threads = {(e.pid, e.tid): str(e.args.get("name", "")) for e in events if e.ph == "M" and e.name == "thread_name"}
    found: dict[int, list[_Lasting]] = {}
    layers: dict[str, str] = {}
    for event in events:
        if event.ph != "X":
            continue
        track, _, transfer = threads.get((event.pid, event.tid), event.cat).partition(": ")
        name = transfer or event.name
        if layer := str(event.args.get("layer") or ""):
            if track == "compute":  # under its kernels' names, of which layers share some
                kernel = name.partition(" + ")[0]
                name = f"{layer} {phases.get((layer, kernel), name)}"
            layers[name] = layer
        begin = MICROSECOND * event.ts
        found.setdefault(event.pid, []).append(_Lasting(track, name, begin, begin + MICROSECOND * event.dur))
    return found, layers


def _steps(intervals: list[_Lasting]) -> list[_Lasting]:
    """A rank's steps in order; all that it did is one step where it did not say."""
    steps = sorted((each for each in intervals if each.track == "step"), key=lambda each: each.begin)
    if steps or not intervals:
        return steps
    return [_Lasting("step", "", min(each.begin for each in intervals), max(each.end for each in intervals))]


def _within(intervals: Iterable[_Lasting], step: _Lasting) -> list[_Lasting]:
    """What began in a step."""
    return [each for each in intervals if step.begin <= each.begin < step.end]


def _mean_seconds(track: str, found: Mapping[int, list[_Lasting]], steps: Mapping[int, list[_Lasting]]) -> float:
    """How long a rank is on a track in a step, in the mean; what goes on at once counts once.

    A rank that encodes or decodes during a wait does not wait meanwhile.
    """
    return fmean(_seconds(track, _within(found[rank], step)) for rank, of_rank in steps.items() for step in of_rank)


def _seconds(track: str, lasting: list[_Lasting]) -> float:
    def on(*tracks: str) -> tuple[tuple[float, float], ...]:
        return union((each.begin, each.end) for each in lasting if each.track in tracks)

    coding = on(*CODING) if track == "wait" else ()
    return sum(end - begin - overlap((begin, end), coding) for begin, end in on(track))


def _drawn(found: Mapping[int, list[_Lasting]], steps: Mapping[int, list[_Lasting]]) -> tuple[Track, ...]:
    """Every rank in the step that is the median on rank 0, from the moment when the first rank began it."""
    lengths = sorted((step.end - step.begin, place) for place, step in enumerate(steps[0]))
    _, place = lengths[(len(lengths) - 1) // 2]
    zero = min(of_rank[place].begin for of_rank in steps.values())

    def lane(rank: int, names: Iterable[str]) -> tuple[Stretch, ...]:
        done = sorted(_within(found[rank], steps[rank][place]), key=lambda each: (each.begin, each.name))
        return tuple((each.name, each.begin - zero, each.end - each.begin) for each in done if each.track in names)

    return tuple(Track((rank,), lane(rank, ("compute",)), lane(rank, CODING), lane(rank, ("wire",))) for rank in steps)


def predicted_seconds(plan: Plan) -> tuple[tuple[str, float], ...]:
    """The same totals of the predicted step; a rank waits whenever its core has nothing to do before the step ends."""
    ranks = sorted({each.rank for each in plan.prediction.timeline})
    found = []
    for track in TRACKS:
        tracks = ("compute", *CODING) if track == "wait" else (track,)
        busy = [
            sum(
                end - begin
                for begin, end in union(
                    (each.start, each.start + each.seconds)
                    for each in plan.prediction.timeline
                    if each.rank == rank and each.track in tracks
                )
            )
            for rank in ranks
        ]
        mean = fmean(busy) if busy else 0.0
        found.append((track, max(0.0, plan.prediction.step_seconds - mean) if track == "wait" else mean))
    return tuple(found)
