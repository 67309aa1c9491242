"""How is a gradient sent as its largest entries, each as the mean of those of its sign in its column?

Of a segment's n entries, k = max(1, ⌊n · density⌋) are to be sent: those beyond the threshold that as large a share of
a sample passes; at most 4 · k, the others stay in the error. A header serves a column, or a block of columns where
columns are short: as many as hold 8 / density entries, of which 8 are expected to be sent.

The payload has, for each block, the number of its entries; then the entries, `(place in the block) << 1 | negative`,
places counted down one column and then the next, in this order; all of these are uint16 where a column has at most
32,767 rows, else uint32. From the next multiple of 4 on, for each block of which something is sent, the means of its
positive and of its negative entries, float32, 0 where there are none. A block's entries start where those before end.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from brainc.codegen.llvm.writer import Writer
from brainc.operators.operator import Argument
from brainc.reductions.candidates import kept_of, start_of
from brainc.reductions.finds import Finds, finds_of, scratch_bytes, signed
from brainc.reductions.runs import Runs, runs_of
from brainc.reductions.scatter import Scatter, scatter_into
from brainc.reductions.scheme import Method, Numbers
from brainc.reductions.selection import SAMPLES, nth_largest, share_of, take_sample
from brainc.reductions.writing import Segment, each_segment
from brainrun.plan import segments
from brainrun.plan.schema import Matrix

MOST = 4
"""At most so many times the wanted number of entries are sent."""
BLOCK_ENTRIES = 8
"""So many entries are expected to be sent of a block of short columns."""
NARROW_ROWS = 32767
"""The most rows of a column whose places fit 15 bits."""


def wanted_entries(entries: int, density: float) -> int:
    """`max(1, ⌊entries · density⌋)`, or 0 of none."""
    return min(entries, max(1, int(entries * density)))


def block_columns(rows: int, columns: int, density: float) -> int:
    """How many columns one header serves."""
    return max(1, min(ceil(BLOCK_ENTRIES / density / rows), NARROW_ROWS // rows, columns))


@dataclass(frozen=True, slots=True)
class _Size:
    """What a payload about so many columns is made of."""

    word: int
    blocks: int
    wanted: int
    most: int

    def bytes(self, sent: float, blocks_with_some: float) -> float:
        return self.word * (self.blocks + sent) + 8 * blocks_with_some


def _size(matrix: Matrix, columns: int, numbers: Numbers) -> _Size:
    (density,) = numbers
    entries = matrix.rows * columns
    blocks = -(-columns // block_columns(matrix.rows, columns, density))
    wanted = wanted_entries(entries, density)
    return _Size(2 if matrix.rows <= NARROW_ROWS else 4, blocks, wanted, min(entries, MOST * wanted))


def _bound(matrix: Matrix, columns: int, numbers: Numbers) -> int:
    size = _size(matrix, columns, numbers)
    return -(-int(size.bytes(size.most, min(size.most, size.blocks))) // 4) * 4


def _expected(matrix: Matrix, columns: int, numbers: Numbers) -> float:
    size = _size(matrix, columns, numbers)
    none = (1 - 1 / size.blocks) ** size.wanted if size.blocks else 0.0
    return size.bytes(size.wanted, size.blocks * (1 - none))


def _scratch(matrix: Matrix, numbers: Numbers) -> int:
    return scratch_bytes(matrix, _size(matrix, matrix.columns, numbers).most)


@dataclass(frozen=True, slots=True)
class _Payload:
    """Where the pieces of a payload lie; `wide` where words have 32 bits."""

    segment: Segment
    runs: Runs
    density: str
    columns: str
    """Of a block."""
    blocks: str
    wide: str
    word_bytes: str
    base: str

    def word_at(self, index: str) -> str:
        """Word `index` of the numbers and entries."""
        offset = self.segment.writer.integer("offset", "mul nsw", index, self.word_bytes)
        return self.byte_at(offset)

    def byte_at(self, offset: str) -> str:
        return self.segment.writer.value("at", f"getelementptr inbounds i8, ptr {self.base}, i64 {offset}")

    def put_word(self, index: str, value: str) -> None:
        writer, place = self.segment.writer, self.word_at(index)
        with writer.when("wide", self.wide):
            writer.statement(f"store i32 {writer.value('word', f'trunc i64 {value} to i32')}, ptr {place}, align 2")
        with writer.when("narrow", writer.value("narrow", f"xor i1 {self.wide}, true")):
            writer.statement(f"store i16 {writer.value('word', f'trunc i64 {value} to i16')}, ptr {place}, align 2")

    def word(self, index: str) -> str:
        """Word `index`, an i64."""
        writer, low_at = self.segment.writer, self.word_at(index)
        # The upper half of a narrow word is not read: it may lie behind the payload.
        high_at = writer.value("at", f"select i1 {self.wide}, i64 2, i64 0")
        high_at = writer.value("at", f"getelementptr inbounds i8, ptr {low_at}, i64 {high_at}")
        low, high = (
            writer.value("half", f"zext i16 {writer.value('half', f'load i16, ptr {at}, align 2')} to i64")
            for at in (low_at, high_at)
        )
        both = writer.integer("word", "or", low, writer.integer("high", "shl", high, 16))
        return writer.value("word", f"select i1 {self.wide}, i64 {both}, i64 {low}")

    def means_at(self, sent: str) -> str:
        """How many bytes lie before the means."""
        writer = self.segment.writer
        words = writer.integer("words", "add nsw", self.blocks, sent)
        size = writer.affine("bytes", (writer.integer("bytes", "mul nsw", words, self.word_bytes), 1), constant=3)
        return writer.integer("bytes", "and", size, -4)

    def columns_of(self, block: str) -> tuple[str, str]:
        """The first column of a block, and the one after its last."""
        writer = self.segment.writer
        first = writer.integer("first", "mul nsw", block, self.columns)
        return first, writer.least("last", writer.integer("last", "add nsw", first, self.columns), self.runs.columns)


def _payload_of(segment: Segment, runs: Runs) -> _Payload:
    writer = segment.writer
    density = segment.number(0, "density")
    columns = _block_columns(writer, runs, density)
    short = writer.integer("blocks", "add nsw", runs.columns, writer.affine("blocks", (columns, 1), constant=-1))
    wide = writer.value("wide", f"icmp sgt i64 {runs.rows}, {NARROW_ROWS}")
    word_bytes = writer.value("word.bytes", f"select i1 {wide}, i64 4, i64 2")
    base = segment.address(segments.PAYLOAD, "payload")
    blocks = writer.integer("blocks", "udiv", short, columns)
    return _Payload(segment, runs, density, columns, blocks, wide, word_bytes, base)


def _block_columns(writer: Writer, runs: Runs, density: str) -> str:
    """`block_columns`, operation for operation."""
    writer.declare("double @llvm.ceil.f64(double)")
    writer.declare("double @llvm.minnum.f64(double, double)")
    rows, columns = (writer.value("count", f"sitofp i64 {count} to double") for count in (runs.rows, runs.columns))
    entries = writer.value("block", f"fdiv double {float(BLOCK_ENTRIES)}, {density}")
    wanted = writer.value("block", f"fdiv double {entries}, {rows}")
    wanted = writer.value("block", f"call double @llvm.ceil.f64(double {wanted})")
    wanted = writer.value("block", f"call double @llvm.minnum.f64(double {wanted}, double {columns})")
    whole = writer.value("block", f"fptosi double {wanted} to i64")
    narrow = writer.integer("narrow", "udiv", NARROW_ROWS, runs.rows)
    return writer.greatest("block", writer.least("block", whole, narrow), 1)


def _encode(name: str) -> str:
    writer = Writer()
    count, sample = writer.variable("count"), writer.variable("sample", f"[{SAMPLES} x i32]").place
    length = writer.variable("length")
    with each_segment(writer) as segment:
        runs = runs_of(segment)
        segment.put(segments.STRANGE, 0)
        length.set(0)
        entries = runs.entries()
        with writer.when("some", writer.value("some", f"icmp sgt i64 {entries}, 0")):
            payload = _payload_of(segment, runs)
            wanted = writer.least("wanted", share_of(writer, entries, payload.density), entries)
            most = writer.least("most", writer.affine("most", (wanted, MOST)), entries)
            finds = finds_of(segment, runs, start_of(segment, runs), most, count)
            samples = take_sample(segment, runs, sample)
            share = writer.least("share", share_of(writer, samples, payload.density), samples)
            least = nth_largest(writer, sample, samples, share)
            # Where fewer entries than wanted are not 0, no 0 is sent.
            writer.declare("i32 @llvm.umax.i32(i32, i32)")
            finds.take(writer.value("least", f"call i32 @llvm.umax.i32(i32 {least}, i32 1)"))
            finds.tally()
            length.set(_put_headers(payload, finds))
            _put_entries(payload, finds)
        segment.put(segments.LENGTH, length.get())
    return writer.module(name, ["adaptive, encoder: a sample's threshold, what passes it, its means by block"])


def _put_headers(payload: _Payload, finds: Finds) -> str:
    """Write numbers and means, and into each column's record what its entries need; the result is the length."""
    writer, runs = payload.segment.writer, payload.runs
    next_word, next_mean = writer.variable("next.word"), writer.variable("next.mean")
    numbers, sums = [writer.variable("number") for _ in range(2)], [writer.variable("sum", "double") for _ in range(2)]
    next_word.set(payload.blocks)
    next_mean.set(payload.means_at(finds.count.get()))
    with writer.loop("block", 0, payload.blocks) as block:
        for each in numbers:
            each.set(0)
        for each in sums:
            each.set("0.0")
        first, last = payload.columns_of(block.index)
        with writer.loop("column", first, last) as column:
            record = finds.record(column.index)
            place = writer.integer("place", "sub nsw", column.index, first)
            cursor = next_word.get()
            for negative in range(2):
                number = writer.value("number", f"load i64, ptr {signed(writer, record, 2, negative)}")
                numbers[negative].add(number)
                next_word.add(number)
                total = writer.value("sum", f"load double, ptr {signed(writer, record, 0, negative)}")
                sums[negative].set(writer.value("sum", f"fadd double {sums[negative].get()}, {total}"))
            writer.statement(f"store i64 {cursor}, ptr {signed(writer, record, 2, 0)}")
            above = writer.integer("above", "mul nsw", place, runs.rows)
            writer.statement(f"store i64 {above}, ptr {signed(writer, record, 2, 1)}")
        sent = writer.integer("sent", "add nsw", numbers[0].get(), numbers[1].get())
        payload.put_word(block.index, sent)
        with writer.when("some", writer.value("some", f"icmp sgt i64 {sent}, 0")):
            means = [_mean(writer, total.get(), number.get()) for total, number in zip(sums, numbers, strict=True)]
            for negative, mean in enumerate(means):
                at = writer.at(payload.byte_at(next_mean.get()), negative)
                writer.statement(f"store float {mean}, ptr {at}, align 4")
            next_mean.add(8)
            with writer.loop("column", first, last) as column:
                for negative, mean in enumerate(means):
                    at = signed(writer, finds.record(column.index), 0, negative)
                    writer.statement(f"store float {mean}, ptr {at}")
    return next_mean.get()


