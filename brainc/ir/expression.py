"""What is computed for one element: the arithmetic inside maps, reductions and epilogues.

An expression has no shape. Its leaves are operands (by their place in the operation's operand list) and constants; its
inner nodes apply one function of the table `FUNCTIONS`. Gradients, float64 evaluation, Numba, LLVM and CUDA text all
read this one table, so a new elementwise operator is one line in its record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

import numpy as np


@dataclass(frozen=True, slots=True)
class Constant:
    """A number known when the network is compiled."""

    value: float


@dataclass(frozen=True, slots=True)
class Operand:
    """The element of the operation's operand number `index`; in an epilogue, operand 0 is the finished sum."""

    index: int


@dataclass(frozen=True, slots=True)
class Apply:
    """`function(arguments…)`, with `function` a key of `FUNCTIONS`."""

    function: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = Constant | Operand | Apply
Partial: TypeAlias = Callable[..., Expression]


@dataclass(frozen=True, slots=True)
class Function:
    """One scalar function: how it reads, what it means in float64, and its partial derivatives.

    `partials[k](*arguments)` is the derivative by argument `k`, or None where the function is flat in it.
    """

    pattern: str
    meaning: Callable[..., Any]
    partials: tuple[Partial | None, ...]


ZERO = Constant(0.0)
ONE = Constant(1.0)


def add(left: Expression, right: Expression) -> Expression:
    """`left + right`, folded where one of them is zero or both are constants."""
    match left, right:
        case Constant(value=a), Constant(value=b):
            return Constant(a + b)
        case Constant(value=0.0), other:
            return other
        case other, Constant(value=0.0):
            return other
    return Apply("add", (left, right))


def subtract(left: Expression, right: Expression) -> Expression:
    """`left − right`, folded where possible."""
    match left, right:
        case Constant(value=a), Constant(value=b):
            return Constant(a - b)
        case other, Constant(value=0.0):
            return other
        case Constant(value=0.0), other:
            return negate(other)
    return Apply("subtract", (left, right))


def multiply(left: Expression, right: Expression) -> Expression:
    """`left · right`, folded where one of them is a known number; a product with a select of numbers is a select."""
    match left, right:
        case Constant(value=a), Constant(value=b):
            return Constant(a * b)
        case (Constant(value=0.0), _) | (_, Constant(value=0.0)):
            return ZERO
        case Constant(value=1.0), other:
            return other
        case other, Constant(value=1.0):
            return other
        case Apply(function="select", arguments=(condition, Constant() as yes, Constant() as no)), other:
            return select(condition, multiply(yes, other), multiply(no, other))
        case other, Apply(function="select", arguments=(condition, Constant() as yes, Constant() as no)):
            return select(condition, multiply(other, yes), multiply(other, no))
    return Apply("multiply", (left, right))


def divide(left: Expression, right: Expression) -> Expression:
    """`left / right`; a division by a constant becomes a multiplication where the reciprocal is exact."""
    match left, right:
        case Constant(value=a), Constant(value=b) if b != 0.0:
            return Constant(a / b)
        case Constant(value=0.0), _:
            return ZERO
        case other, Constant(value=1.0):
            return other
        case other, Constant(value=b) if b != 0.0 and math.frexp(b)[0] in (0.5, -0.5):
            return multiply(other, Constant(1.0 / b))
    return Apply("divide", (left, right))


def negate(value: Expression) -> Expression:
    """`−value`."""
    match value:
        case Constant(value=a):
            return Constant(-a)
        case Apply(function="negate", arguments=(inner,)):
            return inner
    return Apply("negate", (value,))


def maximum(left: Expression, right: Expression) -> Expression:
    """The larger of two."""
    return Apply("maximum", (left, right))


def minimum(left: Expression, right: Expression) -> Expression:
    """The smaller of two."""
    return Apply("minimum", (left, right))


def clamp(value: Expression, least: float, most: float) -> Expression:
    """The nearest number to the value in least … most."""
    return minimum(maximum(value, Constant(least)), Constant(most))


def select(condition: Expression, yes: Expression, no: Expression) -> Expression:
    """`yes` where the condition holds, else `no`."""
    return yes if yes == no else Apply("select", (condition, yes, no))


def compare(function: str, left: Expression, right: Expression) -> Expression:
    """A truth value: `function` is one of less, less_equal, greater, greater_equal, equal."""
    return Apply(function, (left, right))


def greater(left: Expression, right: Expression) -> Expression:
    """The truth of `left > right`."""
    return Apply("greater", (left, right))


def less(left: Expression, right: Expression) -> Expression:
    """The truth of `left < right`."""
    return Apply("less", (left, right))


