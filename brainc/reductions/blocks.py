"""Which columns share a header, and what does it say of what is sent of them?

A header serves a column, or several where columns are short: as many as hold 8 / density entries, of which 8 are
expected to be sent. An entry's place in its block is counted down one column and then the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from brainc.codegen.llvm.writer import Variable, Writer
from brainc.reductions.finds import Find, Finds, signed
from brainc.reductions.runs import Runs

BLOCK_ENTRIES = 8
"""So many entries are expected to be sent of a block of short columns."""


def wanted_entries(entries: int, density: float) -> int:
    """`max(1, ⌊entries · density⌋)`, or 0 of none."""
    return min(entries, max(1, int(entries * density)))


def block_columns(rows: int, columns: int, density: float, most_rows: int) -> int:
    """How many columns one header serves, if several may have so many rows together."""
    return max(1, min(ceil(min(BLOCK_ENTRIES / density / rows, columns)), most_rows // rows))


@dataclass(frozen=True, slots=True)
class Blocks:
    """`count` blocks of `columns` columns each; the last may have fewer."""

    runs: Runs
    columns: str
    count: str

    def columns_of(self, block: str) -> tuple[str, str]:
        """The first column of a block, and the one after its last."""
        writer = self.runs.writer
        first = writer.integer("first", "mul nsw", block, self.columns)
        return first, writer.least("last", writer.integer("last", "add nsw", first, self.columns), self.runs.columns)

    def offset_of(self, first_column: str, place: str) -> str:
        """How many floats the entry at this place of a block lies behind the segment's first."""
        column, row = self.runs.by_rows.quotient_and_rest(place)
        return self.runs.offset(row, self.runs.writer.integer("column", "add nsw", first_column, column))

    def settle(self, finds: Finds, first_word: str, tell: Callable[[str, str, tuple[str, str]], None]) -> Settled:
        """Make the tallies of the columns the means of their blocks, which takes the place of the tallies.

        `tell` is written for each block: its number, how many of its entries are found, and the means of the positive
        and of the negative ones, 0 of none. Words are counted from `first_word` on.
        """
        writer, settled = self.runs.writer, Settled(self.runs.writer, finds.records)
        next_word = writer.variable("next.word")
        next_word.set(first_word)
        numbers = [writer.variable("number") for _ in range(2)]
        sums = [writer.variable("sum", "double") for _ in range(2)]
        with writer.loop("block", 0, self.count) as block:
            for negative in range(2):
                numbers[negative].set(0)
                sums[negative].set("0.0")
            begin = next_word.get()
            first, last = self.columns_of(block.index)
            with writer.loop("column", first, last) as column:
                for negative in range(2):
                    number, total = _tallied(writer, finds, column.index, negative)
                    numbers[negative].add(number)
                    sums[negative].set(writer.value("sum", f"fadd double {sums[negative].get()}, {total}"))
            means = _mean(writer, sums[0], numbers[0]), _mean(writer, sums[1], numbers[1])
            with writer.loop("column", first, last) as column:
                # A column is put down where a tally was of one that is no later, so the tally is read first.
                found = [_tallied(writer, finds, column.index, negative)[0] for negative in range(2)]
                before = writer.integer("before", "sub nsw", column.index, first)
                settled.put(
                    column.index, next_word.get(), writer.integer("before", "mul nsw", before, self.runs.rows), means
                )
                for number in found:
                    next_word.add(number)
            tell(block.index, writer.integer("sent", "sub nsw", next_word.get(), begin), means)
        return settled


@dataclass(frozen=True, slots=True)
class Settled:
    """What the entries of each column need, 16 bytes at `base`.

    The word that comes next and how many places of the block come before the column (i32), and the means of the
    block's positive and negative entries (float).
    """

    writer: Writer
    base: str

    def put(self, column: str, word: str, before: str, means: tuple[str, str]) -> None:
        """Say what a column needs."""
        writer, at = self.writer, self._at(column)
        for place, number in enumerate((word, before)):
            short = writer.value("short", f"trunc i64 {number} to i32")
            writer.statement(f"store i32 {short}, ptr {writer.at(at, place)}")
        for place, mean in enumerate(means):
            writer.statement(f"store float {mean}, ptr {writer.at(at, 2 + place)}")

    def word_of(self, find: Find) -> tuple[str, str]:
        """The number of the entry's word, which is taken, and the word: `(place in the block) << 1 | negative`."""
        writer, at = self.writer, self._at(find.column)
        number, before = (writer.value("short", f"load i32, ptr {writer.at(at, place)}") for place in range(2))
        writer.statement(f"store i32 {writer.value('next', f'add i32 {number}, 1')}, ptr {at}")
        number, before = (writer.value("number", f"zext i32 {short} to i64") for short in (number, before))
        place = writer.integer("place", "add nsw", before, find.row)
        return number, writer.integer("word", "or", writer.integer("word", "shl", place, 1), find.negative)

    def rest_of(self, find: Find) -> str:
        """What the mean of the entry's sign does not say of it."""
        writer = self.writer
        at = writer.at(self._at(find.column), writer.affine("sign", (find.negative, 1), constant=2))
        return writer.value("rest", f"fsub float {find.value}, {writer.value('mean', f'load float, ptr {at}')}")

    def _at(self, column: str) -> str:
        return self.writer.at(self.base, self.writer.affine("settled", (column, 4)))


def blocks_of(runs: Runs, density: str, most_rows: int) -> Blocks:
    """The blocks of a segment: `block_columns`, operation for operation."""
    writer = runs.writer
    writer.declare("double @llvm.ceil.f64(double)")
    writer.declare("double @llvm.minnum.f64(double, double)")
    rows, columns = (writer.value("count", f"sitofp i64 {count} to double") for count in (runs.rows, runs.columns))
    entries = writer.value("block", f"fdiv double {float(BLOCK_ENTRIES)}, {density}")
    several = writer.value("block", f"fdiv double {entries}, {rows}")
    several = writer.value("block", f"call double @llvm.ceil.f64(double {several})")
    several = writer.value("block", f"call double @llvm.minnum.f64(double {several}, double {columns})")
    several = writer.value("block", f"fptosi double {several} to i64")
    several = writer.least("block", several, writer.integer("most", "udiv", most_rows, runs.rows))
    several = writer.greatest("block", several, 1)
    up = writer.integer("blocks", "add nsw", runs.columns, writer.affine("blocks", (several, 1), constant=-1))
    return Blocks(runs, several, writer.integer("blocks", "udiv", up, several))


def _tallied(writer: Writer, finds: Finds, column: str, negative: int) -> tuple[str, str]:
    """How many entries of one sign a column has, and their sum."""
    record = finds.record(column)
    number = writer.value("number", f"load i64, ptr {signed(writer, record, 2, negative)}")
    return number, writer.value("sum", f"load double, ptr {signed(writer, record, 0, negative)}")


def _mean(writer: Writer, total: Variable, number: Variable) -> str:
    """`total / number` as a float; 0 of none."""
    some = writer.value("number", f"sitofp i64 {writer.greatest('number', number.get(), 1)} to double")
    mean = writer.value("mean", f"fdiv double {total.get()}, {some}")
    return writer.value("mean", f"fptrunc double {mean} to float")
