"""In which order does a kernel visit the entries of a segment, so that memory is read in runs in either storage?

A tile is 32 columns, or those that are left. Where columns lie in panels, a few blocks of sixteen rows are visited
column by column, then the next few: so many runs of 2 KB side by side. Where a column lies end to end, it is visited
so. What is kept beside a vector lies tight in the order of blocks, then columns of the tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from brainc.codegen.llvm.writer import LANES, VECTOR, VECTOR_BYTES, Writer
from brainc.reductions.writing import Segment
from brainrun.plan import segments

TILE = 32
UNROLLED = 2
NEAR_CHUNK, FAR_CHUNK = 2, 4
FAR_FLOATS = 1 << 16
"""From this distance of blocks on more of them are read at once: each lies in a page of its own, which costs a wait."""

PAST_CACHES_FLOATS = 1 << 18
"""From this size on what is overwritten without being read goes past the caches, which it would only sweep clean."""

WayOfDecoding: TypeAlias = Literal["add", "set", "set past the caches"]


@dataclass(frozen=True, slots=True)
class Tile:
    """Columns `first … first + width − 1` of the segment; `blocks` counts the last one of a column, however short."""

    writer: Writer
    first: str
    width: str
    rows: str
    blocks: str
    column_stride: str
    block_stride: str
    chunk: str
    """How many blocks of a column are visited before the next column's."""
    ahead: str
    """How many floats further on lies what is visited a good while later; 0 where nothing need be asked for by then.

    It is the next tile's, or, where blocks lie far apart and the caches would not keep it until then, a later block's.
    """

    def offset(self, column: str, block: str) -> str:
        """How many floats a vector lies behind the segment's first."""
        writer = self.writer
        inside = writer.integer("column", "add nsw", self.first, column)
        across = writer.integer("across", "mul nsw", inside, self.column_stride)
        return writer.integer("offset", "add nsw", across, writer.integer("down", "mul nsw", block, self.block_stride))

    def number(self, column: str, block: str) -> str:
        """The number of a vector among the tile's, where they lie tight."""
        writer = self.writer
        return writer.integer("number", "add nsw", column, writer.integer("number", "mul nsw", block, self.width))


@dataclass(frozen=True, slots=True)
class Place:
    """One vector of one column: `offset` floats into the segment, and number `number` among the tile's.

    A mask says which of its lanes are rows; without one, all are.
    """

    tile: Tile
    offset: str
    number: str
    mask: str | None

    def load(self, hint: str, base: str) -> str:
        """The vector of a matrix at this place; 0 where no row is."""
        if self.mask is not None:
            return self.tile.writer.load_where(hint, self.mask, base, self.offset)
        return self.tile.writer.load(hint, base, self.offset, align=4)

    def store(self, vector: str, base: str, *, past_caches: bool = False) -> None:
        """Write the rows of a vector of a matrix; past the caches only where all lie at multiples of 64 bytes."""
        writer = self.tile.writer
        if self.mask is not None:
            writer.store_where(self.mask, vector, base, self.offset)
        elif past_caches:
            store_past_caches(writer, vector, base, self.offset)
        else:
            writer.statement(f"store {VECTOR} {vector}, ptr {writer.at(base, self.offset)}, align 4")

    def prefetch_ahead(self, base: str) -> None:
        """Ask for what is visited a good while later, where memory is read by blocks: columns are foreseen anyway."""
        writer = self.tile.writer
        if self.mask is not None:
            return
        writer.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        ahead = writer.integer("ahead", "add nsw", self.offset, self.tile.ahead)
        # Not `inbounds`: behind the last there may be nothing, and asking for it does no harm.
        at = writer.value("ahead.at", f"getelementptr float, ptr {base}, i64 {ahead}")
        writer.statement(f"call void @llvm.prefetch.p0(ptr {at}, i32 0, i32 2, i32 1)")


