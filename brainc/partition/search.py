"""Which split of every layer makes the step fastest? An exact search over all choices.

The predicted step is a sum of terms of one layer (arithmetic, gradient reduction) and of two neighbours (the
redistribution between them, both ways). Such a sum is minimised by eliminating one layer after the other (Bertelè &
Brioschi, Nonserial Dynamic Programming, 1972): along a chain this is ordinary dynamic programming, and in any
series-parallel graph no table has more than three layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from math import inf, prod

from brainc.ir.graph import LayerGraph, Node
from brainc.ir.sharded import Partial, Split, Spread, Whole
from brainc.machine import cost
from brainc.machine.description import Machine
from brainc.partition.choices import Choice
from brainrun.plan.schema import Mesh


@dataclass(frozen=True, slots=True)
class Assignment:
    """A choice for every layer and the step time the cost model predicts for it."""

    choices: tuple[tuple[str, Choice], ...]
    seconds: float

    @property
    def by_layer(self) -> Mapping[str, Choice]:
        """The choice of each layer by its name."""
        return dict(self.choices)

    @property
    def splits(self) -> tuple[tuple[str, str], ...]:
        """The split of each layer, for reading."""
        return tuple((name, choice.split) for name, choice in self.choices)


@dataclass(frozen=True, slots=True)
class _Table:
    """A cost for every combination of choices of a few layers."""

    layers: tuple[str, ...]
    seconds: Mapping[tuple[int, ...], float]


def search(
    graph: LayerGraph, options: Mapping[str, tuple[Choice, ...]], *, batch: int, mesh: Mesh, machine: Machine
) -> Assignment:
    """The cheapest choice for every layer among its options."""
    tables = list(_tables(graph, options, batch, mesh, machine))
    order = _elimination_order([node.name for node in graph.nodes], tables)
    decided: list[tuple[str, tuple[str, ...], dict[tuple[int, ...], int]]] = []
    total = 0.0
    for layer in order:
        touching = [table for table in tables if layer in table.layers]
        tables = [table for table in tables if layer not in table.layers]
        others = tuple(dict.fromkeys(name for table in touching for name in table.layers if name != layer))
        best: dict[tuple[int, ...], int] = {}
        seconds: dict[tuple[int, ...], float] = {}
        for picked in product(*(range(len(options[name])) for name in others)):
            known = dict(zip(others, picked, strict=True))
            costs = [_sum(touching, known | {layer: index}) for index in range(len(options[layer]))]
            best[picked] = min(range(len(costs)), key=costs.__getitem__)
            seconds[picked] = costs[best[picked]]
        decided.append((layer, others, best))
        if others:
            tables.append(_Table(others, seconds))
        else:
            total += seconds[()]
    chosen: dict[str, int] = {}
    for layer, others, best in reversed(decided):
        chosen[layer] = best[tuple(chosen[name] for name in others)]
    return Assignment(tuple((node.name, options[node.name][chosen[node.name]]) for node in graph.nodes), total)


def runner_up(
    graph: LayerGraph,
    options: Mapping[str, tuple[Choice, ...]],
    best: Assignment,
    *,
    batch: int,
    mesh: Mesh,
    machine: Machine,
) -> Assignment | None:
    """The cheapest assignment in which at least one layer with parameters is split otherwise than in the best one."""
    second: Assignment | None = None
    for node in graph.nodes:
        taken = best.by_layer[node.name].split
        others = tuple(choice for choice in options[node.name] if choice.split != taken)
        if node.weights and others:
            found = search(graph, {**options, node.name: others}, batch=batch, mesh=mesh, machine=machine)
            if second is None or found.seconds < second.seconds:
                second = found
    return second


def _sum(tables: Iterable[_Table], picked: Mapping[str, int]) -> float:
    return sum(table.seconds[tuple(picked[name] for name in table.layers)] for table in tables)


def _elimination_order(layers: list[str], tables: Iterable[_Table]) -> list[str]:
    """Always the layer with the fewest neighbours next."""
    neighbours: dict[str, set[str]] = {layer: set() for layer in layers}
    for table in tables:
        for name in table.layers:
            neighbours[name] |= set(table.layers) - {name}
    order = []
    while neighbours:
        layer = min(neighbours, key=lambda name: len(neighbours[name]))
        around = neighbours.pop(layer)
        for name in around:
            neighbours[name] |= around - {name}
            neighbours[name].discard(layer)
        order.append(layer)
    return order


def _tables(
    graph: LayerGraph, options: Mapping[str, tuple[Choice, ...]], batch: int, mesh: Mesh, machine: Machine
) -> Iterable[_Table]:
    local_batch = -(-batch // mesh.data)
    nodes = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        own: dict[tuple[int, ...], float] = {
            (i,): _layer_seconds(node, choice, graph, local_batch, mesh, machine)
            for i, choice in enumerate(options[node.name])
        }
        yield _Table((node.name,), own)
        for source in dict.fromkeys(node.inputs):
            if source not in nodes:
                continue
            elements = graph.tensor(source).elements * local_batch
            moved: dict[tuple[int, ...], float] = {}
            for (i, giver), (j, taker) in product(enumerate(options[source]), enumerate(options[node.name])):
                forward = redistribution(machine, giver.result, taker.operand, elements, mesh.model)
                backward = redistribution(machine, taker.gradient, giver.result, elements, mesh.model)
                moved[(i, j)] = forward + backward
            yield _Table((source, node.name), moved)


def _layer_seconds(node: Node, choice: Choice, graph: LayerGraph, batch: int, mesh: Mesh, machine: Machine) -> float:
    """Arithmetic of forward and backward on the busiest rank, and the reduction of the weights' gradients."""
    ranks = mesh.model if choice.split != "replicate" else 1
    inputs = sum(graph.tensor(name).elements for name in node.inputs)
    outputs = max(node.tensor.elements, 1)
    weights = sum(prod(weight.shape) for weight in node.weights if weight.trained)
    work = forward_flops(node)
    held = weights / (mesh.model if choice.split in ("output", "input") else 1)
    moved = 4 * (3 * batch * (inputs + outputs) / ranks + 6 * held)
    seconds = cost.compute(machine, 3 * batch * work / ranks, moved)
    group = mesh.data * (mesh.model if choice.split == "sample" else 1)
    if weights and group > 1:
        seconds += cost.all_reduce(machine, 4 * held, group)
    if choice.split == "input" and choice.result != Partial():
        seconds += redistribution(machine, Partial(), choice.result, outputs * batch, mesh.model)
    if choice.split == "input" and choice.result != Whole():
        seconds += redistribution(machine, choice.result, Whole(), outputs * batch, mesh.model)
    return seconds


def forward_flops(node: Node) -> float:
    """Operations of one sample's forward pass: two a weight and position it is used at, or a few an element."""
    if node.weights and len(node.weights[0].shape) > 1:
        positions = prod(node.tensor.shape[1:])
        return 2.0 * prod(node.weights[0].shape) * positions
    return 4.0 * max(node.tensor.elements, 1)


def redistribution(machine: Machine, before: Spread, after: Spread, elements: float, ranks: int) -> float:
    """Seconds to bring `elements` float32 from one layout over `ranks` model ranks to another."""
    if ranks == 1 or before == after:
        return 0.0
    size = 4.0 * elements
    share = (ranks - 1) / ranks
    match before, after:
        case Partial(), Whole():
            return cost.all_reduce(machine, size, ranks)
        case Partial(), Split():
            return cost.exchange(machine, share * size, ranks - 1)
        case Split(), Whole():
            return cost.exchange(machine, share * size, ranks - 1)
        case Split(), Split():
            return cost.exchange(machine, share * size / ranks, ranks - 1)
        case Whole(), Split():
            return size / ranks / machine.memory_bandwidth
    return inf
