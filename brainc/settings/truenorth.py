"""What is the network held to, so that neurosynaptic cores can run it? The section `truenorth`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from brainc.graph.trinary import hidden_initial, synapses
from brainc.ir.graph import LayerGraph
from brainc.operators.operator import Argument
from brainc.settings.reading import choose, known_settings, read_arguments, read_value, real
from brainlang.diagnostics import Report
from brainlang.program import Program, Setting
from brainrun.plan.schema import Constant, Drawn, Normal, Uniform

KEYS = ("weights", "hysteresis")
WEIGHTS = ("trinary", "float")
HYSTERESIS = Argument("hysteresis", "magnitude", "how far beyond ±1/2 a hidden copy changes its weight", 0.1)
BORDER = 0.5
FARTHEST = 4.0
"""Standard deviations beyond which hardly one draw in ten thousand lies."""


@dataclass(frozen=True, slots=True)
class TrueNorthOptions:
    """`hysteresis` of trinary weights; None where weights stay the numbers that they are."""

    hysteresis: float | None


def truenorth_options(program: Program, graph: LayerGraph) -> TrueNorthOptions:
    """The `truenorth` section; without one, weights stay as they are. Raises BrainError with all mistakes."""
    if program.truenorth is None:
        return TrueNorthOptions(None)
    report = Report()
    settings = known_settings(report, "key of truenorth", program.truenorth, KEYS, ())
    hysteresis = _hysteresis(report, settings)
    trinary = _weights(report, settings) == "trinary"
    if trinary:
        _report_zeros(report, graph)
    elif "hysteresis" in settings:
        span = settings["hysteresis"].key_span
        report.add(span, "hysteresis is of trinary weights, and these are float", "leave one of the two lines out")
    report.settle()
    return TrueNorthOptions(hysteresis if trinary else None)


def _weights(report: Report, settings: Mapping[str, Setting]) -> str:
    """What weights are held to; `trinary` where the section does not say, or says it wrongly, which is reported."""
    if "weights" not in settings:
        return WEIGHTS[0]
    call = choose(report, "kind of weights", settings["weights"].value, (WEIGHTS, ()))
    return WEIGHTS[0] if call is None or read_arguments(report, call, ()) is None else call.function


def _hysteresis(report: Report, settings: Mapping[str, Setting]) -> float:
    given = settings.get(HYSTERESIS.name)
    value = HYSTERESIS.default if given is None else read_value(report, HYSTERESIS, given.value)
    if not isinstance(value, (int, float)):
        return 0.0
    if given is not None and value >= BORDER:
        message = f"hysteresis is below {BORDER:g}, half the way between two weights, and this is {value:g}"
        report.add(given.value.span, message, "use 0.1, or 0 for none")
    return real(value)


def _report_zeros(report: Report, graph: LayerGraph) -> None:
    """Layers whose weights would all start at 0, where no gradient passes to the layers before them."""
    for node in graph.nodes:
        for weight in synapses(node):
            reach = _reach(hidden_initial(node, weight))
            if reach <= BORDER:
                message = f"{node.name}: init={node.argument('init')} starts hidden copies within ±{reach:.3g}"
                remedy = "leave init out, or use normal(0.5)"
                report.add(node.origin.span, f"{message}, so all trinary weights at 0", remedy)


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
