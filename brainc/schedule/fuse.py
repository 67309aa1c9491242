"""From local operations to kernels: neighbours that touch the same elements become one pass over memory.

A map joins the kernel that makes one of its operands, as a further store of the kernel's epilogue; where nothing else
reads the operand, that one is never stored. So a bias and an activation join the product before them, an activation's
gradient joins the product that makes it, a dropout mask is applied as it is drawn, and the optimiser's update joins the
product that makes the gradient, where no sum over ranks stands between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.expression import Expression, Operand
from brainc.ir.factoring import CONTEXT, Factoring
from brainc.ir.kernel import Access, Extra, Kernel, Store, placed, storage_of
from brainc.ir.schedule import Copy, Exchange, Item, Reduction, Run, Sum, reads, writes
from brainc.ir.tensor import Value
from brainc.schedule.localise import LocalProcedure

Refuses: TypeAlias = Callable[[Kernel], bool]
"""Whether the code generators could not write this kernel."""


@dataclass(frozen=True, slots=True)
class Fused:
    """The items of a procedure, and the views: which value's memory each further name stands for."""

    items: tuple[Item, ...]
    aliases: tuple[tuple[str, str], ...]


def fuse(procedure: LocalProcedure, refuses: Refuses) -> Fused:
    """Kernels and transfers in an order in which each reads only what is there."""
    return _Fusion(procedure, refuses).run()


