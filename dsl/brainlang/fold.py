"""What an expression is worth at compile time: constants, arithmetic and choices."""

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from brainlang import syntax
from brainlang.diagnostics import Report
from brainlang.program import (
    Apply,
    Boolean,
    For,
    ListOf,
    Name,
    Nothing,
    Number,
    Piped,
    TensorRef,
    Text,
    Value,
)
from brainlang.source import Span

DEEPEST_NESTING = 60  # of expressions and blocks; far below Python's own limit
MOST_WORK = 100_000  # layers, block statements, repeated stages and items of lists after expansion
DEEPEST_LISTS = 8
LARGEST_INTEGER = 2**63 - 1

Scope = Mapping[str, Value | None]  # None: the name is known, but its definition is wrong and has been reported

_ARITHMETIC: Mapping[str, Callable[[int | float, int | float], int | float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
_ORDER: Mapping[str, Callable[[int | float, int | float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(slots=True)
class Budget:
    """What one file may still cost, so that a small one cannot keep the compiler busy for ever. State: what is used."""

    report: Report
    depth: int = 0
    work: int = 0

    def spend(self, amount: int, span: Span) -> None:
        """Counts `amount` units of work; ends with a diagnostic when MOST_WORK is passed."""
        self.work += amount
        if self.work > MOST_WORK:
            self.report.stop(
                span, f"this expands to more than {MOST_WORK:,} parts", "repeat less, or nest fewer blocks"
            )

    def enter(self, span: Span) -> None:
        """Goes one level deeper; ends with a diagnostic when DEEPEST_NESTING is passed."""
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            self.report.stop(span, f"this is nested more than {DEEPEST_NESTING} deep", "name a part with 'let' or '='")

    def leave(self) -> None:
        """Comes back from `enter`."""
        self.depth -= 1


def described(value: Value) -> str:
    """What kind of value this is, as a user would say it."""
    match value:
        case Number():
            return f"the number {value.value}"
        case Text():
            return "a text"
        case Boolean():
            return "true" if value.value else "false"
        case Nothing():
            return "none"
        case ListOf():
            return "a list"
        case TensorRef():
            return "a tensor"
        case Name():
            return f"the name '{value.identifier}'"
        case Apply():
            return f"the call {value.function}(…)"
        case Piped():
            return "a pipe"
        case For():
            return f"a value for '{value.target}'"


class Evaluator(ABC):
    """Evaluates expressions in one scope. What a free name, a call or a pipe means is up to the three kinds below it.

    Every method returns None where the value is wrong and that has been reported.
    """

    def __init__(self, scope: Scope, report: Report, budget: Budget) -> None:
        self.scope = scope
        self.report = report
        self.budget = budget

    @abstractmethod
    def reference(self, expression: syntax.Reference) -> Value | None:
        """The value of a name that stands for no constant in scope."""

    @abstractmethod
    def invocation(self, expression: syntax.Invocation) -> Value | None:
        """The value of a call."""

    @abstractmethod
    def pipe(self, expression: syntax.Pipe) -> Value | None:
        """The value of a pipe."""

    @abstractmethod
    def for_item(self, expression: syntax.ForItem) -> Value | None:
        """The value of `value for target`."""

    def value(self, expression: syntax.Expression) -> Value | None:
        """The value of any expression."""
        self.budget.enter(expression.span)
        result = self._value(expression)
        self.budget.leave()
        return result

    def _value(self, expression: syntax.Expression) -> Value | None:
        match expression:
            case syntax.NumberLiteral():
                return self._number(expression)
            case syntax.TextLiteral():
                return Text(expression.value, expression.span)
            case syntax.ConstantWord(text="none"):
                return Nothing(expression.span)
            case syntax.ConstantWord():
                return Boolean(expression.text == "true", expression.span)
            case syntax.Reference() if expression.identifier in self.scope:
                known = self.scope[expression.identifier]
                return known and replace(known, span=expression.span)
            case syntax.Reference():
                return self.reference(expression)
            case syntax.ListLiteral():
                return self._list(expression)
            case syntax.Invocation():
                return self.invocation(expression)
            case syntax.Pipe():
                return self.pipe(expression)
            case syntax.ForItem():
                return self.for_item(expression)
            case syntax.Unary():
                operand = self.value(expression.operand)
                return operand and self.signed(expression, operand)
            case syntax.Chain():
                return self._chain(expression)
            case syntax.Choice():
                chosen = self.chosen(expression)
                return None if chosen is None else self.value(chosen)

    def truth(self, expression: syntax.Expression) -> bool | None:
        """The truth of a condition."""
        value = self.value(expression)
        if value is None:
            return None
        if isinstance(value, Boolean):
            return value.value
        self.report.add(
            expression.span,
            f"a condition must be true or false, and this is {described(value)}",
            'compare compile-time constants: depth > 2, cell == "gru"',
        )
        return None

    def chosen(self, expression: syntax.Choice) -> syntax.Expression | None:
        """The branch that a choice takes. The other is never evaluated."""
        truth = self.truth(expression.condition)
        if truth is None:
            return None
        return expression.then if truth else expression.otherwise

    def count(self, expression: syntax.Expression) -> int | None:
        """A whole number ≥ 0: how often a stage is repeated."""
        value = self.value(expression)
        if isinstance(value, Number) and isinstance(value.value, int) and value.value >= 0:
            return value.value
        if value is not None:
            self.report.add(
                expression.span,
                f"a stage is repeated a whole number of times, not {described(value)}",
                "write x | layer(…) * 3; to multiply the result: (x | layer(…)) * y",
            )
        return None

    def signed(self, expression: syntax.Unary, operand: Value) -> Value | None:
        """`-x`, `+x` and `not x` of a constant."""
        match expression.sign, operand:
            case "not", Boolean():
                return Boolean(not operand.value, expression.span)
            case "-", Number():
                return Number(-operand.value, expression.span)
            case "+", Number():
                return Number(operand.value, expression.span)
        wanted = "true or false" if expression.sign == "not" else "a number"
        self.report.add(expression.span, f"'{expression.sign}' needs {wanted}, not {described(operand)}")
        return None

    def combine(self, left: Value, sign: syntax.Word, right: Value) -> Value | None:
        """`left sign right` of two constants."""
        span = left.span.to(right.span)
        match sign.text, left, right:
            case "and", Boolean(), Boolean():
                return Boolean(left.value and right.value, span)
            case "or", Boolean(), Boolean():
                return Boolean(left.value or right.value, span)
            case "==", _, _:
                return Boolean(left == right, span)
            case "!=", _, _:
                return Boolean(left != right, span)
            case symbol, Number(), Number() if symbol in _ORDER:
                return Boolean(_ORDER[symbol](left.value, right.value), span)
            case symbol, Number(), Number() if symbol in _ARITHMETIC:
                return self._arithmetic(left, symbol, right, span)
        wanted = "true or false" if sign.text in ("and", "or") else "numbers"
        wrong = next((v for v in (left, right) if not isinstance(v, Boolean if wanted != "numbers" else Number)), left)
        self.report.add(wrong.span, f"'{sign.text}' needs {wanted}, and this is {described(wrong)}")
        return None

    def _chain(self, expression: syntax.Chain) -> Value | None:
        result = self.value(expression.first)
        for sign, operand in expression.rest:
            right = self.value(operand)
            result = None if result is None or right is None else self.combine(result, sign, right)
        return result

    def _list(self, expression: syntax.ListLiteral) -> Value | None:
        items = [self.value(item) for item in expression.items]
        for item in items:
            self.budget.spend(_size(item), expression.span)
        sound = tuple(item for item in items if item is not None)
        if len(sound) < len(items):
            return None
        result = ListOf(sound, expression.span)
        if _levels(result) > DEEPEST_LISTS:
            self.report.add(expression.span, f"lists are nested more than {DEEPEST_LISTS} deep", "flatten the list")
            return None
        return result

    def _number(self, expression: syntax.NumberLiteral) -> Value | None:
        text = expression.text
        if text.isdecimal():
            # Python refuses to read thousands of digits; such a number is out of range anyway.
            return self._in_range(int(text) if len(text) < 40 else 10**39, expression.span)
        return self._in_range(float(text), expression.span)

    def _arithmetic(self, left: Number, sign: str, right: Number, span: Span) -> Value | None:
        a, b = left.value, right.value
        if (sign in ("/", "//", "%") and b == 0) or (sign == "**" and a == 0 and b < 0):
            self.report.add(span, "division by zero")
            return None
        if sign == "**" and a < 0 and b != int(b):
            self.report.add(span, "a root of a negative number is not a number")
            return None
        # An integer power is computed only when it fits: 9**9**9 has 370 million digits.
        if (
            sign == "**"
            and isinstance(a, int)
            and isinstance(b, int)
            and abs(a) > 1
            and b * (abs(a).bit_length() - 1) > 64
        ):
            return self._in_range(10**39, span)
        try:
            return self._in_range(_ARITHMETIC[sign](a, b), span)
        except OverflowError:
            return self._in_range(math.inf, span)

    def _in_range(self, value: int | float, span: Span) -> Number | None:
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            self.report.add(span, "this number is too large", "whole numbers stay below 2**63")
            return None
        if not math.isfinite(value):
            self.report.add(span, "this number is too large", "numbers stay below 1.8e308")
            return None
        return Number(value, span)


def _size(value: Value | None) -> int:
    """How many parts a value has, itself included. Lists of lists share their parts in memory, so this can be large."""
    return 1 + sum(map(_size, value.items)) if isinstance(value, ListOf) else 1


def _levels(value: Value) -> int:
    """How deep lists stand in lists: 0 for any other value."""
    return 1 + max(map(_levels, value.items), default=0) if isinstance(value, ListOf) else 0
