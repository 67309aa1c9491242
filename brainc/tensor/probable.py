"""How often does a unit fire whose synapses are yet to be drawn? By the mean and the variance of its sum.

A synapse of weight w is sign(w) with probability |w|, else 0, and a spike comes by it with probability x. A unit's sum
has the mean μ = Σ x w + bias and the variance σ² = Σ x |w| − x² w², is taken for Gaussian, and reaches the threshold t
with probability ½ (1 + erf((μ − t) / √(2 σ²))). Gradients are those of this function, the variance's share included
(Esser et al. 2015, "Backpropagation for energy-efficient neuromorphic computing", NIPS 28, where each synapse has its
own sign beforehand). Sums are whole numbers and are told from t by the next one: hence Sheppard's 1/12 in the variance,
which also keeps it above 0 where nothing is left to chance.
"""

from __future__ import annotations

from dataclasses import replace

from brainc.ir import expression as ex
from brainc.ir.expression import Apply, Constant, Expression, Operand
from brainc.ir.graph import LayerGraph, Node, Probable
from brainc.ir.tensor import Update, Value
from brainc.operators.table import OPERATORS
from brainc.tensor.builder import Builder, axes

SHEPPARD = 1 / 12
"""The variance that rounding to whole numbers adds."""

_FIRING = ("spike", "population")

_X = Operand(0)
_MAGNITUDE: Expression = Apply("absolute", (_X,))
_SQUARE = ex.multiply(_X, _X)
_OF_SPIKES = ex.subtract(_MAGNITUDE, _SQUARE)


class Chances:
    """A forward pass while it is being built: which of its values are such sums, and which nothing but 0 and 1."""

    def __init__(self, builder: Builder, graph: LayerGraph) -> None:
        self._builder = builder
        self._drawn = {
            weight.name for node in graph.nodes for weight in node.weights if isinstance(weight.constraint, Probable)
        }
        self._variances: dict[str, Value] = {}
        self._binary: set[str] = set()

    def lower(self, node: Node, operands: tuple[Value, ...]) -> Value:
        """What the layer computes; where its synapses are yet to be drawn, the mean of its sums."""
        if node.operator == "spike" and node.inputs[0] in self._variances:
            return self._fires(node, operands[0], self._variances[node.inputs[0]])
        operator = OPERATORS[node.operator]
        result = operator.lower(self._builder, node, operands)
        if f"{node.shared}.weight" in self._drawn:
            self._variances[node.name] = self._variance(node, operands[0])
        elif node.operator in _FIRING or (operator.rearranges and self._binary.issuperset(node.inputs)):
            self._binary.add(node.name)
        return result

    def _fires(self, node: Node, mean: Value, variance: Value) -> Value:
        threshold = node.argument("threshold")
        assert isinstance(threshold, (int, float))
        own = axes(mean)
        doubled = ex.multiply(Constant(2.0), ex.add(Operand(1), Constant(SHEPPARD)))
        distance = ex.divide(ex.subtract(_X, Constant(float(threshold))), Apply("square_root", (doubled,)))
        chance = ex.multiply(Constant(0.5), ex.add(Constant(1.0), Apply("error_function", (distance,))))
        return self._builder.map(node.name, (mean, variance), (own, own, own), chance)

    def _variance(self, node: Node, x: Value) -> Value:
        """Σ x |w| − x² w², which of spikes that are certain (x² = x) is one sum of products instead of two."""
        if self._binary.issuperset(node.inputs):
            return self._sums(node, "variance", x, _OF_SPIKES)
        squares = self._builder.map_same(f"{node.name}.squares", (x,), _SQUARE)
        greatest = self._sums(node, "reached", x, _MAGNITUDE)
        certain = self._sums(node, "certain", squares, _SQUARE)
        # A spike's probability is at most 1, but for dropout, which makes up for those that it drops.
        positive = ex.maximum(ex.subtract(_X, Operand(1)), ex.ZERO)
        return self._builder.map_same(f"{node.name}.variance", (greatest, certain), positive)

    def _sums(self, node: Node, what: str, x: Value, of_weight: Expression) -> Value:
        """The layer's sums of products with a function of its weights in their place, and without bias."""
        builder, name = self._builder, f"{node.name}.{what}"
        weight = builder.parameters[f"{node.shared}.weight"]
        builder.parameters[f"{name}.weight"] = builder.map_same(f"{name}.weights", (weight,), of_weight)
        arguments = tuple((key, False if key == "bias" else value) for key, value in node.arguments)
        alike = replace(node, name=name, shared=name, arguments=arguments)
        return OPERATORS[node.operator].lower(builder, alike, (x,))


def within_bounds(update: Update) -> Update:
    """The update of a weight and its state, with the weight clipped to −1 … 1 after the step."""
    step, *state = update.expressions
    return replace(update, expressions=(ex.clamp(step, -1.0, 1.0), *state))
