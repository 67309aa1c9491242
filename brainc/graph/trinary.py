"""Which weights become −1, 0 or 1? For neurosynaptic cores, those that operators call synapses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from brainc.ir.graph import LayerGraph, Node, Trinary, Weight
from brainc.operators.table import OPERATORS
from brainrun.plan.schema import Drawn, Rounded, Uniform

HIDDEN_INITIAL = Uniform(1.0)
"""How a hidden copy starts where its layer says nothing: a quarter of the weights at −1, half at 0, a quarter at 1."""


def with_trinary_weights(graph: LayerGraph, hysteresis: float) -> LayerGraph:
    """The graph with every synapse's weight rounded from a hidden float copy, a weight beside it."""
    nodes = (replace(node, weights=tuple(_weights(node, hysteresis))) for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


def synapses(node: Node) -> tuple[Weight, ...]:
    """The weights of the layer's own that connect its inputs with its outputs."""
    names = {f"{node.name}.{part}" for part in OPERATORS[node.operator].synapses}
    return tuple(weight for weight in node.weights if weight.name in names)


def hidden_initial(node: Node, weight: Weight) -> Drawn:
    """How the hidden copy of a synapse starts: as `init` says, or else over all of −1 … 1.

    Where weights usually start, within ±1/√fan_in, all of them would be rounded to 0.
    """
    own = weight.initial.drawn if isinstance(weight.initial, Rounded) else weight.initial
    return HIDDEN_INITIAL if node.argument("init") is None else own


def _weights(node: Node, hysteresis: float) -> Iterator[Weight]:
    rounded = synapses(node)
    for weight in node.weights:
        if weight not in rounded:
            yield weight
            continue
        hidden, drawn = f"{weight.name}.hidden", hidden_initial(node, weight)
        yield replace(weight, initial=Rounded(hidden, drawn), rounding=Trinary(hidden, hysteresis))
        yield Weight(hidden, weight.shape, drawn, trained=False)
