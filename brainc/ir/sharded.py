"""Who holds what? The tensor program with every tensor's layout on the mesh, and every redistribution explicit.

Along each of the two mesh dimensions a tensor is *whole* (every rank has all of it), *split* along one axis, or
*partial* (every rank has a term of a sum). The mini-batch is always split over `data`.

Rules, checked by `rules`:
S1 every value has a layout.
S2 no operation reads a partial value, but redistributions, and views and maps that are linear in such values.
S3 an operation's operands and result agree: a letter that is split is split the same way wherever it occurs, and a
   split letter that is summed away makes the result partial.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeAlias

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.origin import Origin
from brainc.ir.scheme import Scheme
from brainc.ir.tensor import Output, Parameter, Phase, Result, Value
from brainrun.plan.schema import Mesh, Slice


@dataclass(frozen=True, slots=True)
class Whole:
    """Every rank along the dimension holds all of it."""


@dataclass(frozen=True, slots=True)
class Split:
    """Slices along `axis`, the r-th on the r-th rank of the dimension."""

    axis: int


@dataclass(frozen=True, slots=True)
class Partial:
    """Every rank along the dimension holds a term; the tensor is their sum."""


Spread: TypeAlias = Whole | Split | Partial


@dataclass(frozen=True, slots=True)
class Layout:
    """How a tensor lies on the mesh."""

    data: Spread
    model: Spread


@dataclass(frozen=True, slots=True)
class Redistribute:
    """`result` is `source` under another layout."""

    result: Value
    source: Value
    before: Layout
    after: Layout
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


Operation: TypeAlias = ts.Operation | Redistribute


@dataclass(frozen=True, slots=True)
class Given:
    """A network input (or `sample_weight`) as one of the procedure's operations wants it on this mesh."""

    value: Value
    input: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """The operations in order, the inputs they read, and the layout of every value by name."""

    inputs: tuple[Given, ...]
    operations: tuple[Operation, ...]
    results: tuple[Result, ...]
    outputs: tuple[Output, ...]
    layouts: tuple[tuple[str, Layout], ...]


@dataclass(frozen=True, slots=True)
class ShardedProgram:
    """A tensor program spread over a mesh.

    `schemes` says how each parameter's gradient is reduced over replicas, and `node` how many consecutive ranks share a
    node: 1 where they are not to sum among themselves first.
    """

    name: str
    mesh: Mesh
    batch: int
    scalars: tuple[Value, ...]
    parameters: tuple[tuple[Parameter, Layout], ...]
    train: Procedure
    evaluate: Procedure
    predict: Procedure
    schemes: tuple[tuple[str, Scheme], ...] = ()
    node: int = 1

    @property
    def procedures(self) -> tuple[tuple[str, Procedure], ...]:
        """The three procedures by name."""
        return (("train", self.train), ("evaluate", self.evaluate), ("predict", self.predict))

    def members(self, group: Literal["data", "world"]) -> int:
        """How many ranks sum a gradient over the group."""
        return self.mesh.data * (self.mesh.model if group == "world" else 1)

    def sharing(self, group: Literal["data", "world"]) -> int:
        """How many members of the group, on each node, sum among themselves first.

        1 where all of them share one node, or nodes hold unequal numbers of them: then none do.
        """
        members = self.members(group)
        node = self.node // (self.mesh.model if group == "data" else 1)
        return node if 1 < node < members and members % node == 0 else 1


def slices(length: int, parts: int) -> tuple[Slice, ...]:
    """The axis cut into consecutive slices whose lengths differ by at most one, the longer ones first."""
    short, longer = divmod(length, parts)
    ends = [part * short + min(part, longer) for part in range(parts + 1)]
    return tuple(Slice(start, stop) for start, stop in pairwise(ends))


def within(outer: Slice, inner: Slice) -> Slice:
    """The slice `inner` of the slice `outer`, in the outer axis's own indices."""
    return Slice(outer.start + inner.start, outer.start + inner.stop)


def held(value: Value, layout: Layout, mesh: Mesh, data: int, model: int) -> tuple[Slice, ...]:
    """The part of each axis that the rank at (data, model) holds, in global indices.

    An axis split over both dimensions is cut over `data` first, and each slice then over `model`.
    """
    parts = [Slice(0, length) for length in value.shape]
    for spread, ranks, rank in ((layout.data, mesh.data, data), (layout.model, mesh.model, model)):
        if isinstance(spread, Split):
            whole = parts[spread.axis]
            parts[spread.axis] = within(whole, slices(whole.stop - whole.start, ranks)[rank])
    return tuple(parts)


def gradients_of(procedure: Procedure) -> dict[str, str]:
    """For each gradient that an update reads, and each tensor that it is a view of, the parameter."""
    found: dict[str, str] = {}
    for operation in reversed(procedure.operations):
        match operation:
            case ts.Update(targets=targets, operands=operands):
                found[operands[len(targets)].name] = targets[0].name
            case ts.View(result=result, source=source) | Redistribute(result=result, source=source) if (
                result.name in found
            ):
                found[source.name] = found[result.name]
            case _:
                pass
    return found


