"""Which mesh, and which splits on it? Every mesh that is allowed is searched, and the fastest is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from brainc.ir.graph import LayerGraph
from brainc.machine.description import Machine
from brainc.operators.operator import Split
from brainc.partition.choices import Choice, choices
from brainc.partition.search import Assignment, runner_up, search
from brainrun.plan.schema import Alternative, Mesh
from brainrun.plan.schema import Choice as PlanChoice


@dataclass(frozen=True, slots=True)
class Impossible(Exception):
    """No way to spread this layer as asked; `layer` is empty where the mini-batch itself is too small."""

    layer: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mesh and a choice for every layer, worth laying out in full."""

    mesh: Mesh
    assignment: Assignment


MOST_CANDIDATES = 4
_SPLIT_WORDS = {
    "sample": "split by samples",
    "output": "split by outputs",
    "input": "split by inputs",
    "replicate": "replicated",
}


def candidates(
    graph: LayerGraph,
    meshes: tuple[Mesh, ...],
    placements: Mapping[str, Split],
    *,
    batch: int,
    machine: Machine,
) -> tuple[Candidate, ...]:
    """The best few by the search's cost model, best first: of each mesh the best, and of the best mesh the next best.

    Impossible where a fixed mesh or placement cannot be.
    """
    found: list[Candidate] = []
    for mesh in meshes:
        try:
            options = _options(graph, mesh, placements, batch)
        except Impossible:
            if len(meshes) == 1:
                raise
            continue
        found.append(Candidate(mesh, search(graph, options, batch=batch, mesh=mesh, machine=machine)))
    if not found:
        raise Impossible("", f"a mini-batch of {batch} cannot be spread as asked on any mesh", "use fewer ranks")
    best = min(found, key=lambda candidate: candidate.assignment.seconds)
    options = _options(graph, best.mesh, placements, batch)
    other = runner_up(graph, options, best.assignment, batch=batch, mesh=best.mesh, machine=machine)
    if other is not None:
        found.append(Candidate(best.mesh, other))
    found.sort(key=lambda candidate: candidate.assignment.seconds)
    return tuple(found[:MOST_CANDIDATES])


def choice_of(weighed: Sequence[tuple[Candidate, float]]) -> PlanChoice:
    """The decision in the plan's words, from the candidates with their predicted step seconds, the fastest first."""
    chosen, *others = (
        Alternative(candidate.mesh, candidate.assignment.splits, seconds) for candidate, seconds in weighed
    )
    if not others:
        return PlanChoice(chosen, (), "There was no other way to spread it over this mesh.")
    return PlanChoice(chosen, (others[0],), _why(chosen, others[0]))


def meshes(data: int | None, model: int | None, ranks: range) -> tuple[Mesh, ...]:
    """Every mesh of so many ranks with the given extents; None is any extent."""

    def extents(given: int | None, most: int) -> Iterator[int]:
        yield from (given,) if given else range(1, most + 1)

    most = ranks.stop - 1
    return tuple(Mesh(d, m) for d in extents(data, most) for m in extents(model, most // d) if d * m in ranks)


def _options(
    graph: LayerGraph, mesh: Mesh, placements: Mapping[str, Split], batch: int
) -> dict[str, tuple[Choice, ...]]:
    if batch < mesh.data:
        raise Impossible(
            "", f"a mini-batch of {batch} over {mesh.data} replicas leaves some without a sample", "use a larger batch"
        )
    found = {}
    for node in graph.nodes:
        possible = choices(node, graph, batch=batch // mesh.data, ranks=mesh.model)
        wanted = placements.get(node.name)
        if wanted and mesh.model > 1:
            possible = tuple(choice for choice in possible if choice.split == wanted)
        if not possible:
            raise Impossible(
                node.name,
                f"{node.name} cannot be split by {wanted} over {mesh.model} ranks",
                "use fewer model ranks, or another split",
            )
        found[node.name] = possible
    return found


def _why(chosen: Alternative, other: Alternative) -> str:
    """One sentence: by how much the next best is slower, and in what it differs."""
    margin = 100 * (other.step_seconds / chosen.step_seconds - 1) if chosen.step_seconds else 0.0
    if chosen.mesh != other.mesh:
        difference = f"data={other.mesh.data} × model={other.mesh.model}"
    else:
        changed = [
            f"{name} {_SPLIT_WORDS[theirs]}"
            for (name, ours), (_, theirs) in zip(chosen.splits, other.splits, strict=True)
            if ours != theirs
        ]
        difference = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
    return f"It is predicted to be {margin:.1f} % faster than the next best: {difference}."
