"""How is a large panel set to what an adaptive message says without a look at what was there?

A line of memory is sixteen rows of a column. The lines of 64 columns side by side are put together in the first cache,
zeros and the few entries that fall into them, and written past the caches. So memory is written once, in order, and
never read. Which columns have an entry in the next sixteen rows is seen from the next word of each column.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import LANES, MASK, VECTOR_BYTES, Writer
from brainc.reductions.adaptive_payload import Cursor, Payload
from brainc.reductions.runs import Runs
from brainc.reductions.selection import splat
from brainc.reductions.walk import store_past_caches

_TOGETHER = 64
_TILE = 4 * _TOGETHER
_WORDS = f"<{LANES} x i32>"
_NO_WORD = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class _Tile:
    """What is known of so many columns: the next word (i32) and its number, where they end, and the means' byte."""

    writer: Writer
    payload: Payload
    words: str
    numbers: str
    ends: str
    means: str
    lines: str

    def next_word(self, index: str, end: str) -> str:
        """Word number `index`, an i32; at the end one beyond all rows."""
        writer = self.writer
        last = writer.equal("last", index, end)
        # Where there is no more any word will do, and the first one is there.
        safe = writer.value("safe", f"select i1 {last}, i64 0, i64 {index}")
        at = writer.value("at", f"getelementptr inbounds i16, ptr {self.payload.base}, i64 {safe}")
        word = writer.value("word", f"zext i16 {writer.value('word', f'load i16, ptr {at}, align 2')} to i32")
        return writer.value("word", f"select i1 {last}, i32 {_NO_WORD}, i32 {word}")

    def begin(self, cursor: Cursor, first: str, width: str) -> None:
        """Take the columns from `first` on, and none beside them."""
        writer = self.writer
        with writer.loop("none", 0, _TILE // LANES) as none:
            at = writer.at(self.words, writer.affine("none", (none.index, LANES)))
            writer.statement(f"store {_WORDS} splat (i32 {_NO_WORD}), ptr {at}, align {VECTOR_BYTES}")
        with writer.loop("column", 0, width) as column:
            mean, begin, end = cursor.take(self.payload, writer.integer("block", "add nsw", first, column.index))
            for numbers, value in ((self.numbers, begin), (self.ends, end), (self.means, mean)):
                writer.statement(f"store i64 {value}, ptr {_number_at(writer, numbers, column.index)}")
            word = self.next_word(begin, end)
            writer.statement(f"store i32 {word}, ptr {writer.at(self.words, column.index)}")

    def put_entries(self, first: str, limit: str) -> None:
        """Put the entries whose words are below `limit`, of 64 columns from number `first` on, into their lines."""
        writer = self.writer
        bits, word, number = writer.variable("bits"), writer.variable("word", "i32"), writer.variable("number")
        bits.set(self._columns_below(first, limit))
        writer.declare("i64 @llvm.cttz.i64(i64, i1)")
        with writer.as_long_as("column", lambda: writer.value("some", f"icmp ne i64 {bits.get()}, 0")):
            line = writer.value("line", f"call i64 @llvm.cttz.i64(i64 {bits.get()}, i1 true)")
            bits.set(writer.integer("bits", "and", bits.get(), writer.affine("bits", (bits.get(), 1), constant=-1)))
            column = writer.integer("column", "add nsw", first, line)
            word_at, number_at = writer.at(self.words, column), _number_at(writer, self.numbers, column)
            end = writer.value("end", f"load i64, ptr {_number_at(writer, self.ends, column)}")
            means = self.payload.byte_at(
                writer.value("mean", f"load i64, ptr {_number_at(writer, self.means, column)}")
            )
            word.set(writer.value("word", f"load i32, ptr {word_at}"))
            number.set(writer.value("number", f"load i64, ptr {number_at}"))
            with writer.as_long_as("entry", lambda: writer.value("below", f"icmp slt i32 {word.get()}, {limit}")):
                wide = writer.value("word", f"zext i32 {word.get()} to i64")
                negative = writer.integer("negative", "and", wide, 1)
                said = writer.value("said", f"load float, ptr {writer.at(means, negative)}, align 4")
                lane = writer.integer("lane", "and", writer.integer("lane", "lshr", wide, 1), LANES - 1)
                place = writer.affine("place", (line, LANES), (lane, 1))
                writer.statement(f"store float {said}, ptr {writer.at(self.lines, place)}")
                number.add(1)
                word.set(self.next_word(number.get(), end))
            writer.statement(f"store i32 {word.get()}, ptr {word_at}")
            writer.statement(f"store i64 {number.get()}, ptr {number_at}")

    def _columns_below(self, first: str, limit: str) -> str:
        """The mask of 64 columns whose next word is below a limit."""
        writer, limits, mask = self.writer, splat(self.writer, limit), "0"
        for step in range(0, _TOGETHER, LANES):
            at = writer.at(self.words, writer.affine("words", (first, 1), constant=step))
            words = writer.value("words", f"load {_WORDS}, ptr {at}, align {VECTOR_BYTES}")
            below = writer.value("below", f"icmp slt {_WORDS} {words}, {limits}")
            short = writer.value("below", f"bitcast {MASK} {below} to i{LANES}")
            moved = writer.integer("mask", "shl", writer.value("below", f"zext i{LANES} {short} to i64"), step)
            mask = writer.integer("mask", "or", mask, moved)
        return mask

    def write_lines(self, to: str, count: str) -> None:
        """Write so many lines past the caches and leave zeros."""
        writer = self.writer
        with writer.loop("line", 0, count) as line:
            place = writer.affine("place", (line.index, LANES))
            vector = writer.load("line", self.lines, place)
            store_past_caches(writer, vector, to, place)
            writer.store("zeroinitializer", self.lines, place)


def set_lines(payload: Payload, runs: Runs, cursor: Cursor, gradient: str) -> None:
    """Set a panel, all of whose lines are whole, to what the payload says: in narrow words, column by column."""
    writer = payload.writer
    lines = writer.array("lines", "float", _TOGETHER * LANES)
    words = writer.array("words", "i32", _TILE)
    numbers, ends, means = (writer.array(hint, "i64", _TILE) for hint in ("numbers", "ends", "means"))
    tile = _Tile(writer, payload, words, numbers, ends, means, lines)
    with writer.loop("clear", 0, _TOGETHER) as clear:
        writer.store("zeroinitializer", lines, writer.affine("clear", (clear.index, LANES)))
    up = writer.affine("tiles", (runs.columns, 1), constant=_TILE - 1)
    with writer.loop("tile", 0, writer.integer("tiles", "udiv", up, _TILE)) as number:
        first = writer.affine("first", (number.index, _TILE))
        width = writer.least("width", writer.integer("left", "sub nsw", runs.columns, first), _TILE)
        tile.begin(cursor, first, width)
        groups = writer.integer(
            "groups", "udiv", writer.affine("groups", (width, 1), constant=_TOGETHER - 1), _TOGETHER
        )
        with writer.loop("run", 0, runs.count) as run:
            # The least word, place and sign, of the rows that come after this run.
            limit = writer.affine("limit", (run.index, 2 * LANES), constant=2 * LANES)
            limit = writer.value("limit", f"trunc i64 {limit} to i32")
            begin = writer.affine("begin", (runs.begin(run.index), 1), (first, LANES))
            with writer.loop("group", 0, groups) as group:
                column = writer.affine("column", (group.index, _TOGETHER))
                tile.put_entries(column, limit)
                to = writer.at(gradient, writer.affine("to", (begin, 1), (column, LANES)))
                left = writer.integer("left", "sub nsw", width, column)
                tile.write_lines(to, writer.least("count", left, _TOGETHER))


def _number_at(writer: Writer, numbers: str, index: str) -> str:
    return writer.value("number.at", f"getelementptr inbounds i64, ptr {numbers}, i64 {index}")
