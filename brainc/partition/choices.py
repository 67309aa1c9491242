"""Which ways are there to spread a layer over the model ranks, and what does each ask of its operand and give back?"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.ir.graph import LayerGraph, Node
from brainc.ir.sharded import Partial, Split, Spread, Whole
from brainc.operators.operator import Split as SplitName
from brainc.operators.table import OPERATORS


@dataclass(frozen=True, slots=True)
class Choice:
    """How one layer is spread over `model`.

    `split` is the axis of its work (sample, output, input, or replicate for none); `result` is how its result lies,
    `operand` how it wants its operands, and `gradient` how the gradient by its operands comes out.
    """

    split: SplitName
    result: Spread
    operand: Spread
    gradient: Spread


SAMPLE = Choice("sample", Split(0), Split(0), Split(0))
REPLICATE = Choice("replicate", Whole(), Whole(), Whole())
FEATURES = Choice("output", Split(1), Split(1), Split(1))
DENSE_OUTPUT = Choice("output", Split(1), Whole(), Partial())
DENSE_INPUT = tuple(Choice("input", result, Split(1), Split(1)) for result in (Whole(), Split(1), Split(0)))


def choices(node: Node, graph: LayerGraph, *, batch: int, ranks: int) -> tuple[Choice, ...]:
    """Every way to spread this layer over `ranks` model ranks; a single rank has one way, `replicate`.

    A layer whose parameters another layer uses too is spread by samples or replicated, so that both agree on who holds
    them.
    """
    if ranks == 1:
        return (REPLICATE,)
    found = [choice for choice in _named(node) if _fits(choice, node, graph, batch, ranks)]
    if _shares(node, graph):
        found = [choice for choice in found if choice in (SAMPLE, REPLICATE)]
    return tuple(found)


def _named(node: Node) -> list[Choice]:
    found: list[Choice] = []
    for split in OPERATORS[node.operator].splits:
        match split:
            case "sample":
                found.append(SAMPLE)
            case "replicate":
                found.append(REPLICATE)
            case "output":
                found.append(DENSE_OUTPUT if node.operator == "dense" else FEATURES)
            case "input":
                found += DENSE_INPUT
    return found


def _fits(choice: Choice, node: Node, graph: LayerGraph, batch: int, ranks: int) -> bool:
    """Every rank must get at least one index of each axis that is split, and only flat features are split."""
    tensors = [graph.tensor(name) for name in node.inputs]
    if (choice.split == "sample" or choice.result == Split(0)) and batch < ranks:
        return False
    if choice.operand == Split(1) and any(tensor.elements < ranks for tensor in tensors):
        return False
    if choice.result == Split(1) and node.operator == "dense":
        return node.tensor.elements >= ranks
    if choice == FEATURES:
        return all(len(tensor.shape) == 1 and not tensor.classes for tensor in tensors)
    return True


def _shares(node: Node, graph: LayerGraph) -> bool:
    return node.shared != node.name or any(
        other.shared == node.name and other.name != node.name for other in graph.nodes
    )
