"""What happens to a finished sum before it is stored?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from brainc.codegen.llvm.writer import VECTOR, Writer, vector_of
from brainc.ir.expression import Apply, Constant, Expression, Operand, operands_of, text
from brainc.ir.kernel import Access

ARITHMETIC = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
COMPARISONS = {"less": "olt", "less_equal": "ole", "greater": "ogt", "greater_equal": "oge", "equal": "oeq"}
INTRINSICS = {"absolute": "fabs", "square_root": "sqrt"}
EXTREMA = {"maximum": ("olt", "maximum"), "minimum": ("ogt", "minimum")}
FUNCTIONS_WRITTEN = frozenset((*ARITHMETIC, *COMPARISONS, *INTRINSICS, *EXTREMA, "negate", "select", "spike"))
"""The functions an epilogue may apply; a network that fuses another one keeps it in a kernel of its own."""


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What is stored of a finished sum: target `k` of the kernel becomes `stores[k]`.

    In the expressions operand 0 is the sum, and operand `i` the extra read as `accesses[i − 1]` says: "same" is stored
    like the result and read element by element, "row" has one value for each row of the result, "scalar" is one float.
    The kernel's operands are the targets, the two factors and the extras; all extras of an element are read before
    the first of its stores, so one buffer may be a target and an extra with access "same".
    """

    stores: tuple[Expression, ...] = (Operand(0),)
    accesses: tuple[Access, ...] = ()

    def __str__(self) -> str:
        names = ["sum", *(f"{access}{place}" for place, access in enumerate(self.accesses, start=1))]
        return "; ".join(f"target{k} = {text(store, names)}" for k, store in enumerate(self.stores))

    def read(self, access: Access) -> list[int]:
        """The numbers of the operands that the stores read in this way."""
        operands = frozenset().union(*(operands_of(store) for store in self.stores)) - {0}
        return sorted(place for place in operands if self.accesses[place - 1] == access)


@dataclass(frozen=True, slots=True)
class EpilogueBuffers:
    """An epilogue and the SSA names of what it touches: targets, extras by operand number, and scalars as vectors."""

    epilogue: Epilogue
    targets: list[str]
    extras: dict[int, str]
    scalars: dict[int, str]


def epilogue_buffers(writer: Writer, epilogue: Epilogue) -> tuple[EpilogueBuffers, tuple[str, str]]:
    """Load all of the kernel's pointers; the result also gives the two factors."""
    targets = len(epilogue.stores)
    pointers = writer.operands(targets + 2 + len(epilogue.accesses))
    extras = dict(enumerate(pointers[targets + 2 :], start=1))
    scalars = {place: writer.broadcast("scalar", extras[place]) for place in epilogue.read("scalar")}
    return EpilogueBuffers(epilogue, pointers[:targets], extras, scalars), (pointers[targets], pointers[targets + 1])


@dataclass(frozen=True, slots=True)
class Element:
    """Where one vector of sums belongs: how a value of its row and its own are read, and how results are written."""

    row: Callable[[str], str]
    same: Callable[[str], str]
    write: Callable[[str, str], None]


def write_epilogue(writer: Writer, buffers: EpilogueBuffers, total: str, element: Element) -> None:
    """Compute and store every result of one vector of sums."""
    epilogue = buffers.epilogue
    known: dict[Expression, str] = {Operand(0): total}
    known |= {Operand(place): element.row(buffers.extras[place]) for place in epilogue.read("row")}
    known |= {Operand(place): element.same(buffers.extras[place]) for place in epilogue.read("same")}
    known |= {Operand(place): vector for place, vector in buffers.scalars.items()}
    values = [write_expression(writer, store, known) for store in epilogue.stores]
    for value, target in zip(values, buffers.targets, strict=True):
        element.write(value, target)


def write_expression(writer: Writer, expression: Expression, known: dict[Expression, str]) -> str:
    """The vector (or mask) of an expression; what it computes joins `known`, so that equal parts are computed once."""
    if expression not in known:
        match expression:
            case Constant(value=number):
                return vector_of(number)
            case Apply():
                known[expression] = _write_apply(writer, expression, known)
            case Operand(index=index):
                raise ValueError(f"the epilogue reads operand {index}, which has no access")
            case _:
                assert_never(expression)
    return known[expression]


def _write_apply(writer: Writer, expression: Apply, known: dict[Expression, str]) -> str:
    def written(part: Expression) -> str:
        return write_expression(writer, part, known)

    # Written as one rounding on purpose: every tile of a kernel, peeled or not, must round alike.
    match expression:
        case Apply("add", (Apply("multiply", (a, b)) as product, c)) if product not in known:
            return writer.multiply_add("value", written(a), written(b), written(c))
        case Apply("add", (c, Apply("multiply", (a, b)) as product)) if product not in known:
            return writer.multiply_add("value", written(a), written(b), written(c))
        case Apply("subtract", (c, Apply("multiply", (a, b)) as product)) if product not in known:
            minus = writer.value("minus", f"fneg {VECTOR} {written(a)}")
            return writer.multiply_add("value", minus, written(b), written(c))
        case Apply("maximum" | "minimum" as name, (a, b)):
            return _write_extremum(writer, name, a, b, known)
    return _write_plain(writer, expression.function, [written(argument) for argument in expression.arguments])


def _write_plain(writer: Writer, function: str, arguments: list[str]) -> str:
    match function, arguments:
        case name, [a, b] if name in ARITHMETIC:
            return writer.value("value", f"{ARITHMETIC[name]} {VECTOR} {a}, {b}")
        case name, [a, b] if name in COMPARISONS:
            return writer.value("truth", f"fcmp {COMPARISONS[name]} {VECTOR} {a}, {b}")
        case name, [a] if name in INTRINSICS:
            intrinsic = f"{VECTOR} @llvm.{INTRINSICS[name]}.v16f32"
            writer.declare(f"{intrinsic}({VECTOR})")
            return writer.value("value", f"call {intrinsic}({VECTOR} {a})")
        case "negate", [a]:
            return writer.value("value", f"fneg {VECTOR} {a}")
        case "select", [condition, yes, no]:
            return writer.choose("value", condition, yes, no)
        case "spike", [x, threshold, _width]:
            fires = writer.value("truth", f"fcmp oge {VECTOR} {x}, {threshold}")
            return writer.choose("value", fires, vector_of(1.0), vector_of(0.0))
    raise ValueError(f"an epilogue cannot apply {function}; it may apply {', '.join(sorted(FUNCTIONS_WRITTEN))}")


def _write_extremum(
    writer: Writer, name: str, left: Expression, right: Expression, known: dict[Expression, str]
) -> str:
    """Maximum or minimum; not-a-number in an operand goes through, as NumPy has it."""
    if isinstance(left, Constant):
        left, right = right, left
    a, b = write_expression(writer, left, known), write_expression(writer, right, known)
    predicate, intrinsic = EXTREMA[name]
    if isinstance(right, Constant):
        # One instruction on x86, which passes on a not-a-number of its second operand.
        return writer.choose("value", writer.value("truth", f"fcmp {predicate} {VECTOR} {a}, {b}"), b, a)
    writer.declare(f"{VECTOR} @llvm.{intrinsic}.v16f32({VECTOR}, {VECTOR})")
    return writer.value("value", f"call {VECTOR} @llvm.{intrinsic}.v16f32({VECTOR} {a}, {VECTOR} {b})")
