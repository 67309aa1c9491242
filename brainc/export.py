"""What do other programs read? A plan for cores becomes RANC's files, a network of spikes a NIR graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainc.pipeline import constrained, units_of
from brainc.settings.check import check_program
from brainc.settings.options import CompileOptions
from brainc.truenorth.nir.export import nir_graph, square_kernels
from brainc.truenorth.nir.package import write_graph
from brainlang import load_program
from brainrun.errors import DataError, PlanError
from brainrun.plan.store import read_core_plan
from brainrun.run import wanted_datasets
from brainrun.truenorth.deployed import Deployed, deployed, values_of
from brainrun.truenorth.inlets import Inlets
from brainrun.truenorth.ranc.export import RancFiles, export
from brainrun.truenorth.rules import Violation
from brainrun.truenorth.rules import broken_rules as core_violations
from brainrun.truenorth.simulate import NO_ARRIVALS, Arrivals

NETWORK_FILE, CONFIG_FILE = "net.json", "config.json"


@dataclass(frozen=True, slots=True)
class RancOptions:
    """What an export to RANC is told. `samples` of the data become packets; `data_dir` None is the plan's own."""

    source: Path
    output: Path
    samples: int = 0
    data_dir: Path | None = None


def export_to_nir(options: CompileOptions, output: Path) -> bool:
    """Write a `.brain` file's threshold units as a NIR graph; whether the package's check of types agrees with it.

    BrainError: what is no unit, or has no counterpart. RunError: weights or package are missing, or nothing is written.
    """
    checked = check_program(load_program(options.source, dict(options.settings)), options)
    units = units_of(constrained(checked), options)
    write_graph(output, nir_graph(units))
    return square_kernels(units)


@dataclass(frozen=True, slots=True)
class InRanc:
    """What was written: so many `rows` show the decision of every sample, the first of them in row `first`."""

    cores: int
    rows: int
    first: int
    every: int


def export_to_ranc(options: RancOptions) -> InRanc | tuple[Violation, ...]:
    """Write a plan as a folder with RANC's two files, or say all that RANC's cores cannot do, and write nothing.

    PlanError: there is no plan for cores. DataError: its data is not there, or has fewer samples.
    """
    where = str(options.source)
    plan, files = read_core_plan(options.source)
    network = deployed(plan, files, where)
    for violation in core_violations(network.graph):
        raise PlanError(f"breaks a rule of cores: {violation}", where=where, remedy="compile it again")
    if options.samples > 1 and any(layer.lasts for layer in plan.layers):
        what = f"has potentials that last, and {options.samples} samples would add up in RANC"
        raise PlanError(what, where=where, remedy="use --samples 1")
    found = export(network.graph, _packets(network, options) if options.samples else NO_ARRIVALS)
    if not isinstance(found, RancFiles):
        return found
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / NETWORK_FILE).write_bytes(found.network)
    (options.output / CONFIG_FILE).write_bytes(found.config)
    # A row shows the spikes of the tick before, and there is one more than the last tick's number.
    rows = max(1, options.samples) * plan.period + plan.latency + 1
    return InRanc(len(network.graph.cores), rows, plan.latency + 1, plan.period)


def _packets(network: Deployed, options: RancOptions) -> Arrivals:
    """The spikes of the first samples that `brainrun --mode predict` would take."""
    plan = network.plan
    dataset = next(
        iter(wanted_datasets(plan, "predict", options.data_dir or options.source / plan.data_folder).values())
    )
    if dataset.count < options.samples:
        raise DataError(f"has {dataset.count} samples, and {options.samples} are wanted", where=f"data {dataset.role}")
    indices = np.arange(options.samples)
    ticks = range(options.samples * plan.period + plan.latency)
    return Inlets(plan, network.graph).arrivals(values_of(plan, dataset, indices), indices, ticks, first=0)
