"""Passes over the tensor program that leave its meaning as it is."""

from __future__ import annotations

from dataclasses import replace

from brainc.ir.tensor import Operation, Procedure, Update, operands_of, results_of


def without_unused(procedure: Procedure) -> Procedure:
    """Leave out every operation that no result, output or update depends on."""
    wanted = {result.value.name for result in procedure.results} | {output.value.name for output in procedure.outputs}
    kept: list[Operation] = []
    for operation in reversed(procedure.operations):
        if isinstance(operation, Update) or any(value.name in wanted for value in results_of(operation)):
            kept.append(operation)
            wanted |= {value.name for value in operands_of(operation)}
    return replace(procedure, operations=tuple(reversed(kept)))
