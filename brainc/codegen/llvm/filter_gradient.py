"""How are the gradients of a convolution's filters summed over all samples and positions?

A tile of filters × channels × taps along a row stays in registers while the positions of some rows run; between rows
of taps, channels and blocks of samples the sums wait in scratch, one vector of sixteen partial sums each. At the end
of a unit the lanes are added, sixteen sums at a time, and the epilogue follows. A unit sees every sample, so no sums
of other threads are added and cuts do not change a bit.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from brainc.codegen.llvm.epilogue import Element, EpilogueBuffers, write_epilogue
from brainc.codegen.llvm.filter_tiling import FilterGradient, FilterTiling, channel_units, filter_units, row_units
from brainc.codegen.llvm.taps import ColumnRun, ColumnTile, column_runs, rows_of_taps
from brainc.codegen.llvm.writer import LANES, MASK, Writer, add_lanes, first_lanes


def write_filter_gradient(
    writer: Writer, gradient: FilterGradient, tiling: FilterTiling, buffers: EpilogueBuffers, image: str, slope: str
) -> None:
    """The loops of a filter gradient over the units `[%begin, %end)`; `slope` is the gradient of the result."""
    begins, ends = rows_of_taps(gradient.rows)
    waiting = writer.scratch(tiling.unit_filters * tiling.waiting(gradient) * LANES)
    tables = writer.table("row.begin", begins), writer.table("row.end", ends)
    emission = _Emission(writer, gradient, tiling, buffers, image, slope, waiting, *tables)
    with writer.loop("unit", "%begin", "%end") as unit:
        emission.unit(unit.index)


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit of work: its group, filters (counted over all groups), channels of the group and rows of taps."""

    group: str
    filter: str
    filters: str
    channel: str
    channels: str
    tap_row: str
    tap_rows: str


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a unit is summed at once: a block of samples, some rows of the result, and the lanes that are samples."""

    block: str
    first_row: str
    last_row: str
    samples: str | None


@dataclass(frozen=True, slots=True)
class _Tile:
    """Sums held at once: filters and channels, counted from the unit's first, and some taps of one row of taps."""

    unit: _Unit
    part: _Part
    filter: str
    filters: int
    channel: str
    channels: int
    tap_row: str
    first_tap: int
    taps: int