Step: TypeAlias = Callable[[Place, Sequence[str]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Run:
    """The blocks `[first, last)` of one column of a tile, visited one after the other."""

    tile: Tile
    column: str
    first: str
    last: str
    mask: str | None

    def visit(self, step: Step, carried: Sequence[str] = ()) -> list[str]:
        """Do a step for every vector; it takes what the one before carried to it, and returns what it carries on."""
        writer, singles = self.tile.writer, self.first
        if self.mask is None:
            count = writer.integer("count", "sub nsw", self.last, self.first)
            with writer.loop("blocks", 0, writer.integer("rounds", "sdiv", count, UNROLLED), carried) as loop:
                block = writer.affine("block", (loop.index, UNROLLED), (self.first, 1))
                values: Sequence[str] = loop.values
                for place in self._places(block):
                    values = step(place, values)
                loop.next(values)
            carried = loop.values
            singles = writer.integer("single", "sub nsw", self.last, writer.integer("rest", "srem", count, UNROLLED))
        with writer.loop("block", singles, self.last, carried) as loop:
            loop.next(step(next(self._places(loop.index)), loop.values))
        return loop.values

    def _places(self, block: str) -> Iterator[Place]:
        writer, tile = self.tile.writer, self.tile
        offset, number = tile.offset(self.column, block), tile.number(self.column, block)
        for _ in range(UNROLLED):
            yield Place(tile, offset, number, self.mask)
            offset = writer.integer("offset", "add nsw", offset, tile.block_stride)
            number = writer.integer("number", "add nsw", number, tile.width)


@contextmanager
def each_tile(segment: Segment) -> Iterator[Tile]:
    """What is written inside is done for every tile of the segment."""
    writer = segment.writer
    rows, columns = segment.word(segments.ROWS, "rows"), segment.word(segments.COLUMNS, "columns")
    column_stride = segment.word(segments.COLUMN_STRIDE, "column.stride")
    block_stride = segment.word(segments.BLOCK_STRIDE, "block.stride")
    blocks = parts_of(writer, rows, LANES)
    tight = writer.equal("tight", block_stride, LANES)
    far = lies_far_apart(segment)
    steps = writer.value("chunk", f"select i1 {far}, i64 {FAR_CHUNK}, i64 {NEAR_CHUNK}")
    chunk = writer.value("chunk", f"select i1 {tight}, i64 {blocks}, i64 {steps}")
    next_tile = writer.affine("next.tile", (column_stride, TILE))
    later_block = writer.affine("later.block", (block_stride, 2 * FAR_CHUNK))
    ahead = writer.value("ahead", f"select i1 {far}, i64 {later_block}, i64 {next_tile}")
    ahead = writer.value("ahead", f"select i1 {tight}, i64 0, i64 {ahead}")
    with writer.loop("tile", 0, parts_of(writer, columns, TILE)) as loop:
        first = writer.affine("first", (loop.index, TILE))
        width = writer.least("width", writer.integer("left", "sub nsw", columns, first), TILE)
        yield Tile(writer, first, width, rows, blocks, column_stride, block_stride, chunk, ahead)


def write_runs(tile: Tile, body: Callable[[Run], None]) -> None:
    """Visit all vectors of a tile: whole blocks in chunks, then the block that is cut short."""
    writer = tile.writer
    whole = writer.integer("whole", "sdiv", tile.rows, LANES)
    with writer.loop("chunk", 0, parts_of(writer, whole, tile.chunk)) as chunk:
        first = writer.integer("first", "mul nsw", chunk.index, tile.chunk)
        last = writer.least("last", writer.integer("last", "add nsw", first, tile.chunk), whole)
        with writer.loop("column", 0, tile.width) as column:
            body(Run(tile, column.index, first, last, None))
    with writer.loop("short", whole, tile.blocks):
        inside = writer.lanes_below(writer.affine("lanes", (whole, -LANES), (tile.rows, 1)))
        with writer.loop("column", 0, tile.width) as column:
            body(Run(tile, column.index, whole, tile.blocks, inside))


def parts_of(writer: Writer, count: str, size: str | int) -> str:
    """`⌈count / size⌉`, for a count from 0."""
    sum_ = writer.integer("parts", "add nsw", count, writer.affine("parts", (size, 1), constant=-1))
    return writer.integer("parts", "sdiv", sum_, size)


def lies_far_apart(segment: Segment) -> str:
    """The i1 whether blocks lie so far apart that caches, which have few places for such lines, do not keep a tile."""
    return segment.writer.value("far", f"icmp sge i64 {segment.word(segments.BLOCK_STRIDE)}, {FAR_FLOATS}")


def lies_on_vectors(segment: Segment, matrix: str) -> str:
    """The i1 whether all vectors of a matrix lie at multiples of 64 bytes."""
    writer = segment.writer
    bits = writer.value("address", f"ptrtoint ptr {matrix} to i64")
    for stride in (segments.COLUMN_STRIDE, segments.BLOCK_STRIDE):
        bits = writer.integer("bits", "or", bits, writer.affine("bits", (segment.word(stride), 4)))
    return writer.equal("even", writer.integer("bits", "and", bits, VECTOR_BYTES - 1), 0)


def ways_of_decoding(segment: Segment, gradient: str) -> Iterator[tuple[WayOfDecoding, str]]:
    """Each way with the i1 that says whether it is this segment's; one is.

    A gradient is set past the caches where it is large, and all of its vectors lie at multiples of 64 bytes.
    """
    writer = segment.writer
    adds = writer.equal("adds", segment.word(segments.ADD, "add"), 1)
    sets = writer.value("sets", f"xor i1 {adds}, true")
    rows, columns = segment.word(segments.ROWS, "rows"), segment.word(segments.COLUMNS, "columns")
    entries = writer.integer("entries", "mul nsw", rows, columns)
    large = writer.value("large", f"icmp sge i64 {entries}, {PAST_CACHES_FLOATS}")
    past = writer.value("past", f"and i1 {large}, {lies_on_vectors(segment, gradient)}")
    near = writer.value("near", f"xor i1 {past}, true")
    yield "add", adds
    yield "set", writer.value("sets.near", f"and i1 {sets}, {near}")
    yield "set past the caches", writer.value("sets.past", f"and i1 {sets}, {past}")


def store_past_caches(writer: Writer, vector: str, pointer: str, offset: str) -> None:
    """Write a vector to an aligned place, which nobody is expected to read soon; a fence must follow in the end."""
    at = writer.at(pointer, offset)
    writer.statement(f"store {VECTOR} {vector}, ptr {at}, align {VECTOR_BYTES}, !nontemporal !{{i32 1}}")
