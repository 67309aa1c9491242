"""Which scheme does `reduce = auto` take for a gradient? The gentlest by which a step takes hardly longer than it must.

A step is laid out roughly, on a core and a wire (`clock`): the arithmetic that makes one gradient after the other, the
reductions in buckets, and at the end each parameter's update as soon as its sum is there.

Every candidate is tried for all gradients at once, and of those whose step is within `SLACK` of the fastest (or, for
`sum`, within `LOSSLESS_SLACK`), the gentlest is taken. Then gradients of one shape after the other, small ones first,
are given a gentler one with which the step is still within it: what costs nothing is sent whole, and what delays most
is for where each byte counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from brainc.ir.kernel import storage_of
from brainc.ir.scheme import SUM, Scheme
from brainc.ir.tensor import Value
from brainc.machine import cost
from brainc.machine.cost import Reduced
from brainc.machine.description import Machine
from brainc.reductions.parts import expected_payloads, matrix_of
from brainc.reductions.table import FACTORISATIONS, METHODS, scheme_text
from brainc.schedule import buckets
from brainc.schedule.clock import Clock
from brainrun.plan.schema import Interval

GENTLEST_FIRST = (
    SUM,
    Scheme("adaptive", (1 / 64,)),
    Scheme("golomb", (1 / 1000,)),
)
"""What `auto` chooses from: first what delays least of a gradient."""
SLACK = 1.005
"""How many times the shortest predicted step a step may take for the sake of gentler schemes: little more than that,
as it is predicted roughly, and a fiftieth became a fifteenth on one machine."""
LOSSLESS_SLACK = 1.05
"""The same where all gradients are summed as they are: what is lossy must pay, on a machine known only roughly."""
_CALLS = 8
"""So many calls, about, make a gradient; between them reductions go on."""


@dataclass(frozen=True, slots=True)
class Gradient:
    """A rank's part of a gradient, `[outputs, …]`: it is made `ready` seconds of arithmetic into the step.

    update: seconds that the update of its parameter takes; `corrected` where its scheme reduces velocities.
    candidates: the schemes it may have, the gentlest first; one alone where it was asked for.
    """

    parameter: str
    shape: tuple[int, ...]
    ready: float
    update: float
    corrected: float
    candidates: tuple[Scheme, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Who sums: so many members, `node` of them on each node (1: none sum among themselves first), on which machine."""

    members: int
    node: int
    machine: Machine


@dataclass(frozen=True, slots=True)
class Work:
    """What a gradient puts into the messages of its bucket, and what else its scheme does on the core, in seconds.

    corrects_momentum: whether velocities are reduced, so that the update does without them.
    """

    bytes: int
    tensors: tuple[Reduced, ...]
    encoded: float
    beside: float
    corrects_momentum: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The scheme of each gradient by its parameter, and why, in a sentence."""

    schemes: Mapping[str, Scheme]
    why: str


def gentlest(gradients: Sequence[Gradient], group: Group) -> Decision:
    """The decision that the file's head describes."""
    ordered = sorted(gradients, key=lambda gradient: gradient.ready)
    known: dict[tuple[tuple[int, ...], Scheme], Work] = {}

    def predicted(schemes: Mapping[str, Scheme]) -> float:
        def work_of(gradient: Gradient) -> Work:
            key = gradient.shape, schemes[gradient.parameter]
            return known.get(key) or known.setdefault(key, work(*key, group))

        return step_seconds(ordered, work_of, group)

    uniform = [_all_under(scheme, ordered) for scheme in GENTLEST_FIRST]
    seconds = [predicted(schemes) for schemes in uniform]
    fastest = min(seconds)
    if seconds[0] <= LOSSLESS_SLACK * fastest:
        return Decision(uniform[0], _why(seconds, 0, group))
    most = SLACK * fastest
    taken = next(place for place, each in enumerate(seconds) if each <= most)
    chosen = uniform[taken]
    for alike in _by_size(gradient for gradient in ordered if len(gradient.candidates) > 1):
        gentler = (chosen | _all_under(scheme, alike) for scheme in GENTLEST_FIRST[:taken])
        chosen = next((schemes for schemes in gentler if predicted(schemes) <= most), chosen)
    return Decision(chosen, _why(seconds, taken, group))


