"""A case compiled to its tensor program and run by the reference evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from brainc.evaluate.program import evaluate
from brainc.graph.build import build
from brainc.graph.trinary import with_trinary_weights
from brainc.ir.graph import LayerGraph
from brainc.ir.tensor import Operation, Procedure, TensorProgram
from brainc.tensor.differentiate import differentiate
from brainc.tensor.lower import lower
from brainlang import parse_program
from brainrun.plan.schema import Rounded

from .case import BATCH, SEED, STEP, Array, Case, Mode, drawn


@dataclass(frozen=True, slots=True)
class Compiled:
    """A case's graph, its tensor program, and an array for every input, parameter and scalar."""

    graph: LayerGraph
    program: TensorProgram
    values: Mapping[str, Array]

    def outcome(self, mode: Mode, values: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Every value of the forward pass, with the objective and `y` under these names beside their own."""
        procedure = self.program.train if mode == "train" else self.program.evaluate
        known = evaluate(procedure.operations, values or self.values, seed=SEED, step=STEP)
        if mode == "evaluate":
            known |= evaluate(self.program.predict.operations, values or self.values, seed=SEED, step=STEP)
        (output,) = self.program.predict.outputs
        # A layer that passes its operand through, as dropout does in evaluation, makes no value of its own name.
        own, passed = self.graph.outputs[0].tensor_name, output.value.name
        y = known[own if mode == "train" and own in known else passed]
        return known | {"objective": known[_objective(procedure)], "y": y}

    def gradients(self) -> dict[str, Array]:
        """The objective's gradient by every trained parameter, and by every input of numbers that it depends on."""
        wanted = {parameter.value.name for parameter in self.program.parameters if parameter.trained}
        wanted |= {value.name for value in self.program.inputs if value.dtype == "f32"} - {"sample_weight"}
        losses = [
            (result.value, term.weight)
            for term in self.graph.losses
            for result in self.program.train.results
            if result.kind == "loss" and result.name == term.name
        ]
        forward = self.forward()
        backward = differentiate(forward, losses, wanted, self.graph.nodes[-1].origin)
        known = evaluate((*forward, *backward.operations), self.values, seed=SEED, step=STEP)
        return {name: known[value.name] for name, value in backward.gradients.items()}

    def forward(self) -> tuple[Operation, ...]:
        """The training procedure up to its losses."""
        return tuple(operation for operation in self.program.train.operations if operation.phase == "forward")


def compiled(
    case: Case,
    optimizer: str = "sgd",
    settings: Mapping[str, float] | None = None,
    hysteresis: float | None = None,
) -> Compiled:
    """The case as a program on mini-batches of BATCH samples; with a hysteresis its weights are trinary."""
    graph = build(parse_program(case.text))
    if hysteresis is not None:
        graph = with_trinary_weights(graph, hysteresis)
    program = lower(graph, batch=BATCH, optimizer=optimizer, settings={"rate": 0.1, **(settings or {})})
    shapes = {parameter.value.name: parameter.value.shape for parameter in program.parameters}
    scalars = {"rate": np.array(0.1), "step": np.array(float(STEP))}
    values = drawn(case, shapes) | scalars
    values |= {
        parameter.value.name: np.rint(values[parameter.initial.of])
        for parameter in program.parameters
        if isinstance(parameter.initial, Rounded)
    }
    return Compiled(graph, program, values)


def _objective(procedure: Procedure) -> str:
    return next(result.value.name for result in procedure.results if result.kind == "objective")
