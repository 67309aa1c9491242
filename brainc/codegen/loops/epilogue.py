"""What happens to an element before it is stored? The stores of a kernel, written wherever its core has an element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from brainc.codegen.loops.access import Names, is_number, leaf_of, names_of, number_lines, numbered
from brainc.codegen.loops.arithmetic import Assignment, Leaf, write_assignments
from brainc.codegen.loops.source import Array, Body
from brainc.ir import expression as ex
from brainc.ir.kernel import Kernel, Store


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element stands in the targets, and in operands that have one element for each row."""

    index: str
    row: str


@dataclass(frozen=True, slots=True)
class Epilogue:
    """The stores of a kernel whose core is called `core` in words."""

    kernel: Kernel
    names: Names

    @property
    def plain(self) -> bool:
        """Whether the element is stored as it is, once."""
        return [store.expression for store in self.kernel.stores] == [ex.Operand(0)]

    @property
    def reads_rows(self) -> bool:
        """Whether an extra has one element for each row."""
        return any(extra.access == "row" and not is_number(extra.placed) for extra in self.kernel.extras)

    def write_numbers(self, body: Body) -> None:
        """Read the single numbers among operands and extras, before any loop."""
        placed = [*self.kernel.operands, *(extra.placed for extra in self.kernel.extras)]
        body.write(*number_lines(placed, (*self.names.operands, *self.names.extras)))

    def write(self, body: Body, element: Leaf, place: Place) -> None:
        """Store the element, which stands at `place`."""
        if not self.plain and " " in element.text:
            body.write(f"{element.name} = {element.text}")
            element = Leaf(element.name, element.name)
        leaves = [element]
        for extra, name in zip(self.kernel.extras, self.names.extras, strict=True):
            leaves.append(leaf_of(extra.placed, name, place.row if extra.access == "row" else place.index))
        write_assignments(
            body,
            [
                Assignment(f"{name}[{place.index}]", store.expression)
                for name, store in zip(self.names.targets, self.kernel.stores, strict=True)
            ],
            leaves,
        )

    def arguments(self, target: tuple[int, ...], operands: Sequence[tuple[int, ...]]) -> tuple[Array, ...]:
        """The function's arguments, given the shapes under which targets and operands are seen."""
        kernel = self.kernel
        shapes = [target] * len(kernel.stores) + list(operands)
        for extra in kernel.extras:
            shapes.append(target if extra.access == "same" else (prod(extra.placed.value.shape),))
        placed = [*(store.target for store in kernel.stores), *kernel.operands, *(e.placed for e in kernel.extras)]
        return tuple(
            Array(name, each.value.dtype, shape)
            for name, each, shape in zip(self.names.arguments, placed, shapes, strict=True)
        )

    def remarks(self, core: str) -> tuple[str, ...]:
        """What the docstring says of the stores, where they are not plain."""
        return () if self.plain else (f"Stored: {stored(self.kernel.stores, self.names, core)}.",)


def epilogue_of(kernel: Kernel, operands: Sequence[str], target: str = "y") -> Epilogue:
    """The epilogue of a kernel, its operands named as given."""
    return Epilogue(kernel, names_of(kernel, numbered(target, len(kernel.stores)), operands))


def stored(stores: Sequence[Store], names: Names, core: str) -> str:
    """The stores as formulas, the core's element called `core`."""
    known = [core, *names.extras]
    return "; ".join(
        f"{name} = {outermost(ex.text(store.expression, known))}"
        for name, store in zip(names.targets, stores, strict=True)
    )


def outermost(text: str) -> str:
    """The text without the parentheses that enclose all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and place < len(text) - 1:
            return text
    return text[1:-1]