def _why(seconds: Sequence[float], taken: int, group: Group) -> str:
    """What each candidate was estimated to take, and why this one was taken."""
    tried = [
        f"{1e3 * each:,.1f} ms by {scheme_text(scheme)}" for each, scheme in zip(seconds, GENTLEST_FIRST, strict=True)
    ]
    if taken:
        within = f"{scheme_text(GENTLEST_FIRST[taken])} is the gentlest within {100 * SLACK - 100:.1f} % of the fastest"
        rest = ", and gradients have a gentler scheme where that costs no more"
    else:
        within, rest = f"{scheme_text(SUM)} is within {100 * LOSSLESS_SLACK - 100:.0f} % of the fastest", ""
    alike = f"With all gradients reduced alike over {group.members} ranks"
    return f"{alike}, a step is estimated to take {', '.join(tried)}: {within}{rest}."


def step_seconds(gradients: Sequence[Gradient], work_of: Callable[[Gradient], Work], group: Group) -> float:
    """The predicted step, for gradients in the order in which they are ready."""
    machine, clock = group.machine, Clock(0)
    _pass(clock.compute("", machine.step_latency))
    found = list(_buckets(gradients, lambda gradient: work_of(gradient).bytes))
    made = 0.0
    for bucket in found:
        for gradient in bucket:
            seconds = gradient.ready - made + work_of(gradient).beside
            for _ in range(_CALLS):
                _pass(clock.compute("", seconds / _CALLS))
            made = gradient.ready
        works = [work_of(gradient) for gradient in bucket]
        tensors = [tensor for each in works for tensor in each.tensors]
        encoded = sum(each.encoded for each in works)
        stages = cost.reduction(machine, group.members, tensors, encoded, node=group.node)
        _pass(clock.reduce(bucket[0].parameter, stages))
    for bucket in found:
        _pass(clock.wait(bucket[0].parameter))
        for gradient in bucket:
            _pass(clock.compute("", gradient.corrected if work_of(gradient).corrects_momentum else gradient.update))
    return clock.now


def _pass(intervals: Iterator[Interval]) -> None:
    """Let the clock go on; only how late it is then is of interest."""
    for _ in intervals:
        pass


def work(shape: tuple[int, ...], scheme: Scheme, group: Group) -> Work:
    """What reducing a gradient of this shape takes."""
    storage = storage_of(Value("", shape, False))
    if scheme.method in FACTORISATIONS:
        matrix = matrix_of(storage, by_column=True)
        entries, rank = matrix.rows * matrix.columns, FACTORISATIONS[scheme.method].rank(scheme.numbers)
        factors = [rank * matrix.rows, rank * matrix.columns]
        # Three passes: v into the error and the first factor, the second factor, and the product out of the error.
        beside = sum(
            cost.compute(group.machine, flops * rank * entries, moved * entries)
            for flops, moved in ((2, 12), (2, 4), (4, 12))
        )
        sent = 4 * sum(factors)
        return Work(sent, tuple(Reduced(factor, False) for factor in factors), sent, beside, False)
    method = METHODS[scheme.method]
    matrix = matrix_of(storage, by_column=method.by_column)
    entries = matrix.rows * matrix.columns
    encoded = expected_payloads(matrix, group.members, scheme)
    return Work(
        4 * entries, (Reduced(entries, method.keeps_error, method.streams),), encoded, 0.0, method.corrects_momentum
    )


def _buckets(gradients: Sequence[Gradient], size: Callable[[Gradient], int]) -> Iterator[list[Gradient]]:
    """Neighbours that share messages: a bucket leaves when it is full."""
    bucket: list[Gradient] = []
    held = 0
    for gradient in gradients:
        bucket.append(gradient)
        held += size(gradient)
        if held >= buckets.BUCKET_BYTES:
            yield bucket
            bucket, held = [], 0
    if bucket:
        yield bucket


def _all_under(scheme: Scheme, gradients: Iterable[Gradient]) -> dict[str, Scheme]:
    """The scheme for all of them; for one that may not have it, the gentlest that it may have."""
    return {each.parameter: scheme if scheme in each.candidates else each.candidates[0] for each in gradients}


def _by_size(gradients: Iterable[Gradient]) -> list[list[Gradient]]:
    """Gradients of one shape together, the smallest first."""
    found: dict[tuple[int, ...], list[Gradient]] = {}
    for gradient in gradients:
        found.setdefault(gradient.shape, []).append(gradient)
    return sorted(found.values(), key=lambda alike: prod(alike[0].shape))
