"""The kernels that go through a whole gradient to factor it, and to put it together again, at the speed of memory.

`brainc.ir.factoring` says what each step does. A vector of sixteen rows of one column lies `column · column_stride +
block · block_stride` floats into the gradient and its error. A factor of `rank` vectors over n places lies
`[⌈n/16⌉][rank][16]`. Memory is read in the order in which it lies: what is summed along it stays in registers, what is
summed across it in the first cache. The order of no sum depends on how the parts are dealt out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from brainc.codegen.llvm.writer import LANES, VECTOR, VECTOR_BYTES, Writer, add_lanes, first_lanes
from brainc.ir.factoring import Factors
from brainc.ir.kernel import storage_of
from brainrun.plan.schema import Lanes, Panels, Plain

_VECTORS_AT_ONCE = 16
"""Of a factor with more, so many are summed in one go through memory."""
_RUN = 160
"""The most vectors of a plain column that are visited before the next column's: 10 KB."""
_ABREAST = 4
"""Blocks of panels that are visited side by side, so that each sum across them is fetched once for all."""
_SUMS = 256
"""Vectors that are summed across: 16 KB of the first cache."""


@dataclass(frozen=True, slots=True)
class Factored:
    """A gradient as a matrix in memory, and how many vectors each of its factors has.

    In `panels`, the vectors of one block of rows follow each other, the last block is as long as the others, and the
    error is zero beyond the last row; else the vectors of one column follow each other.
    """

    rows: int
    columns: int
    rank: int
    panels: bool

    @property
    def column_stride(self) -> int:
        """Floats from a column to the next."""
        return LANES if self.panels else self.rows

    @property
    def block_stride(self) -> int:
        """Floats from sixteen rows to the next sixteen."""
        return LANES * self.columns if self.panels else LANES

    @property
    def whole(self) -> int:
        """How many blocks of rows are full."""
        return self.rows // LANES

    @property
    def rest(self) -> int:
        """How many rows the last block has if it is not full, else 0."""
        return self.rows % LANES

    @property
    def blocks(self) -> int:
        """How many blocks of rows there are, full or not."""
        return self.whole + (self.rest > 0)

    @property
    def run(self) -> int:
        """Vectors of a plain column that are visited before the next column's; runs are about as long as each other."""
        return -(-self.blocks // -(-self.blocks // _RUN))

    @property
    def width(self) -> int:
        """Columns of panels that are summed across in one part: a multiple of sixteen."""
        return LANES * max(1, min(4, _SUMS // (LANES * min(self.rank, _VECTORS_AT_ONCE))))

    @property
    def words(self) -> str:
        """The sizes, for the name of a kernel."""
        return f"{'panels' if self.panels else 'plain'}_{self.columns}x{self.rows}x{self.rank}"


def factored(factors: Factors) -> Factored:
    """The gradient of these factors as it lies in memory."""
    match storage_of(factors.gradient):
        case Panels(outputs=outputs, inputs=inputs):
            return Factored(inputs, outputs, factors.rank, True)
        case Plain(shape=(outputs, *rest)):
            return Factored(prod(rest), outputs, factors.rank, False)
        case Plain() | Lanes():
            raise ValueError(f"{factors.gradient.name} is no matrix")


class _Text:
    """A kernel's text while it is being written."""

    def __init__(self, shape: Factored) -> None:
        self.shape = shape
        self.writer = Writer()
        # Lanes of the last block that are rows.
        self.rest = first_lanes(shape.rest) if shape.rest else None

    def offset(self, column: str, block: str) -> str:
        """Where a vector of the gradient or its error lies."""
        terms = (column, self.shape.column_stride), (block, self.shape.block_stride)
        return self.writer.affine("offset", *terms)

    def load(self, hint: str, base: str, offset: str, mask: str | None) -> str:
        """A vector of the gradient or its error, with zeros where no rows are."""
        if mask is not None:
            return self.writer.load_where(hint, mask, base, offset)
        return self.writer.load(hint, base, offset, align=VECTOR_BYTES if self.shape.panels else 4)

    def store(self, vector: str, base: str, offset: str, mask: str | None) -> None:
        """Write it; in panels also behind the last row."""
        if self.shape.panels:
            self.writer.store(vector, base, offset)
        elif mask is not None:
            self.writer.store_where(mask, vector, base, offset)
        else:
            self.writer.statement(f"store {VECTOR} {vector}, ptr {self.writer.at(base, offset)}, align 4")

    def of_rows(self, block: str, k: int) -> str:
        """Where sixteen rows of vector k of a factor over rows lie."""
        return self.writer.affine("rows", (block, self.shape.rank * LANES), constant=k * LANES)

    def numbers(self, base: str, column: str, vectors: Sequence[int]) -> list[str]:
        """A column's number in each of these vectors of a factor over columns, in all lanes."""
        return [self.writer.broadcast("number", base, self.of_column(column, k)) for k in vectors]

    def of_column(self, column: str, k: int) -> str:
        """Where a column's number lies in vector k of a factor over columns."""
        writer = self.writer
        group, lane = writer.integer("group", "lshr", column, 4), writer.integer("lane", "and", column, LANES - 1)
        return writer.affine("column", (group, self.shape.rank * LANES), (lane, 1), constant=k * LANES)

    def gathered(self, vectors: Sequence[str], numbers: Sequence[str], total: str) -> str:
        """The total with products of vectors and numbers added to it."""
        for vector, number in zip(vectors, numbers, strict=True):
            total = self.writer.multiply_add("sum", vector, number, total)
        return total

    @contextmanager
    def parts(self, first: int, last: int) -> Iterator[str]:
        """What is written inside is done for those of the kernel's parts that are among these; the part's number."""
        begin, end = self.writer.greatest("begin", "%begin", first), self.writer.least("end", "%end", last)
        with self.writer.loop("part", begin, end) as loop:
            yield loop.index

    def abreast(self, count: int) -> Iterator[tuple[tuple[int, int], int]]:
        """Rounds `[first, last)` of as many as go abreast, and then of single ones."""
        together, single = divmod(count, _ABREAST)
        if together:
            yield (0, together), _ABREAST
        if single:
            yield (count - single, count), 1

    def groups(self) -> Iterator[range]:
        """The numbers of the vectors that are summed in one go."""
        for first in range(0, self.shape.rank, _VECTORS_AT_ONCE):
            yield range(first, min(first + _VECTORS_AT_ONCE, self.shape.rank))


# ---- left := (error + gradient) · right ------------------------------------------------------------------------------


def left_parts(shape: Factored) -> int:
    """How many parts `write_left` has: blocks of rows, or runs of them."""
    return shape.blocks if shape.panels else -(-shape.blocks // shape.run)


def write_left(shape: Factored, name: str) -> str:
    """The kernel's text, called with left, error, gradient and right."""
    text = _Text(shape)
    left, error, gradient, right = text.writer.operands(4)
    for vectors in text.groups():
        # Once the gradient is in the error, only that is read.
        added = gradient if vectors.start == 0 else None
        if shape.panels:
            with text.parts(0, shape.whole) as block:
                _left_of_block(text, block, vectors, (left, error, added, right), None)
            if shape.rest:
                with text.parts(shape.whole, shape.whole + 1) as block:
                    _left_of_block(text, block, vectors, (left, error, added, right), text.rest)
        else:
            with text.parts(0, left_parts(shape)) as part:
                _left_of_run(text, part, vectors, (left, error, added, right))
    return text.writer.module(name, ["error := error + gradient; left := error · right"])


_Operands = tuple[str, str, str | None, str]


def _v(text: _Text, error: str, gradient: str | None, offset: str, mask: str | None) -> str:
    """A vector of error and gradient, which becomes the error."""
    before = text.load("error", error, offset, mask)
    if gradient is None:
        return before
    v = text.writer.value("v", f"fadd {VECTOR} {text.load('gradient', gradient, offset, mask)}, {before}")
    text.store(v, error, offset, mask)
    return v


def _left_of_block(text: _Text, block: str, vectors: range, operands: _Operands, mask: str | None) -> None:
    """Of panels: along memory go the columns of one block of rows."""
    writer, (left, error, gradient, right) = text.writer, operands
    with writer.loop("column", 0, text.shape.columns, ["zeroinitializer"] * len(vectors)) as loop:
        v = _v(text, error, gradient, text.offset(loop.index, block), mask)
        numbers = text.numbers(right, loop.index, vectors)
        loop.next([writer.multiply_add("sum", v, n, s) for n, s in zip(numbers, loop.values, strict=True)])
    for k, total in zip(vectors, loop.values, strict=True):
        writer.store(total, left, text.of_rows(block, k))


def _left_of_run(text: _Text, part: str, vectors: range, operands: _Operands) -> None:
    """Of plain columns: a run of rows of each, and across them the sums."""
    writer, shape, (left, error, gradient, right) = text.writer, text.shape, operands
    first = writer.integer("first", "mul nsw", part, shape.run)
    end = writer.integer("end", "add nsw", first, shape.run)

    def add(block: str, column: str, numbers: Sequence[str], mask: str | None) -> None:
        v = _v(text, error, gradient, text.offset(column, block), mask)
        for k, number in zip(vectors, numbers, strict=True):
            at = text.of_rows(block, k)
            writer.store(writer.multiply_add("sum", v, number, writer.load("left", left, at)), left, at)

    with writer.loop("block", first, writer.least("end", end, shape.blocks)) as block:
        for k in vectors:
            writer.store("zeroinitializer", left, text.of_rows(block.index, k))
    with writer.loop("column", 0, shape.columns) as column:
        numbers = text.numbers(right, column.index, vectors)
        with writer.loop("block", first, writer.least("full", end, shape.whole)) as block:
            add(block.index, column.index, numbers, None)
        if shape.rest:
            with writer.when("last", writer.equal("last", part, left_parts(shape) - 1)):
                add(str(shape.whole), column.index, numbers, text.rest)


# ---- right, own := errorᵀ · left -------------------------------------------------------------------------------------


def right_parts(shape: Factored) -> int:
    """How many parts `write_right` has: columns, or runs of them."""
    return -(-shape.columns // shape.width) if shape.panels else shape.columns


def write_right(shape: Factored, name: str) -> str:
    """The kernel's text, called with right, own, error and left."""
    text = _Text(shape)
    right, own, error, left = text.writer.operands(4)
    sums = text.writer.scratch(_SUMS * LANES) if shape.panels else ""
    for vectors in text.groups():
        with text.parts(0, right_parts(shape)) as part:
            if shape.panels:
                _right_of_run(text, part, vectors, (right, own), (error, left, sums))
            else:
                _right_of_column(text, part, vectors, (right, own), (error, left))
    return text.writer.module(name, ["right, own := transposed error · left"])


def _right_of_column(
    text: _Text, column: str, vectors: range, targets: tuple[str, str], operands: tuple[str, str]
) -> None:
    """Of plain columns: along memory go the rows of one."""
    writer, shape, (error, left) = text.writer, text.shape, operands

    def add(block: str, totals: Sequence[str], mask: str | None) -> list[str]:
        entries = text.load("error", error, text.offset(column, block), mask)
        rows = [writer.load("left", left, text.of_rows(block, k)) for k in vectors]
        return [writer.multiply_add("sum", entries, r, total) for r, total in zip(rows, totals, strict=True)]

    with writer.loop("block", 0, shape.whole, ["zeroinitializer"] * len(vectors)) as loop:
        loop.next(add(loop.index, loop.values, None))
    sums = add(str(shape.whole), loop.values, text.rest) if shape.rest else loop.values
    writer.declare(f"float @llvm.vector.reduce.fadd.v{LANES}f32(float, {VECTOR})")
    for k, lanes in zip(vectors, sums, strict=True):
        reduced = f"call reassoc float @llvm.vector.reduce.fadd.v{LANES}f32(float 0.0, {VECTOR} {lanes})"
        total, at = writer.value("total", reduced), text.of_column(column, k)
        for target in targets:
            writer.statement(f"store float {total}, ptr {writer.at(target, at)}, align 4")


def _right_of_run(
    text: _Text, part: str, vectors: range, targets: tuple[str, str], operands: tuple[str, str, str]
) -> None:
    """Of panels: a run of columns of each block of rows, a few blocks abreast, and across them the sums."""
    writer, shape, (error, left, sums) = text.writer, text.shape, operands
    first = writer.integer("first", "mul nsw", part, shape.width)
    count = writer.least("count", writer.affine("count", (first, -1), constant=shape.columns), shape.width)
    with writer.loop("clear", 0, shape.width * len(vectors)) as clear:
        writer.store("zeroinitializer", sums, writer.affine("at", (clear.index, LANES)))
    for rounds, depth in text.abreast(shape.blocks):
        with writer.loop("blocks", *rounds) as loop:
            blocks = [writer.affine("block", (loop.index, depth), constant=b) for b in range(depth)]
            rows = [[writer.load("left", left, text.of_rows(block, k)) for block in blocks] for k in vectors]
            with writer.loop("c", 0, count) as c:
                column = writer.integer("column", "add nsw", first, c.index)
                entries = [text.load("error", error, text.offset(column, block), None) for block in blocks]
                for place, of_vector in enumerate(rows):
                    at = writer.affine("at", (c.index, len(vectors) * LANES), constant=place * LANES)
                    total = writer.load("sum", sums, at)
                    writer.store(text.gathered(entries, of_vector, total), sums, at)
    with writer.loop(
        "group", 0, writer.integer("groups", "lshr", writer.affine("up", (count, 1), constant=15), 4)
    ) as g:
        group = writer.affine("group", (part, shape.width // LANES), (g.index, 1))
        for place, k in enumerate(vectors):
            begin = writer.affine("at", (g.index, LANES * len(vectors) * LANES), constant=place * LANES)
            lanes = [writer.load("sum", writer.at(sums, begin), c * len(vectors) * LANES) for c in range(LANES)]
            totals = add_lanes(writer, lanes)
            for target in targets:
                writer.store(totals, target, text.of_rows(group, k))


# ---- gradient := left · rightᵀ; error := error − left · ownᵀ ---------------------------------------------------------


def rebuild_parts(shape: Factored) -> int:
    """How many parts `write_rebuild` has: blocks of rows, or columns."""
    return shape.blocks if shape.panels else shape.columns


def write_rebuild(shape: Factored, name: str) -> str:
    """The kernel's text, called with gradient, error, left, right and own."""
    text = _Text(shape)
    writer, vectors = text.writer, range(shape.rank)
    gradient, error, left, right, own = writer.operands(5)

    def rows_of(block: str) -> list[str]:
        return [writer.load("left", left, text.of_rows(block, k)) for k in vectors]

    def put(column: str, block: str, rows: list[str], numbers: tuple[list[str], list[str]], mask: str | None) -> None:
        everyone, mine = (text.gathered(rows, each, "zeroinitializer") for each in numbers)
        offset = text.offset(column, block)
        text.store(everyone, gradient, offset, mask)
        before = text.load("error", error, offset, mask)
        text.store(writer.value("kept", f"fsub {VECTOR} {before}, {mine}"), error, offset, mask)

    with text.parts(0, rebuild_parts(shape)) as part:
        if shape.panels:
            rows = rows_of(part)
            with writer.loop("column", 0, shape.columns) as column:
                numbers = text.numbers(right, column.index, vectors), text.numbers(own, column.index, vectors)
                put(column.index, part, rows, numbers, None)
        else:
            numbers = text.numbers(right, part, vectors), text.numbers(own, part, vectors)
            with writer.loop("block", 0, shape.whole) as block:
                put(part, block.index, rows_of(block.index), numbers, None)
            if shape.rest:
                last = str(shape.whole)
                put(part, last, rows_of(last), numbers, text.rest)
    return writer.module(name, ["gradient := left · transposed right; error := error − left · transposed own"])
