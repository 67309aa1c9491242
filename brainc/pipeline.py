"""The compiler, from top to bottom: every stage once, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from brainc import __version__
from brainc.codegen.assemble import Assembled, Facts, Ranks, assemble, build_ranks
from brainc.codegen.llvm.registers import RegisterFile, register_file
from brainc.graph.build import build
from brainc.ir import graph as ir_graph
from brainc.ir import schedule as ir_schedule
from brainc.ir import sharded as ir_sharded
from brainc.ir import tensor as ir_tensor
from brainc.ir.graph import LayerGraph
from brainc.ir.sharded import ShardedProgram
from brainc.ir.tensor import TensorProgram
from brainc.machine import description
from brainc.partition import apply
from brainc.partition.mesh import Candidate, Impossible, candidates, choice_of, meshes
from brainc.settings.data import data_sections, input_facts
from brainc.settings.options import CompileOptions
from brainc.settings.parallel import parallel_options
from brainc.settings.train import training
from brainc.tensor.lower import lower
from brainlang import load_program
from brainlang.diagnostics import BrainError, Diagnostic
from brainlang.program import Program
from brainrun.plan.rules import broken_rules
from brainrun.plan.schema import Plan
from brainrun.plan.store import with_files, write_plan
from brainrun.processor import this_processor


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


def compile_program(program: Program, options: CompileOptions) -> Compiled:
    """All stages, each checked. Raises BrainError for the user's mistakes and CompilerDefect for ours."""
    graph = build(program)
    _check("graph", ir_graph.rules(graph))
    settings = training(program)
    data = data_sections(program, graph)
    parallel = parallel_options(program, graph, options)
    machine = description.load(options.machine) if options.machine else description.GENERIC
    batch = settings.training.batch
    try:
        allowed = meshes(parallel.data, parallel.model, options.ranks or machine.cores_per_node)
        found = candidates(graph, allowed, dict(parallel.placements), batch=batch, machine=machine)
    except Impossible as impossible:
        raise _diagnosed(impossible, program, graph) from None
    tensors = lower(graph, batch=batch, optimizer=settings.optimizer, settings=settings.settings)
    _check("tensor", ir_tensor.rules(tensors))
    registers = register_file(this_processor().features)
    laid_out = [_laid_out(tensors, candidate, machine, registers) for candidate in found]
    laid_out.sort(key=lambda layout: layout.ranks.prediction.step_seconds)
    sharded, ranks = laid_out[0].sharded, laid_out[0].ranks
    facts = Facts(
        made_by=f"brainc {__version__}",
        training=settings.training,
        data=data,
        data_folder=_data_folder(options),
        inputs=input_facts(graph),
        choice=choice_of([(layout.candidate, layout.ranks.prediction.step_seconds) for layout in laid_out]),
    )
    assembled = assemble(graph, tensors, sharded, ranks, facts)
    for built in ranks.built:
        for name, procedure in built.schedules:
            _check(f"schedule of {name}", ir_schedule.rules(procedure))
    _check("plan", broken_rules(with_files(assembled.plan, assembled.files), assembled.files))
    shown: dict[str, Callable[[], str]] = {
        "graph": lambda: ir_graph.text(graph),
        "tensor": lambda: ir_tensor.text(tensors),
        "partition": lambda: ir_sharded.text(sharded),
        "schedule": lambda: "\n".join(ir_schedule.text(built.program.name, built.schedules) for built in ranks.built),
        "kernels": lambda: "\n".join(text for _, text in sorted(assembled.files.items())),
    }
    return Compiled(assembled, tuple((level, shown[level]()) for level in options.show))


@dataclass(frozen=True, slots=True)
class _Layout:
    """A candidate laid out in full: who holds what, and every rank's program with its predicted step."""

    candidate: Candidate
    sharded: ShardedProgram
    ranks: Ranks


def _laid_out(
    tensors: TensorProgram, candidate: Candidate, machine: description.Machine, registers: RegisterFile
) -> _Layout:
    sharded = apply.apply(tensors, candidate.assignment.by_layer, candidate.mesh)
    _check("partition", ir_sharded.rules(sharded))
    return _Layout(candidate, sharded, build_ranks(sharded, machine, registers))


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
