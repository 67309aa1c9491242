"""From the layer graph to the tensor program: what each layer computes, then its gradients, then the optimiser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from brainc.ir import tensor as ts
from brainc.ir.expression import Constant, Expression, Operand, add, multiply
from brainc.ir.graph import LayerGraph, Probable, Trinary
from brainc.ir.tensor import Parameter, Procedure, Result, TensorProgram, Value
from brainc.operators.optimizer import OPTIMIZERS, Rule
from brainc.operators.table import OPERATORS
from brainc.tensor.builder import Builder
from brainc.tensor.differentiate import differentiate
from brainc.tensor.probable import Chances, within_bounds
from brainc.tensor.simplify import without_unused
from brainc.tensor.trinary import through_hidden
from brainc.tensor.update import updates

RATE = Value("rate", (), False)
STEP = Value("step", (), False)


@dataclass(frozen=True, slots=True)
class Forward:
    """A network's forward pass in one mode: its operations, and the values of its losses, metrics and outputs."""

    operations: tuple[ts.Operation, ...]
    statistics: tuple[ts.Operation, ...]
    """Updates of running statistics."""
    results: tuple[Result, ...]
    losses: tuple[tuple[Value, float], ...]
    outputs: tuple[ts.Output, ...]


def lower(graph: LayerGraph, *, batch: int, optimizer: str, settings: Mapping[str, float]) -> TensorProgram:
    """The tensor program that trains, evaluates and predicts with the network on mini-batches of `batch` samples."""
    rule = OPTIMIZERS[optimizer].rule(settings)
    inputs = tuple(
        Value(given.name, (batch, *given.tensor.shape), True, "i32" if given.tensor.classes else "f32")
        for given in graph.inputs
    )
    weight = Value("sample_weight", (batch,), True)
    parameters = _parameters(graph, rule)
    values = {parameter.value.name: parameter.value for parameter in parameters}
    taken = _taken((*inputs, weight), parameters, rule)
    training = _forward(graph, inputs, weight, values, taken, "train")
    evaluation = _forward(graph, inputs, weight, values, taken, "evaluate")
    backward = differentiate(
        training.operations, training.losses, {p.value.name for p in parameters if p.trained}, graph.nodes[-1].origin
    )
    numbers, step = updates(parameters, backward.gradients, rule, RATE, STEP)
    step = _constrained(graph, step)
    train_operations = (*numbers, *training.operations, *backward.operations, *training.statistics, *step)
    return TensorProgram(
        graph.name,
        batch,
        (*inputs, weight),
        (RATE, STEP),
        parameters,
        without_unused(Procedure(train_operations, training.results, ())),
        without_unused(Procedure(evaluation.operations, evaluation.results, ())),
        without_unused(Procedure(evaluation.operations, (), evaluation.outputs)),
    )


def _parameters(graph: LayerGraph, rule: Rule) -> tuple[Parameter, ...]:
    found = []
    for node in graph.nodes:
        for weight in node.weights:
            value = Value(weight.name, weight.shape, False)
            states = rule.states if weight.trained else ()
            state = tuple(Value(f"{weight.name}.{name}", weight.shape, False) for name in states)
            found.append(Parameter(value, weight.initial, weight.trained, state, node.origin))
    return tuple(found)


def _constrained(graph: LayerGraph, step: tuple[ts.Update, ...]) -> tuple[ts.Update, ...]:
    """The step with trinary weights moved through their hidden copies, and those that are probabilities kept so."""
    constraints = {weight.name: weight.constraint for node in graph.nodes for weight in node.weights}
    return tuple(_held(update, constraints[update.targets[0].name]) for update in step)


def _held(update: ts.Update, constraint: Trinary | Probable | None) -> ts.Update:
    match constraint:
        case Trinary(hidden=hidden, hysteresis=hysteresis):
            return through_hidden(update, replace(update.targets[0], name=hidden), hysteresis)
        case Probable():
            return within_bounds(update)
        case None:
            return update
        case _:
            assert_never(constraint)


def _taken(inputs: tuple[Value, ...], parameters: tuple[Parameter, ...], rule: Rule) -> frozenset[str]:
    """Every name that stands for something before the first layer: what is fed, kept, and set by the runtime."""
    kept = (value.name for parameter in parameters for value in (parameter.value, *parameter.state))
    numbers = (f"optimizer.{name}" for name, _ in rule.numbers)
    return frozenset((*(value.name for value in inputs), *kept, *numbers, RATE.name, STEP.name, "context"))


def _forward(
    graph: LayerGraph,
    inputs: tuple[Value, ...],
    sample_weight: Value,
    parameters: dict[str, Value],
    taken: frozenset[str],
    mode: Literal["train", "evaluate"],
) -> Forward:
    builder = Builder(inputs[0].shape[0], mode, dict(parameters), sample_weight, taken)
    chances = Chances(builder, graph)
    values = {value.name: value for value in inputs}
    for node in graph.nodes:
        operator = OPERATORS[node.operator]
        builder.begin(node.origin, "metric" if operator.role == "metric" else "forward")
        values[node.name] = chances.lower(node, tuple(values[name] for name in node.inputs))
    nodes = {node.name: node for node in graph.nodes}
    losses = tuple((values[term.node], term.weight) for term in graph.losses)
    results = [Result(term.name, "loss", values[term.node]) for term in graph.losses]
    results += [Result(term.name, "metric", values[term.node]) for term in graph.metrics]
    if losses:
        builder.begin(nodes[graph.losses[0].node].origin, "forward")
        results.insert(0, Result("objective", "objective", _objective(builder, losses)))
    outputs = tuple(ts.Output(output.name, values[output.tensor_name]) for output in graph.outputs)
    return Forward(tuple(builder.operations), tuple(builder.updates), tuple(results), losses, outputs)


def _objective(builder: Builder, losses: tuple[tuple[Value, float], ...]) -> Value:
    """The weighted sum of the losses; the loss itself where it is the only one."""
    if len(losses) == 1 and losses[0][1] == 1.0:
        return losses[0][0]
    total: Expression = Constant(0.0)
    for index, (_, weight) in enumerate(losses):
        total = add(total, multiply(Constant(weight), Operand(index)))
    values = tuple(value for value, _ in losses)
    return builder.map("objective", values, ("",) * (len(values) + 1), total)
