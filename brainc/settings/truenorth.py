"""What is the network held to, so that neurosynaptic cores can run it? The section `truenorth`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias, assert_never, get_args

from brainc.graph.synapses import synapse_initial, synapses
from brainc.ir.graph import LayerGraph, Node
from brainc.operators.operator import Argument
from brainc.operators.table import OPERATORS
from brainc.settings.reading import choose, known_settings, read_arguments, read_value, real, whole
from brainlang.diagnostics import Report
from brainlang.program import Program, Setting
from brainrun.plan.schema import Constant, Drawn, Normal, Uniform
from brainrun.truenorth.limits import AXONS

Kind: TypeAlias = Literal["trinary", "probabilistic", "float"]

KEYS = ("weights", "hysteresis", "ensemble", "ticks", "fan_in")
WEIGHTS: tuple[Kind, ...] = get_args(Kind)
OF_WEIGHTS: Mapping[str, Kind] = {"hysteresis": "trinary", "ensemble": "probabilistic"}
"""Which keys go with which weights only."""

HYSTERESIS = Argument("hysteresis", "magnitude", "how far beyond ±1/2 a hidden copy changes its weight", 0.1)
ENSEMBLE = Argument("ensemble", "count", "how many networks are drawn and decide together", 1)
FAN_IN = Argument("fan_in", "count", "how many spikes a unit may see", AXONS // 2)
TICKS = Argument("ticks", "count", "in how many ticks a sample is shown", 1)
CHANCES = ("rate", "stochastic")
PASSED_ON = ("dropout", *(operator.name for operator in OPERATORS.values() if operator.rearranges))
BORDER = 0.5
FARTHEST = 4.0
"""Standard deviations beyond which hardly one draw in ten thousand lies."""


@dataclass(frozen=True, slots=True)
class TrueNorthOptions:
    """What weights are held to; `hysteresis` of trinary ones; how many networks an `ensemble` of drawn ones has.

    ticks: in how many a sample is shown to the cores.
    """

    weights: Kind = "float"
    hysteresis: float = 0.0
    ensemble: int = 1
    ticks: int = 1


def truenorth_options(program: Program, graph: LayerGraph) -> TrueNorthOptions:
    """The `truenorth` section; without one, weights stay as they are. Raises BrainError with all mistakes."""
    if program.truenorth is None:
        return TrueNorthOptions()
    report = Report()
    settings = known_settings(report, "key of truenorth", program.truenorth, KEYS, ())
    hysteresis = _hysteresis(report, settings)
    ensemble, ticks, fan_in = (_count(report, argument, settings) for argument in (ENSEMBLE, TICKS, FAN_IN))
    kind = _weights(report, settings)
    for key, of in OF_WEIGHTS.items():
        if key in settings and kind != of:
            message = f"{key} is of {of} weights, and these are {kind}"
            report.add(settings[key].key_span, message, "leave one of the two lines out")
    if kind != "float":
        _report_fan_in(report, graph, fan_in)
    match kind:
        case "trinary":
            _report_zeros(report, graph)
            _report_chances(report, graph)
        case "probabilistic":
            _report_other_sums(report, graph)
        case "float":
            pass
        case _:
            assert_never(kind)
    report.settle()
    return TrueNorthOptions(kind, hysteresis, ensemble, ticks)


def _weights(report: Report, settings: Mapping[str, Setting]) -> Kind:
    """What weights are held to; `trinary` where the section does not say, or says it wrongly, which is reported."""
    if "weights" not in settings:
        return WEIGHTS[0]
    call = choose(report, "kind of weights", settings["weights"].value, (WEIGHTS, ()))
    if call is None or read_arguments(report, call, ()) is None:
        return WEIGHTS[0]
    return next(kind for kind in WEIGHTS if kind == call.function)


def _hysteresis(report: Report, settings: Mapping[str, Setting]) -> float:
    given = settings.get(HYSTERESIS.name)
    value = HYSTERESIS.default if given is None else read_value(report, HYSTERESIS, given.value)
    if not isinstance(value, (int, float)):
        return 0.0
    if given is not None and value >= BORDER:
        message = f"hysteresis is below {BORDER:g}, half the way between two weights, and this is {value:g}"
        report.add(given.value.span, message, "use 0.1, or 0 for none")
    return real(value)


def _count(report: Report, argument: Argument, settings: Mapping[str, Setting]) -> int:
    given = settings.get(argument.name)
    value = argument.default if given is None else read_value(report, argument, given.value)
    return whole(value) if isinstance(value, int) else 1


def _report_zeros(report: Report, graph: LayerGraph) -> None:
    """Layers whose weights would all start at 0, where no gradient passes to the layers before them."""
    for node in graph.nodes:
        for weight in synapses(node):
            reach = _reach(synapse_initial(node, weight))
            if reach <= BORDER:
                message = f"{node.name}: init={node.argument('init')} starts hidden copies within ±{reach:.3g}"
                remedy = "leave init out, or use normal(0.5)"
                report.add(node.origin.span, f"{message}, so all trinary weights at 0", remedy)


def _report_fan_in(report: Report, graph: LayerGraph, limit: int) -> None:
    """Layers whose units see more spikes than a core offers, before they are trained for it."""
    nodes = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        own = synapses(nodes[node.shared])
        if not own or not _is_read_by_a_spike(node, graph):
            continue
        seen = own[0].shape[0] if node.transposed else prod(own[0].shape[1:])
        if seen > limit:
            groups = -(-seen // limit)
            fewer = (
                f"use groups={groups} or more, or a smaller kernel" if node.operator == "conv" else "let it read fewer"
            )
            message = f"units of {node.name} see {seen} spikes, and a core offers {limit} signed ones"
            report.add(node.origin.span, message, f"{fewer}, or raise fan_in for a network that stays off cores")


def _is_read_by_a_spike(node: Node, graph: LayerGraph) -> bool:
    """Whether a spike depends on the layer: what follows the last one is computed off the cores."""
    depending = {node.name}
    for other in graph.nodes:
        if not depending.isdisjoint(other.inputs):
            if other.operator == "spike":
                return True
            depending.add(other.name)
    return False


def _report_chances(report: Report, graph: LayerGraph) -> None:
    """Codes that training knows by their chances of spikes, which units of certain weights would take for numbers."""
    for node in graph.nodes:
        if node.operator in CHANCES:
            message = f"{node.name} gives chances of spikes, and trinary weights are trained with spikes"
            report.add(node.origin.span, message, "use weights = probabilistic, or the code spike or population")


def _report_other_sums(report: Report, graph: LayerGraph) -> None:
    """What is no sum over synapses, where units fire by the mean and the variance of theirs, and what needs spikes."""
    nodes = {node.name: node for node in graph.nodes}
    chances: set[str] = set()
    for node in graph.nodes:
        read = nodes.get(node.inputs[0])
        if node.operator == "spike" and read is not None:
            chances.add(node.name)
            if not OPERATORS[read.operator].synapses:
                message = f"{node.name} reads {read.operator}, and drawn networks fire by sums of conv or dense"
                report.add(node.origin.span, message, "leave it out, and let conv or dense have a bias")
        elif node.operator in PASSED_ON and not chances.isdisjoint(node.inputs):
            chances.add(node.name)
        elif node.operator == "maxpool" and node.inputs[0] in chances:
            message = f"{node.name}: the largest of several chances of a spike is not the chance that one comes"
            report.add(node.origin.span, message, "use conv with a stride in place of maxpool")


def _reach(initial: Drawn) -> float:
    """How far from 0 values start, but for one in ten thousand."""
    match initial:
        case Uniform(bound=bound):
            return bound
        case Normal(deviation=deviation):
            return FARTHEST * deviation
        case Constant(value=value):
            return abs(value)
        case _:
            assert_never(initial)
