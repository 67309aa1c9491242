"""Maps and optimiser updates: every element by itself, in the order in which it lies in memory."""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.loops.access import Names, is_number, leaf_of, names_of, number_lines
from brainc.codegen.loops.arithmetic import Assignment, Leaf, write_assignments, written_double
from brainc.codegen.loops.epilogue import outermost
from brainc.codegen.loops.lettered import Lettered, lettered
from brainc.codegen.loops.source import LANE_LOOP, Array, Body, Function, LoopDefect, loops
from brainc.ir import expression as ex
from brainc.ir.kernel import Kernel
from brainc.ir.tensor import Map, Update
from brainrun.plan.schema import Lanes, Panels, Plain
from brainrun.plan.storage import stored_elements

CHUNK = 4096
"""Elements of one part where the work has no sample blocks."""


def map_function(kernel: Kernel, core: Map) -> Function:
    """`y = expression(x…)`: by blocks of samples, by chunks, or once in float64 for a single number."""
    if core.result.shape == ():
        return _number_function(kernel, core)
    loop = lettered(kernel, core, core.letters[0])
    layout = loop.layout
    axes = layout.axes(loop.result)
    if not layout.lane and len(axes) == 1:
        return _flat_map(loop, core, axes[0])
    if layout.lane:
        extent, remark = layout.blocks, "One part is one block of sixteen."
        headers = ["for block in range(begin, end):", *loops(axes), LANE_LOOP]
    else:
        extent, remark = axes[0][1], f"One part is one {axes[0][0]}."
        headers = [f"for {axes[0][0]} in range(begin, end):", *loops(axes[1:])]
    body = Body()
    body.write(*number_lines(loop.sources, loop.source_names))
    with body.under(*headers):
        _write_map(body, loop, layout.index(loop.result), [*loop.operand_leaves(), *loop.extra_leaves()])
    heading = f"{loop.assigned()}, for {loop.sizes}."
    chainable = isinstance(kernel.stores[0].target.storage, Lanes)
    arguments = loop.arguments()
    return Function("map", core.result.shape, heading, (remark,), arguments, tuple(body.lines), extent, chainable)


def _flat_map(loop: Lettered, core: Map, axis: tuple[str, int]) -> Function:
    """A map whose operands, but for single numbers, all lie alike and have no samples."""
    flat = Flat(*axis)
    body = Body()
    body.write(*number_lines(loop.sources, loop.source_names))
    with body.under(*flat.headers):
        leaves = [leaf_of(each, name, flat.index) for each, name in zip(loop.sources, loop.source_names, strict=True)]
        _write_map(body, loop, flat.index, leaves)
    heading = f"{loop.assigned()}, for {loop.sizes}."
    arguments = flat.arguments(loop.kernel, loop.names)
    return Function("map", core.result.shape, heading, (flat.remark,), arguments, tuple(body.lines), flat.extent, False)


def _write_map(body: Body, loop: Lettered, index: str, leaves: list[Leaf]) -> None:
    assignments = [
        Assignment(f"{name}[{index}]", store.expression)
        for name, store in zip(loop.names.targets, loop.kernel.stores, strict=True)
    ]
    write_assignments(body, assignments, leaves)


