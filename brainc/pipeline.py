"""The compiler, from top to bottom: every stage once, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

import msgspec
import numpy as np
from numpy.typing import NDArray

from brainc import __version__
from brainc.codegen.assemble import Assembled, Facts, Ranks, assemble, build_ranks
from brainc.codegen.llvm.registers import RegisterFile, register_file
from brainc.graph.probable import with_probable_weights
from brainc.graph.trinary import with_trinary_weights
from brainc.ir import graph as ir_graph
from brainc.ir import schedule as ir_schedule
from brainc.ir import sharded as ir_sharded
from brainc.ir import spiking as ir_spiking
from brainc.ir import tensor as ir_tensor
from brainc.ir.graph import LayerGraph
from brainc.ir.scheme import Auto, Scheme
from brainc.ir.sharded import ShardedProgram
from brainc.ir.spiking import SpikingGraph
from brainc.ir.tensor import TensorProgram
from brainc.machine import description
from brainc.partition import apply
from brainc.partition.mesh import Candidate, Impossible, candidates, choice_of, meshes
from brainc.schedule.assign import assigned
from brainc.settings.check import CheckedProgram, check_program
from brainc.settings.data import input_facts
from brainc.settings.options import CompileOptions
from brainc.settings.parallel import ParallelOptions
from brainc.tensor.lower import lower
from brainc.truenorth.assemble import Facts as CoreFacts
from brainc.truenorth.assemble import assemble as assemble_cores
from brainc.truenorth.assemble import multiply_adds, products, scores_of
from brainc.truenorth.cores import map_onto_cores
from brainc.truenorth.ensemble import drawn, together
from brainc.truenorth.layers import spiking_graph
from brainc.truenorth.nir.package import read_graph
from brainc.truenorth.nir.read import imported
from brainc.truenorth.place import hops, place, placed, reading_order, traffic
from brainc.truenorth.tiling import cut_layers
from brainc.truenorth.weights import first_weights, read_weights
from brainlang import load_program
from brainlang.diagnostics import BrainError, Diagnostic
from brainlang.program import Program
from brainrun.errors import PlanError
from brainrun.plan.cores import CorePlan
from brainrun.plan.rules import broken_rules
from brainrun.plan.schema import Choice, DataSection, Field, InputFact, NpzSource, Plan
from brainrun.plan.store import with_files, write_plan
from brainrun.processor import this_processor
from brainrun.truenorth.activity import read_activity
from brainrun.truenorth.graph import CoreGraph, used_neurons
from brainrun.truenorth.limits import NEURONS
from brainrun.truenorth.rules import broken_rules as core_violations
from brainrun.truenorth.text import text as cores_text


class CompilerDefect(Exception):
    """A stage made something that breaks the rules of its level: a mistake of brainc, not of its user."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A finished compilation: the plan with its files, and the text of every level that `--show` may print."""

    assembled: Assembled
    texts: tuple[tuple[str, str], ...]


def compile_file(options: CompileOptions) -> tuple[Plan, Compiled]:
    """Compile a `.brain` file and write its plan folder."""
    program = load_program(options.source, dict(options.settings))
    compiled = compile_program(program, options)
    return write_plan(options.plan, compiled.assembled.plan, compiled.assembled.files), compiled


@dataclass(frozen=True, slots=True)
class OnCores:
    """A finished compilation for neurosynaptic cores: the plan with its files, and the texts that were asked for."""

    plan: CorePlan
    files: Mapping[str, bytes]
    texts: tuple[tuple[str, str], ...]


def compile_file_onto_cores(options: CompileOptions) -> tuple[CorePlan, OnCores]:
    """Compile a `.brain` file for neurosynaptic cores and write its plan folder."""
    program = load_program(options.source, dict(options.settings))
    compiled = compile_onto_cores(program, options)
    return write_plan(options.plan, compiled.plan, compiled.files), compiled


