"""In which runs does a segment lie in memory, and where in them is an entry?

A run is what lies side by side: a block of sixteen rows of a panel, one vector for each column, or a filter or a bias,
one vector for each block of rows. Reading run after run, a segment streams through the caches in either storage. The
number of an entry is `(run · vectors of a run + vector) · 16 + lane`, which counts padding too.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import LANES, Writer
from brainc.reductions.division import Divisor, divisor
from brainc.reductions.writing import Segment
from brainrun.plan import segments


@dataclass(frozen=True, slots=True)
class Runs:
    """`count` runs of `vectors` vectors each, `stride` floats apart; `across` where a run crosses the columns.

    rows: of a column, in blocks of sixteen; `by_rows` divides by them.
    """

    writer: Writer
    rows: str
    columns: str
    blocks: str
    column_stride: str
    block_stride: str
    across: str
    count: str
    vectors: str
    stride: str
    by_rows: Divisor

    def total_vectors(self) -> str:
        """How many vectors all runs have."""
        return self.writer.integer("vectors", "mul nsw", self.count, self.vectors)

    def entries(self) -> str:
        """How many entries the segment has, without padding."""
        return self.writer.integer("entries", "mul nsw", self.rows, self.columns)

    def begin(self, run: str) -> str:
        """How many floats a run lies behind the segment's first."""
        return self.writer.integer("run.at", "mul nsw", run, self.stride)

    def whole_vectors(self, run: str) -> str:
        """How many vectors of a run, from its first, have a row in every lane."""
        writer = self.writer
        end = writer.affine("rows", (run, LANES), constant=LANES)
        inside = writer.value("inside", f"icmp sle i64 {end}, {self.rows}")
        crossing = writer.value("whole", f"select i1 {inside}, i64 {self.vectors}, i64 0")
        along = writer.integer("whole", "lshr", self.rows, LANES.bit_length() - 1)
        return writer.value("whole", f"select i1 {self.across}, i64 {crossing}, i64 {along}")

    def column_of(self, run: str, vector: str) -> str:
        """The column that a vector of a run belongs to."""
        return self.writer.value("column", f"select i1 {self.across}, i64 {vector}, i64 {run}")

    def row_of(self, run: str, place: str) -> str:
        """The row of the float at this place of a run."""
        writer = self.writer
        lane = writer.integer("lane", "and", place, LANES - 1)
        crossing = writer.affine("row", (run, LANES), (lane, 1))
        return writer.value("row", f"select i1 {self.across}, i64 {crossing}, i64 {place}")

    def offset(self, row: str, column: str) -> str:
        """How many floats an entry lies behind the segment's first."""
        writer = self.writer
        block = writer.integer("block", "lshr", row, LANES.bit_length() - 1)
        down = writer.integer("down", "mul nsw", block, self.block_stride)
        across = writer.integer("across", "mul nsw", column, self.column_stride)
        lane = writer.integer("lane", "and", row, LANES - 1)
        return writer.affine("offset", (down, 1), (across, 1), (lane, 1))

    def clear(self, matrix: str) -> None:
        """Set every entry to 0, and nothing but entries and the lanes that pad a panel."""
        writer = self.writer
        crossing = writer.affine("bytes", (self.vectors, 4 * LANES))
        bytes_ = writer.value(
            "bytes", f"select i1 {self.across}, i64 {crossing}, i64 {writer.affine('bytes', (self.rows, 4))}"
        )
        stride = writer.affine("stride", (self.stride, 4))
        # Runs end to end are one run.
        together = writer.equal("together", bytes_, stride)
        all_bytes = writer.integer("bytes", "mul nsw", bytes_, self.count)
        length = writer.value("bytes", f"select i1 {together}, i64 {all_bytes}, i64 {bytes_}")
        some = writer.least("runs", self.count, 1)
        runs = writer.value("runs", f"select i1 {together}, i64 {some}, i64 {self.count}")
        writer.declare("void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        with writer.loop("clear", 0, runs) as run:
            at = writer.at(matrix, self.begin(run.index))
            writer.statement(f"call void @llvm.memset.p0.i64(ptr align 4 {at}, i8 0, i64 {length}, i1 false)")


def runs_of(segment: Segment) -> Runs:
    """The runs of a segment."""
    writer = segment.writer
    rows, columns = segment.word(segments.ROWS, "rows"), segment.word(segments.COLUMNS, "columns")
    column_stride = segment.word(segments.COLUMN_STRIDE, "column.stride")
    block_stride = segment.word(segments.BLOCK_STRIDE, "block.stride")
    blocks = writer.integer("blocks", "lshr", writer.affine("rows", (rows, 1), constant=LANES - 1), 4)
    across = writer.value("across", f"icmp ne i64 {block_stride}, {LANES}")

    def chosen(hint: str, crossing: str, along: str) -> str:
        return writer.value(hint, f"select i1 {across}, i64 {crossing}, i64 {along}")

    return Runs(
        writer,
        rows,
        columns,
        blocks,
        column_stride,
        block_stride,
        across,
        chosen("runs", blocks, columns),
        chosen("vectors", columns, blocks),
        chosen("stride", block_stride, column_stride),
        divisor(writer, rows),
    )
