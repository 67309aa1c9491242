"""Appends operations to a procedure that is being built: the only thing in the tensor level that has state."""

from __future__ import annotations

from typing import Literal

from brainc.ir import tensor as ts
from brainc.ir.expression import Expression, Operand, multiply
from brainc.ir.origin import Origin
from brainc.ir.tensor import Phase, Value


class Builder:
    """A growing list of operations, with fresh names for their results.

    `mode` says whether the layers behave as in training (dropout draws, batch normalisation looks at the mini-batch) or
    as in evaluation. Results are named by the layer, with a suffix for all but its last; names that are `taken` (by
    inputs, parameters and what the runtime sets) are given to nothing else, whatever the user calls a layer.
    """

    def __init__(
        self,
        batch: int,
        mode: Literal["train", "evaluate"],
        parameters: dict[str, Value],
        sample_weight: Value,
        taken: frozenset[str],
    ) -> None:
        self.batch = batch
        self.mode: Literal["train", "evaluate"] = mode
        self.parameters = parameters
        self.sample_weight = sample_weight
        self.operations: list[ts.Operation] = []
        self.updates: list[ts.Operation] = []
        self._names = set(taken)
        self.origin = Origin.__new__(Origin)
        self.phase: Phase = "forward"

    def begin(self, origin: Origin, phase: Phase) -> None:
        """What is appended from now on belongs to this layer and phase."""
        self.origin = origin
        self.phase = phase

    def fresh(self, name: str) -> str:
        """`name`, or `name.2`, `name.3` … where it is taken."""
        candidate, count = name, 1
        while candidate in self._names:
            count += 1
            candidate = f"{name}.{count}"
        self._names.add(candidate)
        return candidate

    def contract(
        self,
        name: str,
        shape: tuple[int, ...],
        left: Value,
        right: Value,
        letters: tuple[str, str, str],
        windows: tuple[ts.Window, ...] = (),
    ) -> Value:
        """A sum of products; see `ir.tensor.Contract`."""
        result = Value(self.fresh(name), shape, letters[0].startswith("b"))
        self.operations.append(ts.Contract(result, left, right, letters, windows, self.phase, self.origin))
        return result

    def map(self, name: str, operands: tuple[Value, ...], letters: tuple[str, ...], expression: Expression) -> Value:
        """An elementwise result with the axes `letters[0]`; every letter occurs in an operand."""
        shape = self._shape(letters[0], operands, letters[1:])
        result = Value(self.fresh(name), shape, letters[0].startswith("b"))
        self.operations.append(ts.Map(result, operands, letters, expression, self.phase, self.origin))
        return result

    def map_same(self, name: str, operands: tuple[Value, ...], expression: Expression) -> Value:
        """An elementwise result of operands that all have the first one's shape, or are numbers."""
        own = axes(operands[0])
        return self.map(name, operands, (own, *(own if value.shape else "" for value in operands)), expression)

    def reduce(
        self,
        name: str,
        operands: tuple[Value, ...],
        letters: tuple[str, ...],
        expression: Expression,
        scope: Literal["global", "local"] = "global",
    ) -> Value:
        """A sum over the letters that `letters[0]` lacks."""
        shape = self._shape(letters[0], operands, letters[1:])
        result = Value(self.fresh(name), shape, letters[0].startswith("b"))
        self.operations.append(ts.Reduce(result, operands, letters, expression, scope, self.phase, self.origin))
        return result

    def along(
        self, name: str, shape: tuple[int, ...], operands: tuple[Value, ...], function: ts.AlongFunction
    ) -> Value:
        """A function over the whole class axis."""
        result = Value(self.fresh(name), shape, True)
        self.operations.append(ts.Along(result, operands, function, self.phase, self.origin))
        return result

    def view(self, name: str, source: Value, shape: tuple[int, ...]) -> Value:
        """The same elements under another shape; the source itself where the shape is the same."""
        if shape == source.shape:
            return source
        result = Value(self.fresh(name), shape, source.samples)
        self.operations.append(ts.View(result, source, self.phase, self.origin))
        return result

    def append(self, operation: ts.Operation) -> Value:
        """Any other operation; its result must have a fresh name."""
        self.operations.append(operation)
        return ts.results_of(operation)[0]

    def mean_over_samples(self, name: str, source: Value, expression: Expression, *others: Value) -> Value:
        """`Σ sample_weight[b] · expression(source, others)`; a mean over the other axes is the caller's to put in."""
        operands = (source, *others, self.sample_weight)
        own = axes(source)
        weighted = multiply(expression, Operand(len(operands) - 1))
        return self.reduce(name, operands, ("", *(own for _ in operands[:-1]), "b"), weighted)

    @staticmethod
    def _shape(wanted: str, operands: tuple[Value, ...], letters: tuple[str, ...]) -> tuple[int, ...]:
        length = {
            letter: n
            for own, value in zip(letters, operands, strict=True)
            for letter, n in zip(own, value.shape, strict=True)
        }
        return tuple(length[letter] for letter in wanted)


def axes(value: Value) -> str:
    """Plain letters for a value's axes: `bchw`, `bct`, `bf`, `b`; for a parameter, without `b`."""
    names = {0: "", 1: "f", 2: "ct", 3: "chw", 4: "cdhw"}
    if value.samples:
        return "b" + names.get(len(value.shape) - 1, "cdefghijk"[: len(value.shape) - 1])
    return names.get(len(value.shape), "cdefghijk"[: len(value.shape)])
