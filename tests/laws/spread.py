"""One network spread over one mesh: the same step done whole, on the grid, and by every rank's schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brainc.codegen.programs import schedule
from brainc.evaluate import grid, program, ranks
from brainc.ir import graph as ir_graph
from brainc.ir import schedule as ir_schedule
from brainc.ir import sharded as ir_sharded
from brainc.ir import tensor as ir_tensor
from brainc.ir.graph import LayerGraph
from brainc.ir.sharded import Procedure, ShardedProgram
from brainc.ir.tensor import TensorProgram
from brainc.machine.description import GENERIC
from brainc.operators.operator import Split
from brainc.partition.apply import apply
from brainc.partition.mesh import candidates
from brainc.schedule.localise import localise
from brainc.tensor.lower import lower
from brainrun.plan.schema import Mesh, Rounded

Array = npt.NDArray[Any]
SEED, STEP = 5, 3
SETTINGS = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "adam": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}


@dataclass(frozen=True, slots=True)
class Spread:
    """A network's tensor program, the same spread over a mesh, and an array for everything that is given."""

    graph: LayerGraph
    tensors: TensorProgram
    sharded: ShardedProgram
    values: Mapping[str, Array]

    def whole(self, name: str) -> dict[str, Array]:
        """The procedure evaluated without any mesh: parameters, state, results and outputs by their own names."""
        procedure = dict(self.tensors.procedures)[name]
        known = program.evaluate(procedure.operations, self.values, seed=SEED, step=STEP)
        return self._reported(known, procedure, self._lasting())

    def on_grid(self, name: str) -> dict[str, Array]:
        """The same on the pretended grid."""
        procedure = dict(self.sharded.procedures)[name]
        known = grid.evaluate(self.sharded, procedure, self.values, seed=SEED, step=STEP)
        return self._reported(known, procedure, self._lasting())

    def by_items(self, name: str) -> dict[str, Array]:
        """The same by every rank's local operations, one after the other."""
        procedure = dict(self.sharded.procedures)[name]
        local = {place: localise(self.sharded, procedure, *place) for place in grid.places(self.sharded.mesh)}
        scripts = {place: ranks.blocking(each.feeds, each.items) for place, each in local.items()}
        return self._played(procedure, scripts, local)

    def by_steps(self, name: str, own: frozenset[str] = frozenset()) -> dict[str, Array]:
        """The same by every rank's fused kernels in their final order; tensors named in `own` are each rank's alone."""
        procedure = dict(self.sharded.procedures)[name]
        scheduled = {place: schedule(self.sharded, procedure, *place) for place in grid.places(self.sharded.mesh)}
        for each in scheduled.values():
            assert list(ir_schedule.rules(each.procedure)) == []
        scripts = {
            place: ranks.Script(each.procedure.feeds, each.procedure.steps, each.aliases)
            for place, each in scheduled.items()
        }
        return self._played(procedure, scripts, {place: each.procedure for place, each in scheduled.items()}, own)

    def _lasting(self) -> list[str]:
        return [value.name for p in self.tensors.parameters for value in (p.value, *p.state)]

    @staticmethod
    def _reported(known: Mapping[str, Array], procedure: Any, lasting: list[str]) -> dict[str, Array]:
        found = {name: known[name] for name in lasting}
        found |= {f"{result.kind} {result.name}": known[result.value.name] for result in procedure.results}
        return found | {f"output {output.name}": known[output.value.name] for output in procedure.outputs}

    def _played(
        self,
        procedure: Procedure,
        scripts: Mapping[grid.Place, ranks.Script],
        ends: Any,
        own: frozenset[str] = frozenset(),
    ) -> dict[str, Array]:
        mesh, batch = self.sharded.mesh, self.sharded.batch
        layouts = dict(procedure.layouts)
        lasting = [value for p in self.tensors.parameters for value in (p.value, *p.state)]
        lasting += list(self.tensors.scalars)
        parts: dict[grid.Place, dict[str, Array]] = {place: {} for place in scripts}
        for value in lasting:
            whole = np.asarray(self.values[value.name], np.float64)
            for place, part in grid.distribute(whole, value, layouts[value.name], mesh).items():
                parts[place][value.name] = part
        memory = ranks.play(mesh, batch, scripts, parts, self.values, seed=SEED, step=STEP)
        found = {}
        for value in lasting[: -len(self.tensors.scalars)]:
            if value.name in own:
                continue
            held = {place: each.arrays[value.name] for place, each in memory.items()}
            found[value.name] = grid.collect(held, value, layouts[value.name], mesh)
        for place, each in memory.items():
            for result in ends[place].results:
                mine = each.read(result.value)
                assert np.allclose(found.setdefault(f"{result.kind} {result.name}", mine), mine, rtol=1e-12)
        written = {place: ends[place].outputs for place in scripts}
        outputs = ranks.outputs(mesh, batch, written, memory)
        return found | {f"output {name}": array for name, array in outputs.items()}


def spread(
    graph: LayerGraph,
    mesh: tuple[int, int],
    placements: Mapping[str, Split] | None = None,
    *,
    batch: int,
    optimizer: str = "momentum",
) -> Spread:
    """Every pass up to the sharded program, each level checked; Impossible where a placement cannot be."""
    over = Mesh(*mesh)
    assert list(ir_graph.rules(graph)) == []
    (best, *_) = candidates(graph, (over,), placements or {}, batch=batch, machine=GENERIC)
    tensors = lower(graph, batch=batch, optimizer=optimizer, settings={"rate": 0.1, **SETTINGS[optimizer]})
    assert list(ir_tensor.rules(tensors)) == []
    sharded = apply(tensors, best.assignment.by_layer, over)
    assert list(ir_sharded.rules(sharded)) == []
    return Spread(graph, tensors, sharded, drawn(graph, tensors))


def drawn(graph: LayerGraph, tensors: TensorProgram) -> dict[str, Array]:
    """Inputs in (0, 1), labels, positive state, and samples that count unequally.

    Weights and their hidden copies lie in [−1, 1), trinary weights are −1, 0 or 1, and statistics lie in [1/2, 1).
    """
    random = np.random.default_rng(7)
    values: dict[str, Array] = {"rate": np.array(0.1), "step": np.array(float(STEP))}
    for given in graph.inputs:
        shape = (tensors.batch, *given.tensor.shape)
        classes = given.tensor.classes
        values[given.name] = random.integers(0, classes, shape) if classes else random.uniform(0.05, 0.95, shape)
    values["sample_weight"] = random.uniform(0.5, 1.5, tensors.batch) / tensors.batch
    for parameter in tensors.parameters:
        name, shape = parameter.value.name, parameter.value.shape
        low = -1.0 if parameter.trained or name.endswith(".hidden") else 0.5
        values[name] = random.uniform(low, 1.0, shape)
        if isinstance(parameter.initial, Rounded):
            values[name] = np.rint(values[name])
        for state in parameter.state:
            values[state.name] = random.uniform(0.1, 1.0, state.shape)
    return values


def assert_same(actual: Mapping[str, Array], expected: Mapping[str, Array], tolerance: float = 1e-9) -> None:
    """The same names, and under each the same numbers up to rounding."""
    assert set(actual) == set(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(
            np.asarray(actual[name]).reshape(array.shape), array, rtol=tolerance, atol=tolerance, err_msg=name
        )