def compile_onto_cores(program: Program, options: CompileOptions) -> OnCores:
    """All stages of the second backend, each checked; BrainError and CompilerDefect as above.

    Weights are those of `options.weights`, or the first ones.
    """
    checked = constrained(check_program(program, options))
    graph = checked.graph
    units = units_of(checked, options)
    network = _Network(
        units=units,
        data=checked.data,
        inputs=input_facts(graph),
        scores=scores_of(graph),
        metric=graph.metrics[0].name if graph.metrics else "accuracy",
        multiply_adds=multiply_adds(graph),
        ticks=_unlike(options.ticks or checked.truenorth.ticks, units, options),
        seed=_drawing_seed(checked, options),
    )
    return _onto_cores(network, options, {"graph": lambda: ir_graph.text(graph)})


def units_of(checked: CheckedProgram, options: CompileOptions) -> SpikingGraph:
    """A constrained program as threshold units, with the weights of `options.weights` or the first ones.

    Of several files, or of probabilities, they are so many networks side by side.
    """
    graph = checked.graph
    _check("graph", ir_graph.rules(graph))
    seed = checked.train.training.seed
    by_chance = any(node.operator == "stochastic" for node in graph.nodes)
    idle_seed = options.seed is not None and not by_chance
    if checked.truenorth.weights != "probabilistic" and (options.ensemble or idle_seed):
        what = "nothing is drawn: weights are certain, and an ensemble of them would be equal networks"
        raise PlanError(
            what, where=str(options.source), remedy="leave out --ensemble and --seed, or give --from several times"
        )
    trained = [read_weights(graph, path) for path in options.weights] or [first_weights(graph, seed)]
    if checked.truenorth.weights == "probabilistic":
        each = options.ensemble or checked.truenorth.ensemble
        by = _drawing_seed(checked, options)
        trained = [
            drawn(graph, weights, by, number * each + member)
            for number, weights in enumerate(trained)
            for member in range(each)
        ]
    units = together([spiking_graph(graph, weights) for weights in trained])
    _check("units", ir_spiking.rules(units))
    return units


def compile_nir_file(options: CompileOptions) -> tuple[CorePlan, OnCores]:
    """Compile a NIR graph for neurosynaptic cores and write its plan folder; BrainError and CompilerDefect as above.

    It predicts what NAME.npz holds, an array for each Input. RunError: the file cannot be read.
    """
    ticks = options.ticks or 1
    found = imported(options.source.stem, read_graph(options.source), str(options.source), ticks)
    fields = tuple(Field(name, name, ()) for name, _ in found.inputs)
    network = _Network(
        units=found.units,
        data=(DataSection("predict", NpzSource(f"{options.source.stem}.npz"), fields, False, "", 1),),
        inputs=tuple(InputFact(name, "f32", shape, 0) for name, shape in found.inputs),
        scores=found.scores,
        metric="accuracy",
        multiply_adds=products(found.units),
        ticks=_unlike(ticks, found.units, options),
        seed=0,
    )
    compiled = _onto_cores(network, options, {})
    return write_plan(options.plan, compiled.plan, compiled.files), compiled


@dataclass(frozen=True, slots=True)
class _Network:
    """A network of units, whatever it came from, and what its plan says of data."""

    units: SpikingGraph
    data: tuple[DataSection, ...]
    inputs: tuple[InputFact, ...]
    scores: str
    metric: str
    multiply_adds: int
    ticks: int
    seed: int


def _drawing_seed(checked: CheckedProgram, options: CompileOptions) -> int:
    """What networks and stochastic spikes are drawn by."""
    return checked.train.training.seed if options.seed is None else options.seed


def _unlike(ticks: int, units: SpikingGraph, options: CompileOptions) -> int:
    """These ticks in which a sample is shown. PlanError: they are several, and all spikes would be the same in all."""
    lasts = any(layer.potentials is not None for layer in units.layers)
    if ticks > 1 and not lasts and all(encoder.code == "threshold" for encoder in units.encoders):
        what = f"{ticks} ticks of a sample would be alike: no input has the code rate or stochastic"
        raise PlanError(what, where=str(options.source), remedy="show it in one tick, or use such a code")
    return ticks


