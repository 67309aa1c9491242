"""Which weights are synapses? Those between a layer's inputs and outputs, which cores hold as −1, 0 and 1 only."""

from __future__ import annotations

from brainc.ir.graph import Node, Weight
from brainc.operators.table import OPERATORS
from brainrun.plan.schema import Drawn, Rounded, Uniform

WHOLE_RANGE = Uniform(1.0)


def synapses(node: Node) -> tuple[Weight, ...]:
    """The weights of the layer's own that connect its inputs with its outputs."""
    names = {f"{node.name}.{part}" for part in OPERATORS[node.operator].synapses}
    return tuple(weight for weight in node.weights if weight.name in names)


def synapse_initial(node: Node, weight: Weight) -> Drawn:
    """How the number behind a synapse starts: as `init` says, or else anywhere in −1 … 1.

    Where weights usually start, within ±1/√fan_in, all of them would be rounded to 0, or hardly ever be drawn.
    """
    own = weight.initial.drawn if isinstance(weight.initial, Rounded) else weight.initial
    return WHOLE_RANGE if node.argument("init") is None else own
