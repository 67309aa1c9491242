"""Fully connected layers."""

from __future__ import annotations

from brainc.ir.expression import Operand, add
from brainc.ir.graph import Node, Tensor, Weight
from brainc.ir.tensor import Value
from brainc.operators.initial import INIT, bias_initial, weight_initial
from brainc.operators.operator import Argument, Arguments, Operator, needs_numbers
from brainc.tensor.builder import Builder


def _shape(tensors: tuple[Tensor, ...], arguments: Arguments) -> Tensor:
    needs_numbers(tensors[0], "dense")
    units = arguments["units"]
    assert isinstance(units, int)
    return Tensor((units,))


def _weights(tensors: tuple[Tensor, ...], arguments: Arguments, layer: str) -> tuple[Weight, ...]:
    units, inputs, init = arguments["units"], tensors[0].elements, arguments["init"]
    assert isinstance(units, int)
    weight = Weight(f"{layer}.weight", (units, inputs), weight_initial(init, inputs, units))
    bias = Weight(f"{layer}.bias", (units,), bias_initial(init, inputs))
    return (weight, bias) if arguments["bias"] else (weight,)


def _lower(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value:
    """Flatten, multiply, add the bias. A transposed share reads the other layer's weight with its letters exchanged."""
    x = builder.view(f"{node.name}.flat", operands[0], (builder.batch, *_flat(operands[0])))
    weight = builder.parameters[f"{node.shared}.weight"]
    units = node.argument("units")
    assert isinstance(units, int)
    letters = ("bo", "bi", "io" if node.transposed else "oi")
    product = builder.contract(f"{node.name}.product", (builder.batch, units), x, weight, letters)
    if not node.argument("bias"):
        return product
    bias = builder.parameters[f"{node.name if node.transposed else node.shared}.bias"]
    return builder.map(node.name, (product, bias), ("bo", "bo", "o"), add(Operand(0), Operand(1)))


def _flat(value: Value) -> tuple[int]:
    count = 1
    for length in value.shape[1:]:
        count *= length
    return (count,)


DENSE = Operator(
    name="dense",
    summary="A fully connected layer: every output sees every input; what it is given is flattened, channel-major.",
    formula="y[b,o] = Σ_i x[b,i] · w[o,i] + bias[o]",
    role="layer",
    operands=(1, 1),
    arguments=(
        Argument("units", "count", "outputs"),
        Argument("bias", "truth", "whether a bias is added", True),
        INIT,
    ),
    shape=_shape,
    weights=_weights,
    lower=_lower,
    splits=("sample", "output", "input", "replicate"),
    synapses=("weight",),
)