def operands_of(operation: Operation) -> tuple[Value, ...]:
    """The values an operation reads."""
    return (operation.source,) if isinstance(operation, Redistribute) else ts.operands_of(operation)


def results_of(operation: Operation) -> tuple[Value, ...]:
    """The values an operation makes or overwrites."""
    return (operation.result,) if isinstance(operation, Redistribute) else ts.results_of(operation)


def kind(before: Layout, after: Layout) -> Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "local"]:
    """What a redistribution amounts to."""
    match before.model, after.model:
        case (Partial(), Split()):
            return "reduce_scatter"
        case (Split(axis=a), Split(axis=b)) if a != b:
            return "all_to_all"
        case (Split(), Whole()):
            return "all_gather"
        case (Whole(), Split()):
            return "local"
    return "all_reduce"


def spread_text(spread: Spread) -> str:
    """`whole`, `partial`, or `split` with its axis."""
    match spread:
        case Whole():
            return "whole"
        case Partial():
            return "partial"
        case Split(axis=axis):
            return f"split{axis}"


def layout_text(layout: Layout) -> str:
    """Both dimensions, as `data:split0 model:whole`."""
    return f"data:{spread_text(layout.data)} model:{spread_text(layout.model)}"


def operation_text(operation: Operation) -> str:
    """The operation on one line."""
    if isinstance(operation, Redistribute):
        return f"{kind(operation.before, operation.after)}({operation.source.name})"
    return ts.operation_text(operation)


def text(program: ShardedProgram) -> str:
    """The whole program, one operation a line with the layout of its result."""
    mesh = program.mesh
    lines = [f"sharded program {program.name} on data={mesh.data} × model={mesh.model}, batch {program.batch}"]
    width = max((len(parameter.value.name) for parameter, _ in program.parameters), default=0)
    for parameter, layout in program.parameters:
        lines.append(f"  parameter  {parameter.value.name:<{width}}  {layout_text(layout)}")
    for name, procedure in program.procedures:
        layouts = dict(procedure.layouts)
        lines.append(f"{name}:")
        rows = [(given.value.name, layout_text(layouts[given.value.name]), given.input) for given in procedure.inputs]
        for operation in procedure.operations:
            result = results_of(operation)[0]
            rows.append((result.name, layout_text(layouts[result.name]), operation_text(operation)))
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
        lines += [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  = {c}" for a, b, c in rows]
    return "\n".join(lines) + "\n"


def rules(program: ShardedProgram) -> Iterator[str]:
    """Every broken rule (S1…S3)."""
    for name, procedure in program.procedures:
        layouts = dict(procedure.layouts)
        for operation in procedure.operations:
            place = f"in {name}, layer {operation.origin.layer}"
            values = (*operands_of(operation), *results_of(operation))
            missing = [value.name for value in values if value.name not in layouts]
            if missing:
                yield f"S1: {missing[0]} has no layout, {place}"
                continue
            partial = frozenset(
                place
                for place, value in enumerate(operands_of(operation))
                if Partial() in (layouts[value.name].data, layouts[value.name].model)
            )
            if partial and not _is_linear(operation, partial):
                names = ", ".join(operands_of(operation)[place].name for place in sorted(partial))
                yield f"S2: {names} is partial and read, {place}"
            if isinstance(operation, (ts.Contract, ts.Map, ts.Reduce)):
                yield from (f"{fault}, {place}" for fault in _disagreements(operation, layouts, program.mesh))


def _is_linear(operation: Operation, partial: frozenset[int]) -> bool:
    """Whether the sum of the results is the result of the sums of these operands."""
    match operation:
        case ts.Map(expression=expression):
            return ex.is_linear(expression, partial)
        case _:
            return isinstance(operation, Redistribute | ts.View)


def _disagreements(
    operation: ts.Contract | ts.Map | ts.Reduce, layouts: dict[str, Layout], mesh: Mesh
) -> Iterator[str]:
    values = (operation.result, *ts.operands_of(operation))
    for dimension, ranks in (("data", mesh.data), ("model", mesh.model)):
        if ranks == 1:
            continue
        split = {
            letters[spread.axis]
            for letters, value in zip(operation.letters, values, strict=True)
            if isinstance(spread := getattr(layouts[value.name], dimension), Split)
        }
        for letters, value in zip(operation.letters, values, strict=True):
            spread = getattr(layouts[value.name], dimension)
            for letter in split & set(letters):
                if spread != Split(letters.index(letter)):
                    yield f"S3: {letter} is split over {dimension}, and {value.name} is {spread_text(spread)}"
        summed = split - set(operation.letters[0])
        local = isinstance(operation, ts.Reduce) and operation.scope == "local"
        if summed and not local and getattr(layouts[operation.result.name], dimension) != Partial():
            yield f"S3: {operation.result.name} sums over split {summed} and is not partial"