class _Fusion:
    """The kernels of a procedure while they are being joined."""

    def __init__(self, procedure: LocalProcedure, refuses: Refuses) -> None:
        self.procedure = procedure
        self.refuses = refuses
        self.items: list[Item] = []
        self.maker: dict[str, int] = {}
        self.aliases: dict[str, str] = {}
        self.last_read: dict[str, int] = {}
        wanted = [result.value for result in procedure.results]
        wanted += [written.output.value for written in procedure.outputs]
        read = [value for item in procedure.items for value in reads(item)]
        self.readers = Counter(value.name for value in (*read, *wanted))

    def run(self) -> Fused:
        """Place every operation, joining it to an earlier kernel where that is legal."""
        for item in self.procedure.items:
            match item:
                case ts.View(result=result, source=source):
                    self.aliases[result.name] = self.aliases.get(source.name, source.name)
                    self.readers[self.aliases[result.name]] += self.readers[result.name] - 1
                case Copy() | Factoring():
                    self._place(Run(item, "message", item.origin))
                case ts.Map() | ts.Update():
                    self._place_or_join(item)
                case Sum(value=value, result=result):
                    self.aliases[result.name] = self._root(value)
                    self._place(item)
                case Reduction(parts=parts):
                    for part in parts:
                        self.aliases[part.result.name] = self._root(part.value)
                    self._place(item)
                case Exchange():
                    self._place(item)
                case _:
                    self._place(self._kernel(item))
        return Fused(tuple(self.items), tuple(self.aliases.items()))

    def _kernel(self, operation: ts.Operation) -> Run:
        operands = ts.operands_of(operation)
        if isinstance(operation, ts.Draw):
            operands = (CONTEXT,)
        match operation:
            case ts.Update(targets=targets, expressions=expressions):
                stores = tuple(Store(placed(t), e) for t, e in zip(targets, expressions, strict=True))
            case ts.Map(result=result, expression=expression):
                stores = (Store(placed(result), expression),)
            case _:
                stores = (Store(placed(ts.results_of(operation)[0]), Operand(0)),)
        kernel = Kernel(operation, tuple(placed(value) for value in operands), stores, ())
        return Run(kernel, operation.phase, operation.origin)

    def _place(self, item: Item) -> None:
        place = len(self.items)
        self.items.append(item)
        for value in reads(item):
            self.last_read[self._root(value)] = place
        for value in writes(item):
            self.maker[self._root(value)] = place

    def _root(self, value: Value) -> str:
        return self.aliases.get(value.name, value.name)

    def _place_or_join(self, operation: ts.Map | ts.Update) -> None:
        for index, operand in enumerate(ts.operands_of(operation)):
            if self._join(operation, index, operand):
                return
        self._place(self._kernel(operation))

    def _join(self, operation: ts.Map | ts.Update, index: int, operand: Value) -> bool:
        """Make the operation part of the kernel that makes its operand number `index`, if that is legal."""
        place = self.maker.get(self._root(operand))
        if place is None or operand.name in self.aliases:
            return False
        run = self.items[place]
        if not isinstance(run, Run) or not isinstance(run.work, Kernel):
            return False
        extended = self._extended(run.work, operation, index, operand, place)
        if extended is None or self.refuses(extended):
            return False
        phase = "update" if isinstance(operation, ts.Update) and run.phase == "update" else run.phase
        self.items[place] = Run(extended, phase, run.origin)
        for value in reads(self.items[place]):
            self.last_read[self._root(value)] = max(self.last_read.get(self._root(value), 0), place)
        for value in writes(self.items[place]):
            self.maker[self._root(value)] = place
        return True

    def _extended(
        self, kernel: Kernel, operation: ts.Map | ts.Update, index: int, operand: Value, place: int
    ) -> Kernel | None:
        """The kernel with the operation's stores, or None where elements do not match or something is not yet there."""
        made = next((store for store in kernel.stores if store.target.value.name == operand.name), None)
        targets = ts.results_of(operation)
        if made is None or kernel.overwrites or storage_of(targets[0]) != made.target.storage:
            return None
        if isinstance(kernel.core, (ts.Map, ts.Update)):
            return self._merged(kernel, operation, index, operand, place)
        extras = list(kernel.extras)
        replacements: list[Expression] = []
        for at, value in enumerate(ts.operands_of(operation)):
            if at == index or value == operand:
                replacements.append(made.expression)
                continue
            access = self._access(operation, at, value)
            if access is None or not self._ready(value, place):
                return None
            extra = Extra(placed(value), access)
            if extra not in extras:
                extras.append(extra)
            replacements.append(Operand(extras.index(extra) + 1))
        if isinstance(operation, ts.Update) and any(self.last_read.get(t.name, -1) > place for t in targets):
            return None
        written = operation.expressions if isinstance(operation, ts.Update) else (operation.expression,)
        added = tuple(
            Store(placed(target), ex.substitute(expression, replacements))
            for target, expression in zip(targets, written, strict=True)
        )
        needed = self.readers[operand.name] > 1
        rewritten = operand.name in {target.name for target in targets}
        kept = tuple(
            store for store in kernel.stores if (needed and not rewritten) or store.target.value.name != operand.name
        )
        used = frozenset().union(*(ex.operands_of(store.expression) for store in (*kept, *added)))
        return _without_unused_extras(replace(kernel, stores=(*kept, *added), extras=tuple(extras)), used)

    def _merged(
        self, kernel: Kernel, operation: ts.Map | ts.Update, index: int, operand: Value, place: int
    ) -> Kernel | None:
        """A map of a map, one expression put into the other, where nothing else reads the first."""
        first = kernel.core
        if not isinstance(first, ts.Map) or not isinstance(operation, ts.Map) or len(kernel.stores) > 1:
            return None
        if self.readers[operand.name] > 1 or operation.letters[0] != operation.letters[index + 1]:
            return None
        renamed = dict(zip(operation.letters[0], first.letters[0], strict=True))
        operands, letters = list(first.operands), list(first.letters[1:])
        replacements: list[Expression] = []
        for at, value in enumerate(operation.operands):
            if at == index:
                replacements.append(first.expression)
                continue
            if not self._ready(value, place) or value == operand:
                return None
            own = "".join(renamed[letter] for letter in operation.letters[at + 1])
            if (value, own) not in zip(operands, letters, strict=True):
                operands.append(value)
                letters.append(own)
            replacements.append(Operand(list(zip(operands, letters, strict=True)).index((value, own))))
        merged = replace(
            first,
            result=operation.result,
            operands=tuple(operands),
            letters=(first.letters[0], *letters),
            expression=ex.substitute(operation.expression, replacements),
        )
        stores = (Store(placed(operation.result), merged.expression),)
        return Kernel(merged, tuple(placed(value) for value in operands), stores, ())

    def _ready(self, value: Value, place: int) -> bool:
        """Whether the value is there before the item at `place`."""
        return self.maker.get(self._root(value), -1) < place

    @staticmethod
    def _access(operation: ts.Map | ts.Update, at: int, value: Value) -> Access | None:
        if not value.shape:
            return "scalar"
        target = ts.results_of(operation)[0]
        if isinstance(operation, ts.Update):
            return "same" if value.shape == target.shape else None
        own, whole = operation.letters[at + 1], operation.letters[0]
        if own == whole:
            return "same"
        return "row" if target.samples and own == whole[1:2] else None


def _without_unused_extras(kernel: Kernel, used: frozenset[int]) -> Kernel:
    kept = [number for number in range(1, len(kernel.extras) + 1) if number in used]
    numbering: list[Expression] = [Operand(0)] * (len(kernel.extras) + 1)
    for new, old in enumerate(kept, start=1):
        numbering[old] = Operand(new)
    stores = tuple(replace(store, expression=ex.substitute(store.expression, numbering)) for store in kernel.stores)
    return replace(kernel, stores=stores, extras=tuple(kernel.extras[number - 1] for number in kept))
