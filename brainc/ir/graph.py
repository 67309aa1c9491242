"""What did the user write? The layer graph: one node a call, with its arguments checked and its shapes known.

Shapes are per sample, as written in the language: `[channels, height, width]` or `[features]`.

Rules, checked by `rules`:
G1 every node reads network inputs or nodes before it.
G2 node names are unique.
G3 there is a loss, and losses and metrics are numbers of a node that makes one per sample or batch.
G4 the hidden copy of a trinary weight is an untrained weight of the same node, and as large.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias, assert_never

import networkx

from brainc.ir.origin import Origin
from brainrun.plan.schema import Initial

Scalar: TypeAlias = int | float | str | bool | None
ArgumentValue: TypeAlias = Scalar | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """The per-sample type of a tensor: numbers of a shape, or a class label in 0 … classes − 1."""

    shape: tuple[int, ...]
    classes: int = 0

    @property
    def elements(self) -> int:
        """How many numbers one sample has."""
        return prod(self.shape)

    @property
    def written(self) -> str:
        """The type as the language writes it."""
        return f"class[{self.classes}]" if self.classes else f"f32[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class Trinary:
    """What a weight that is −1, 0 or 1 is rounded from: the weight called `hidden`, which training moves.

    It changes only once the hidden copy is farther than `hysteresis` beyond a border, ±1/2, between two values.
    """

    hidden: str
    hysteresis: float


@dataclass(frozen=True, slots=True)
class Probable:
    """What a weight is that stands for synapses yet to be drawn: sign(w) with probability |w|, else 0; w in −1 … 1."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter of a node: its full name, its shape in PyTorch's order, and how it starts.

    `constraint` is None where the weight is the number that training makes of it.
    """

    name: str
    shape: tuple[int, ...]
    initial: Initial
    trained: bool = True
    constraint: Trinary | Probable | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A network input."""

    name: str
    tensor: Tensor
    kind: str
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Node:
    """A layer: an operator with all its arguments, applied to tensors by name.

    `shared` names the node whose parameters it uses (its own name where it uses its own); `transposed` says that it
    uses that node's weight the other way round.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    arguments: tuple[tuple[str, ArgumentValue], ...]
    tensor: Tensor
    weights: tuple[Weight, ...]
    shared: str
    transposed: bool
    origin: Origin = field(compare=False, repr=False)

    def argument(self, name: str) -> ArgumentValue:
        """The value of an argument, given or by default."""
        return dict(self.arguments)[name]


@dataclass(frozen=True, slots=True)
class Term:
    """A loss (with its weight in the objective) or a metric (weight 0): a named reading of a node."""

    name: str
    node: str
    weight: float
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Output:
    """A named tensor that `predict` writes."""

    name: str
    tensor_name: str


@dataclass(frozen=True, slots=True)
class LayerGraph:
    """The network: inputs, nodes in a legal order, and what is asked of them."""

    name: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    losses: tuple[Term, ...]
    metrics: tuple[Term, ...]
    outputs: tuple[Output, ...]

    def tensor(self, name: str) -> Tensor:
        """The type of an input or of a node's result."""
        types = {given.name: given.tensor for given in self.inputs} | {node.name: node.tensor for node in self.nodes}
        return types[name]


def as_networkx(graph: LayerGraph) -> networkx.DiGraph[str]:
    """The graph for walking and drawing: nodes are inputs and layers, edges are tensors."""
    drawn: networkx.DiGraph[str] = networkx.DiGraph(name=graph.name)
    for given in graph.inputs:
        drawn.add_node(given.name, operator="input", tensor=given.tensor)
    for node in graph.nodes:
        drawn.add_node(node.name, operator=node.operator, tensor=node.tensor)
        drawn.add_edges_from((source, node.name) for source in node.inputs)
    return drawn


def text(graph: LayerGraph) -> str:
    """The graph, one node a line, aligned and stable."""
    rows = [(given.name, "input", given.tensor.written, "") for given in graph.inputs]
    for node in graph.nodes:
        written = [*node.inputs, *(f"{name}={value}" for name, value in node.arguments)]
        if node.shared != node.name:
            written.append(f"share={f'transpose({node.shared})' if node.transposed else node.shared}")
        weights = "".join(f"  {_weight_text(weight)}" for weight in node.weights)
        rows.append((node.name, f"{node.operator}({', '.join(written)})", node.tensor.written, weights.strip()))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [f"network {graph.name}"]
    lines += [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]
    lines += [f"  loss    {term.name} = {term.weight:g} · {term.node}" for term in graph.losses]
    lines += [f"  metric  {term.name} = {term.node}" for term in graph.metrics]
    lines += [f"  output  {output.name} = {output.tensor_name}" for output in graph.outputs]
    return "\n".join(lines) + "\n"


def _weight_text(weight: Weight) -> str:
    match weight.constraint:
        case Trinary(hysteresis=hysteresis):
            kind = f" trinary(hysteresis={hysteresis:g})"
        case Probable():
            kind = " probable"
        case None:
            kind = ""
        case _:
            assert_never(weight.constraint)
    return f"{weight.name.rsplit('.', 1)[-1]}{list(weight.shape)}{kind}"


def rules(graph: LayerGraph) -> Iterator[str]:
    """Every broken rule (G1…G4)."""
    known = {given.name for given in graph.inputs}
    for node in graph.nodes:
        yield from (f"G1: {node.name} reads {name} before it is made" for name in node.inputs if name not in known)
        if node.name in known:
            yield f"G2: {node.name} is the name of two nodes"
        known.add(node.name)
        yield from _hidden_copies_amiss(node)
    if not graph.losses:
        yield f"G3: network {graph.name} has no loss"
    yield from (
        f"G3: {term.name} reads {term.node}, which is no node" for term in graph.losses if term.node not in known
    )


def _hidden_copies_amiss(node: Node) -> Iterator[str]:
    hidden = {weight.name: weight.shape for weight in node.weights if not weight.trained}
    for weight in node.weights:
        match weight.constraint:
            case Trinary(hidden=copy) if hidden.get(copy) != weight.shape:
                yield f"G4: {node.name} has no hidden copy {copy} of {weight.name}"
