"""What does each rank compute, encode and send, moment by moment? In the predicted step, and in a measured one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from brainrun.plan.schema import Call, Interval, Plan, Procedure

Stretch = tuple[str, float, float]
"""What goes on, when it begins, and how long it takes; in seconds."""
CODING = ("encode", "decode")
"""The tracks of reductions on the core."""


@dataclass(frozen=True, slots=True)
class Track:
    """What ranks that are alike do in a step, in the order of its beginning."""

    ranks: tuple[int, ...]
    compute: tuple[Stretch, ...]
    coding: tuple[Stretch, ...]
    """Encoding and decoding of gradients."""
    wire: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Deed:
    """What an interval of the timeline belongs to: a layer, and the phase of its work (`message` of a transfer)."""

    layer: str
    phase: str


def tracks(plan: Plan) -> tuple[Track, ...]:
    """The predicted timeline, one track for all ranks that do the same at the same moments."""
    of_rank: dict[int, list[Interval]] = {}
    for interval in plan.prediction.timeline:
        of_rank.setdefault(interval.rank, []).append(interval)
    ranks_of_track: dict[tuple[tuple[Stretch, ...], ...], list[int]] = {}
    for rank, intervals in sorted(of_rank.items()):
        lanes = tuple(stretches(intervals, names) for names in (("compute",), CODING, ("wire",)))
        ranks_of_track.setdefault(lanes, []).append(rank)
    return tuple(Track(tuple(ranks), *lanes) for lanes, ranks in ranks_of_track.items())


def stretches(intervals: Iterable[Interval], names: Sequence[str]) -> tuple[Stretch, ...]:
    """The intervals on the tracks of these names, in the order of their beginnings."""
    ordered = sorted(intervals, key=lambda interval: (interval.start, interval.name))
    return tuple((each.name, each.start, each.seconds) for each in ordered if each.track in names)


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
