"""How is the work spread over ranks? The section `parallel`, and what the command line says in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from brainc.graph.arguments import convert
from brainc.graph.names import find_layer
from brainc.ir.graph import LayerGraph, Node
from brainc.ir.scheme import SUM
from brainc.operators.operator import Argument, Refusal, Split
from brainc.partition.choices import choices
from brainc.settings.options import CompileOptions, Extent
from brainc.settings.reading import choose, known_settings, read_arguments
from brainc.settings.reductions import Reduction, read_reductions, with_gradients
from brainlang import program as language
from brainlang.diagnostics import BrainError, Report, listed
from brainlang.load import parse_setting
from brainlang.program import Apply, Name, Placement, Program, Setting
from brainlang.source import Span

KEYS = ("model", "data", "reduce")
SPLITS: tuple[Split, ...] = get_args(Split)
SPLITS_TO_COME = ("spatial",)
MOST_RANKS = 2**16
_ANY_BATCH = 2**62  # so that only the layer decides which splits it has


@dataclass(frozen=True, slots=True)
class ParallelOptions:
    """Ranks along `data` and `model` (None: the partitioner chooses), layers with a fixed split, and how to reduce.

    `ranks` is how many there are in all; None where that is to be chosen too. `reductions` has every layer with trained
    parameters of its own, and how their gradients are summed over replicas.
    """

    data: int | None
    model: int | None
    ranks: int | None
    placements: tuple[tuple[str, Split], ...]
    reductions: tuple[tuple[str, Reduction], ...]


def parallel_options(program: Program, graph: LayerGraph, options: CompileOptions) -> ParallelOptions:
    """The `parallel` section with the command line's `data`, `model` and `reduce` before its own; each is 1 by default.

    Raises BrainError with all mistakes.
    """
    report = Report()
    section = program.parallel
    settings = known_settings(report, "key of parallel", section.settings, KEYS, ())
    extents: dict[str, int | None] = {}
    for name, override in (("data", options.data), ("model", options.model)):
        given = _extent(report, name, settings[name].value) if name in settings else 1
        extents[name] = given if override is None else _from_command(override)
    ranks = _ranks(report, section.span, extents["data"], extents["model"], options.ranks)
    reductions = _reductions(report, settings, graph, options.reduce)
    nodes = {node.name: node for node in graph.nodes}
    placements: dict[str, Split] = {}
    for placement in section.placements:
        placed = _placement(report, placement, nodes, graph, max(extents["model"] or 1, 2))
        if placed is not None and placed[0] in placements:
            report.add(placement.span, f"'{placed[0]}' is placed twice", "leave one of the two out")
        elif placed is not None:
            placements[placed[0]] = placed[1]
    report.settle()
    return ParallelOptions(extents["data"], extents["model"], ranks, tuple(placements.items()), reductions)


def _extent(report: Report, name: str, value: language.Value) -> int | None:
    if value == Name("auto", value.span):
        return None
    try:
        number = convert(Argument(name, "count", "ranks"), value)
    except Refusal as refusal:
        report.add(value.span, refusal.message, refusal.remedy or "write auto to let the partitioner choose")
        return 1
    assert isinstance(number, int)
    return number


def _ranks(report: Report, span: Span, data: int | None, model: int | None, asked: int | None) -> int | None:
    """How many ranks there are, None where that is to be chosen; reports too many, or not what the extents make."""
    fixed = (data or 1) * (model or 1)
    total = asked or fixed
    if max(total, fixed) > MOST_RANKS:
        report.add(
            span, f"data × model is {max(total, fixed):,} ranks, and {MOST_RANKS:,} is the most", "use fewer ranks"
        )
    elif total % fixed or (data and model and total != fixed):
        message = f"data {data or 'auto'} × model {model or 'auto'} cannot be {total} ranks, as was asked"
        report.add(span, message, "ask for other ranks, or write auto for data and model")
    return total if asked or (data and model) else None


def _from_command(extent: Extent) -> int | None:
    return extent if isinstance(extent, int) else None


def _reductions(
    report: Report, settings: Mapping[str, Setting], graph: LayerGraph, command: str | None
) -> tuple[tuple[str, Reduction], ...]:
    """What the command line says, or else the section; both are checked."""
    reductions: tuple[tuple[str, Reduction], ...] = tuple((layer, SUM) for layer in with_gradients(graph))
    if "reduce" in settings:
        reductions = read_reductions(report, settings["reduce"].value, graph)
    if command is not None:
        try:
            reductions = read_reductions(report, parse_setting("--reduce", command), graph)
        except BrainError as error:
            report.diagnostics += error.diagnostics
    return reductions


def _placement(
    report: Report, placement: Placement, nodes: Mapping[str, Node], graph: LayerGraph, ranks: int
) -> tuple[str, Split] | None:
    """The layer and its split, or None where there is no such layer or split, or the layer has no such split."""
    split = _split(report, placement.split)
    try:
        layer = find_layer(placement.layer, nodes)
    except Refusal as refusal:
        report.add(_layer_span(placement), refusal.message, refusal.remedy)
        return None
    if split is None:
        return None
    possible = {choice.split for choice in choices(nodes[layer], graph, batch=_ANY_BATCH, ranks=ranks)}
    if split not in possible:
        ways = [name for name in SPLITS if name in possible]
        message = f"{layer}: {nodes[layer].operator} cannot be split by '{split}' over {ranks} ranks here"
        report.add(placement.split.span, message, f"use {listed(ways)}")
        return None
    return layer, split


def _split(report: Report, value: language.Value) -> Split | None:
    """`output`, or `split(output)`; None where it is no split, which is reported."""
    match value:
        case Apply(function="split", positional=(inner,), named=()):
            value = inner
    call = choose(report, "split", value, (SPLITS, SPLITS_TO_COME))
    if call is None or read_arguments(report, call, ()) is None:
        return None
    return next(split for split in SPLITS if split == call.function)


def _layer_span(placement: Placement) -> Span:
    """The layer's name in `place layer = split`."""
    start = placement.span.text.find(placement.layer, len("place"))
    if start < 0:
        return placement.span
    begin = placement.span.start + start
    return Span(placement.span.source, begin, begin + len(placement.layer))
