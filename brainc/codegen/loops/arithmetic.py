"""How does an expression read in a kernel? As Python, with what is used twice computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import isinf
from typing import Literal

from brainc.codegen.loops.source import Body, LoopDefect
from brainc.ir.expression import Apply, Constant, Expression, Operand

LONGEST = 90
"""Characters of a line's right side, beyond which a part gets a line of its own."""

_SIGNS: dict[str, tuple[str, int, int]] = {
    "add": ("+", 2, 2),
    "subtract": ("-", 2, 3),
    "multiply": ("*", 3, 3),
    "divide": ("/", 3, 4),
    "less": ("<", 1, 2),
    "less_equal": ("<=", 1, 2),
    "greater": (">", 1, 2),
    "greater_equal": (">=", 1, 2),
    "equal": ("==", 1, 2),
}
"""Each infix function's sign, how tightly it binds, and how tightly its right side must."""
_TIGHTEST = 5

_CALLS = {
    "maximum": "maximum({}, {})",
    "minimum": "minimum({}, {})",
    "absolute": "abs({})",
    "square_root": "sqrt({})",
    "exponential": "exp({})",
    "logarithm": "log({})",
    "log_one_plus": "log1p({})",
    "hyperbolic_tangent": "tanh({})",
    "logistic": "logistic({})",
    "error_function": "erf({})",
    "spike": "(1.0 if {} >= {} else 0.0)",
}
_DOUBLE_CALLS = {
    "maximum": "max({}, {})",
    "minimum": "min({}, {})",
    "absolute": "abs({})",
    "square_root": "math.sqrt({})",
    "exponential": "math.exp({})",
    "logarithm": "math.log({})",
    "log_one_plus": "math.log1p({})",
    "hyperbolic_tangent": "math.tanh({})",
    "logistic": "f64(1) / (f64(1) + math.exp(-{}))",
    "error_function": "math.erf({})",
    "spike": "(f64(1) if {} >= {} else f64(0))",
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """How an operand's element is read, and what it is called once it is read."""

    name: str
    text: str

    @property
    def free(self) -> bool:
        """Whether nothing is read from memory: a variable, or a condition on loop variables."""
        return "[" not in self.text


@dataclass(frozen=True, slots=True)
class Assignment:
    """`target = expression`, or `target += expression`."""

    target: str
    expression: Expression
    sign: Literal["=", "+="] = "="


def write_assignments(body: Body, assignments: Sequence[Assignment], leaves: Sequence[Leaf]) -> None:
    """Compute every expression from what the leaves were before the first assignment, then assign.

    Leaves are read into variables of their own where that is shorter, or where reading later would be wrong or, inside
    a branch, would keep the loop from becoming one vector operation.
    """
    assignments = [replace(each, expression=_without_powers(each.expression)) for each in assignments]
    uses: Counter[Expression] = Counter()
    for assignment in assignments:
        _count(assignment.expression, uses)
    branches = any(isinstance(part, Apply) and part.function == "select" for part in uses)
    known: dict[Expression, str] = {}
    for index, leaf in enumerate(leaves):
        operand = Operand(index)
        if leaf.free or (uses[operand] == 1 and not branches and len(assignments) == 1):
            known[operand] = leaf.text
        elif uses[operand]:
            known[operand] = leaf.name
            body.write(f"{leaf.name} = {leaf.text}")
    writer = _Writer(body, uses, known)
    values = [writer.side(assignment.expression) for assignment in assignments]
    body.write(*(f"{each.target} {each.sign} {value}" for each, value in zip(assignments, values, strict=True)))


def _count(expression: Expression, uses: Counter[Expression]) -> None:
    """How often each part is written if equal parts are computed once."""
    uses[expression] += 1
    if uses[expression] == 1 and isinstance(expression, Apply):
        for argument in expression.arguments:
            _count(argument, uses)


def _without_powers(expression: Expression) -> Expression:
    """Squares, cubes and the like as products, and the power of one half as a root."""
    match expression:
        case Apply("power", (base, Constant(value=exponent))) if exponent in (1.0, 2.0, 3.0, 4.0):
            simple = _without_powers(base)
            square = Apply("multiply", (simple, simple))
            return {1.0: simple, 2.0: square, 3.0: Apply("multiply", (square, simple))}.get(
                exponent, Apply("multiply", (square, square))
            )
        case Apply("power", (base, Constant(value=0.5))):
            return Apply("square_root", (_without_powers(base),))
        case Apply(function=name, arguments=arguments):
            return Apply(name, tuple(_without_powers(argument) for argument in arguments))
        case _:
            return expression


class _Writer:
    """Writes expressions; parts used twice and parts too long for a line become variables, written to `body`."""

    def __init__(self, body: Body, uses: Counter[Expression], known: dict[Expression, str]) -> None:
        self._body, self._uses, self._known = body, uses, known
        self._parts = 0

    def side(self, expression: Expression) -> str:
        """The right side of an assignment."""
        return self._text(expression, 0)

    def _text(self, expression: Expression, binding: int) -> str:
        if expression in self._known:
            return self._known[expression]
        if not isinstance(expression, Apply):
            return written(expression, 0, self._known)
        arguments = [self._argument(expression, place) for place in range(len(expression.arguments))]
        known = {**self._known, **dict(zip(expression.arguments, arguments, strict=True))}
        result = written(expression, binding, known)
        truth = expression.function in _SIGNS and _SIGNS[expression.function][1] == 1
        if binding > 0 and not truth and (self._uses[expression] > 1 or len(result) > LONGEST):
            self._parts += 1
            name = f"part{self._parts}"
            self._body.write(f"{name} = {written(expression, 0, known)}")
            self._known[expression] = name
            return name
        return result

    def _argument(self, expression: Apply, place: int) -> str:
        match expression.function:
            case infix if infix in _SIGNS:
                _, own, right = _SIGNS[infix]
                return self._text(expression.arguments[place], right if place else own)
            case "negate":
                return self._text(expression.arguments[place], _TIGHTEST - 1)
            case "power":
                return self._text(expression.arguments[place], _TIGHTEST)
            case _:
                return self._text(expression.arguments[place], 1)


def written(expression: Expression, binding: int, known: Mapping[Expression, str]) -> str:
    """The expression as Python on float32, in parentheses where its surroundings bind at least that tightly."""
    if expression in known:
        return known[expression]
    match expression:
        case Constant(value=value):
            return _literal(value)
        case Operand(index=index):
            raise LoopDefect(f"the expression reads operand {index}, which the kernel lacks")
        case Apply(function=name, arguments=(a, b)) if name in _SIGNS:
            sign, own, right = _SIGNS[name]
            return _enclosed(f"{written(a, own, known)} {sign} {written(b, right, known)}", own, binding)
        case Apply(function="negate", arguments=(a,)):
            return _enclosed(f"-{written(a, 4, known)}", 4, binding)
        case Apply(function="power", arguments=(a, b)):
            return _enclosed(f"{written(a, _TIGHTEST, known)} ** {written(b, _TIGHTEST, known)}", 4, binding)
        case Apply(function="select", arguments=(condition, yes, no)):
            inner = [written(part, 1, known) for part in (yes, condition, no)]
            return _enclosed(f"{inner[0]} if {inner[1]} else {inner[2]}", 0, binding)
        case Apply(function=name, arguments=arguments):
            return _CALLS[name].format(*(written(argument, 1, known) for argument in arguments))


def _enclosed(text: str, own: int, binding: int) -> str:
    return f"({text})" if own < binding else text


def _literal(value: float) -> str:
    """A number that reads back as the same float32; beyond the largest float32 stands infinity."""
    if isinf(value):
        return "1e39" if value > 0 else "-1e39"
    return repr(float(value))


def written_double(expression: Expression, leaves: Sequence[str]) -> str:
    """The expression as Python on float64.

    Literals are float32 in a kernel, so a constant is written as a quotient of whole numbers, which is exact.
    """
    match expression:
        case Constant(value=value):
            top, bottom = Decimal(repr(float(value))).as_integer_ratio()
            if max(abs(top), bottom) >= 2**63:
                return f"f64({value!r})"
            return f"f64({top})" if bottom == 1 else f"(f64({top}) / f64({bottom}))"
        case Operand(index=index):
            return leaves[index]
        case Apply(function=name, arguments=arguments):
            inner = [written_double(argument, leaves) for argument in arguments]
            if name in _SIGNS:
                return f"({inner[0]} {_SIGNS[name][0]} {inner[1]})"
            if name == "select":
                return f"({inner[1]} if {inner[0]} else {inner[2]})"
            patterns = {"negate": "(-{})", "power": "({} ** {})", **_DOUBLE_CALLS}
            return patterns[name].format(*inner)
