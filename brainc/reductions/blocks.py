"""Which columns share a header, and what does it say of what is sent of them?

A header serves a column, or several where columns are short: as many as hold 8 / density entries, of which 8 are
expected to be sent. An entry's place in its block is counted down one column and then the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from brainc.codegen.llvm.writer import Writer
from brainc.reductions.finds import Find, Finds, signed
from brainc.reductions.runs import Runs

BLOCK_ENTRIES = 8
"""So many entries are expected to be sent of a block of short columns."""


def wanted_entries(entries: int, density: float) -> int:
    """`max(1, ⌊entries · density⌋)`, or 0 of none."""
    return min(entries, max(1, int(entries * density)))


def block_columns(rows: int, columns: int, density: float, most_rows: int) -> int:
    """How many columns one header serves, if several may have so many rows together."""
    return max(1, min(ceil(BLOCK_ENTRIES / density / rows), most_rows // rows, columns))


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
        writer, runs = self.runs.writer, self.runs
        column = writer.integer("column", "add nsw", first_column, writer.integer("column", "udiv", place, runs.rows))
        return runs.offset(writer.integer("row", "urem", place, runs.rows), column)

    def settle(self, finds: Finds, first_word: str, tell: Callable[[str, str, tuple[str, str]], None]) -> None:
        """Make the tallies of the columns the means of their blocks.

        `tell` is written for each block: its number, how many of its entries are found, and the means of the positive
        and of the negative ones, 0 of none. Afterwards a record has, for the entries of its column, the means, the word
        that comes next, counted from `first_word` on, and how many places of the block come before the column.
        """
        writer = self.runs.writer
        next_word = writer.variable("next.word")
        next_word.set(first_word)
        numbers = [writer.variable("number") for _ in range(2)]
        sums = [writer.variable("sum", "double") for _ in range(2)]
        with writer.loop("block", 0, self.count) as block:
            for negative in range(2):
                numbers[negative].set(0)
                sums[negative].set("0.0")
            first, last = self.columns_of(block.index)
            with writer.loop("column", first, last) as column:
                record, word = finds.record(column.index), next_word.get()
                for negative in range(2):
                    number = writer.value("number", f"load i64, ptr {signed(writer, record, 2, negative)}")
                    numbers[negative].add(number)
                    next_word.add(number)
                    total = writer.value("sum", f"load double, ptr {signed(writer, record, 0, negative)}")
                    sums[negative].set(writer.value("sum", f"fadd double {sums[negative].get()}, {total}"))
                before = writer.integer("before", "sub nsw", column.index, first)
                before = writer.integer("before", "mul nsw", before, self.runs.rows)
                for place, value in enumerate((word, before)):
                    writer.statement(f"store i64 {value}, ptr {signed(writer, record, 2, place)}")
            positive, negative_ = (
                _mean(writer, total.get(), number.get()) for total, number in zip(sums, numbers, strict=True)
            )
            with writer.loop("column", first, last) as column:
                for place, mean in enumerate((positive, negative_)):
                    at = signed(writer, finds.record(column.index), 0, place)
                    writer.statement(f"store float {mean}, ptr {at}")
            tell(
                block.index, writer.integer("sent", "add nsw", *(each.get() for each in numbers)), (positive, negative_)
            )


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


def word_of(writer: Writer, find: Find) -> tuple[str, str]:
    """The number of the entry's word, taken from its record, and the word: `(place in the block) << 1 | negative`."""
    number_at = signed(writer, find.record, 2, 0)
    number = writer.value("number", f"load i64, ptr {number_at}")
    writer.statement(f"store i64 {writer.affine('number', (number, 1), constant=1)}, ptr {number_at}")
    before = writer.value("before", f"load i64, ptr {signed(writer, find.record, 2, 1)}")
    place = writer.integer("place", "add nsw", before, find.row)
    return number, writer.integer("word", "or", writer.integer("word", "shl", place, 1), find.negative)


def rest_of(writer: Writer, find: Find) -> str:
    """What the mean in the entry's record does not say of it."""
    mean = writer.value("mean", f"load float, ptr {signed(writer, find.record, 0, find.negative)}")
    return writer.value("rest", f"fsub float {find.value}, {mean}")


def _mean(writer: Writer, total: str, number: str) -> str:
    """`total / number` as a float; 0 of none."""
    some = writer.value("number", f"sitofp i64 {writer.greatest('number', number, 1)} to double")
    return writer.value("mean", f"fptrunc double {writer.value('mean', f'fdiv double {total}, {some}')} to float")
