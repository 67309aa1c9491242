"""Which loops does an operation on lettered axes have? Its letters, those of its extras, and the lanes' letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from brainc.codegen.loops.access import Layout, Names, extra_letters, is_number, layout_of, leaf_of, names_of, numbered
from brainc.codegen.loops.arithmetic import Leaf
from brainc.codegen.loops.epilogue import outermost
from brainc.codegen.loops.source import Array, LoopDefect
from brainc.ir import expression as ex
from brainc.ir.expression import Expression
from brainc.ir.kernel import Kernel, Placed
from brainc.ir.tensor import Map, Reduce
from brainrun.plan.schema import Lanes, Panels

INPUTS = "i"
"""The letter that stands for all axes but the first of a weight in panels."""


@dataclass(frozen=True, slots=True)
class Lettered:
    """A map or reduction as loops: letters of result, operands and extras, and the names of their buffers."""

    kernel: Kernel
    layout: Layout
    result: str
    operands: tuple[str, ...]
    extras: tuple[str, ...]
    names: Names
    lengths: tuple[tuple[str, int], ...]

    @property
    def sources(self) -> list[Placed]:
        """The operands, then the extras."""
        return [*self.kernel.operands, *(extra.placed for extra in self.kernel.extras)]

    @property
    def source_names(self) -> tuple[str, ...]:
        """What operands and extras are called."""
        return (*self.names.operands, *self.names.extras)

    def operand_leaves(self) -> list[Leaf]:
        """How the core's operands are read at the present element."""
        return self._leaves(self.kernel.operands, self.names.operands, self.operands)

    def extra_leaves(self) -> list[Leaf]:
        """How the extras are read."""
        placed = [extra.placed for extra in self.kernel.extras]
        return self._leaves(placed, self.names.extras, self.extras)

    def _leaves(self, placed: Sequence[Placed], names: Sequence[str], letters: Sequence[str]) -> list[Leaf]:
        return [
            leaf_of(each, name, self.layout.index(own)) for each, name, own in zip(placed, names, letters, strict=True)
        ]

    def arguments(self) -> tuple[Array, ...]:
        """The arguments of the function."""
        kernel = self.kernel
        placed = [*(store.target for store in kernel.stores), *kernel.operands, *(e.placed for e in kernel.extras)]
        letters = [*([self.result] * len(kernel.stores)), *self.operands, *self.extras]
        return tuple(
            Array(name, each.value.dtype, (1,) if is_number(each) else self.layout.shape(own))
            for name, each, own in zip(self.names.arguments, placed, letters, strict=True)
        )

    def assigned(self) -> str:
        """A map's stores, whose expressions read the operands and then the extras."""
        return self._formulas([*self._known(self.names.operands, self.operands), *self._extras()])

    def summed(self, term: Expression) -> str:
        """A reduction's stores, whose expressions read the sum of `term` and then the extras."""
        letters = "".join(letter for letter, _ in self.lengths if letter not in self.result)
        inner = outermost(ex.text(term, self._known(self.names.operands, self.operands)))
        return self._formulas([f"Σ_{letters} {inner if ' ' not in inner else f'({inner})'}", *self._extras()])

    def _extras(self) -> list[str]:
        return self._known(self.names.extras, self.extras)

    @staticmethod
    def _known(names: Sequence[str], letters: Sequence[str]) -> list[str]:
        return [_lettered(name, own) for name, own in zip(names, letters, strict=True)]

    def _formulas(self, known: Sequence[str]) -> str:
        return "; ".join(
            f"{_lettered(name, self.result)} = {outermost(ex.text(store.expression, known))}"
            for name, store in zip(self.names.targets, self.kernel.stores, strict=True)
        )

    @property
    def sizes(self) -> str:
        """`b=43, c=20`."""
        return ", ".join(f"{letter}={length}" for letter, length in self.lengths)


def _lettered(name: str, letters: str) -> str:
    return f"{name}[{','.join(letters)}]" if letters else name


def lettered(kernel: Kernel, core: Map | Reduce, order: str) -> Lettered:
    """The loops of a map or reduction: over the lanes' letter, then over the letters `order`."""
    placed = [kernel.stores[0].target, *kernel.operands]
    letters = list(core.letters)
    lane = ""
    lengths: dict[str, int] = {}
    for own, value in zip(letters, (core.result, *core.operands), strict=True):
        lengths.update(zip(own, value.shape, strict=True))
    if any(isinstance(each.storage, Lanes) for each in placed):
        lane = "b"
    elif panels := [own for own, each in zip(letters, placed, strict=True) if isinstance(each.storage, Panels)]:
        lane = INPUTS
        merged = panels[0][1:]
        inputs = prod(lengths.pop(letter) for letter in merged)
        lengths[INPUTS] = inputs
        letters = [own.replace(merged, INPUTS) for own in letters]
        order = order.replace(merged, INPUTS)
    _check_lanes(placed, letters, lane)
    extras = [extra_letters(extra, letters[0], lane) for extra in kernel.extras]
    layout = layout_of(order.replace(lane, "") if lane else order, lengths, [*letters, *extras], lane)
    names = names_of(kernel, numbered("y", len(kernel.stores)), numbered("x", len(kernel.operands)))
    sizes = tuple((letter, lengths[letter]) for letter in dict.fromkeys("".join(letters)))
    return Lettered(kernel, layout, letters[0], tuple(letters[1:]), tuple(extras), names, sizes)


def _check_lanes(placed: Sequence[Placed], letters: Sequence[str], lane: str) -> None:
    for each, own in zip(placed, letters, strict=True):
        side_by_side = own != "" and isinstance(each.storage, Lanes | Panels)
        if side_by_side != (lane != "" and lane in own) and not is_number(each):
            raise LoopDefect(f"{each.value.name}[{own}] is stored as {each.storage}, with lanes of '{lane}'")
