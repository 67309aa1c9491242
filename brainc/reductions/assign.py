"""Which scheme does each gradient get? What was asked for its layer; for `auto`, what the machine favours."""

from __future__ import annotations

from collections.abc import Mapping

from brainc.ir.kernel import storage_of
from brainc.ir.scheme import SUM, Auto, Scheme
from brainc.ir.sharded import ShardedProgram, held
from brainc.ir.tensor import Value
from brainc.machine.description import Machine
from brainc.reductions.choose import cheapest
from brainc.reductions.table import METHODS


def assigned(
    program: ShardedProgram, by_layer: Mapping[str, Scheme | Auto], machine: Machine
) -> tuple[tuple[str, Scheme], ...]:
    """The scheme of every trained parameter of a program spread over a mesh, by the parameter's name.

    Tensors of one axis are summed as they are where the method says so. `auto` looks at the first rank's part, which no
    other is larger than, and at as many members as there are replicas.
    """
    found = []
    members = program.mesh.data if program.mesh.data > 1 else program.mesh.model
    for parameter, layout in program.parameters:
        if not parameter.trained:
            continue
        scheme = by_layer.get(parameter.origin.layer, SUM)
        if isinstance(scheme, Auto):
            parts = held(parameter.value, layout, program.mesh, 0, 0)
            shape = tuple(part.stop - part.start for part in parts)
            scheme = cheapest(storage_of(Value("", shape, False)), members, machine)
        if len(parameter.value.shape) == 1 and METHODS[scheme.method].sums_vectors:
            scheme = SUM
        found.append((parameter.value.name, scheme))
    return tuple(found)
