"""In which order does a kernel visit the entries of a segment, so that memory is read in runs in either storage?

A tile is sixteen columns, or those that are left. Within a tile go chunks of eight blocks of sixteen rows, column by
column: then a panel is read in runs of a kilobyte and a filter in runs of half of one. What is kept beside an entry's
vector lies tight in the order of blocks, then columns of the tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from brainc.codegen.llvm.writer import LANES, VECTOR, VECTOR_BYTES, Writer
from brainc.reductions.writing import Segment
from brainrun.plan import segments

TILE = LANES
CHUNK = 8

LARGE_FLOATS = 1 << 20
"""From this size on a segment leaves the caches anyway, and what is overwritten is not worth reading first."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Columns `first … first + width − 1` of the segment; `blocks` counts the last one of a column, however short."""

    writer: Writer
    index: str
    first: str
    width: str
    rows: str
    blocks: str
    column_stride: str
    block_stride: str

    def offset(self, column: str, block: str) -> str:
        """How many floats a vector lies behind the segment's first."""
        writer = self.writer
        inside = writer.integer("column", "add nsw", self.first, column)
        across = writer.integer("across", "mul nsw", inside, self.column_stride)
        return writer.integer("offset", "add nsw", across, writer.integer("down", "mul nsw", block, self.block_stride))

    def place(self, column: str, block: str) -> str:
        """The number of a vector among the tile's, where they lie tight."""
        writer = self.writer
        return writer.integer("place", "add nsw", column, writer.integer("place", "mul nsw", block, self.width))


@dataclass(frozen=True, slots=True)
class Visit:
    """`count` vectors of one column, a block apart; the first lies `offset` floats into the segment.

    It is number `place` of the tile. A mask says which lanes of the only vector are rows; without one, all are.
    """

    tile: Tile
    column: str
    offset: str
    place: str
    count: int
    mask: str | None

    def vectors(self) -> Iterator[tuple[str, str]]:
        """Each vector's offset and place."""
        writer, offset, place = self.tile.writer, self.offset, self.place
        for step in range(self.count):
            if step:
                offset = writer.integer("offset", "add nsw", offset, self.tile.block_stride)
                place = writer.integer("place", "add nsw", place, self.tile.width)
            yield offset, place

    def load(self, hint: str, base: str, offset: str) -> str:
        """The vector of a matrix at this offset; 0 where no row is."""
        if self.mask is not None:
            return self.tile.writer.load_where(hint, self.mask, base, offset)
        return self.tile.writer.load(hint, base, offset, align=4)

    def store(self, vector: str, base: str, offset: str, *, past_caches: bool = False) -> None:
        """Write the rows of a vector of a matrix; past the caches only where all vectors lie at multiples of 64 bytes."""
        writer = self.tile.writer
        if self.mask is not None:
            writer.store_where(self.mask, vector, base, offset)
        elif past_caches:
            writer.statement(
                f"store {VECTOR} {vector}, ptr {writer.at(base, offset)}, align {VECTOR_BYTES}, !nontemporal !{{i32 1}}"
            )
        else:
            writer.statement(f"store {VECTOR} {vector}, ptr {writer.at(base, offset)}, align 4")

    def prefetch(self, *bases: str) -> None:
        """Ask for the vectors of this column in the chunk that comes next."""
        writer, tile = self.tile.writer, self.tile
        if self.count < CHUNK:
            return
        writer.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        ahead = writer.affine("ahead", (tile.block_stride, CHUNK), (self.offset, 1))
        for step in range(self.count):
            if step:
                ahead = writer.integer("ahead", "add nsw", ahead, tile.block_stride)
            for base in bases:
                # Not `inbounds`: behind the last chunk there may be nothing, and asking for it does no harm.
                at = writer.value("ahead.at", f"getelementptr float, ptr {base}, i64 {ahead}")
                writer.statement(f"call void @llvm.prefetch.p0(ptr {at}, i32 0, i32 3, i32 1)")


Body: TypeAlias = Callable[[Visit], None]


@contextmanager
def each_tile(segment: Segment) -> Iterator[Tile]:
    """What is written inside is done for every tile of the segment."""
    writer = segment.writer
    rows, columns = segment.word(segments.ROWS, "rows"), segment.word(segments.COLUMNS, "columns")
    column_stride = segment.word(segments.COLUMN_STRIDE, "column.stride")
    block_stride = segment.word(segments.BLOCK_STRIDE, "block.stride")
    blocks = parts_of(writer, rows, LANES)
    with writer.loop("tile", 0, parts_of(writer, columns, TILE)) as loop:
        first = writer.affine("first", (loop.index, TILE))
        width = writer.least("width", writer.integer("left", "sub nsw", columns, first), TILE)
        yield Tile(writer, loop.index, first, width, rows, blocks, column_stride, block_stride)


def write_visits(tile: Tile, body: Body) -> None:
    """Visit all vectors of a tile: whole chunks, then whole blocks, then the block that is cut short."""
    writer = tile.writer
    whole = writer.integer("whole", "sdiv", tile.rows, LANES)
    chunks = writer.integer("chunks", "sdiv", whole, CHUNK)
    with writer.loop("chunk", 0, chunks) as chunk:
        _columns(tile, writer.affine("block", (chunk.index, CHUNK)), CHUNK, None, body)
    with writer.loop("block", writer.affine("block", (chunks, CHUNK)), whole) as block:
        _columns(tile, block.index, 1, None, body)
    with writer.loop("short", whole, tile.blocks):
        inside = writer.lanes_below(writer.affine("lanes", (whole, -LANES), (tile.rows, 1)))
        _columns(tile, whole, 1, inside, body)


def _columns(tile: Tile, block: str, count: int, mask: str | None, body: Body) -> None:
    with tile.writer.loop("column", 0, tile.width) as column:
        offset, place = tile.offset(column.index, block), tile.place(column.index, block)
        body(Visit(tile, column.index, offset, place, count, mask))


def parts_of(writer: Writer, count: str, size: int) -> str:
    """`⌈count / size⌉`."""
    return writer.integer("parts", "sdiv", writer.affine("parts", (count, 1), constant=size - 1), size)


def past_caches(segment: Segment, matrix: str) -> str:
    """Whether to write a matrix past the caches: it is large, and all of its vectors lie at multiples of 64 bytes."""
    writer = segment.writer
    rows, columns = segment.word(segments.ROWS, "rows"), segment.word(segments.COLUMNS, "columns")
    entries = writer.integer("entries", "mul nsw", rows, columns)
    large = writer.value("large", f"icmp sge i64 {entries}, {LARGE_FLOATS}")
    address = writer.value("address", f"ptrtoint ptr {matrix} to i64")
    bits = writer.integer("bits", "or", address, writer.affine("bits", (segment.word(segments.COLUMN_STRIDE), 4)))
    bits = writer.integer("bits", "or", bits, writer.affine("bits", (segment.word(segments.BLOCK_STRIDE), 4)))
    even = writer.equal("even", writer.integer("bits", "and", bits, VECTOR_BYTES - 1), 0)
    return writer.value("past.caches", f"and i1 {large}, {even}")
