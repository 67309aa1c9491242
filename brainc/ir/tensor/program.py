"""What is a whole program? Parameters, and three procedures of operations; and when is it sound (T1 to T5)?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Literal

from brainc.ir.origin import Origin
from brainc.ir.tensor.operations import Contract, Map, Operation, Reduce, Update, Value, View, operands_of, results_of
from brainrun.plan.schema import Initial


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tensor that outlives the step: a weight or, when not `trained`, a running statistic or a weight's hidden copy.

    `shape` is PyTorch's; `state` are the optimiser's tensors of the same shape, all zero at the start.
    """

    value: Value
    initial: Initial
    trained: bool
    state: tuple[Value, ...]
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """A number to report: the sum over the mini-batch of a loss or metric, each sample counted by its weight."""

    name: str
    kind: Literal["objective", "loss", "metric"]
    value: Value


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor that `predict` writes."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Procedure:
    """One thing to do with a mini-batch: a list of operations in a legal order, and what comes of them."""

    operations: tuple[Operation, ...]
    results: tuple[Result, ...]
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class TensorProgram:
    """A network as operations on whole tensors: how to train it, evaluate it, and predict with it.

    `inputs` are the network's inputs and `sample_weight` [b]; `scalars` are the numbers the runtime sets (rate, step).
    """

    name: str
    batch: int
    inputs: tuple[Value, ...]
    scalars: tuple[Value, ...]
    parameters: tuple[Parameter, ...]
    train: Procedure
    evaluate: Procedure
    predict: Procedure

    @property
    def procedures(self) -> tuple[tuple[str, Procedure], ...]:
        """The three procedures by name."""
        return (("train", self.train), ("evaluate", self.evaluate), ("predict", self.predict))


def _letter_faults(operation: Operation) -> Iterator[str]:
    match operation:
        case Contract() | Map() | Reduce():
            found: dict[str, int] = {}
            for letters, value in zip(operation.letters, (operation.result, *operands_of(operation)), strict=True):
                if len(letters) != len(value.shape):
                    yield f"T3: {value.name} has {len(value.shape)} axes and letters '{letters}'"
                    return
                for letter, length in zip(letters, value.shape, strict=True):
                    if found.setdefault(letter, length) != length:
                        yield f"T3: letter {letter} is {found[letter]} long, and {length} in {value.name}"
            missing = set(operation.letters[0]) - set("".join(operation.letters[1:]))
            if missing and isinstance(operation, Contract):
                missing -= {part for w in operation.windows for part in (w.position, w.output, w.tap)}
            if missing and not isinstance(operation, Map):
                yield f"T4: {operation.result.name} has letters {sorted(missing)} that no operand has"
        case View(result=result, source=source):
            if prod(result.shape) != prod(source.shape):
                yield f"T5: {result.name} has {prod(result.shape)} elements, its source {prod(source.shape)}"
        case _:
            return


def rules(program: TensorProgram) -> Iterator[str]:
    """Every broken rule (T1…T5), with the layer it concerns."""
    given = {value.name for value in (*program.inputs, *program.scalars)}
    for parameter in program.parameters:
        given |= {parameter.value.name, *(value.name for value in parameter.state)}
    for name, procedure in program.procedures:
        known = set(given)
        for operation in procedure.operations:
            place = f"in {name}, layer {operation.origin.layer}"
            for value in operands_of(operation):
                if value.name not in known:
                    yield f"T1: {value.name} is read before it is made, {place}"
            for value in results_of(operation):
                if value.name in known and not isinstance(operation, Update):
                    yield f"T2: {value.name} is made twice, {place}"
                known.add(value.name)
            yield from (f"{fault}, {place}" for fault in _letter_faults(operation))
