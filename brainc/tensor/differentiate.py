"""Reverse-mode differentiation: the gradient of the objective by every trained parameter.

Source: Griewank & Walther, Evaluating Derivatives, ch. 3. Each operation's rule is read off its letters: the gradient
of a contraction is a contraction with result and operand exchanged; that of a map is a map, or a sum where an operand
was the same along an axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.expression import Constant, Expression, Operand
from brainc.ir.origin import Origin
from brainc.ir.tensor import Value
from brainc.tensor.builder import axes


@dataclass(frozen=True, slots=True)
class Backward:
    """The operations of the backward pass and, in the order in which they become ready, the parameters' gradients."""

    operations: tuple[ts.Operation, ...]
    gradients: dict[str, Value]


def differentiate(
    forward: tuple[ts.Operation, ...], losses: Iterable[tuple[Value, float]], trained: set[str], end: Origin
) -> Backward:
    """Gradients of `Σ weight · loss` by the values named in `trained`."""
    tape = _Tape(forward, trained, end)
    for loss, weight in losses:
        tape.seed(loss, weight)
    for operation in reversed(forward):
        tape.step_back(operation)
    gradients = {name: tape.gradient(name) for name in tape.in_order(trained)}
    return Backward(tuple(tape.operations), gradients)


@dataclass(frozen=True, slots=True)
class _Piece:
    """The gradient of a slice, and where in its source the slice begins."""

    gradient: Value
    axis: int
    start: int
    origin: Origin

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + self.gradient.shape[self.axis]


def _rows(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """The fewest rows of pieces that follow each other along one axis without overlapping."""
    rows: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda piece: (piece.axis, piece.start)):
        fitting = [row for row in rows if row[0].axis == piece.axis and row[-1].end <= piece.start]
        if fitting:
            fitting[0].append(piece)
        else:
            rows.append([piece])
    yield from rows


