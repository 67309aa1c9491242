"""How is each layer's gradient summed over replicas? What `reduce` says, in the file or on the command line."""

from __future__ import annotations

from typing import TypeAlias

from brainc.graph.names import find_layer
from brainc.ir.graph import LayerGraph, Node
from brainc.ir.scheme import AUTO, SUM, Auto, Scheme
from brainc.operators.operator import Refusal
from brainc.operators.table import OPERATORS, TO_COME
from brainc.reductions.table import names, record_of
from brainc.settings.reading import choose, read_arguments, real
from brainlang import program as language
from brainlang.diagnostics import Report, listed
from brainlang.program import For, ListOf
from brainlang.source import Span

Reduction: TypeAlias = Scheme | Auto
REDUCTIONS = (*names(), "auto")
LEAST, MOST = 1.2e-38, 3.4e38
"""Between these, and their negatives, float32 has every number to its full precision."""
_THE_REST = ""  # no layer and no operator is called so


def read_reductions(report: Report, value: language.Value, graph: LayerGraph) -> tuple[tuple[str, Reduction], ...]:
    """The reduction of every layer that has gradients of its own, in the graph's order; mistakes are reported.

    What is said for a layer goes before what is said for its operator, and that before what is said for no layers in
    particular, which is `sum` where it is not said. The order of the items means nothing.
    """
    layers = with_gradients(graph)
    reduction_of: dict[str, Reduction] = {}
    for item in value.items if isinstance(value, ListOf) else (value,):
        reduction = _reduction(report, item.value if isinstance(item, For) else item)
        target = _target(report, item, layers, graph) if isinstance(item, For) else _THE_REST
        if target is None or reduction is None:
            continue
        if target in reduction_of:
            _report_second(report, item, target)
        reduction_of[target] = reduction
    rest = reduction_of.get(_THE_REST, SUM)
    return tuple(
        (name, reduction_of.get(name) or reduction_of.get(node.operator) or rest) for name, node in layers.items()
    )


def with_gradients(graph: LayerGraph) -> dict[str, Node]:
    """The layers that have trained parameters of their own, by name."""
    return {node.name: node for node in graph.nodes if any(weight.trained for weight in node.weights)}


def _reduction(report: Report, value: language.Value) -> Reduction | None:
    """`auto`, or a scheme with its numbers; None where it is neither, which is reported."""
    call = choose(report, "reduction", value, (REDUCTIONS, ()))
    if call is None:
        return None
    arguments = () if call.function == "auto" else record_of(call.function).arguments
    given = read_arguments(report, call, arguments)
    if given is None:
        return None
    if call.function == "auto":
        return AUTO
    numbers = {name: real(number) for name, number in given.items()}
    for name, number in numbers.items():
        if number and not LEAST <= abs(number) <= MOST:
            message = f"{call.function}: {name} is {number:g}, beyond the range of float32"
            report.add(call.span, message, f"use a number from {LEAST:g} to {MOST:g}")
            return None
    return Scheme(call.function, tuple(numbers.values()))


def _target(report: Report, item: For, layers: dict[str, Node], graph: LayerGraph) -> str | None:
    """The layer's full name or the operator that follows `for`; None where it is for no layer, which is reported."""
    written, span = item.target, target_span(item)
    operators = dict.fromkeys(node.operator for node in layers.values())
    others = [name for name, node in layers.items() if node.operator == written and name != written]
    if written in layers and others:
        message = f"'{written}' is a layer, and the operator of {listed(others[:3], 'and')}"
        report.add(span, message, 'call the layer otherwise, with name="…"')
        return None
    try:
        return find_layer(written, [*layers, *operators], " and no operator of that name")
    except Refusal as refusal:
        problem = _without_gradients(written, graph) or (refusal.message, refusal.remedy)
    report.add(span, *problem)
    return None


def _without_gradients(written: str, graph: LayerGraph) -> tuple[str, str] | None:
    """What to say of a layer or an operator that exists and has nothing to reduce; None of one that does not exist."""
    remedy = "leave the item out, or name layers that have parameters"
    nodes = {node.name: node for node in graph.nodes}
    if any(node.operator == written for node in graph.nodes):
        return f"{written} has no parameters of its own here, so there is no gradient to reduce", remedy
    if written in OPERATORS or written in TO_COME:
        return f"no layer of this network is a {written}", remedy
    try:
        node = nodes[find_layer(written, nodes)]
    except Refusal:
        return None
    if node.shared != node.name:
        return f"'{node.name}' uses the parameters of '{node.shared}'", f"name {node.shared}"
    return f"'{node.name}' has no parameters, so there is no gradient to reduce", remedy


def _report_second(report: Report, item: language.Value, target: str) -> None:
    """A second item for the same layers."""
    if isinstance(item, For):
        report.add(target_span(item), f"'{target}' is given a reduction twice", "leave one of the two out")
    else:
        message = "a second reduction for all layers that no other item names"
        report.add(item.span, message, "say which layers it is for: sum for conv")


def target_span(item: For) -> Span:
    """What stands after `for`."""
    return Span(item.span.source, item.span.end - len(item.target), item.span.end)
