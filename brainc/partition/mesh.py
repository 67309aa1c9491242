"""Which mesh, and which splits on it? Every mesh that is allowed is searched, and the fastest is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
class Decision:
    """The mesh and the split of every layer, and the next best of them where there was another."""

    mesh: Mesh
    assignment: Assignment
    second: tuple[Mesh, Assignment] | None

    @property
    def choice(self) -> PlanChoice:
        """The decision in the plan's words."""
        chosen = _alternative(self.mesh, self.assignment)
        if self.second is None:
            return PlanChoice(chosen, (), "there was no other way to spread it over this mesh")
        other = _alternative(*self.second)
        return PlanChoice(chosen, (other,), _why(chosen, other))


def decide(
    graph: LayerGraph,
    meshes: tuple[Mesh, ...],
    placements: Mapping[str, Split],
    *,
    batch: int,
    machine: Machine,
) -> Decision:
    """The fastest mesh and splits by the cost model; Impossible where a fixed mesh or placement cannot be."""
    found: list[tuple[Mesh, Assignment]] = []
    for mesh in meshes:
        try:
            options = _options(graph, mesh, placements, batch)
        except Impossible:
            if len(meshes) == 1:
                raise
            continue
        found.append((mesh, search(graph, options, batch=batch, mesh=mesh, machine=machine)))
    if not found:
        raise Impossible("", f"a mini-batch of {batch} cannot be spread as asked on any mesh", "use fewer ranks")
    found.sort(key=lambda entry: entry[1].seconds)
    mesh, best = found[0]
    options = _options(graph, mesh, placements, batch)
    other = runner_up(graph, options, best, batch=batch, mesh=mesh, machine=machine)
    rest = found[1:2] + ([(mesh, other)] if other else [])
    return Decision(mesh, best, min(rest, key=lambda entry: entry[1].seconds, default=None))


def meshes(data: int | None, model: int | None, ranks: int) -> tuple[Mesh, ...]:
    """Every mesh with the given extents; where one is None, of as many ranks as there are, or fewer."""

    def extents(given: int | None, most: int) -> Iterator[int]:
        yield from (given,) if given else range(1, most + 1)

    return tuple(
        Mesh(d, m)
        for d in extents(data, ranks)
        for m in extents(model, max(ranks // d, 1))
        if d * m <= ranks or (data and model)
    )


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


def _alternative(mesh: Mesh, assignment: Assignment) -> Alternative:
    return Alternative(mesh, assignment.splits, assignment.seconds)


def _why(chosen: Alternative, other: Alternative) -> str:
    """One sentence: by how much the next best is slower, and in what it differs."""
    margin = 100 * (other.step_seconds / chosen.step_seconds - 1) if chosen.step_seconds else 0.0
    if chosen.mesh != other.mesh:
        difference = f"data={other.mesh.data} × model={other.mesh.model}"
    else:
        changed = [
            f"{name} by {theirs}"
            for (name, ours), (_, theirs) in zip(chosen.splits, other.splits, strict=True)
            if ours != theirs
        ]
        difference = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
    return f"predicted {margin:.1f} % faster than the next best, {difference}"