def _onto_cores(network: _Network, options: CompileOptions, before: Mapping[str, Callable[[], str]]) -> OnCores:
    """The stages from units to the plan; `before` are the texts of the levels before them."""
    units = network.units
    _check("units", ir_spiking.rules(units))
    mapped = map_onto_cores(units, *cut_layers(units), network.ticks)
    alike = np.ones((len(mapped.graph.cores), NEURONS))
    flow = traffic(mapped.graph, alike)
    places = place(flow if options.run is None else traffic(mapped.graph, alike * _rates(options.run, mapped.graph)))
    mapped = replace(mapped, graph=placed(mapped.graph, places))
    _check("cores", (str(violation) for violation in core_violations(mapped.graph)))
    facts = CoreFacts(
        made_by=f"brainc {__version__}",
        data=network.data,
        data_folder=_data_folder(options),
        inputs=network.inputs,
        scores=network.scores,
        metric=network.metric,
        multiply_adds=network.multiply_adds,
        hops_in_order=hops(flow, reading_order(flow.cores)),
        hops=hops(flow, places),
        period=network.ticks,
        seed=network.seed,
    )
    plan, files = assemble_cores(units, mapped, facts)
    shown: dict[str, Callable[[], str]] = {
        **before,
        "units": lambda: ir_spiking.text(units),
        "cores": lambda: cores_text(mapped.graph),
    }
    return OnCores(plan, files, tuple((level, shown[level]()) for level in options.show))


def _rates(run: Path, graph: CoreGraph) -> NDArray[np.float64]:
    """`[cores, 1]`: spikes a neuron and tick in a run, or a thousandth of the mean where there were fewer.

    RunError: the run left nothing of it, or is of other cores.
    """
    roles = read_activity(run, len(graph.cores)).roles
    neurons = np.array([max(1, used_neurons([core])) for core in graph.cores])
    rates = np.sum([role.core_spikes for role in roles], axis=0) / sum(role.ticks for role in roles) / neurons
    found: NDArray[np.float64] = np.maximum(rates, max(1e-3 * rates.mean(), 1e-9))[:, None]
    return found


def compile_program(program: Program, options: CompileOptions) -> Compiled:
    """All stages, each checked. Raises BrainError for the user's mistakes and CompilerDefect for ours."""
    checked = constrained(check_program(program, options))
    graph, training = checked.graph, checked.train.training
    _check("graph", ir_graph.rules(graph))
    machine = description.load(options.machine) if options.machine else description.GENERIC
    tensors = lower(graph, batch=training.batch, optimizer=checked.train.optimizer, settings=checked.train.settings)
    _check("tensor", ir_tensor.rules(tensors))
    weighed = _weighed(program, checked, tensors, machine, options)
    sharded, ranks = weighed[0].sharded, weighed[0].ranks
    for built in ranks.built:
        for name, procedure in built.schedules:
            _check(f"schedule of {name}", ir_schedule.rules(procedure))
    facts = Facts(
        made_by=f"brainc {__version__}",
        training=training,
        data=checked.data,
        data_folder=_data_folder(options),
        inputs=input_facts(graph),
        choice=_choice(weighed),
    )
    assembled = assemble(graph, tensors, sharded, ranks, facts)
    _check("plan", broken_rules(with_files(assembled.plan, assembled.files), assembled.files))
    shown: dict[str, Callable[[], str]] = {
        "graph": lambda: ir_graph.text(graph),
        "tensor": lambda: ir_tensor.text(tensors),
        "partition": lambda: ir_sharded.text(sharded),
        "schedule": lambda: "\n".join(ir_schedule.text(built.program.name, built.schedules) for built in ranks.built),
        "kernels": lambda: "\n".join(text for _, text in sorted(assembled.files.items())),
    }
    return Compiled(assembled, tuple((level, shown[level]()) for level in options.show))


def constrained(checked: CheckedProgram) -> CheckedProgram:
    """The program with its graph held to what the section `truenorth` says."""
    asked = checked.truenorth
    match asked.weights:
        case "trinary":
            return replace(checked, graph=with_trinary_weights(checked.graph, asked.hysteresis))
        case "probabilistic":
            return replace(checked, graph=with_probable_weights(checked.graph))
        case "float":
            return checked
        case _:
            assert_never(asked.weights)