def call(function: str, *arguments: Expression) -> Expression:
    """`function(arguments…)` by its name in the table, with constants folded."""
    if all(isinstance(argument, Constant) for argument in arguments):
        values = [argument.value for argument in arguments if isinstance(argument, Constant)]
        return Constant(float(FUNCTIONS[function].meaning(*values)))
    return Apply(function, tuple(arguments))


def _logistic(x: Any) -> Any:
    # exp never overflows when its argument is not positive.
    e = np.exp(-np.abs(x))
    return np.where(np.asarray(x) >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


def _one_sided(function: str) -> tuple[Partial, Partial]:
    """Partials of maximum and minimum, written by the result so that a backward pass need keep only the result.

    At a tie the gradient goes to the right operand: relu'(0) = 0, as PyTorch has it.
    """
    beyond = "greater" if function == "maximum" else "less"
    return (
        lambda a, b: select(Apply(beyond, (Apply(function, (a, b)), b)), ONE, ZERO),
        lambda a, b: select(Apply(beyond, (Apply(function, (a, b)), b)), ZERO, ONE),
    )


def _power_partial(a: Expression, b: Expression) -> Expression:
    return multiply(b, call("power", a, subtract(b, ONE)))


def _triangle(x: Expression, threshold: Expression, width: Expression) -> Expression:
    """`max(0, 1 − |x − threshold| / width) / width`, in place of the slope that a step has nowhere.

    The step is seen as one that rises over ±width, in a slope of area 1 whatever the width; with width 1 it is the
    surrogate of Esser et al. 2016, PNAS 113(41), where `x` is batch-normalised and the threshold zero.
    """
    distance = divide(Apply("absolute", (subtract(x, threshold),)), width)
    return divide(maximum(subtract(ONE, distance), ZERO), width)


FUNCTIONS: dict[str, Function] = {
    "add": Function("({} + {})", np.add, (lambda a, b: ONE, lambda a, b: ONE)),
    "subtract": Function("({} - {})", np.subtract, (lambda a, b: ONE, lambda a, b: Constant(-1.0))),
    "multiply": Function("({} * {})", np.multiply, (lambda a, b: b, lambda a, b: a)),
    "divide": Function(
        "({} / {})",
        np.divide,
        (lambda a, b: divide(ONE, b), lambda a, b: negate(divide(Apply("divide", (a, b)), b))),
    ),
    "negate": Function("(-{})", np.negative, (lambda a: Constant(-1.0),)),
    "maximum": Function("max({}, {})", np.maximum, _one_sided("maximum")),
    "minimum": Function("min({}, {})", np.minimum, _one_sided("minimum")),
    "absolute": Function("abs({})", np.abs, (lambda a: select(less(a, ZERO), Constant(-1.0), ONE),)),
    "square_root": Function("sqrt({})", np.sqrt, (lambda a: divide(Constant(0.5), Apply("square_root", (a,))),)),
    "exponential": Function("exp({})", np.exp, (lambda a: Apply("exponential", (a,)),)),
    "logarithm": Function("log({})", np.log, (lambda a: divide(ONE, a),)),
    "log_one_plus": Function("log1p({})", np.log1p, (lambda a: divide(ONE, add(ONE, a)),)),
    "hyperbolic_tangent": Function(
        "tanh({})",
        np.tanh,
        (lambda a: subtract(ONE, multiply(Apply("hyperbolic_tangent", (a,)), Apply("hyperbolic_tangent", (a,)))),),
    ),
    "logistic": Function(
        "logistic({})",
        _logistic,
        (lambda a: multiply(Apply("logistic", (a,)), subtract(ONE, Apply("logistic", (a,)))),),
    ),
    "error_function": Function(
        "erf({})",
        np.vectorize(math.erf, otypes=[np.float64]),
        (lambda a: multiply(Constant(2 / math.sqrt(math.pi)), call("exponential", negate(multiply(a, a)))),),
    ),
    "power": Function("pow({}, {})", np.power, (_power_partial, None)),
    "spike": Function(
        "spike({}, {}, {})",
        lambda x, threshold, _width: np.where(np.greater_equal(x, threshold), 1.0, 0.0),
        (_triangle, lambda x, threshold, width: negate(_triangle(x, threshold, width)), None),
    ),
    "less": Function("({} < {})", np.less, (None, None)),
    "less_equal": Function("({} <= {})", np.less_equal, (None, None)),
    "greater": Function("({} > {})", np.greater, (None, None)),
    "greater_equal": Function("({} >= {})", np.greater_equal, (None, None)),
    "equal": Function("({} == {})", np.equal, (None, None)),
    "select": Function(
        "({1} if {0} else {2})",
        np.where,
        (None, lambda c, a, b: select(c, ONE, ZERO), lambda c, a, b: select(c, ZERO, ONE)),
    ),
}
"""Every scalar function. Comparisons give truth values, which only `select` reads.

`spike(x, threshold, width)` is 1 from the threshold on and 0 below it; its partials are a surrogate, not its slope.
"""


def derivative(expression: Expression, index: int) -> Expression:
    """∂expression/∂operand[index], by the chain rule over the function table."""
    match expression:
        case Constant():
            return ZERO
        case Operand(index=i):
            return ONE if i == index else ZERO
        case Apply(function=name, arguments=arguments):
            total: Expression = ZERO
            for argument, partial in zip(arguments, FUNCTIONS[name].partials, strict=True):
                inner = ZERO if partial is None else derivative(argument, index)
                if partial is not None and inner != ZERO:
                    total = add(total, multiply(partial(*arguments), inner))
            return total
        case _:
            assert_never(expression)


def substitute(expression: Expression, replacements: Sequence[Expression]) -> Expression:
    """The expression with operand `i` replaced by `replacements[i]`."""
    match expression:
        case Constant():
            return expression
        case Operand(index=i):
            return replacements[i]
        case Apply(function=name, arguments=arguments):
            return Apply(name, tuple(substitute(argument, replacements) for argument in arguments))
        case _:
            assert_never(expression)


def replace_part(expression: Expression, part: Expression, by: Expression) -> Expression:
    """The expression with every occurrence of `part` replaced: `σ(x)·(1 − σ(x))` becomes `y·(1 − y)`."""
    if expression == part:
        return by
    match expression:
        case Apply(function=name, arguments=arguments):
            return Apply(name, tuple(replace_part(argument, part, by) for argument in arguments))
        case _:
            return expression


def operands_of(expression: Expression) -> frozenset[int]:
    """The operand numbers that the expression reads."""
    match expression:
        case Constant():
            return frozenset()
        case Operand(index=i):
            return frozenset((i,))
        case Apply(arguments=arguments):
            return frozenset().union(*(operands_of(argument) for argument in arguments))
        case _:
            assert_never(expression)


def is_linear(expression: Expression, operands: frozenset[int]) -> bool:
    """Whether it is a sum of these operands, each times what depends on none of them: the sum's value at sums is then
    the sum of its values."""
    match expression:
        case Constant(value=value):
            return value == 0
        case Operand(index=i):
            return i in operands
        case Apply("add" | "subtract" | "negate", parts):
            return all(is_linear(part, operands) for part in parts)
        case Apply("multiply", (left, right)):
            return any(is_linear(a, operands) and _is_free(b, operands) for a, b in ((left, right), (right, left)))
        case Apply("divide", (above, below)):
            return is_linear(above, operands) and _is_free(below, operands)
        case Apply("select", (condition, yes, no)):
            return _is_free(condition, operands) and is_linear(yes, operands) and is_linear(no, operands)
        case _:
            return False


def _is_free(expression: Expression, operands: frozenset[int]) -> bool:
    return operands.isdisjoint(operands_of(expression))


def functions_of(expression: Expression) -> frozenset[str]:
    """The names of the functions that the expression applies."""
    match expression:
        case Apply(function=name, arguments=arguments):
            return frozenset((name,)).union(*(functions_of(argument) for argument in arguments))
        case _:
            return frozenset()


def cost(*expressions: Expression) -> int:
    """Arithmetic operations for one element; a function counts as one, and equal parts once, as kernels do them."""
    parts: set[Expression] = set()
    open_ends = list(expressions)
    while open_ends:
        match open_ends.pop():
            case Apply(arguments=arguments) as part if part not in parts:
                parts.add(part)
                open_ends += arguments
    return len(parts)


def evaluate(expression: Expression, operands: Sequence[Any]) -> Any:
    """The value for NumPy arrays (or numbers) that broadcast against each other."""
    match expression:
        case Constant(value=value):
            return value
        case Operand(index=i):
            return operands[i]
        case Apply(function=name, arguments=arguments):
            return FUNCTIONS[name].meaning(*(evaluate(argument, operands) for argument in arguments))
        case _:
            assert_never(expression)


def text(expression: Expression, names: Sequence[str]) -> str:
    """The expression as one reads it, with operand `i` called `names[i]`."""
    match expression:
        case Constant(value=value):
            return repr(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)
        case Operand(index=i):
            return names[i]
        case Apply(function=name, arguments=arguments):
            written = FUNCTIONS[name].pattern.format(*(text(argument, names) for argument in arguments))
            return written
        case _:
            assert_never(expression)
