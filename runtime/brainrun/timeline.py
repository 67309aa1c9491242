"""What did each rank do when, in a few chosen steps? Intervals on tracks, written in the format of Chrome's traces.

The file opens in Perfetto and in chrome://tracing: a process is a rank, and a thread one of its tracks. Tracks are
`compute`, `encode`, `decode`, `wait`, and for each transfer `wire: NAME`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from brainrun.errors import RunError

TIMELINE = "timeline.json"
_TRACKS = ("step", "compute", "encode", "decode", "wait")


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps `first … last`, counted from 1."""

    first: int
    last: int

    def __contains__(self, step: int) -> bool:
        return self.first <= step <= self.last


@dataclass(frozen=True, slots=True)
class Interval:
    """Something that lasted, in seconds since the ranks' common zero."""

    track: str
    name: str
    begin: float
    end: float
    layer: str = ""


@dataclass(slots=True)
class Timeline:
    """What one rank did in the steps recorded. `zero` is what its clock showed when all ranks' clocks were set.

    `accuracy` is by how many seconds the ranks' zeros may differ.
    """

    steps: Steps
    zero: float
    accuracy: float
    intervals: list[Interval] = field(default_factory=list)

    def note(self, track: str, name: str, began: float, ended: float, *, layer: str = "") -> None:
        """Add an interval, its ends as `perf_counter` gave them."""
        self.intervals.append(Interval(track, name, began - self.zero, ended - self.zero, layer))


def write_timeline(path: Path, ranks: Sequence[Timeline]) -> None:
    """Write all ranks' intervals. RunError where that cannot be done."""
    events: list[dict[str, Any]] = []
    for rank, timeline in enumerate(ranks):
        events += _events(rank, timeline)
    content = {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "steps": [ranks[0].steps.first, ranks[0].steps.last],
            "clocks_agree_within_seconds": max(timeline.accuracy for timeline in ranks),
        },
    }
    try:
        path.write_bytes(msgspec.json.encode(content))
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None


def _events(rank: int, timeline: Timeline) -> list[dict[str, Any]]:
    """The rank's tracks, named, and then its intervals in the order of their beginnings."""
    used = dict.fromkeys(interval.track for interval in timeline.intervals)
    tracks = [name for name in _TRACKS if name in used] + [name for name in used if name not in _TRACKS]
    place = {track: number for number, track in enumerate(tracks, 1)}

    def about(kind: str, tid: int, **args: Any) -> dict[str, Any]:
        return {"ph": "M", "name": kind, "pid": rank, "tid": tid, "args": args}

    events = [about("process_name", 0, name=f"rank {rank}"), about("process_sort_index", 0, sort_index=rank)]
    for track, tid in place.items():
        events += [about("thread_name", tid, name=track), about("thread_sort_index", tid, sort_index=tid)]
    events += [
        {
            "ph": "X",
            "name": interval.name,
            "cat": interval.track.partition(":")[0],
            "pid": rank,
            "tid": place[interval.track],
            "ts": round(interval.begin * 1e6, 3),
            "dur": round((interval.end - interval.begin) * 1e6, 3),
            "args": {"layer": interval.layer} if interval.layer else {},
        }
        for interval in sorted(timeline.intervals, key=lambda interval: (interval.begin, -interval.end))
    ]
    return events
