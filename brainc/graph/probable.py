"""Which weights are probabilities? Those of the sums that units fire by, where networks are drawn once trained."""

from __future__ import annotations

from dataclasses import replace

from brainc.graph.synapses import synapse_initial, synapses
from brainc.ir.graph import LayerGraph, Node, Probable, Weight


def with_probable_weights(graph: LayerGraph) -> LayerGraph:
    """The graph with the synapses of all sums that a `spike` reads to be drawn; other weights stay numbers."""
    nodes = {node.name: node for node in graph.nodes}
    summed = {nodes[name].shared for name in fired(graph)}
    changed = (replace(node, weights=_weights(node)) if node.name in summed else node for node in graph.nodes)
    return replace(graph, nodes=tuple(changed))


def fired(graph: LayerGraph) -> frozenset[str]:
    """The layers whose results a `spike` reads."""
    names = {node.name for node in graph.nodes}
    return frozenset(node.inputs[0] for node in graph.nodes if node.operator == "spike" and node.inputs[0] in names)


def _weights(node: Node) -> tuple[Weight, ...]:
    drawn = synapses(node)
    return tuple(
        replace(weight, initial=synapse_initial(node, weight), constraint=Probable()) if weight in drawn else weight
        for weight in node.weights
    )
