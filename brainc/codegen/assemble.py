"""From the sharded program to the plan: every rank's program, the kernels as files, and what the report will say."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import msgspec

from brainc.codegen.llvm.registers import RegisterFile
from brainc.codegen.programs import Built, build
from brainc.ir import tensor as ts
from brainc.ir.graph import LayerGraph, Node
from brainc.ir.kernel import KernelText
from brainc.ir.sharded import ShardedProgram, held, slices
from brainc.ir.tensor import TensorProgram
from brainc.machine.description import Machine
from brainc.schedule.predict import step_seconds, timeline
from brainrun.plan import schema
from brainrun.plan.schema import Choice, Interval, Plan, Prediction, Rank, RankProgram

SUFFIX = {"numba": "py", "llvm": "ll"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a plan says beside its programs."""

    made_by: str
    training: schema.Training
    data: tuple[schema.DataSection, ...]
    data_folder: str
    inputs: tuple[schema.InputFact, ...]
    choice: Choice


@dataclass(frozen=True, slots=True)
class Ranks:
    """Every rank of a mesh with its program, what each kind of rank was built from, and the step that is predicted.

    Ranks whose programs are equal share one.
    """

    programs: tuple[RankProgram, ...]
    ranks: tuple[Rank, ...]
    built: tuple[Built, ...]
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Assembled:
    """A plan, and the files beside it by path."""

    plan: Plan
    files: dict[str, str]


def build_ranks(sharded: ShardedProgram, machine: Machine, registers: RegisterFile) -> Ranks:
    """The programs of all ranks of the mesh, laid against the machine."""
    mesh = sharded.mesh
    built: dict[tuple[int, int], Built] = {}
    programs: list[RankProgram] = []
    ranks = []
    for rank in range(mesh.data * mesh.model):
        data, model = divmod(rank, mesh.model)
        part = slices(sharded.batch, mesh.data)[data]
        kind = (model, part.stop - part.start)
        if kind not in built:
            built[kind] = build(sharded, data, model, registers)
        program = built[kind].program
        if program not in programs:
            programs.append(program)
        parts = tuple(held(p.value, layout, mesh, data, model) for p, layout in sharded.parameters)
        ranks.append(Rank(data, model, programs.index(program), part.start, parts))
    intervals = tuple(
        interval
        for place, rank in enumerate(ranks)
        for interval in timeline(programs[rank.program].train, place, mesh, machine)
    )
    named = tuple(msgspec.structs.replace(program, name=f"program {place}") for place, program in enumerate(programs))
    prediction = _prediction(machine, sharded.batch, intervals)
    return Ranks(named, tuple(ranks), tuple(built.values()), prediction)


def assemble(
    graph: LayerGraph, tensors: TensorProgram, sharded: ShardedProgram, ranks: Ranks, facts: Facts
) -> Assembled:
    """The plan of the ranks that were built, with their kernels as files."""
    texts = {text.name: text for each in ranks.built for text in each.kernels}
    kernels = tuple(
        schema.Kernel(text.name, text.language, _path(text)) for text in sorted(texts.values(), key=lambda t: t.name)
    )
    plan = Plan(
        schema=schema.VERSION,
        made_by=facts.made_by,
        target="cpu",
        name=graph.name,
        mesh=sharded.mesh,
        training=facts.training,
        data=facts.data,
        data_folder=facts.data_folder,
        inputs=facts.inputs,
        parameters=_parameters(sharded),
        layers=_layers(graph, tensors, facts.choice),
        kernels=kernels,
        programs=ranks.programs,
        ranks=ranks.ranks,
        prediction=ranks.prediction,
        choice=facts.choice,
        files=(),
    )
    return Assembled(plan, {_path(text): text.text for text in texts.values()})


def _path(text: KernelText) -> str:
    return f"kernels/{text.name}.{SUFFIX[text.language]}"


def _prediction(machine: Machine, batch: int, intervals: tuple[Interval, ...]) -> Prediction:
    seconds = step_seconds(intervals)
    return Prediction(machine.name, seconds, batch / seconds if seconds else 0.0, intervals)


def _parameters(sharded: ShardedProgram) -> tuple[schema.Parameter, ...]:
    found = []
    for parameter, _ in sharded.parameters:
        name = parameter.value.name
        state = tuple(value.name.removeprefix(f"{name}.") for value in parameter.state)
        found.append(schema.Parameter(name, parameter.value.shape, parameter.initial, parameter.trained, name, state))
    return tuple(found)


def _layers(graph: LayerGraph, tensors: TensorProgram, choice: Choice) -> tuple[schema.Layer, ...]:
    splits = dict(choice.chosen.splits)
    flops: dict[str, int] = {}
    for operation in tensors.train.operations:
        layer = operation.origin.layer
        flops[layer] = flops.get(layer, 0) + ts.flops(operation)
    return tuple(
        schema.Layer(
            name=node.name,
            operator=node.operator,
            inputs=node.inputs,
            shape=node.tensor.shape,
            parameters=_count(node),
            split=splits[node.name],
            flops=flops.get(node.name, 0),
        )
        for node in graph.nodes
    )


def _count(node: Node) -> int:
    return sum(prod(weight.shape) for weight in node.weights if weight.trained)
