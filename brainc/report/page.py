"""What does a plan look like, as one page that a browser opens without a network?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainc.report.data import RankFact, Report, alike, report
from brainc.report.gradients import ReductionFact, saving_text
from brainc.report.layout import draw
from brainc.report.measured import Measured, predicted_seconds
from brainc.report.memory import Life, Memory
from brainc.report.shell import PACKAGE, Page, written
from brainc.report.slices import Holding, holdings
from brainc.report.terminal import terminal_report
from brainc.report.timeline import Stretch, Track, deeds, tracks
from brainc.report.words import ranks_text
from brainrun.plan.schema import Call, Lanes, Panels, Plain, Plan, RankProgram, Start, Storage, Wait

SCRIPTS = ("elements.js", "overview.js", "graph.js", "slices.js", "memory.js", "timeline.js", "page.js")
"""The page's scripts in the order in which they run."""
NANOSECOND = 1e-9


def html_report(plan: Plan, measured: Measured | None = None) -> str:
    """The plan as one self-contained page: it loads nothing, and stands as a file of its own.

    Below what each rank is predicted to do stands what it did, where a run's timeline is given.
    """
    return written(
        Page(
            title=plan.name,
            kind="plan",
            styles=((PACKAGE, "page.css"),),
            sections=(PACKAGE, "plan.html"),
            scripts=tuple((PACKAGE, name) for name in SCRIPTS),
            facts=page_facts(plan, measured),
            plain=terminal_report(plan, measured),
        )
    )


def page_facts(plan: Plan, measured: Measured | None = None) -> dict[str, Any]:
    """What the page's scripts draw; rows that repeat by the thousand are lists, and their columns stand beside them."""
    facts = report(plan)
    layer_places = {layer.name: place for place, layer in enumerate(plan.layers)}
    memories: list[dict[str, Any]] = []
    return {
        "name": plan.name,
        "madeBy": plan.made_by,
        "mesh": [plan.mesh.data, plan.mesh.model],
        "training": {
            "batch": plan.training.batch,
            "optimizer": plan.training.optimizer,
            "rate": plan.training.rate,
        },
        "machine": plan.prediction.machine,
        "stepSeconds": plan.prediction.step_seconds,
        "samplesPerSecond": plan.prediction.samples_per_second,
        "layers": [
            {
                "name": layer.name,
                "operator": layer.operator,
                "inputs": list(layer.inputs),
                "shape": list(layer.shape),
                "parameters": layer.parameters,
                "split": layer.split,
                "flops": layer.flops,
            }
            for layer in plan.layers
        ],
        "inputs": [{"name": given.name, "shape": list(given.shape), "classes": given.classes} for given in plan.inputs],
        "graph": _graph(plan),
        "parameters": [_holding(holding, plan) for holding in holdings(plan)],
        "groups": [_group(group, facts, plan, layer_places, memories) for group in alike(facts.ranks)],
        "memories": memories,
        **_timeline(plan, measured, layer_places),
        "totals": _totals(plan, measured) if measured else None,
        "choice": _choice(facts),
    }


def _graph(plan: Plan) -> dict[str, Any]:
    """Spots are [name, row, across], edges [source, target, [[row, across] …]]."""
    inputs_of: dict[str, tuple[str, ...]] = {given.name: () for given in plan.inputs}
    for layer in plan.layers:
        inputs_of[layer.name] = tuple(source for source in layer.inputs if source in inputs_of)
    drawing = draw(inputs_of)
    return {
        "rows": drawing.rows,
        "width": round(drawing.width, 3),
        "spots": [[spot.name, spot.row, round(spot.across, 3)] for spot in drawing.spots],
        "edges": [
            [edge.source, edge.target, [[row, round(across, 3)] for row, across in edge.bends]]
            for edge in drawing.edges
        ],
    }


def _holding(holding: Holding, plan: Plan) -> dict[str, Any]:
    """Pieces are [[[start, stop] …], ranks in words, ranks, bytes]."""
    parameter = holding.parameter
    owners = (layer.name for layer in plan.layers if parameter.name.startswith(layer.name + "."))
    return {
        "name": parameter.name,
        "layer": max(owners, key=len, default=""),
        "shape": list(parameter.shape),
        "trained": parameter.trained,
        "state": list(parameter.state),
        "bytes": holding.bytes,
        "pieces": [
            [
                [[part.start, part.stop] for part in piece.slices],
                ranks_text(piece.ranks),
                list(piece.ranks),
                piece.bytes,
            ]
            for piece in holding.pieces
        ],
    }


def _group(
    group: list[RankFact],
    facts: Report,
    plan: Plan,
    layer_places: Mapping[str, int],
    memories: list[dict[str, Any]],
) -> dict[str, Any]:
    """Ranks that are alike; their memory stands once in `memories`, however many groups have the same."""
    first = group[0]
    number = plan.ranks[first.rank].program
    drawn = _memory(facts.memories[number], plan.programs[number], layer_places)
    if drawn not in memories:
        memories.append(drawn)
    return {
        "ranks": ranks_text(rank.rank for rank in group),
        "first": first.rank,
        "count": len(group),
        "parameterBytes": first.parameter_bytes,
        "stateBytes": first.state_bytes,
        "arenaBytes": first.arena_bytes,
        "peakBytes": first.peak_bytes,
        "flops": first.flops,
        "bytesSent": first.bytes_sent,
        "memory": memories.index(drawn),
        "messages": [
            {
                "name": message.name,
                "kind": message.kind,
                "group": message.group,
                "members": message.members,
                "layer": message.layer,
                "bytes": message.bytes_sent,
                "started": message.started,
                "awaited": message.awaited,
            }
            for message in first.messages
        ],
        "reductions": [_reduction(reduction) for reduction in first.reductions],
        "saving": saving_text(first.reductions) if first.reductions else "",
    }


