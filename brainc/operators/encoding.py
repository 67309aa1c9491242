"""How numbers become spikes: codes of inputs, for networks of neurons that fire or do not."""

from __future__ import annotations

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.expression import Apply, Constant, Operand
from brainc.ir.graph import Node, Tensor
from brainc.ir.tensor import Value
from brainc.operators.activation import elementwise
from brainc.operators.operator import Argument, Arguments, Operator, needs_numbers
from brainc.tensor.builder import Builder

_CHANCE = ex.clamp(Operand(0), 0.0, 1.0)


def population_thresholds(arguments: Arguments) -> tuple[float, ...]:
    """Those of its neurons, evenly between the least and the most."""
    size, least, most = arguments["size"], arguments["least"], arguments["most"]
    assert isinstance(size, int)
    assert isinstance(least, (int, float))
    assert isinstance(most, (int, float))
    return tuple(least + (most - least) * (number + 0.5) / size for number in range(size))


def _more(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    needs_numbers(tensors[0], "population")
    size, (channels, *rest) = arguments["size"], tensors[0].shape
    assert isinstance(size, int)
    return Tensor((size * channels, *rest))


def _population(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    parts = tuple(
        builder.map_same(f"{node.name}.{number}", operands, _step(threshold))
        for number, threshold in enumerate(population_thresholds(dict(node.arguments)))
    )
    result = Value(builder.fresh(node.name), (builder.batch, *node.tensor.shape), True)
    return builder.append(ts.Concatenate(result, parts, 1, builder.phase, builder.origin))


def _step(threshold: float) -> ex.Expression:
    return Apply("spike", (Operand(0), Constant(threshold), ex.ONE))


POPULATION = Operator(
    name="population",
    summary="A code of several neurons a number, which fire from one threshold each on: the more, the larger it is.",
    formula="y[b, k·C + c, …] = 1 where x[b,c,…] ≥ least + (most − least) · (k + ½) / size, else 0",
    role="layer",
    operands=(1, 1),
    arguments=(
        Argument("size", "count", "how many neurons a number has"),
        Argument("least", "number", "where the range of numbers begins", 0.0),
        Argument("most", "number", "where it ends", 1.0),
    ),
    shape=_more,
    lower=_population,
)
RATE = elementwise(
    "rate",
    "A code of spikes in so many of a sample's ticks, evenly spread; in training, the share of ticks that have one.",
    "y = min(max(x, 0), 1)",
    lambda _: _CHANCE,
)
STOCHASTIC = elementwise(
    "stochastic",
    "A code of spikes by chance, in each of a sample's ticks anew; in training, the probability of one.",
    "y = min(max(x, 0), 1)",
    lambda _: _CHANCE,
)