def _put_entries(payload: _Payload, finds: Finds) -> None:
    """Write the entries, and leave in the error what their means do not say of them."""
    writer, kept = payload.segment.writer, kept_of(payload.segment)
    with finds.each() as find:
        cursor_at = signed(writer, find.record, 2, 0)
        cursor = writer.value("cursor", f"load i64, ptr {cursor_at}")
        above = writer.value("above", f"load i64, ptr {signed(writer, find.record, 2, 1)}")
        place = writer.integer("place", "add nsw", above, find.row)
        word = writer.integer("word", "or", writer.integer("word", "shl", place, 1), find.negative)
        payload.put_word(cursor, word)
        writer.statement(f"store i64 {writer.affine('cursor', (cursor, 1), constant=1)}, ptr {cursor_at}")
        mean = writer.value("mean", f"load float, ptr {signed(writer, find.record, 0, find.negative)}")
        kept.keep(find.offset, writer.value("rest", f"fsub float {find.value}, {mean}"))


def _mean(writer: Writer, total: str, number: str) -> str:
    """`total / number` as a float; 0 of none."""
    some = writer.value("number", f"sitofp i64 {writer.greatest('number', number, 1)} to double")
    return writer.value("mean", f"fptrunc double {writer.value('mean', f'fdiv double {total}, {some}')} to float")


