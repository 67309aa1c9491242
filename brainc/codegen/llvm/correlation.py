"""How do sixteen images at a time meet the filters of a convolution?

Forward and input gradient are one computation, a correlation with different strides: sums for several outputs ×
several columns stay in registers while the taps and the contracted channels run. Images need no padding: taps that
fall outside are left out, by tables for the rows and by tiles of their own for the columns at the borders.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from brainc.codegen.llvm.epilogue import Element, EpilogueBuffers, write_epilogue
from brainc.codegen.llvm.registers import RegisterFile, parts_of
from brainc.codegen.llvm.taps import Axis, ColumnRun, ColumnTile, column_runs, row_taps
from brainc.codegen.llvm.writer import LANES, VECTOR_BYTES, Writer

NEAR_BYTES = 384 * 1024
"""What may stay in the second-level cache while something else streams through it."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """`result[n, g·outputs + m, p, q] = Σ source[n, g·inputs + c, row(p, r), column(q, s)] · weight[…]`.

    The sum goes over c, r and s. The weight is float number `g·group_stride + m·output_stride + c·input_stride +
    r·S + s`, for S taps along a row.
    """

    blocks: int
    groups: int
    outputs: int
    inputs: int
    rows: Axis
    columns: Axis
    group_stride: int
    output_stride: int
    input_stride: int


@dataclass(frozen=True, slots=True)
class CorrelationTiling:
    """A tile is outputs × columns sums, and `steps` channels are contracted in one round."""

    outputs: int
    columns: int
    steps: int
    rows_outside: bool


def choose_correlation_tiling(correlation: Correlation, registers: RegisterFile) -> CorrelationTiling:
    """The tile with the least estimated time for one tap over all outputs and columns."""
    outputs, columns = min(
        _tiles(correlation, registers.vectors), key=lambda size: _tap_cost(correlation, registers, *size)
    )
    work = outputs * columns * correlation.columns.taps
    steps = max(step for step in (1, 2, 4) if correlation.inputs % step == 0 and (step == 1 or step * work <= 96))
    return CorrelationTiling(outputs, columns, steps, _rows_outside(correlation, outputs))


def _tiles(correlation: Correlation, vectors: int) -> Iterator[tuple[int, int]]:
    for columns in range(1, min(8, correlation.columns.result) + 1):
        for outputs in range(1, correlation.outputs + 1):
            sums = outputs * columns
            if sums > 1 and (4 * sums > 3 * vectors or sums + columns + 1 > vectors):
                break
            yield outputs, columns


def _tap_cost(correlation: Correlation, registers: RegisterFile, outputs: int, columns: int) -> float:
    """Cycles for one tap, at one multiply-add and at most one vector load a cycle."""
    cycles = 0.0
    for height, tall in parts_of(correlation.outputs, outputs):
        for width, wide in parts_of(correlation.columns.result, columns):
            loads = 0.25 * width + 0.15 * height + 0.5
            # Columns that neighbouring taps share are kept, as long as registers are left.
            window = width + correlation.columns.taps - 1
            loads += 0.25 * max(0, height * width + window + 1 - registers.vectors)
            cycles += tall * wide * (max(height * width, registers.sums_in_flight) + loads)
    # Outputs that are left over double the code to compile.
    return cycles * (1.03 if correlation.outputs % outputs else 1.0)


def _rows_outside(correlation: Correlation, outputs: int) -> bool:
    """Whether all outputs of a row come before the next row: then weights are what is read again and again."""
    taps = correlation.rows.taps * correlation.columns.taps
    weights = 4 * correlation.outputs * correlation.inputs * taps
    image = VECTOR_BYTES * correlation.inputs * correlation.rows.source * correlation.columns.source
    rows_read_again = correlation.rows.result * weights if weights > NEAR_BYTES else 0
    image_read_again = -(-correlation.outputs // outputs) * image if image > NEAR_BYTES else 0
    return rows_read_again < image_read_again


def write_correlation(
    writer: Writer,
    correlation: Correlation,
    tiling: CorrelationTiling,
    buffers: EpilogueBuffers,
    source: str,
    weight: str,
) -> None:
    """The loops of a correlation over the sample blocks `[%begin, %end)`."""
    begins, taps, sources = row_taps(correlation.rows)
    row_floats = correlation.columns.source * LANES
    tables = _RowTables(
        writer.table("row.begin", begins),
        writer.table("tap.weight", [tap * correlation.columns.taps for tap in taps]),
        writer.table("tap.source", [place * row_floats for place in sources]),
    )
    emission = _Emission(writer, correlation, tiling, buffers, source, weight, tables)
    with writer.loop("block", "%begin", "%end") as block:
        if correlation.groups == 1:
            emission.group(block.index, "0")
        else:
            with writer.loop("group", 0, correlation.groups) as group:
                emission.group(block.index, group.index)


@dataclass(frozen=True, slots=True)
class _RowTables:
    """Constant tables: where a row's taps begin, each tap's place in the weight and its source row, in floats."""

    begin: str
    weight: str
    source: str


@dataclass(frozen=True, slots=True)
class _Outputs:
    """Some outputs of a group: the first, among all groups' outputs and within the weight, and how many."""

    channel: str
    weight: str
    count: int


