"""Where do the pieces of an adaptive message lie? Its format stands in `adaptive`."""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import Variable, Writer
from brainc.reductions.blocks import Blocks, blocks_of
from brainc.reductions.runs import Runs
from brainc.reductions.writing import Segment
from brainrun.plan import segments

NARROW_ROWS = 32767
"""The most rows of a column whose places fit 15 bits."""


@dataclass(frozen=True, slots=True)
class Payload:
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
        """So many bytes behind the payload's begin."""
        return self.writer.value("at", f"getelementptr inbounds i8, ptr {self.base}, i64 {offset}")

    def put_word(self, index: str, value: str) -> None:
        """Make word `index` this i64."""
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


def payload_of(segment: Segment, runs: Runs) -> Payload:
    """The pieces of a segment's payload."""
    writer = segment.writer
    wide = writer.value("wide", f"icmp sgt i64 {runs.rows}, {NARROW_ROWS}")
    word_bytes = writer.value("word.bytes", f"select i1 {wide}, i64 4, i64 2")
    blocks = blocks_of(runs, segment.number(0, "density"), NARROW_ROWS)
    return Payload(writer, blocks, wide, word_bytes, segment.address(segments.PAYLOAD, "payload"))


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a payload is read, block after block: the number of the next word, and the byte of the next means."""

    writer: Writer
    word: Variable
    mean: Variable

    def begin(self, payload: Payload) -> None:
        """Go to the first block; what lies before the means is known once all numbers are added."""
        writer, blocks = self.writer, payload.blocks
        self.word.set(0)
        with writer.loop("block", 0, blocks.count) as block:
            self.word.add(payload.word(block.index))
        self.mean.set(payload.means_at(self.word.get()))
        self.word.set(blocks.count)

    def take(self, payload: Payload, block: str) -> tuple[str, str, str]:
        """Read block `block`: the byte of its means, if it has any, and the numbers `[begin, end)` of its words."""
        writer = self.writer
        number = payload.word(block)
        begin, mean = self.word.get(), self.mean.get()
        end = writer.integer("end", "add nsw", begin, number)
        some = writer.value("some", f"icmp sgt i64 {number}, 0")
        self.word.set(end)
        self.mean.add(writer.value("means", f"select i1 {some}, i64 8, i64 0"))
        return mean, begin, end


def cursor_of(writer: Writer) -> Cursor:
    """A cursor that is nowhere yet."""
    return Cursor(writer, writer.variable("next.word"), writer.variable("next.mean"))
