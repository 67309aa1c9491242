"""Which weights become −1, 0 or 1? For neurosynaptic cores, those that operators call synapses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from brainc.graph.synapses import synapse_initial, synapses
from brainc.ir.graph import LayerGraph, Node, Trinary, Weight
from brainrun.plan.schema import Rounded


def with_trinary_weights(graph: LayerGraph, hysteresis: float) -> LayerGraph:
    """The graph with every synapse's weight rounded from a hidden float copy, a weight beside it.

    What starts anywhere in −1 … 1 is so rounded: a quarter to −1, half to 0, a quarter to 1.
    """
    nodes = (replace(node, weights=tuple(_weights(node, hysteresis))) for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


def _weights(node: Node, hysteresis: float) -> Iterator[Weight]:
    rounded = synapses(node)
    for weight in node.weights:
        if weight not in rounded:
            yield weight
            continue
        hidden, drawn = f"{weight.name}.hidden", synapse_initial(node, weight)
        yield replace(weight, initial=Rounded(hidden, drawn), constraint=Trinary(hidden, hysteresis))
        yield Weight(hidden, weight.shape, drawn, trained=False)