def _weighed(
    program: Program,
    checked: CheckedProgram,
    tensors: TensorProgram,
    machine: description.Machine,
    options: CompileOptions,
) -> list[_Layout]:
    """The candidates laid out in full, the fastest first; those that the machine's memory cannot hold are left out."""
    parallel, batch = checked.parallel, checked.train.training.batch
    try:
        allowed = meshes(parallel.data, parallel.model, _numbers_of_ranks(parallel, machine))
        found = candidates(checked.graph, allowed, dict(parallel.placements), batch=batch, machine=machine)
    except Impossible as impossible:
        raise _diagnosed(impossible, program, checked.graph) from None
    registers = register_file(this_processor().features)
    reductions = dict(parallel.reductions)
    layouts = [_laid_out(tensors, candidate, reductions, machine, registers) for candidate in found]
    layouts.sort(key=lambda layout: layout.ranks.prediction.step_seconds)
    if options.machine is None:
        return layouts
    fitting = [layout for layout in layouts if _bytes_a_node(layout, machine) <= machine.memory_per_node]
    if not fitting:
        least = min(_bytes_a_node(layout, machine) for layout in layouts)
        message = (
            f"a node needs {least / 1e9:.1f} GB, and one of {machine.name} has {machine.memory_per_node / 1e9:.1f}"
        )
        raise BrainError((Diagnostic(program.parallel.span, message, "use more model ranks, or a smaller batch"),))
    return fitting


def _numbers_of_ranks(parallel: ParallelOptions, machine: description.Machine) -> range:
    """How many ranks there may be: as many as were asked for, or else up to one for each core of a node."""
    least = parallel.ranks or (parallel.data or 1) * (parallel.model or 1)
    return range(least, (parallel.ranks or max(least, machine.cores_per_node)) + 1)


def _bytes_a_node(layout: _Layout, machine: description.Machine) -> int:
    """What the ranks of the fullest node hold, with as many ranks on a node as it has cores."""
    arenas = [layout.ranks.programs[rank.program].arena_bytes for rank in layout.ranks.ranks]
    size = machine.cores_per_node
    return max(sum(arenas[first : first + size]) for first in range(0, len(arenas), size))


@dataclass(frozen=True, slots=True)
class _Layout:
    """A candidate laid out in full: who holds what, why these reductions, and every rank's program with its step."""

    candidate: Candidate
    sharded: ShardedProgram
    why: str
    ranks: Ranks


def _choice(weighed: Sequence[_Layout]) -> Choice:
    """The decision in the plan's words, from the candidates, the fastest first."""
    choice = choice_of([(layout.candidate, layout.ranks.prediction.step_seconds) for layout in weighed])
    return msgspec.structs.replace(choice, why=f"{choice.why} {weighed[0].why}".rstrip())


def _laid_out(
    tensors: TensorProgram,
    candidate: Candidate,
    reductions: Mapping[str, Scheme | Auto],
    machine: description.Machine,
    registers: RegisterFile,
) -> _Layout:
    spread = apply.apply(tensors, candidate.assignment.by_layer, candidate.mesh)
    # What no description says of the machine, no plan relies on.
    node = 1 if machine is description.GENERIC else machine.cores_per_node
    placed = replace(spread, node=node)
    by_schemes = assigned(placed, reductions, machine)
    sharded = replace(placed, schemes=by_schemes.schemes)
    _check("partition", ir_sharded.rules(sharded))
    return _Layout(candidate, sharded, by_schemes.why, build_ranks(sharded, machine, registers))


def _check(level: str, broken: Iterator[str]) -> None:
    faults = list(broken)
    if faults:
        raise CompilerDefect(f"the {level} breaks {len(faults)} of its rules: {'; '.join(faults[:3])}")


def _data_folder(options: CompileOptions) -> str:
    """Where relative data paths start, as the plan says it: relative to the plan's folder."""
    folder = options.data_dir or options.source.parent
    return os.path.relpath(folder.resolve(), options.plan.resolve())


def _diagnosed(impossible: Impossible, program: Program, graph: LayerGraph) -> BrainError:
    placed = {placement.layer: placement.span for placement in program.parallel.placements}
    origins = {node.name: node.origin.span for node in graph.nodes}
    span = placed.get(impossible.layer) or origins.get(impossible.layer) or program.parallel.span
    return BrainError((Diagnostic(span, impossible.message, impossible.remedy),))