def _reduction(reduction: ReductionFact) -> dict[str, Any]:
    """Tensors are [name, scheme, rows, columns]."""
    return {
        "name": reduction.name,
        "tensors": [[each.tensor, each.scheme, each.rows, each.columns] for each in reduction.tensors],
        "dense": reduction.dense_bytes,
        "predicted": reduction.predicted_bytes,
        "bound": reduction.bound_bytes,
    }


def _memory(memory: Memory, program: RankProgram, layer_places: Mapping[str, int]) -> dict[str, Any]:
    """Lives are [name, role, storage in words, offset, bytes, first, last]; steps are [layer's place or −1, phase]."""
    layer_of_transfer = {transfer.name: transfer.layer for transfer in program.train.transfers}
    steps: list[list[Any]] = []
    for step in program.train.steps:
        match step:
            case Call(layer=layer, phase=phase):
                steps.append([layer_places.get(layer, -1), phase])
            case Start(transfer=name):
                steps.append([layer_places.get(layer_of_transfer[name], -1), f"start {name}"])
            case Wait(transfer=name):
                steps.append([layer_places.get(layer_of_transfer[name], -1), f"wait for {name}"])
    return {
        "arena": memory.arena_bytes,
        "peak": memory.peak_bytes,
        "fullest": memory.fullest,
        "held": [list(part) for part in memory.held],
        "steps": steps,
        "lives": [_life(life) for life in memory.lives],
    }


def _life(life: Life) -> list[Any]:
    buffer = life.buffer
    words = f"{buffer.dtype} {storage_text(buffer.storage)}"
    # Every buffer drawn is one of training: to say so before each name would only hide the names.
    return [buffer.name.removeprefix("train:"), buffer.role, words, buffer.offset, buffer.bytes, life.first, life.last]


def storage_text(storage: Storage) -> str:
    """How what lies in a buffer is laid out, in words."""
    match storage:
        case Lanes(samples=samples, features=features):
            return f"[{', '.join(map(str, features))}] of {samples} samples, 16 side by side"
        case Panels(outputs=outputs, inputs=inputs):
            return f"[{outputs}, {inputs}] in panels of 16 inputs"
        case Plain(shape=shape):
            return f"[{', '.join(map(str, shape))}]"


def _timeline(plan: Plan, measured: Measured | None, layer_places: Mapping[str, int]) -> dict[str, Any]:
    """Deeds are [name, layer's place or −1, phase]; stretches are [deed's place, start, length] in nanoseconds.

    Measured tracks, of one rank each, follow the predicted one that is for this rank.
    """
    known = deeds(plan)
    done = {track.ranks[0]: track for track in measured.tracks} if measured else {}
    rows: list[tuple[Track, bool]] = []
    for track in tracks(plan):
        rows += [(track, False), *((done[rank], True) for rank in track.ranks if rank in done)]
    lanes = [lane for track, _ in rows for lane in (track.compute, track.coding, track.wire)]
    names = list(dict.fromkeys(name for lane in lanes for name, _, _ in lane))
    places = {name: place for place, name in enumerate(names)}

    def row(stretch: Stretch) -> list[int]:
        name, start, seconds = stretch
        begins, ends = round(start / NANOSECOND), round((start + seconds) / NANOSECOND)
        return [places[name], begins, ends - begins]

    def drawn(track: Track, was: bool) -> dict[str, Any]:
        label = ranks_text(track.ranks)
        return {
            "ranks": f"{label}, {'measured' if was else 'predicted'}" if measured else label,
            "members": list(track.ranks),
            "measured": was,
            "compute": [row(stretch) for stretch in track.compute],
            "coding": [row(stretch) for stretch in track.coding],
            "wire": [row(stretch) for stretch in track.wire],
        }

    def deed(name: str) -> list[Any]:
        if name in known:
            return [name, layer_places.get(known[name].layer, -1), known[name].phase]
        return [name, layer_places.get(measured.layers.get(name, ""), -1) if measured else -1, ""]

    return {"deeds": [deed(name) for name in names], "tracks": [drawn(*each) for each in rows]}


def _totals(plan: Plan, measured: Measured) -> dict[str, Any]:
    """Rows are [track, predicted seconds, measured seconds]."""
    predicted = dict(predicted_seconds(plan))
    rows = [[track, predicted[track], seconds] for track, seconds in measured.seconds_of_track]
    return {"steps": measured.steps, "rows": [*rows, ["step", plan.prediction.step_seconds, measured.step_seconds]]}


def _choice(facts: Report) -> dict[str, Any]:
    return {
        "why": facts.choice.why,
        "margin": facts.margin,
        "alternatives": [
            {
                "mesh": [each.mesh.data, each.mesh.model],
                "seconds": each.step_seconds,
                "splits": dict(each.splits),
            }
            for each in (facts.choice.chosen, *facts.choice.runner_up)
        ],
    }
