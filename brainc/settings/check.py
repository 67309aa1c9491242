"""Is the whole program sound? The layer graph and every section, with all mistakes of all of them in one error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from brainc.graph.build import build
from brainc.ir.graph import LayerGraph
from brainc.settings.data import data_sections
from brainc.settings.options import CompileOptions
from brainc.settings.parallel import ParallelOptions, parallel_options
from brainc.settings.train import TrainSettings, training
from brainc.settings.truenorth import TrueNorthOptions, truenorth_options
from brainlang.diagnostics import BrainError, Report
from brainlang.program import Program
from brainrun.plan.schema import DataSection

Checked = TypeVar("Checked")


@dataclass(frozen=True, slots=True)
class CheckedProgram:
    """All that a program says, checked: what compilation begins with."""

    graph: LayerGraph
    train: TrainSettings
    data: tuple[DataSection, ...]
    parallel: ParallelOptions
    truenorth: TrueNorthOptions


def check_program(program: Program, options: CompileOptions) -> CheckedProgram:
    """Everything that compilation needs. Raises BrainError with every mistake in the file."""
    report = Report()
    graph = attempt(report, lambda: build(program))
    train = attempt(report, lambda: training(program))
    data = None if graph is None else attempt(report, lambda: data_sections(program, graph))
    parallel = None if graph is None else attempt(report, lambda: parallel_options(program, graph, options))
    truenorth = None if graph is None else attempt(report, lambda: truenorth_options(program, graph))
    if graph is None or train is None or data is None or parallel is None or truenorth is None:
        raise BrainError(report.diagnostics)
    return CheckedProgram(graph, train, data, parallel, truenorth)


def check_sections(program: Program, options: CompileOptions) -> LayerGraph:
    """The graph, after all sections that are there have been checked: a network alone need not have a loss.

    Raises BrainError with every mistake in the file.
    """
    if program.train:
        return check_program(program, options).graph
    report = Report()
    graph = attempt(report, lambda: build(program))
    if graph is not None:
        attempt(report, lambda: data_sections(program, graph))
        attempt(report, lambda: parallel_options(program, graph, options))
        attempt(report, lambda: truenorth_options(program, graph))
    report.settle()
    assert graph is not None
    return graph


def attempt(report: Report, check: Callable[[], Checked]) -> Checked | None:
    """What a check gives, or None, its mistakes kept."""
    try:
        return check()
    except BrainError as error:
        report.diagnostics += error.diagnostics
        return None