class _Tape:
    """The backward pass while it is being written.

    A gradient is a value, or a constant at the objective's own end (the loss's weight), where no tensor is needed.
    """

    def __init__(self, forward: tuple[ts.Operation, ...], trained: set[str], end: Origin) -> None:
        self.operations: list[ts.Operation] = []
        self.trained = trained
        self.origin = end
        self.parts: dict[str, list[Value]] = {}
        self.pieces: dict[str, list[_Piece]] = {}
        self.constants: dict[str, float] = {}
        self.values = {v.name: v for o in forward for v in (*ts.operands_of(o), *ts.results_of(o))}
        self.wanted = set(trained)
        for operation in forward:
            if any(value.name in self.wanted for value in ts.operands_of(operation)):
                self.wanted |= {value.name for value in ts.results_of(operation)}
        self.own = _own_values(forward)
        self.origins: dict[str, Origin] = {}
        self._names = set(self.values)

    def seed(self, loss: Value, weight: float) -> None:
        """The objective depends on this loss with this weight."""
        self.constants[loss.name] = self.constants.get(loss.name, 0.0) + weight

    def in_order(self, names: set[str]) -> list[str]:
        """The parameters that have a gradient, by the place of the last operation that contributes to it."""
        for name in names:
            self._settle(name)
        place = {ts.results_of(operation)[0].name: index for index, operation in enumerate(self.operations)}
        return sorted((name for name in names if name in self.parts), key=lambda n: (place[self.parts[n][-1].name], n))

    def gradient(self, name: str) -> Value:
        """A parameter's gradient, the sum belonging to the layer that contributes last."""
        self.origin = self.origins[self.parts[name][-1].name]
        return self.total(name)

    def total(self, name: str) -> Value:
        """The sum of all contributions to the gradient of a value."""
        parts = self.parts[name]
        while len(parts) > 1:
            left, right = parts[0], parts[1]
            own = axes(left)
            result = Value(self._fresh(name), left.shape, left.samples)
            self._append(
                ts.Map(result, (left, right), (own,) * 3, ex.add(Operand(0), Operand(1)), "backward", self.origin)
            )
            parts[:2] = [result]
        return parts[0]

    def step_back(self, operation: ts.Operation) -> None:
        """Append what carries the gradient of the operation's result to its operands."""
        result = ts.results_of(operation)[0]
        self._settle(result.name)
        if result.name not in self.wanted or (result.name not in self.parts and result.name not in self.constants):
            return
        self.origin = operation.origin
        match operation:
            case ts.Map() | ts.Reduce():
                self._elementwise(operation)
            case ts.Contract():
                self._contraction(operation, self.total(result.name))
            case ts.Along():
                self._along(operation, self.total(result.name))
            case ts.Pool(source=x, kind=kind, size=size, stride=stride, pad=pad):
                dx = self._gradient_of(x)
                dy = self.total(result.name)
                self._give(x, ts.PoolGradient(dx, x, result, dy, kind, size, stride, pad, "backward", self.origin))
            case ts.View(source=x):
                self._give(x, ts.View(self._gradient_of(x), self.total(result.name), "backward", self.origin))
            case ts.Concatenate(operands=operands, axis=axis):
                start, dy = 0, self.total(result.name)
                for x in operands:
                    if x.name in self.wanted:
                        self._give(x, ts.Slice(self._gradient_of(x), dy, axis, start, "backward", self.origin))
                    start += x.shape[axis]
            case ts.Slice(source=x, axis=axis, start=start):
                piece = _Piece(self.total(result.name), axis, start, self.origin)
                self.pieces.setdefault(x.name, []).append(piece)
            case ts.Draw() | ts.PoolGradient() | ts.Update():
                raise AssertionError(f"{type(operation).__name__} is not part of a forward pass that is differentiated")
            case _:
                assert_never(operation)

    def _settle(self, name: str) -> None:
        """Turn the gradients of slices of a value into gradients of the whole: as few as there can be, as slices that
        do not overlap are put together."""
        for row in _rows(self.pieces.pop(name, [])):
            self.origin = row[-1].origin
            self._give(self.values[name], self._between_zeros(self.values[name], row))

    def _between_zeros(self, x: Value, row: Sequence[_Piece]) -> ts.Concatenate:
        """The gradient by all of x, of which only these pieces counted, which follow each other along one axis."""
        axis, end = row[0].axis, 0
        parts: list[Value] = []
        for piece in row:
            self._zeros(x, axis, piece.start - end, parts)
            parts.append(piece.gradient)
            end = piece.end
        self._zeros(x, axis, x.shape[axis] - end, parts)
        return ts.Concatenate(self._gradient_of(x), tuple(parts), axis, "backward", self.origin)

    def _zeros(self, x: Value, axis: int, length: int, parts: list[Value]) -> None:
        """Append so many zeros along the axis, where there are any."""
        if length:
            zeros = Value(self._fresh(x.name), (*x.shape[:axis], length, *x.shape[axis + 1 :]), x.samples)
            self._append(ts.Map(zeros, (), (axes(zeros),), ex.ZERO, "backward", self.origin))
            parts.append(zeros)

    def _contraction(self, operation: ts.Contract, dy: Value) -> None:
        """Data first, weights second: the layer below can go on while the weight's gradient is being computed."""
        y_letters, left_letters, right_letters = operation.letters
        sides = [
            (operation.left, left_letters, operation.right, right_letters),
            (operation.right, right_letters, operation.left, left_letters),
        ]
        sides.sort(key=lambda side: not side[0].samples)
        for x, x_letters, other, other_letters in sides:
            if x.name in self.wanted:
                letters = (x_letters, y_letters, other_letters)
                dx = self._gradient_of(x)
                self._give(x, ts.Contract(dx, dy, other, letters, operation.windows, "backward", self.origin))

    def _elementwise(self, operation: ts.Map | ts.Reduce) -> None:
        result = operation.result
        factor: Expression
        given: tuple[Value, ...] = ()
        if result.name in self.parts:
            given = (self.total(result.name),)
            factor = Operand(len(operation.operands) + 1)
        else:
            factor = Constant(self.constants[result.name])
        operands = (*operation.operands, result, *given)
        letters = (*operation.letters[1:], operation.letters[0], *(operation.letters[0] for _ in given))
        for index, x in enumerate(operation.operands):
            if x.name not in self.wanted or x in operation.operands[:index]:
                continue
            slope = self._slope(operation, x)
            expression = ex.multiply(slope, factor)
            if expression == factor and given and letters[index] == operation.letters[0]:
                self.parts.setdefault(x.name, []).append(given[0])
            elif expression != ex.ZERO:
                self._scaled(x, letters[index], operands, letters, expression)

    @staticmethod
    def _slope(operation: ts.Map | ts.Reduce, x: Value) -> Expression:
        """∂result/∂x, written by the result where it occurs, so that operands need not be kept: σ' = y·(1 − y)."""
        slope: Expression = ex.ZERO
        for index, operand in enumerate(operation.operands):
            if operand == x:
                slope = ex.add(slope, ex.derivative(operation.expression, index))
        if isinstance(operation, ts.Map):
            slope = ex.replace_part(slope, operation.expression, Operand(len(operation.operands)))
        return slope

    def _scaled(
        self, x: Value, own: str, operands: tuple[Value, ...], letters: tuple[str, ...], expression: Expression
    ) -> None:
        used = sorted(ex.operands_of(expression))
        kept = tuple(operands[index] for index in used)
        kept_letters = tuple(letters[index] for index in used)
        renumbered = ex.substitute(
            expression, [Operand(used.index(i)) if i in used else ex.ZERO for i in range(len(operands))]
        )
        dx = self._gradient_of(x)
        if set("".join(kept_letters)) <= set(own):
            self._give(x, ts.Map(dx, kept, (own, *kept_letters), renumbered, "backward", self.origin))
        else:
            scope: Literal["global", "local"] = "local" if x.name in self.own else "global"
            self._give(x, ts.Reduce(dx, kept, (own, *kept_letters), renumbered, scope, "backward", self.origin))

    def _along(self, operation: ts.Along, dy: Value) -> None:
        x = operation.operands[0]
        dx = self._gradient_of(x)
        match operation.function:
            case "softmax":
                self._give(x, ts.Along(dx, (operation.result, dy), "softmax_gradient", "backward", self.origin))
            case "log_softmax":
                self._give(x, ts.Along(dx, (operation.result, dy), "log_softmax_gradient", "backward", self.origin))
            case "cross_entropy":
                operands = (x, operation.operands[1], dy)
                self._give(x, ts.Along(dx, operands, "cross_entropy_gradient", "backward", self.origin))
            case _:
                raise AssertionError(f"{operation.function} has no gradient")

    def _gradient_of(self, value: Value) -> Value:
        return Value(self._fresh(value.name), value.shape, value.samples)

    def _fresh(self, name: str) -> str:
        candidate, count = f"{name}.grad", 1
        while candidate in self._names:
            count += 1
            candidate = f"{name}.grad.{count}"
        self._names.add(candidate)
        return candidate

    def _give(self, x: Value, operation: ts.Operation) -> None:
        self._append(operation)
        self.parts.setdefault(x.name, []).append(ts.results_of(operation)[0])

    def _append(self, operation: ts.Operation) -> None:
        self.operations.append(operation)
        self.origins[ts.results_of(operation)[0].name] = operation.origin


def _own_values(forward: tuple[ts.Operation, ...]) -> set[str]:
    """The names of the values that each rank has of its own: local sums over samples, and what is made of them alone.

    Only the rank's own samples depend on such a value, so its gradient is a local sum too, scaled as it was itself.
    """
    found: set[str] = set()
    for operation in forward:
        result = ts.results_of(operation)[0]
        local = isinstance(operation, ts.Reduce) and operation.scope == "local"
        if local or (not result.samples and any(value.name in found for value in ts.operands_of(operation))):
            found.add(result.name)
    return found
