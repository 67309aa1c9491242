"""How are the entries that were found kept until all are known? As a list, and as sums and numbers by column.

Scratch holds, in this order: for each visit of the stream where its entries end in the list (i64); the list's places
(i32, floats of the run) and values (float); and a record of 32 bytes for each column: the sums of its positive and of
its negative entries (double) and their numbers (i64).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from brainc.codegen.llvm.writer import LANES, Variable, Writer
from brainc.reductions.candidates import Found, Sieve, Start, Visit, stream, visit_in_storage_order, visit_of
from brainc.reductions.runs import Runs
from brainc.reductions.selection import MAGNITUDE, nth_largest
from brainc.reductions.writing import Segment
from brainrun.plan import segments
from brainrun.plan.schema import Matrix

RECORD = 32
_AHEAD = 32
"""So many entries before it is written to, memory is asked for."""


def scratch_bytes(matrix: Matrix, most: int) -> int:
    """What the list and the records of at most so many entries need."""
    visits = max(-(-matrix.rows // LANES), matrix.columns) + 1
    return 8 * visits + 8 * (most + _AHEAD) + RECORD * matrix.columns + 3 * LANES


@dataclass(frozen=True, slots=True)
class Find:
    """One entry of the list: how many floats into the segment it lies, where, and what it is.

    `negative` is the i64 1 where the value is, else 0.
    """

    offset: str
    row: str
    column: str
    value: str
    negative: str


@dataclass(frozen=True, slots=True)
class Finds:
    """The list of at most `most` entries, and the columns' records."""

    segment: Segment
    runs: Runs
    start: Start
    most: str
    count: Variable
    ends: str
    places: str
    values: str
    records: str

    def take(self, least: str) -> None:
        """Stream v into the error and list what passes, while there is room."""
        writer, count = self.segment.writer, self.count
        count.set(0)

        def room() -> str:
            return writer.value("room", f"icmp slt i64 {count.get()}, {self.most}")

        def found(entry: Found) -> None:
            place = writer.value("place", f"trunc i64 {entry.place} to i32")
            writer.statement(f"store i32 {place}, ptr {writer.at(self.places, count.get())}")
            writer.statement(f"store float {entry.value}, ptr {writer.at(self.values, count.get())}")
            count.add(1)

        def visited(visit: Visit) -> None:
            writer.statement(f"store i64 {count.get()}, ptr {self._end_of(visit.number)}")

        stream(self.segment, self.runs, self.start, Sieve(least, room, found, visited))

    @contextmanager
    def each(self, *, writes: str | None = None) -> Iterator[Find]:
        """What is written inside is done for every entry, run after run as the segment lies in memory.

        `writes` is a matrix whose entries are about to be written.
        """
        writer, runs = self.segment.writer, self.runs
        with writer.loop("visit", 0, writer.affine("visits", (runs.count, 1), constant=1)) as loop:
            number = visit_in_storage_order(runs, self.start, loop.index)
            visit = visit_of(runs, self.start, number)
            begin = runs.begin(visit.run)
            with writer.loop("find", *self._stretch(number)) as find:
                place = self._place(find.index)
                if writes is not None:
                    self._ask_ahead(writes, begin, find.index)
                value = writer.value("value", f"load float, ptr {writer.at(self.values, find.index)}")
                bits = writer.value("bits", f"bitcast float {value} to i32")
                negative = writer.value("negative", f"zext i32 {writer.value('sign', f'lshr i32 {bits}, 31')} to i64")
                column = runs.column_of(visit.run, writer.integer("vector", "lshr", place, LANES.bit_length() - 1))
                row = runs.row_of(visit.run, place)
                offset = writer.integer("offset", "add nsw", begin, place)
                yield Find(offset, row, column, value, negative)

    def _ask_ahead(self, matrix: str, begin: str, index: str) -> None:
        """Ask for the memory of an entry that comes later in the run that begins there."""
        writer = self.segment.writer
        # At the end of a run this is one of the next run: asking for the wrong memory does no harm.
        ahead = self._place(writer.affine("ahead", (index, 1), constant=_AHEAD))
        offset = writer.integer("ahead", "add nsw", begin, ahead)
        at = writer.value("ahead", f"getelementptr float, ptr {matrix}, i64 {offset}")
        writer.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        writer.statement(f"call void @llvm.prefetch.p0(ptr {at}, i32 1, i32 3, i32 1)")

    def keep_largest(self, wanted: str) -> None:
        """Leave only so many on the list, the largest; of equal ones those that were found first."""
        writer, count = self.segment.writer, self.count
        with writer.when("more", writer.value("more", f"icmp sgt i64 {count.get()}, {wanted}")):
            least, ties = nth_largest(writer, self.values, count.get(), wanted)
            equal, next_, kept = (writer.variable(hint) for hint in ("equal", "next", "kept"))
            equal.set(ties)
            for each in (next_, kept):
                each.set(0)
            with writer.loop("visit", 0, writer.affine("visits", (self.runs.count, 1), constant=1)) as visit:
                end_at = self._end_of(visit.index)
                end = writer.value("end", f"load i64, ptr {end_at}")
                with writer.loop("find", next_.get(), end) as find:
                    self._keep_if_large(find.index, least, equal, kept)
                next_.set(end)
                writer.statement(f"store i64 {kept.get()}, ptr {end_at}")
            count.set(kept.get())

    def _keep_if_large(self, index: str, least: str, equal: Variable, kept: Variable) -> None:
        """Move one entry up to where the kept ones end, and let them end there or after it."""
        writer = self.segment.writer
        for words in (self.places, self.values):
            word = writer.value("word", f"load i32, ptr {writer.at(words, index)}")
            writer.statement(f"store i32 {word}, ptr {writer.at(words, kept.get())}")
        magnitude = writer.value("magnitude", f"and i32 {word}, {MAGNITUDE}")
        larger = writer.value("larger", f"icmp ugt i32 {magnitude}, {least}")
        tied = writer.value("tied", f"icmp eq i32 {magnitude}, {least}")
        room = writer.value("room", f"icmp sgt i64 {equal.get()}, 0")
        tied = writer.value("tied", f"and i1 {tied}, {room}")
        equal.set(writer.integer("equal", "sub", equal.get(), writer.value("tied", f"zext i1 {tied} to i64")))
        keeps = writer.value("keeps", f"or i1 {larger}, {tied}")
        kept.add(writer.value("keeps", f"zext i1 {keeps} to i64"))

    def tally(self) -> None:
        """Sum and count the entries of each column by sign."""
        writer = self.segment.writer
        writer.declare("void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        size = writer.affine("bytes", (self.runs.columns, RECORD))
        writer.statement(f"call void @llvm.memset.p0.i64(ptr align 8 {self.records}, i8 0, i64 {size}, i1 false)")
        with self.each() as find:
            record = self.record(find.column)
            total_at = signed(writer, record, 0, find.negative)
            total = writer.value("sum", f"load double, ptr {total_at}")
            wide = writer.value("value", f"fpext float {find.value} to double")
            writer.statement(f"store double {writer.value('sum', f'fadd double {total}, {wide}')}, ptr {total_at}")
            number_at = signed(writer, record, 2, find.negative)
            number = writer.value("number", f"load i64, ptr {number_at}")
            writer.statement(f"store i64 {writer.integer('number', 'add', number, 1)}, ptr {number_at}")

    def record(self, column: str) -> str:
        """Where the record of a column is."""
        writer = self.segment.writer
        words = writer.affine("record", (column, RECORD // 8))
        return writer.value("record", f"getelementptr inbounds i64, ptr {self.records}, i64 {words}")

    def end(self) -> str:
        """Where scratch is free again, a multiple of 8."""
        return self.record(self.runs.columns)

    def _place(self, index: str) -> str:
        writer = self.segment.writer
        place = writer.value("place", f"load i32, ptr {writer.at(self.places, index)}")
        return writer.value("place", f"zext i32 {place} to i64")

    def _end_of(self, visit: str) -> str:
        return self.segment.writer.value("end", f"getelementptr inbounds i64, ptr {self.ends}, i64 {visit}")

    def _stretch(self, visit: str) -> tuple[str, str]:
        """Where a visit's entries begin and end in the list."""
        writer = self.segment.writer
        before = writer.greatest("before", writer.affine("before", (visit, 1), constant=-1), 0)
        begin = writer.value("begin", f"load i64, ptr {self._end_of(before)}")
        first = writer.equal("first", visit, 0)
        begin = writer.value("begin", f"select i1 {first}, i64 0, i64 {begin}")
        return begin, writer.value("end", f"load i64, ptr {self._end_of(visit)}")


def signed(writer: Writer, record: str, place: int, negative: str | int) -> str:
    """The address of the word at this place of a record, or of the next one for negative entries."""
    word = writer.affine("word", (negative, 1), constant=place)
    return writer.value("word", f"getelementptr inbounds i64, ptr {record}, i64 {word}")


def finds_of(segment: Segment, runs: Runs, start: Start, most: str, count: Variable) -> Finds:
    """Lay out a segment's scratch."""
    writer = segment.writer
    ends = segment.address(segments.SCRATCH, "ends")
    room = writer.affine("room", (most, 1), constant=_AHEAD)
    # An even number, so that records lie at multiples of 8 bytes.
    room = writer.integer("room", "and", writer.affine("room", (room, 1), constant=1), -2)
    places = writer.at(ends, writer.affine("places", (runs.count, 2), constant=2))
    values = writer.at(places, room)
    return Finds(segment, runs, start, most, count, ends, places, values, writer.at(values, room))