def _decode(name: str) -> str:
    writer = Writer()
    total, next_word, next_mean = (writer.variable(hint) for hint in ("total", "next.word", "next.mean"))
    with each_segment(writer) as segment:
        runs = runs_of(segment)
        gradient = segment.address(segments.GRADIENT, "gradient")
        with writer.when("set", writer.equal("sets", segment.word(segments.ADD, "add"), 0)):
            runs.clear(gradient)
        with writer.when("some", writer.value("some", f"icmp sgt i64 {segment.word(segments.LENGTH)}, 0")):
            payload, scatter = _payload_of(segment, runs), scatter_into(writer, gradient)
            total.set(0)
            with writer.loop("block", 0, payload.blocks) as block:
                total.add(payload.word(block.index))
            next_word.set(payload.blocks)
            next_mean.set(payload.means_at(total.get()))
            with writer.loop("block", 0, payload.blocks) as block:
                number = payload.word(block.index)
                first, _ = payload.columns_of(block.index)
                with writer.when("some", writer.value("some", f"icmp sgt i64 {number}, 0")):
                    means = payload.byte_at(next_mean.get())
                    end = writer.integer("end", "add nsw", next_word.get(), number)
                    _add_block(payload, scatter, means, first, next_word.get(), end)
                    next_word.set(end)
                    next_mean.add(8)
            scatter.finish()
    return writer.module(name, ["adaptive, decoder: the block's mean of its sign for every entry"])


def _add_block(payload: _Payload, scatter: Scatter, means: str, column: str, begin: str, end: str) -> None:
    writer, runs = payload.segment.writer, payload.runs
    with writer.loop("entry", begin, end) as entry:
        word = payload.word(entry.index)
        place, negative = writer.integer("place", "lshr", word, 1), writer.integer("negative", "and", word, 1)
        within = writer.integer("within", "udiv", place, runs.rows)
        row = writer.integer("row", "urem", place, runs.rows)
        mean = writer.value("mean", f"load float, ptr {writer.at(means, negative)}, align 4")
        scatter.add(runs.offset(row, writer.integer("column", "add nsw", column, within)), mean)


ADAPTIVE = Method(
    name="adaptive",
    summary="The largest entries, as many as the density says, each as the mean of its sign in its column.",
    source="Dryden, Moon, Jacobs and Van Essen 2016, communication quantization for data-parallel training",
    arguments=(Argument("density", "share", "the share of the entries that are to be sent", 1 / 64),),
    keeps_error=True,
    by_column=True,
    bound=_bound,
    expected=_expected,
    scratch=_scratch,
    encode=_encode,
    decode=_decode,
)
