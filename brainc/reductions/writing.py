"""How does the kernel of a scheme begin? With a loop over its segments, and the words of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from brainc.codegen.llvm.writer import Writer
from brainrun.plan import segments


@dataclass(frozen=True, slots=True)
class Segment:
    """One row of the table, while the kernel that reads it is being written."""

    writer: Writer
    row: str

    def word(self, place: int, hint: str = "word") -> str:
        """The i64 at this place of the row."""
        return self.writer.value(hint, f"load i64, ptr {self._at(place)}")

    def address(self, place: int, hint: str = "base") -> str:
        """The same as a pointer."""
        return self.writer.value(hint, f"load ptr, ptr {self._at(place)}")

    def number(self, index: int, hint: str = "number") -> str:
        """The scheme's number `index`, a double."""
        return self.writer.value(hint, f"load double, ptr {self._at(segments.PARAMETERS + index)}")

    def put(self, place: int, value: str | int) -> None:
        """Write the i64 at this place of the row."""
        self.writer.statement(f"store i64 {value}, ptr {self._at(place)}")

    def _at(self, place: int) -> str:
        return self.writer.value("word.at", f"getelementptr inbounds i64, ptr {self.row}, i64 {place}")


@contextmanager
def each_segment(writer: Writer) -> Iterator[Segment]:
    """What is written inside is done for every segment of the kernel's part."""
    (table,) = writer.operands(1)
    with writer.loop("segment", "%begin", "%end") as loop:
        offset = writer.integer("row", "mul nsw", loop.index, segments.SEGMENT_WORDS)
        yield Segment(writer, writer.value("row", f"getelementptr inbounds i64, ptr {table}, i64 {offset}"))