@dataclass(frozen=True, slots=True)
class _Emission:
    """One filter gradient being written; the methods follow the loop nest from the outside in."""

    writer: Writer
    gradient: FilterGradient
    tiling: FilterTiling
    buffers: EpilogueBuffers
    image: str
    slope: str
    waiting: str
    row_begin: str
    row_end: str

    def unit(self, index: str) -> None:
        writer, gradient, tiling = self.writer, self.gradient, self.tiling
        rest, tap_row = self.split(index, row_units(gradient, tiling), tiling.unit_rows)
        rest, channel = self.split(rest, channel_units(gradient, tiling), tiling.unit_channels)
        group, filter_ = self.split(rest, filter_units(gradient, tiling), tiling.unit_filters)
        unit = _Unit(
            group,
            writer.affine("filter", (group, gradient.filters), (filter_, 1)),
            self.count("filters", gradient.filters, filter_, tiling.unit_filters),
            channel,
            self.count("channels", gradient.channels, channel, tiling.unit_channels),
            tap_row,
            self.count("tap.rows", gradient.rows.taps, tap_row, tiling.unit_rows),
        )
        self.whole_unit(unit)

    def count(self, hint: str, total: int, first: str, most: int) -> str:
        """How many of the total a unit has that begins at `first`."""
        return self.writer.least(hint, self.writer.integer("left", "sub nsw", total, first), most)

    def split(self, index: str, units: int, size: int) -> tuple[str, str]:
        """The rest of a unit's number after taking off its place along one axis, and what begins at that place."""
        rest = self.writer.integer("rest", "udiv", index, units)
        place = self.writer.integer("place", "urem", index, units)
        return rest, self.writer.affine("first", (place, size))

    def whole_unit(self, unit: _Unit) -> None:
        writer, gradient, tiling = self.writer, self.gradient, self.tiling
        with writer.loop("clear", 0, tiling.unit_filters * tiling.waiting(gradient)) as clear:
            writer.store("zeroinitializer", self.waiting, writer.affine("clear.at", (clear.index, LANES)))
        chunks = -(-gradient.rows.result // tiling.chunk_rows)
        with writer.loop("block", 0, gradient.blocks) as block:
            samples = self.samples(block.index)
            with writer.loop("chunk", 0, chunks) as chunk:
                first = writer.affine("chunk.first", (chunk.index, tiling.chunk_rows))
                last = writer.affine("chunk.last", (first, 1), constant=tiling.chunk_rows)
                self.channel_tiles(unit, _Part(block.index, first, last, samples))
        self.finish(unit)

    def samples(self, block: str) -> str | None:
        """The mask of the lanes that are samples, or None where all lanes of every block are."""
        ragged = self.gradient.samples % LANES
        if not ragged:
            return None
        last = self.writer.equal("last.block", block, self.gradient.blocks - 1)
        return self.writer.value(
            "samples", f"select i1 {last}, {MASK} {first_lanes(ragged)}, {MASK} {first_lanes(LANES)}"
        )

    def channel_tiles(self, unit: _Unit, part: _Part) -> None:
        writer, width = self.writer, self.tiling.channels
        whole = writer.integer("channel.tiles", "udiv", unit.channels, width)
        with writer.loop("channel.tile", 0, whole) as tile:
            self.filter_tiles(unit, part, (writer.affine("channel", (tile.index, width)), width))
        if rest := self.gradient.channels % width:
            first = writer.affine("channel", (whole, width))
            with writer.when("last.channels", writer.value("some", f"icmp slt i64 {first}, {unit.channels}")):
                self.filter_tiles(unit, part, (first, rest))

    def filter_tiles(self, unit: _Unit, part: _Part, channels: tuple[str, int]) -> None:
        writer, height = self.writer, self.tiling.filters
        whole = writer.integer("filter.tiles", "udiv", unit.filters, height)
        with writer.loop("filter.tile", 0, whole) as tile:
            self.tap_rows(unit, part, (writer.affine("filter", (tile.index, height)), height), channels)
        if rest := self.gradient.filters % height:
            first = writer.affine("filter", (whole, height))
            with writer.when("last.filters", writer.value("some", f"icmp slt i64 {first}, {unit.filters}")):
                self.tap_rows(unit, part, (first, rest), channels)

    def tap_rows(self, unit: _Unit, part: _Part, filters: tuple[str, int], channels: tuple[str, int]) -> None:
        """The sums of a tile, for every row of taps of the unit; filters and channels are a first one and how many."""
        writer, tiling, taps = self.writer, self.tiling, self.gradient.columns.taps
        with writer.loop("tap.row", 0, unit.tap_rows) as row:
            tap_row = writer.affine("tap.row", (unit.tap_row, 1), (row.index, 1))
            begin = writer.greatest("row.first", writer.entry(self.row_begin, tap_row), part.first_row)
            end = writer.least("row.last", writer.entry(self.row_end, tap_row), part.last_row)
            for first in range(0, taps, tiling.taps):
                tile = _Tile(unit, part, *filters, *channels, tap_row, first, min(tiling.taps, taps - first))
                place = writer.affine(
                    "waiting",
                    (tile.filter, tiling.waiting(self.gradient) * LANES),
                    (tile.channel, tiling.unit_rows * taps * LANES),
                    (row.index, taps * LANES),
                    constant=first * LANES,
                )
                self.rows(tile, begin, end, writer.at(self.waiting, place))

    def rows(self, tile: _Tile, begin: str, end: str, waiting: str) -> None:
        """Add to the waiting sums of a tile what the result's rows `[begin, end)` give."""
        writer, tiling, gradient = self.writer, self.tiling, self.gradient
        channel_step = tiling.unit_rows * gradient.columns.taps
        places = [
            (m * tiling.waiting(gradient) + c * channel_step + s) * LANES
            for m in range(tile.filters)
            for c in range(tile.channels)
            for s in range(tile.taps)
        ]
        sums = [writer.load("sum", waiting, place) for place in places]
        with writer.loop("row", begin, end, sums) as row:
            image, slope = self.row_addresses(tile, row.index)
            sums = row.values
            for run in column_runs(gradient.columns, tiling.columns):
                sums = self.column_run(tile, run, sums, image, slope)
            row.next(sums)
        for place, total in zip(places, row.values, strict=True):
            if tile.part.samples is None:
                writer.store(total, waiting, place)
            else:
                writer.store_where(tile.part.samples, total, waiting, place)

    def row_addresses(self, tile: _Tile, row: str) -> tuple[str, str]:
        """Where the tile's first channel and first filter have what this row of the result meets."""
        writer, gradient = self.writer, self.gradient
        rows, columns = gradient.rows, gradient.columns
        image_row, slope_row = columns.source * LANES, columns.result * LANES
        image_plane, slope_plane = rows.source * image_row, rows.result * slope_row
        image = writer.affine(
            "image",
            (tile.part.block, gradient.groups * gradient.channels * image_plane),
            (tile.unit.group, gradient.channels * image_plane),
            (tile.unit.channel, image_plane),
            (tile.channel, image_plane),
            (row, rows.stride * image_row),
            (tile.tap_row, rows.dilation * image_row),
            constant=-rows.pad * image_row,
        )
        slope = writer.affine(
            "slope",
            (tile.part.block, gradient.groups * gradient.filters * slope_plane),
            (tile.unit.filter, slope_plane),
            (tile.filter, slope_plane),
            (row, slope_row),
        )
        return writer.at(self.image, image), writer.at(self.slope, slope)

    def column_run(self, tile: _Tile, run: ColumnRun, sums: list[str], image: str, slope: str) -> list[str]:
        writer = self.writer
        with ExitStack() as loops:
            round_, loop = "0", None
            if run.rounds > 1:
                loop = loops.enter_context(writer.loop("columns", 0, run.rounds, sums))
                round_, sums = loop.index, loop.values
            for columns in run.tiles:
                source = writer.affine("image.here", (round_, run.source_step * LANES), constant=columns.base * LANES)
                result = writer.affine("slope.here", (round_, run.result_step * LANES), constant=columns.first * LANES)
                sums = self.columns(tile, columns, sums, writer.at(image, source), writer.at(slope, result))
            if loop is not None:
                loop.next(sums)
                sums = loop.values
        return sums

    def columns(self, tile: _Tile, columns: ColumnTile, sums: list[str], image: str, slope: str) -> list[str]:
        """The sums after the columns of a column tile."""
        writer, gradient, sums = self.writer, self.gradient, list(sums)
        image_plane = gradient.rows.source * gradient.columns.source * LANES
        slope_plane = gradient.rows.result * gradient.columns.result * LANES
        loaded: dict[tuple[int, int], str] = {}
        for t in range(columns.width):
            reads = [(s, columns.reads[tile.first_tap + s][t]) for s in range(tile.taps)]
            read = [(s, c, column) for c in range(tile.channels) for s, column in reads if column is not None]
            for _, c, column in read:
                if (c, column) not in loaded:
                    loaded[c, column] = writer.load("image", image, c * image_plane + column * LANES)
            for m in range(tile.filters) if read else ():
                gradient_here = writer.load("slope", slope, m * slope_plane + t * LANES)
                for s, c, column in read:
                    place = (m * tile.channels + c) * tile.taps + s
                    sums[place] = writer.multiply_add("sum", loaded[c, column], gradient_here, sums[place])
        return sums

    def finish(self, unit: _Unit) -> None:
        """Add the lanes of the unit's sums and hand them to the epilogue, sixteen neighbours of a filter at a time."""
        writer, gradient, tiling = self.writer, self.gradient, self.tiling
        taps, filter_taps = gradient.columns.taps, gradient.rows.taps * gradient.columns.taps
        rows = writer.integer("unit.taps", "mul nsw", unit.channels, unit.tap_rows)
        count = writer.affine("unit.taps", (rows, taps))
        vectors = writer.integer("vectors", "udiv", writer.affine("up", (count, 1), constant=LANES - 1), LANES)
        with writer.loop("filter", 0, unit.filters) as filter_, writer.loop("vector", 0, vectors) as vector:
            sums = writer.at(
                self.waiting,
                writer.affine("sums", (filter_.index, tiling.waiting(gradient) * LANES), (vector.index, LANES * LANES)),
            )
            total = add_lanes(writer, [writer.load("lanes", sums, row * LANES) for row in range(LANES)])
            left = writer.affine("left", (vector.index, -LANES), (count, 1))
            inside = writer.lanes_below(left)
            channel = writer.affine("filter.here", (unit.filter, 1), (filter_.index, 1))
            place = writer.affine(
                "result",
                (channel, gradient.channels * filter_taps),
                (unit.channel, filter_taps),
                (unit.tap_row, taps),
                (vector.index, LANES),
            )
            write_epilogue(writer, self.buffers, total, self.element(channel, place, inside))

    def element(self, channel: str, place: str, inside: str) -> Element:
        writer = self.writer
        return Element(
            row=lambda pointer: writer.broadcast("row.value", pointer, channel),
            same=lambda pointer: writer.load_where("old", inside, pointer, place),
            write=lambda value, pointer: writer.store_where(inside, value, pointer, place),
        )
