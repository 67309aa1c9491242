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
    machine: Machine


@dataclass(frozen=True, slots=True)
class Assembled:
    """A plan, the files beside it by path, and what each kind of rank was built from."""

    plan: Plan
    files: dict[str, str]
    built: tuple[Built, ...]


def assemble(
    graph: LayerGraph, tensors: TensorProgram, sharded: ShardedProgram, facts: Facts, registers: RegisterFile
) -> Assembled:
    """The plan for every rank of the mesh. Ranks whose programs are equal share one."""
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
    texts = {text.name: text for each in built.values() for text in each.kernels}
    kernels = tuple(
        schema.Kernel(text.name, text.language, _path(text)) for text in sorted(texts.values(), key=lambda t: t.name)
    )
    intervals = tuple(
        interval
        for place, rank in enumerate(ranks)
        for interval in timeline(programs[rank.program].train, place, mesh, facts.machine)
    )
    plan = Plan(
        schema=schema.VERSION,
        made_by=facts.made_by,
        target="cpu",
        name=graph.name,
        mesh=mesh,
        training=facts.training,
        data=facts.data,
        data_folder=facts.data_folder,
        inputs=facts.inputs,
        parameters=_parameters(sharded),
        layers=_layers(graph, tensors, facts.choice),
        kernels=kernels,
        programs=tuple(_named(program, place) for place, program in enumerate(programs)),
        ranks=tuple(ranks),
        prediction=_prediction(facts.machine, sharded.batch, intervals),
        choice=facts.choice,
        files=(),
    )
    return Assembled(plan, {_path(text): text.text for text in texts.values()}, tuple(built.values()))


def _path(text: KernelText) -> str:
    return f"kernels/{text.name}.{SUFFIX[text.language]}"


def _named(program: RankProgram, place: int) -> RankProgram:
    return msgspec.structs.replace(program, name=f"program {place}")


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
