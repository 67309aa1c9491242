"""What does one generated function do? An operation, and what is done to each element before it is stored.

A kernel works on one rank's part: the shapes of its values are local. Its operands lie in memory in the order: targets
of the stores, operands of the core operation, extras. A value that is both a target and an extra stands in both places.

Rules:
K1 the expressions of the stores read operand 0 (the core's element) and operands 1… (the extras) only.
K2 an extra with access `same` has the storage of the first target; `row` has one element for each output unit or
   channel; `scalar` is one number.
K3 the targets of one kernel have one storage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from brainc.ir.expression import Expression
from brainc.ir.tensor import Operation, Value
from brainrun.plan.schema import Lanes, Panels, Plain, Storage

Access: TypeAlias = Literal["same", "row", "scalar"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A local value and how it lies in memory."""

    value: Value
    storage: Storage


def storage_of(value: Value) -> Storage:
    """How a local value lies in memory: activations in lanes, weight matrices in panels, all else plainly."""
    if value.samples:
        return Lanes(value.shape[0], value.shape[1:])
    if len(value.shape) == 2:
        return Panels(value.shape[0], value.shape[1])
    return Plain(value.shape)


def placed(value: Value) -> Placed:
    """A value with its storage."""
    return Placed(value, storage_of(value))


@dataclass(frozen=True, slots=True)
class Store:
    """`target[…] := expression`, with operand 0 the core's element and operand i the i-th extra."""

    target: Placed
    expression: Expression


@dataclass(frozen=True, slots=True)
class Extra:
    """A further operand of the stores' expressions and how it is read."""

    placed: Placed
    access: Access


@dataclass(frozen=True, slots=True)
class Kernel:
    """A core operation with an epilogue; for updates and maps the expression is the core's own."""

    core: Operation
    operands: tuple[Placed, ...]
    stores: tuple[Store, ...]
    extras: tuple[Extra, ...]

    @property
    def buffers(self) -> tuple[str, ...]:
        """The names of all operands in the order in which the generated function expects them."""
        return (
            *(store.target.value.name for store in self.stores),
            *(placed.value.name for placed in self.operands),
            *(extra.placed.value.name for extra in self.extras),
        )

    @property
    def overwrites(self) -> bool:
        """Whether a target is also read: an optimiser's update in place."""
        targets = {store.target.value.name for store in self.stores}
        read = {extra.placed.value.name for extra in self.extras} | {placed.value.name for placed in self.operands}
        return bool(targets & read)


@dataclass(frozen=True, slots=True)
class KernelText:
    """A generated function: equal work has equal text, whichever layer wants it."""

    name: str
    language: Literal["numba", "llvm"]
    text: str
    extent: int
    """How many independent parts the work has."""
    chainable: bool
    """Whether part i is sample block i, reading and writing nothing of other blocks."""
    integers: tuple[int, ...]
    """Numbers passed beside the operands; they may differ between calls of the same text."""