@dataclass(frozen=True, slots=True)
class _Emission:
    """One correlation being written; the methods follow the loop nest from the outside in."""

    writer: Writer
    correlation: Correlation
    tiling: CorrelationTiling
    buffers: EpilogueBuffers
    source: str
    weight: str
    tables: _RowTables

    def group(self, block: str, group: str) -> None:
        writer, rows = self.writer, self.correlation.rows.result
        if self.tiling.rows_outside:
            with writer.loop("row", 0, rows) as row:
                self.outputs_of_row(block, group, row.index)
        else:
            whole, rest = divmod(self.correlation.outputs, self.tiling.outputs)
            with writer.loop("output.tile", 0, whole) as tile, writer.loop("row", 0, rows) as row:
                self.output_tile(block, group, row.index, tile.index, self.tiling.outputs)
            if rest:
                with writer.loop("row", 0, rows) as row:
                    self.output_tile(block, group, row.index, str(whole), rest)

    def outputs_of_row(self, block: str, group: str, row: str) -> None:
        whole, rest = divmod(self.correlation.outputs, self.tiling.outputs)
        with self.writer.loop("output.tile", 0, whole) as tile:
            self.output_tile(block, group, row, tile.index, self.tiling.outputs)
        if rest:
            self.output_tile(block, group, row, str(whole), rest)

    def output_tile(self, block: str, group: str, row: str, tile: str, count: int) -> None:
        writer, correlation, step = self.writer, self.correlation, self.tiling.outputs
        outputs = _Outputs(
            writer.affine("channel", (group, correlation.outputs), (tile, step)),
            writer.affine("weight", (group, correlation.group_stride), (tile, step * correlation.output_stride)),
            count,
        )
        plane = correlation.rows.source * correlation.columns.source * LANES
        channels = correlation.inputs * plane
        source = writer.affine("source", (block, correlation.groups * channels), (group, channels))
        result_plane = correlation.rows.result * correlation.columns.result * LANES
        all_outputs = correlation.groups * correlation.outputs
        result = writer.affine(
            "result",
            (block, all_outputs * result_plane),
            (outputs.channel, result_plane),
            (row, correlation.columns.result * LANES),
        )
        for run in column_runs(correlation.columns, self.tiling.columns):
            self.column_run(run, outputs, row, source, result)

    def column_run(self, run: ColumnRun, outputs: _Outputs, row: str, source: str, result: str) -> None:
        writer = self.writer
        with ExitStack() as loops:
            round_ = "0"
            if run.rounds > 1:
                round_ = loops.enter_context(writer.loop("columns", 0, run.rounds)).index
            for tile in run.tiles:
                here = writer.affine(
                    "source.here", (source, 1), (round_, run.source_step * LANES), constant=tile.base * LANES
                )
                place = writer.affine(
                    "result.here", (result, 1), (round_, run.result_step * LANES), constant=tile.first * LANES
                )
                self.tile(tile, outputs, row, here, place)

    def tile(self, tile: ColumnTile, outputs: _Outputs, row: str, source: str, result: str) -> None:
        """All taps and channels of one tile, then its epilogue."""
        writer, correlation = self.writer, self.correlation
        first = writer.entry(self.tables.begin, row)
        last = writer.entry(self.tables.begin, writer.affine("row.after", (row, 1), constant=1))
        zeros = ["zeroinitializer"] * (outputs.count * tile.width)
        plane = correlation.rows.source * correlation.columns.source * LANES
        with writer.loop("tap", first, last, zeros) as tap:
            tap_weight = writer.affine(
                "tap.weight", (writer.entry(self.tables.weight, tap.index), 1), (outputs.weight, 1)
            )
            tap_source = writer.affine("tap.source", (writer.entry(self.tables.source, tap.index), 1), (source, 1))
            rounds = correlation.inputs // self.tiling.steps
            with writer.loop("channel", 0, rounds, tap.values) as channel:
                steps = self.tiling.steps
                weight = writer.affine("weight", (channel.index, steps * correlation.input_stride), (tap_weight, 1))
                image = writer.affine("image", (channel.index, steps * plane), (tap_source, 1))
                weight, image = writer.at(self.weight, weight), writer.at(self.source, image)
                sums = channel.values
                for step in range(steps):
                    sums = self.taps_of_row(
                        tile,
                        outputs.count,
                        sums,
                        writer.at(weight, step * correlation.input_stride),
                        writer.at(image, step * plane),
                    )
                channel.next(sums)
            tap.next(channel.values)
        self.finish(tile, outputs, result, tap.values)

    def taps_of_row(self, tile: ColumnTile, outputs: int, sums: list[str], weight: str, image: str) -> list[str]:
        """The sums after the taps along one row of one channel."""
        writer, sums = self.writer, list(sums)
        loaded: dict[int, str] = {}
        for tap, across in enumerate(tile.reads):
            read = [(t, column) for t, column in enumerate(across) if column is not None]
            for _, column in read:
                if column not in loaded:
                    loaded[column] = writer.load("image", image, column * LANES)
            for m in range(outputs) if read else ():
                filter_ = writer.broadcast("filter", weight, m * self.correlation.output_stride + tap)
                for t, column in read:
                    place = m * tile.width + t
                    sums[place] = writer.multiply_add("sum", filter_, loaded[column], sums[place])
        return sums

    def finish(self, tile: ColumnTile, outputs: _Outputs, result: str, sums: list[str]) -> None:
        plane = self.correlation.rows.result * self.correlation.columns.result * LANES
        for m in range(outputs.count):
            for t in range(tile.width):
                element = self.element(outputs.channel, m, result, m * plane + t * LANES)
                write_epilogue(self.writer, self.buffers, sums[m * tile.width + t], element)

    def element(self, channel: str, m: int, place: str, offset: int) -> Element:
        writer = self.writer
        return Element(
            row=lambda pointer: writer.broadcast("row.value", writer.at(pointer, channel), m),
            same=lambda pointer: writer.load("old", writer.at(pointer, place), offset),
            write=lambda value, pointer: writer.store(value, writer.at(pointer, place), offset),
        )
