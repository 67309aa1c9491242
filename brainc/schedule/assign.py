"""Which scheme does each gradient get? What was asked for its layer; for `auto`, what suits the step on the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from brainc.ir import tensor as ts
from brainc.ir.scheme import SUM, Auto, Scheme
from brainc.ir.sharded import (
    Layout,
    Partial,
    Redistribute,
    ShardedProgram,
    Split,
    gradients_of,
    held,
    operands_of,
    results_of,
)
from brainc.machine import cost
from brainc.machine.description import Machine
from brainc.reductions.table import FACTORISATIONS, METHODS
from brainc.schedule.choose import GENTLEST_FIRST, Gradient, Group, gentlest
from brainc.schedule.momentum import decay_of
from brainrun.plan.schema import Mesh


@dataclass(frozen=True, slots=True)
class Assigned:
    """The scheme of every trained parameter, by its name; and where `auto` decided, why."""

    schemes: tuple[tuple[str, Scheme], ...]
    why: str


def assigned(program: ShardedProgram, by_layer: Mapping[str, Scheme | Auto], machine: Machine) -> Assigned:
    """Who gets which scheme, of a program spread over a mesh.

    Tensors of one axis are summed as they are where the method says so, and those for which factors do not pay. That
    and `auto` are decided by the first rank's part, which no other is larger than.
    """
    asked = {
        parameter.value.name: by_layer.get(parameter.origin.layer, SUM)
        for parameter, _ in program.parameters
        if parameter.trained
    }
    shapes = {
        parameter.value.name: tuple(
            part.stop - part.start for part in held(parameter.value, layout, program.mesh, 0, 0)
        )
        for parameter, layout in program.parameters
    }
    found = {
        name: scheme if isinstance(scheme, Scheme) and _suits(scheme, shapes[name]) else SUM
        for name, scheme in asked.items()
    }
    whys = []
    if any(isinstance(scheme, Auto) for scheme in asked.values()):
        arithmetic = _arithmetic(program, machine)
        for group, ready in arithmetic.ready.items():
            gradients = [
                Gradient(
                    name,
                    shapes[name],
                    seconds,
                    *arithmetic.updates[name],
                    _candidates(asked[name], found[name], shapes[name]),
                )
                for name, seconds in ready.items()
            ]
            decision = gentlest(gradients, group)
            found |= decision.schemes
            whys.append(decision.why)
    return Assigned(tuple(found.items()), " ".join(whys))


def _candidates(asked: Scheme | Auto, found: Scheme, shape: tuple[int, ...]) -> tuple[Scheme, ...]:
    if isinstance(asked, Scheme):
        return (found,)
    return tuple(scheme for scheme in GENTLEST_FIRST if _suits(scheme, shape))


def _suits(scheme: Scheme, shape: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape is to be reduced by it, rather than summed as it is."""
    if scheme == SUM:
        return True
    if scheme.method in FACTORISATIONS:
        record = FACTORISATIONS[scheme.method]
        return len(shape) > 1 and record.pays(prod(shape[1:]), shape[0], scheme.numbers)
    return len(shape) != 1 or not METHODS[scheme.method].sums_vectors


@dataclass(frozen=True, slots=True)
class _Arithmetic:
    """Seconds of a training step's arithmetic on one rank, by parameter.

    ready: what passes before its gradient is made, for those that are summed over ranks, by who sums them.
    updates: what its update takes, and what it takes where velocities are reduced.
    """

    ready: Mapping[Group, Mapping[str, float]]
    updates: Mapping[str, tuple[float, float]]


def _arithmetic(program: ShardedProgram, machine: Machine) -> _Arithmetic:
    """The arithmetic in the program's order, updates left out, which wait for the sums."""
    parameters, layouts = gradients_of(program.train), dict(program.train.layouts)
    made: dict[str, float] = {}
    ready: dict[Group, dict[str, float]] = {}
    updates: dict[str, tuple[float, float]] = {}
    now = 0.0
    for operation in program.train.operations:
        before = max((made.get(value.name, 0.0) for value in operands_of(operation)), default=0.0)
        match operation:
            case ts.Update(targets=targets):
                seconds = _seconds(operation, layouts, program.mesh, machine)
                # The velocity is then added to and read where the gradient is made, which waits for the core.
                corrected = seconds * (1 - 1 / len(operation.operands)) if decay_of(operation) else seconds
                updates[targets[0].name] = seconds, corrected
            case Redistribute(result=result, before=layout):
                made[result.name] = before
                parameter = parameters.get(result.name)
                if parameter is not None and layout.data == Partial():
                    over: Literal["data", "world"] = "world" if layout.model == Partial() else "data"
                    group = Group(program.members(over), program.sharing(over), machine)
                    ready.setdefault(group, {})[parameter] = before
            case ts.View(result=result):
                made[result.name] = before
            case _:
                now += _seconds(operation, layouts, program.mesh, machine)
                made |= dict.fromkeys((value.name for value in results_of(operation)), now)
    return _Arithmetic(ready, updates)


def _seconds(operation: ts.Operation, layouts: Mapping[str, Layout], mesh: Mesh, machine: Machine) -> float:
    """What an operation takes: an update waits for memory, all else for the core."""
    values = (*results_of(operation), *operands_of(operation))
    over_data = any(isinstance(layouts[value.name].data, Split) for value in values)
    over_model = any(isinstance(layouts[value.name].model, Split) for value in values)
    ranks = (mesh.data if over_data else 1) * (mesh.model if over_model else 1)
    moved = 4 * sum(prod(value.shape) for value in set(values)) if isinstance(operation, ts.Update) else 0
    return cost.compute(machine, ts.flops(operation) / ranks, moved / ranks)
