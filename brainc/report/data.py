"""What are the facts of a plan that a scientist weighs before running it?

Everything here is read from the plan or summed from it; nothing is predicted anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from brainc.report.gradients import ReductionFact, reductions_of
from brainc.report.measured import Measured
from brainc.report.memory import Memory, memory_of
from brainc.report.messages import MessageFact, messages_of
from brainrun.plan.schema import Alternative, Call, Choice, Layer, Mesh, Plan, Prediction, Rank


@dataclass(frozen=True, slots=True)
class RankFact:
    """What one rank holds, computes and sends in a step of training."""

    rank: int
    data: int
    model: int
    parameter_bytes: int
    """Of its parameter buffers, with whatever padding their layout has."""
    state_bytes: int
    """Of the optimiser's buffers."""
    error_bytes: int
    """Of what reductions have not sent yet."""
    arena_bytes: int
    """All the memory that the rank allocates for tensors."""
    peak_bytes: int
    """Of the arena, at the fullest moment of a training step."""
    flops: int
    bytes_sent: int
    messages: tuple[MessageFact, ...]
    reductions: tuple[ReductionFact, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The facts of a plan."""

    name: str
    mesh: Mesh
    layers: tuple[Layer, ...]
    ranks: tuple[RankFact, ...]
    memories: tuple[Memory, ...]
    """One for each program of the plan."""
    predicted: Prediction
    choice: Choice
    margin: float | None
    """The share by which the runner-up's step is longer than the chosen one's; None where nothing else was weighed."""


def report(plan: Plan) -> Report:
    """The facts of a plan."""
    memories = tuple(memory_of(program) for program in plan.programs)
    return Report(
        name=plan.name,
        mesh=plan.mesh,
        layers=plan.layers,
        ranks=tuple(_rank_fact(plan, number, rank, memories[rank.program]) for number, rank in enumerate(plan.ranks)),
        memories=memories,
        predicted=plan.prediction,
        choice=plan.choice,
        margin=margin(plan.choice),
    )


def _rank_fact(plan: Plan, number: int, rank: Rank, memory: Memory) -> RankFact:
    program = plan.programs[rank.program]
    messages = messages_of(plan, rank)
    return RankFact(
        rank=number,
        data=rank.data,
        model=rank.model,
        parameter_bytes=sum(buffer.bytes for buffer in program.buffers if buffer.role == "parameter"),
        state_bytes=sum(buffer.bytes for buffer in program.buffers if buffer.role == "state"),
        error_bytes=sum(buffer.bytes for buffer in program.buffers if buffer.role == "error"),
        arena_bytes=program.arena_bytes,
        peak_bytes=memory.peak_bytes,
        flops=sum(step.flops for step in program.train.steps if isinstance(step, Call)),
        bytes_sent=sum(message.bytes_sent for message in messages),
        messages=messages,
        reductions=reductions_of(plan, rank),
    )


def alike(ranks: Sequence[RankFact]) -> list[list[RankFact]]:
    """Ranks in groups whose members hold, compute and send the same, in the order of their first members."""
    groups: dict[tuple[object, ...], list[RankFact]] = {}
    for rank in ranks:
        sent = tuple((message.name, message.bytes_sent, message.started, message.awaited) for message in rank.messages)
        held = (rank.parameter_bytes, rank.state_bytes, rank.arena_bytes, rank.peak_bytes, rank.flops)
        groups.setdefault((held, sent, rank.reductions), []).append(rank)
    return list(groups.values())


def margin(choice: Choice) -> float | None:
    """The share by which the runner-up's step is longer than the chosen one's; None where nothing else was weighed."""
    if not choice.runner_up or choice.chosen.step_seconds <= 0:
        return None
    return choice.runner_up[0].step_seconds / choice.chosen.step_seconds - 1


def report_json(plan: Plan, measured: Measured | None = None) -> str:
    """The facts of a plan as one JSON object, the same text for the same plan.

    - `mesh`: `data`, `model`.
    - `layers`: of each, `name`, `operator`, `output_shape` (without the batch), `parameters`, `split` (`sample`,
      `output`, `input`, `replicate`, or `-`).
    - `ranks`: of each, `rank`, its coordinates `data` and `model`, `parameter_bytes`, `state_bytes`, `error_bytes`,
      `arena_bytes`, `peak_bytes`, and of one training step `flops`, `bytes_sent`, `messages` (of each, `name`, `kind`,
      `group`, `members`, `layer`, `bytes_sent`, and the places `started`, `awaited` among the rank's steps) and
      `reductions` (of each, `name`, `group`, `members`, `tensors`, and the bytes that the rank sends: `dense_bytes` as
      sums of float32, `predicted_bytes`, `bound_bytes` at most; of each tensor `tensor`, `scheme`, `rows`, `columns`).
    - `predicted`: `machine`, `step_seconds`, `samples_per_second`.
    - `choice`: `split` and `runner_up` (`mesh`, `splits` by layer, `step_seconds`; `runner_up` is null where nothing
      else was weighed), `margin` (the share by which the runner-up's step is longer, or null), `why`.
    - `measured`, where what a run recorded is given: `steps`, how many, and in seconds, the mean over ranks and steps,
      `step_seconds` and `tracks` (`compute`, `encode`, `decode`, `wait`, `wire`).
    """
    facts = report(plan)
    chosen, others = facts.choice.chosen, facts.choice.runner_up
    return json.dumps(
        {
            "mesh": _mesh_json(facts.mesh),
            "layers": [
                {
                    "name": layer.name,
                    "operator": layer.operator,
                    "output_shape": list(layer.shape),
                    "parameters": layer.parameters,
                    "split": layer.split,
                }
                for layer in facts.layers
            ],
            "ranks": [asdict(rank) for rank in facts.ranks],
            "predicted": {
                "machine": facts.predicted.machine,
                "step_seconds": facts.predicted.step_seconds,
                "samples_per_second": facts.predicted.samples_per_second,
            },
            "choice": {
                "split": _alternative_json(chosen),
                "runner_up": _alternative_json(others[0]) if others else None,
                "margin": facts.margin,
                "why": facts.choice.why,
            },
            **({} if measured is None else {"measured": _measured_json(measured)}),
        },
        indent=2,
        ensure_ascii=False,
    )


def _mesh_json(mesh: Mesh) -> dict[str, int]:
    return {"data": mesh.data, "model": mesh.model}


def _measured_json(measured: Measured) -> dict[str, Any]:
    return {
        "steps": measured.steps,
        "step_seconds": measured.step_seconds,
        "tracks": dict(measured.seconds_of_track),
    }


def _alternative_json(alternative: Alternative) -> dict[str, Any]:
    return {
        "mesh": _mesh_json(alternative.mesh),
        "splits": dict(alternative.splits),
        "step_seconds": alternative.step_seconds,
    }
