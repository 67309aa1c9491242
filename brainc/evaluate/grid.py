"""What should the numbers be on a mesh? The sharded program on pretended ranks, in float64 NumPy, without MPI.

Every rank holds its slices and evaluates each operation on them with the reference evaluator; a redistribution is done
by putting the whole tensor together and cutting it anew. A program is spread right where this agrees with the unsplit
evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from brainc.evaluate import program as reference
from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.sharded import (
    Layout,
    Operation,
    Partial,
    Procedure,
    Redistribute,
    ShardedProgram,
    Split,
    Whole,
    held,
    operands_of,
    results_of,
    slices,
)
from brainc.ir.tensor import Value
from brainrun.plan.schema import Mesh

Array: TypeAlias = npt.NDArray[Any]
Place: TypeAlias = tuple[int, int]
"""A rank's coordinates: (data, model)."""

AGREEMENT = 1e-12
"""How far copies of one tensor may differ, relative to its largest element: float64 rounding, and no more."""


def places(mesh: Mesh) -> tuple[Place, ...]:
    """Every rank's coordinates, in the order of the ranks."""
    return tuple((data, model) for data in range(mesh.data) for model in range(mesh.model))


def first_sample(batch: int, mesh: Mesh, data: int) -> int:
    """Where in the global mini-batch the samples of the replica begin."""
    return slices(batch, mesh.data)[data].start


def distribute(array: Array, value: Value, layout: Layout, mesh: Mesh) -> dict[Place, Array]:
    """Each rank's part of a whole array; where the layout is partial, the first rank has it and the others zeros."""
    parts = {}
    for data, model in places(mesh):
        part = np.array(array[_box(value, layout, mesh, (data, model))])
        absent = (layout.data == Partial() and data > 0) or (layout.model == Partial() and model > 0)
        parts[data, model] = np.zeros_like(part) if absent else part
    return parts


def collect(parts: Mapping[Place, Array], value: Value, layout: Layout, mesh: Mesh) -> Array:
    """The whole array of all ranks' parts: slices put side by side, terms of a sum added up.

    Raises ValueError where a part has another shape than the layout says, or copies of the same tensor differ.
    """
    copies: dict[Place, Array] = {}
    for (data, model), part in parts.items():
        copy = (data if layout.data == Whole() else 0, model if layout.model == Whole() else 0)
        total = copies.setdefault(copy, np.zeros(value.shape, part.dtype))
        box = _box(value, layout, mesh, (data, model))
        if total[box].shape != part.shape:
            raise ValueError(f"{value.name} on rank {(data, model)} has shape {part.shape}, not {total[box].shape}")
        total[box] += part
    first, *others = copies.values()
    scale = float(np.abs(first).max(initial=0.0))
    if any(not np.allclose(first, other, rtol=0.0, atol=AGREEMENT * scale) for other in others):
        raise ValueError(f"{value.name} should be the same on all ranks, and is not")
    return first


def evaluate(
    program: ShardedProgram, procedure: Procedure, values: Mapping[str, Array], *, seed: int = 0, step: int = 0
) -> dict[str, Array]:
    """Parameters, their state, results and outputs by their values' names once every rank has done its part.

    `values` are whole: the network's inputs, the parameters and their state, the scalars.
    """
    grid = _Grid(program, procedure, seed, step)
    known = {value.name: value for value in program.scalars}
    for parameter, _ in program.parameters:
        known |= {value.name: value for value in (parameter.value, *parameter.state)}
    for value in known.values():
        grid.put(value, values[value.name])
    for given in procedure.inputs:
        grid.put(given.value, np.asarray(values[given.input]).reshape(given.value.shape))
    for operation in procedure.operations:
        grid.run(operation)
    ends = (*(result.value for result in procedure.results), *(output.value for output in procedure.outputs))
    wanted = (*known.values(), *ends)
    return {value.name: grid.get(value) for value in wanted}


class _Grid:
    """All ranks' memories."""

    def __init__(self, program: ShardedProgram, procedure: Procedure, seed: int, step: int) -> None:
        self.mesh = program.mesh
        self.batch = program.batch
        self.layouts = dict(procedure.layouts)
        self.seed = seed
        self.step = step
        self.memory: dict[Place, dict[str, Array]] = {place: {} for place in places(program.mesh)}

    def put(self, value: Value, array: Array) -> None:
        """Give every rank its part."""
        for place, part in distribute(np.asarray(array), value, self.layouts[value.name], self.mesh).items():
            self.memory[place][value.name] = part

    def get(self, value: Value) -> Array:
        """The whole of what the ranks hold."""
        parts = {place: memory[value.name] for place, memory in self.memory.items()}
        return collect(parts, value, self.layouts[value.name], self.mesh)

    def run(self, operation: Operation) -> None:
        """Do the operation on every rank, or move a tensor between them."""
        if isinstance(operation, Redistribute):
            if (self.layouts[operation.source.name], self.layouts[operation.result.name]) != (
                operation.before,
                operation.after,
            ):
                raise ValueError(f"{operation.source.name} is not laid out as its redistribution says")
            self.put(operation.result, self.get(operation.source))
            return
        for place, memory in self.memory.items():
            own = {value.name: memory[value.name] for value in operands_of(operation)}
            known = reference.evaluate(
                (self._local(operation, place),),
                own,
                seed=self.seed,
                step=self.step,
                first_sample=first_sample(self.batch, self.mesh, place[0]),
            )
            memory |= {value.name: known[value.name] for value in results_of(operation)}

    def _local(self, operation: ts.Operation, place: Place) -> ts.Operation:
        """The operation on this rank's parts: their shapes, where a draw begins, and what a local sum counts."""

        def part(value: Value) -> Value:
            box = held(value, self.layouts[value.name], self.mesh, *place)
            return replace(value, shape=tuple(axis.stop - axis.start for axis in box))

        local = ts.with_operands(operation, tuple(part(value) for value in ts.operands_of(operation)))
        local = ts.with_results(local, tuple(part(value) for value in ts.results_of(operation)))
        match local:
            case ts.Draw():
                whole = ts.results_of(operation)[0]
                box = held(whole, self.layouts[whole.name], self.mesh, *place)
                sample = box[0].start - first_sample(self.batch, self.mesh, place[0])
                feature = box[1].start * prod(whole.shape[2:]) if len(box) > 1 else 0
                return replace(local, first=(sample, feature))
            case ts.Reduce(scope="local", operands=operands, expression=expression):
                samples = next(value.shape[0] for value in operands if value.samples)
                return replace(local, expression=ex.multiply(expression, ex.Constant(self.batch / samples)))
        return local


def _box(value: Value, layout: Layout, mesh: Mesh, place: Place) -> tuple[slice, ...]:
    if layout.data == layout.model and isinstance(layout.data, Split) and layout.data.axis > 0:
        raise ValueError(f"{value.name} is split twice along axis {layout.data.axis}")
    return tuple(slice(part.start, part.stop) for part in held(value, layout, mesh, *place))
