"""Which scheme does each gradient get? What was asked for its layer; for `auto`, what the machine favours."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from brainc.ir.kernel import storage_of
from brainc.ir.scheme import SUM, Auto, Scheme
from brainc.ir.sharded import ShardedProgram, held
from brainc.ir.tensor import Value
from brainc.machine.description import Machine
from brainc.reductions.choose import cheapest
from brainc.reductions.table import FACTORISATIONS, METHODS


def assigned(
    program: ShardedProgram, by_layer: Mapping[str, Scheme | Auto], machine: Machine
) -> tuple[tuple[str, Scheme], ...]:
    """The scheme of every trained parameter of a program spread over a mesh, by the parameter's name.

    Tensors of one axis are summed as they are where the method says so, and those for which factors do not pay. That
    and `auto` are decided by the first rank's part, which no other is larger than, and by as many members as there are
    replicas.
    """
    found = []
    members = program.mesh.data if program.mesh.data > 1 else program.mesh.model
    for parameter, layout in program.parameters:
        if not parameter.trained:
            continue
        scheme = by_layer.get(parameter.origin.layer, SUM)
        parts = held(parameter.value, layout, program.mesh, 0, 0)
        shape = tuple(part.stop - part.start for part in parts)
        if isinstance(scheme, Auto):
            scheme = cheapest(storage_of(Value("", shape, False)), members, machine)
        if not _suits(scheme, shape):
            scheme = SUM
        found.append((parameter.value.name, scheme))
    return tuple(found)


def _suits(scheme: Scheme, shape: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape is to be reduced by it, rather than summed as it is."""
    if scheme.method in FACTORISATIONS:
        record = FACTORISATIONS[scheme.method]
        return len(shape) > 1 and record.pays(prod(shape[1:]), shape[0], scheme.numbers)
    return len(shape) != 1 or not METHODS[scheme.method].sums_vectors
