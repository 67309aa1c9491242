"""How is a gradient sent as its largest entries, each as the mean of those of its sign in its column?

Of a segment's n entries, k = max(1, ⌊n · density⌋) are to be sent: those beyond the threshold that as large a share of
a sample passes; at most 4 · k, the others stay in the error. One header serves a column or a block of them (`blocks`).

The payload has, for each block, the number of its entries; then the entries, `(place in the block) << 1 | negative`, in
the order of their places; all of these are uint16 where a column has at most 32,767 rows, else uint32. From the next
multiple of 4 on, for each block of which something is sent, the means of its positive and of its negative entries,
float32, 0 where there are none. A block's entries start where those before end.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import Writer
from brainc.operators.operator import Argument
from brainc.reductions.blocks import Blocks, block_columns, blocks_of, wanted_entries
from brainc.reductions.candidates import kept_of, start_of
from brainc.reductions.finds import finds_of, scratch_bytes
from brainc.reductions.runs import Runs, runs_of
from brainc.reductions.scatter import Scatter, scatter_into
from brainc.reductions.scheme import Method, Numbers
from brainc.reductions.selection import share_of, take_sample
from brainc.reductions.writing import Segment, each_segment
from brainrun.plan import segments
from brainrun.plan.schema import Matrix

MOST = 4
"""At most so many times the wanted number of entries are sent."""
NARROW_ROWS = 32767
"""The most rows of a column whose places fit 15 bits."""


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
    blocks = -(-columns // block_columns(matrix.rows, columns, density, NARROW_ROWS))
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

    writer: Writer
    blocks: Blocks
    wide: str
    word_bytes: str
    base: str

    def word_at(self, index: str) -> str:
        """Word `index` of the numbers and entries."""
        offset = self.writer.integer("offset", "mul nsw", index, self.word_bytes)
        return self.byte_at(offset)

    def byte_at(self, offset: str) -> str:
        return self.writer.value("at", f"getelementptr inbounds i8, ptr {self.base}, i64 {offset}")

    def put_word(self, index: str, value: str) -> None:
        writer, place = self.writer, self.word_at(index)
        with writer.when("wide", self.wide):
            writer.statement(f"store i32 {writer.value('word', f'trunc i64 {value} to i32')}, ptr {place}, align 2")
        with writer.when("narrow", writer.value("narrow", f"xor i1 {self.wide}, true")):
            writer.statement(f"store i16 {writer.value('word', f'trunc i64 {value} to i16')}, ptr {place}, align 2")

    def word(self, index: str) -> str:
        """Word `index`, an i64."""
        writer, low_at = self.writer, self.word_at(index)
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
        writer = self.writer
        words = writer.integer("words", "add nsw", self.blocks.count, sent)
        size = writer.affine("bytes", (writer.integer("bytes", "mul nsw", words, self.word_bytes), 1), constant=3)
        return writer.integer("bytes", "and", size, -4)


def _payload_of(segment: Segment, runs: Runs) -> _Payload:
    writer = segment.writer
    wide = writer.value("wide", f"icmp sgt i64 {runs.rows}, {NARROW_ROWS}")
    word_bytes = writer.value("word.bytes", f"select i1 {wide}, i64 4, i64 2")
    blocks = blocks_of(runs, segment.number(0, "density"), NARROW_ROWS)
    return _Payload(writer, blocks, wide, word_bytes, segment.address(segments.PAYLOAD, "payload"))


def _encode(name: str) -> str:
    writer = Writer()
    count, length, next_mean = (writer.variable(hint) for hint in ("count", "length", "next.mean"))
    with each_segment(writer) as segment:
        runs = runs_of(segment)
        segment.put(segments.STRANGE, 0)
        length.set(0)
        entries = runs.entries()
        with writer.when("some", writer.value("some", f"icmp sgt i64 {entries}, 0")):
            payload, density = _payload_of(segment, runs), segment.number(0, "density")
            wanted = writer.least("wanted", share_of(writer, entries, density), entries)
            most = writer.least("most", writer.affine("most", (wanted, MOST)), entries)
            finds = finds_of(segment, runs, start_of(segment, runs), most, count)
            sample = take_sample(segment, runs)
            finds.take(sample.passed_by(density))
            finds.tally()
            next_mean.set(payload.means_at(count.get()))

            def tell(block: str, sent: str, means: tuple[str, str]) -> None:
                payload.put_word(block, sent)
                with writer.when("some", writer.value("some", f"icmp sgt i64 {sent}, 0")):
                    for place, mean in enumerate(means):
                        at = writer.at(payload.byte_at(next_mean.get()), place)
                        writer.statement(f"store float {mean}, ptr {at}, align 4")
                    next_mean.add(8)

            settled = payload.blocks.settle(finds, payload.blocks.count, tell)
            kept = kept_of(segment)
            with finds.each(writes=kept.error) as find:
                payload.put_word(*settled.word_of(find))
                kept.keep(find.offset, settled.rest_of(find))
            length.set(next_mean.get())
        segment.put(segments.LENGTH, length.get())
    return writer.module(name, ["adaptive, encoder: a sample's threshold, what passes it, its means by block"])


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
            blocks = payload.blocks
            total.set(0)
            with writer.loop("block", 0, blocks.count) as block:
                total.add(payload.word(block.index))
            next_word.set(blocks.count)
            next_mean.set(payload.means_at(total.get()))
            with writer.loop("block", 0, blocks.count) as block:
                number = payload.word(block.index)
                first, _ = blocks.columns_of(block.index)
                with writer.when("some", writer.value("some", f"icmp sgt i64 {number}, 0")):
                    end = writer.integer("end", "add nsw", next_word.get(), number)
                    _add_block(payload, scatter, payload.byte_at(next_mean.get()), first, (next_word.get(), end))
                    next_word.set(end)
                    next_mean.add(8)
            scatter.finish()
    return writer.module(name, ["adaptive, decoder: the block's mean of its sign for every entry"])


def _add_block(payload: _Payload, scatter: Scatter, means: str, first_column: str, words: tuple[str, str]) -> None:
    """Add a block's means at the places that its words `[begin, end)` name."""
    writer = payload.writer
    with writer.loop("entry", *words) as entry:
        word = payload.word(entry.index)
        negative = writer.integer("negative", "and", word, 1)
        mean = writer.value("mean", f"load float, ptr {writer.at(means, negative)}, align 4")
        scatter.add(payload.blocks.offset_of(first_column, writer.integer("place", "lshr", word, 1)), mean)


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
