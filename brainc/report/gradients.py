"""How small does a step's schedule make its gradients, and what does that cost?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from brainc.reductions.parts import matrix_of
from brainc.report.messages import ELEMENT_BYTES, all_reduce_bytes
from brainc.report.timeline import CODING
from brainc.report.words import bytes_text, ratio_text
from brainrun.plan.figures import most_bytes
from brainrun.plan.schema import Interval, Part, Plan, Rank, Reduction, Start, Storage


@dataclass(frozen=True, slots=True)
class TensorFact:
    """One gradient of a reduction, and the scheme that makes it small.

    A gradient that is summed by its factors is in two reductions.
    """

    tensor: str
    scheme: str
    rows: int
    columns: int
    share: float = 1.0
    """How much of the gradient the reduction stands for."""


@dataclass(frozen=True, slots=True)
class ReductionFact:
    """One bucket of gradients of a training step as one rank sees it; in bytes that the rank sends."""

    name: str
    group: str
    members: int
    tensors: tuple[TensorFact, ...]
    dense_bytes: int
    """What an all-reduce of float32 sends at least; between nodes, where the members of one sum theirs first."""
    predicted_bytes: int
    bound_bytes: int
    """The most that a member can send."""


@dataclass(frozen=True, slots=True)
class ReductionTime:
    """What a reduction is predicted to take of the core and of the wire, in seconds."""

    coding_seconds: float
    wire_seconds: float


def reductions_of(plan: Plan, rank: Rank) -> tuple[ReductionFact, ...]:
    """The reductions that a rank starts in a training step, in the order in which it starts them."""
    program = plan.programs[rank.program]
    storages = {buffer.name: buffer.storage for buffer in program.buffers}
    transfers = {transfer.name: transfer for transfer in program.train.transfers}
    started = (transfers[step.transfer] for step in program.train.steps if isinstance(step, Start))
    return tuple(_fact(transfer, storages) for transfer in started if isinstance(transfer, Reduction))


def _fact(reduction: Reduction, storages: Mapping[str, Storage]) -> ReductionFact:
    members = len(reduction.parts[0].owned)
    tensors = tuple(_tensor(part, storages) for part in reduction.parts)
    entries = round(sum(tensor.share * tensor.rows * tensor.columns for tensor in tensors))
    return ReductionFact(
        name=reduction.name,
        group=reduction.group,
        members=members,
        tensors=tensors,
        dense_bytes=all_reduce_bytes(ELEMENT_BYTES * entries // reduction.node, members // reduction.node),
        predicted_bytes=reduction.expected_bytes,
        bound_bytes=most_bytes(reduction),
    )


def _tensor(part: Part, storages: Mapping[str, Storage]) -> TensorFact:
    if not part.factor_of:
        return TensorFact(tensor_name(part.gradient), part.scheme, part.matrix.rows, part.matrix.columns)
    matrix = matrix_of(storages[part.factor_of], by_column=True)
    return TensorFact(tensor_name(part.factor_of), part.scheme, matrix.rows, matrix.columns, 0.5)


def tensor_name(gradient: str) -> str:
    """The tensor whose gradient lies in this buffer, which is named `PROCEDURE:TENSOR.grad`."""
    return gradient.removeprefix("train:").removesuffix(".grad")


def times_of(intervals: Iterable[Interval]) -> dict[str, ReductionTime]:
    """For each name in one rank's timeline, what it takes on the tracks of reductions."""
    found: dict[str, ReductionTime] = {}
    for each in intervals:
        before = found.get(each.name, ReductionTime(0.0, 0.0))
        coding = each.seconds if each.track in CODING else 0.0
        wire = each.seconds if each.track == "wire" else 0.0
        found[each.name] = ReductionTime(before.coding_seconds + coding, before.wire_seconds + wire)
    return found


def ratio(reductions: Sequence[ReductionFact]) -> float:
    """How many times fewer bytes than dense sums these are predicted to send; 1 where neither sends anything."""
    predicted = sum(each.predicted_bytes for each in reductions)
    return sum(each.dense_bytes for each in reductions) / predicted if predicted else 1.0


def tensors_by_scheme(reductions: Iterable[ReductionFact]) -> dict[str, list[str]]:
    """The tensors that go by each scheme."""
    found: dict[str, dict[str, None]] = {}
    for reduction in reductions:
        for tensor in reduction.tensors:
            found.setdefault(tensor.scheme, {})[tensor.tensor] = None
    return {scheme: list(tensors) for scheme, tensors in found.items()}


def saving_text(reductions: Sequence[ReductionFact]) -> str:
    """What a rank sends of its gradients in a step, and how much less that is than by sums."""
    sent = bytes_text(sum(each.predicted_bytes for each in reductions))
    less = ratio(reductions)
    return f"Sends {sent} of gradients a step" + (f", {ratio_text(less)} less than sums." if less > 1.005 else ".")