@dataclass(frozen=True, slots=True)
class Flat:
    """Loops over `count` elements in the order of memory, by chunks of 4096, of which the last may be short."""

    name: str
    count: int

    @property
    def extent(self) -> int:
        """How many chunks there are."""
        return -(-self.count // CHUNK)

    @property
    def whole(self) -> bool:
        """Whether the elements are several chunks, all of one length."""
        return self.extent > 1 and self.count % CHUNK == 0

    @property
    def headers(self) -> list[str]:
        """The loops."""
        if self.extent == 1:
            return ["for _ in range(begin, end):", f"for {self.name} in range({self.count}):"]
        if self.whole:
            return ["for chunk in range(begin, end):", f"for {self.name} in range({CHUNK}):"]
        stop = f"min({CHUNK} * chunk + {CHUNK}, {self.count})"
        return ["for chunk in range(begin, end):", f"for {self.name} in range({CHUNK} * chunk, {stop}):"]

    @property
    def index(self) -> str:
        """The place of the present element."""
        return f"chunk, {self.name}" if self.whole else self.name

    @property
    def remark(self) -> str:
        """What the docstring says of the parts."""
        if self.extent == 1:
            return f"{self.count} elements as they lie in memory, in one part."
        short = "" if self.count % CHUNK == 0 else "; the last is short"
        return f"{self.count} elements as they lie in memory; one part is a chunk of {CHUNK}{short}."

    def arguments(self, kernel: Kernel, names: Names) -> tuple[Array, ...]:
        """The function's arguments: single numbers, and arrays that all lie alike."""
        shape = (self.extent, CHUNK) if self.whole else (self.count,)
        placed = [*(store.target for store in kernel.stores), *kernel.operands, *(e.placed for e in kernel.extras)]
        return tuple(
            Array(name, each.value.dtype, (1,) if is_number(each) else shape)
            for name, each in zip(names.arguments, placed, strict=True)
        )


def _number_function(kernel: Kernel, core: Map) -> Function:
    """A map of single numbers, computed in float64: 1 − βᵗ of an optimiser needs it."""
    loop: Lettered = lettered(kernel, core, "")
    leaves = [f"f64({name}[0])" for name in (*loop.names.operands, *loop.names.extras)]
    body = Body()
    with body.under("for _ in range(begin, end):"):
        values = [outermost(written_double(store.expression, leaves)) for store in kernel.stores]
        body.write(*(f"number{place} = f32({value})" for place, value in enumerate(values, start=1)))
        body.write(*(f"{name}[0] = number{place}" for place, name in enumerate(loop.names.targets, start=1)))
    heading = f"{loop.assigned()}."
    remarks = ("Single numbers, computed in float64.",)
    return Function("number", (), heading, remarks, loop.arguments(), tuple(body.lines), 1, False)


def update_function(kernel: Kernel, core: Update) -> Function:
    """The optimiser's rule on a parameter and its state, flat: all targets lie alike in memory."""
    count = stored_elements(kernel.stores[0].target.storage)
    states = len(core.targets) - 1
    targets = ("parameter", *(f"state{place}" for place in range(1, states + 1)))
    numbers = len(core.operands) - len(core.targets) - 1
    operands = (*targets, "gradient", *(f"number{place}" for place in range(1, numbers + 1)))[: len(core.operands)]
    names = names_of(kernel, targets, operands)
    placed = [*kernel.operands, *(extra.placed for extra in kernel.extras)]
    read = (*names.operands, *names.extras)
    expressions = [store.expression for store in kernel.stores]
    _check_update(kernel, expressions)
    flat = Flat("i", count)
    body = Body()
    body.write(*number_lines(placed, read))
    with body.under(*flat.headers):
        write_assignments(
            body,
            [Assignment(f"{name}[{flat.index}]", rule) for name, rule in zip(names.targets, expressions, strict=True)],
            [leaf_of(each, name, flat.index) for each, name in zip(placed, read, strict=True)],
        )
    rules = "; ".join(
        f"{name} := {outermost(ex.text(rule, read))}" for name, rule in zip(names.targets, expressions, strict=True)
    )
    arguments = flat.arguments(kernel, names)
    return Function("update", (count,), f"{rules}.", (flat.remark,), arguments, tuple(body.lines), flat.extent, False)


def _check_update(kernel: Kernel, expressions: list[ex.Expression]) -> None:
    """All tensors lie alike, and what is zero beyond a weight's inputs stays zero."""
    storage = kernel.stores[0].target.storage
    placed = [*kernel.operands, *(extra.placed for extra in kernel.extras)]
    for each in placed:
        if not is_number(each) and stored_elements(each.storage) != stored_elements(storage):
            raise LoopDefect(f"update of {storage} reads {each.value.name}, stored as {each.storage}")
    if isinstance(storage, Plain) or (isinstance(storage, Panels) and storage.inputs % 16 == 0):
        return
    at_zero = [0.5 if is_number(each) else 0.0 for each in placed]
    for expression in expressions:
        if float(ex.evaluate(expression, at_zero)) != 0.0:
            raise LoopDefect(f"an update turns the zeros beyond a weight's inputs into other numbers: {expression}")
