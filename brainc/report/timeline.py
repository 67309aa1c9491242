"""What does each rank compute and send, moment by moment, in the predicted step?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from brainrun.plan.schema import Call, Interval, Plan, Procedure

Stretch = tuple[str, float, float]
"""What goes on, when it begins, and how long it takes; in seconds."""


@dataclass(frozen=True, slots=True)
class Track:
    """What ranks that are predicted alike do in a step, in the order of its beginning."""

    ranks: tuple[int, ...]
    compute: tuple[Stretch, ...]
    wire: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Deed:
    """What an interval of the timeline belongs to: a layer, and the phase of its work (`message` on the wire)."""

    layer: str
    phase: str


def tracks(plan: Plan) -> tuple[Track, ...]:
    """The predicted timeline, one track for all ranks that do the same at the same moments."""
    of_rank: dict[int, list[Interval]] = {}
    for interval in plan.prediction.timeline:
        of_rank.setdefault(interval.rank, []).append(interval)
    ranks_of_track: dict[tuple[tuple[Stretch, ...], tuple[Stretch, ...]], list[int]] = {}
    for rank, intervals in sorted(of_rank.items()):
        ordered = sorted(intervals, key=lambda interval: (interval.start, interval.name))
        compute = tuple((each.name, each.start, each.seconds) for each in ordered if each.track == "compute")
        wire = tuple((each.name, each.start, each.seconds) for each in ordered if each.track == "wire")
        ranks_of_track.setdefault((compute, wire), []).append(rank)
    return tuple(Track(tuple(ranks), compute, wire) for (compute, wire), ranks in ranks_of_track.items())


def deeds(plan: Plan) -> Mapping[str, Deed]:
    """For each name in the timeline, what it belongs to: a transfer by its name, a call as `layer phase`."""
    found: dict[str, Deed] = {}
    for program in plan.programs:
        found |= _deeds_in(program.train)
    return {
        name: found[name] for name in dict.fromkeys(each.name for each in plan.prediction.timeline) if name in found
    }


def _deeds_in(procedure: Procedure) -> dict[str, Deed]:
    calls = {
        f"{step.layer} {step.phase}": Deed(step.layer, step.phase) for step in procedure.steps if isinstance(step, Call)
    }
    return calls | {transfer.name: Deed(transfer.layer, "message") for transfer in procedure.transfers}
