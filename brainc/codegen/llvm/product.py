"""How is a matrix product computed by tiles of sums that stay in registers?

Every dense kernel is one product, `result[panel][row][16] = Σ_k scalar(row, k) · vector[panel][k][16]`: a tile of
rows × panels is held in registers while k runs; each step loads one vector a panel, broadcasts one scalar a row and
multiplies them all. The sum is made in the order of k, whatever the tile, so cuts and tiles do not change a bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from brainc.codegen.llvm.epilogue import Element, EpilogueBuffers, write_epilogue
from brainc.codegen.llvm.writer import LANES, MASK, Writer, first_lanes, transpose


@dataclass(frozen=True, slots=True)
class Product:
    """`result[panel][row][16] = Σ_k scalar(row, k) · vector[panel][k][16]`, for k in `[0, depth)`.

    Scalars are stored `[depth/16][rows][16]` or `[rows/16][depth][16]`, as `scalar_lanes` says. Vectors are stored
    `[panels][depth][16]`, or turned: `[depth/16][width][16]`, with 16 of the width in a panel; then lanes of the last
    panel beyond the width are zero in the sum.
    """

    rows: int
    depth: int
    panels: int
    scalar_lanes: Literal["depth", "rows"]
    turned_width: int | None = None

    @property
    def ragged_lanes(self) -> int:
        """How many lanes of the last panel belong to the result, or 0 where all of them do."""
        return 0 if self.turned_width is None else self.turned_width % LANES


@dataclass(frozen=True, slots=True)
class Tiling:
    """The sizes of a tile, of a pass over k, and of the unit of work that threads share.

    A tile is rows × panels sums. Within a unit of `unit_rows` × `unit_panels`, k goes in passes of `pass_depth`, so
    that the vectors of a pass stay in the nearest caches while all rows of the unit meet them.
    """

    rows: int
    panels: int
    steps: int
    unit_rows: int
    unit_panels: int
    passes: int
    pass_depth: int


def product_extent(product: Product, tiling: Tiling) -> int:
    """How many units of work the product has."""
    return -(-product.rows // tiling.unit_rows) * -(-product.panels // tiling.unit_panels)


def write_product(
    writer: Writer, product: Product, tiling: Tiling, buffers: EpilogueBuffers, scalars: str, vectors: str
) -> None:
    """The loops of a product over the units `[%begin, %end)`."""
    sums = writer.scratch(tiling.unit_rows * tiling.unit_panels * LANES) if tiling.passes > 1 else ""
    turned = ""
    if product.turned_width is not None:
        turned = writer.scratch(tiling.unit_panels * tiling.pass_depth * LANES)
    emission = _Emission(writer, product, tiling, buffers, scalars, vectors, sums, turned)
    with writer.loop("unit", "%begin", "%end") as unit:
        emission.unit(unit.index)


@dataclass(frozen=True, slots=True)
class _Span:
    """Rows (or panels) of a unit: where they begin and how many there are, known only when the kernel runs."""

    first: str
    count: str


@dataclass(frozen=True, slots=True)
class _Pass:
    """A part of k: `blocks` whole blocks of 16 from block `first` on, and then `tail` single steps."""

    first: str
    blocks: str
    tail: str


@dataclass(frozen=True, slots=True)
class _Emission:
    """One product being written; the methods follow the loop nest from the outside in.

    `sums` and `turned` are scratch, or empty where there is a single pass, or the vectors are read as they are stored.
    """

    writer: Writer
    product: Product
    tiling: Tiling
    buffers: EpilogueBuffers
    scalars: str
    vectors: str
    sums: str
    turned: str

    def unit(self, index: str) -> None:
        writer, product, tiling = self.writer, self.product, self.tiling
        row_units = -(-product.rows // tiling.unit_rows)
        panel_units = -(-product.panels // tiling.unit_panels)
        # A thread gets neighbouring units. They share the weights that they read, or a part of the weights to write.
        if product.turned_width is None:
            row_unit = writer.integer("row.unit", "udiv", index, panel_units)
            panel_unit = writer.integer("panel.unit", "urem", index, panel_units)
        else:
            row_unit = writer.integer("row.unit", "urem", index, row_units)
            panel_unit = writer.integer("panel.unit", "udiv", index, row_units)
        rows = self.span("row", row_unit, tiling.unit_rows, product.rows)
        panels = self.span("panel", panel_unit, tiling.unit_panels, product.panels)
        if tiling.passes == 1:
            whole = _Pass("0", str(product.depth // LANES), str(product.depth % LANES))
            if self.turned:
                self.turn(panels, "0", str(-(-product.depth // LANES)))
            self.tiles(rows, panels, whole)
        else:
            self.passes(rows, panels)

    def span(self, hint: str, unit: str, size: int, total: int) -> _Span:
        first = self.writer.affine(f"{hint}.first", (unit, size))
        left = self.writer.integer(f"{hint}.left", "sub nsw", total, first)
        return _Span(first, self.writer.least(f"{hint}.count", left, size))

    def passes(self, rows: _Span, panels: _Span) -> None:
        writer, product, tiling = self.writer, self.product, self.tiling
        writer.comment("sums wait in scratch from pass to pass")
        with writer.loop("clear", 0, tiling.unit_rows * tiling.unit_panels) as clear:
            writer.store("zeroinitializer", self.sums, writer.affine("clear.at", (clear.index, LANES)))
        whole_blocks, ragged = divmod(product.depth, LANES)
        pass_blocks = tiling.pass_depth // LANES
        with writer.loop("pass", 0, tiling.passes) as round_:
            first = writer.affine("block.first", (round_.index, pass_blocks))
            left = writer.integer("block.left", "sub nsw", whole_blocks, first)
            full = writer.least("block.count", left, pass_blocks)
            last = writer.equal("last.pass", round_.index, tiling.passes - 1)
            tail = writer.value("tail", f"select i1 {last}, i64 {ragged}, i64 0")
            if self.turned:
                more = writer.value("more", f"select i1 {last}, i64 {int(ragged > 0)}, i64 0")
                self.turn(panels, first, writer.affine("turn.count", (full, 1), (more, 1)))
            self.tiles(rows, panels, _Pass(first, full, tail))
        with writer.loop("panel", 0, panels.count) as panel, writer.loop("row", 0, rows.count) as row:
            waiting = writer.load("sum", self.sums, self.waiting(panel.index, row.index))
            self.finish(
                [[waiting]],
                writer.affine("row.here", (rows.first, 1), (row.index, 1)),
                writer.affine("panel.here", (panels.first, 1), (panel.index, 1)),
            )

    def waiting(self, panel: str, row: str) -> str:
        """Where in scratch a sum waits; panel and row count from the unit's first."""
        return self.writer.affine("waiting", (panel, self.tiling.unit_rows * LANES), (row, LANES))

    def turn(self, panels: _Span, first: str, count: str) -> None:
        """Turn blocks of 16 × 16 into scratch, so that k runs over vectors and the width over lanes."""
        writer, width, ragged = self.writer, self.product.turned_width, self.product.ragged_lanes
        assert width is not None
        writer.comment("turn blocks of 16 x 16 so that vectors run over the width")
        with writer.loop("panel", 0, panels.count) as panel, writer.loop("block", 0, count) as block:
            place = writer.affine("panel.here", (panels.first, 1), (panel.index, 1))
            depth = writer.affine("block.here", (first, 1), (block.index, 1))
            source = writer.at(self.vectors, writer.affine("source", (depth, width * LANES), (place, LANES * LANES)))
            target = writer.at(
                self.turned,
                writer.affine("target", (panel.index, self.tiling.pass_depth * LANES), (block.index, LANES * LANES)),
            )
            if not ragged:
                self.turn_block(source, target, LANES)
            else:
                with writer.when("whole", writer.value("whole", f"icmp ne i64 {place}, {self.product.panels - 1}")):
                    self.turn_block(source, target, LANES)
                with writer.when("ragged", writer.equal("ragged", place, self.product.panels - 1)):
                    self.turn_block(source, target, ragged)

    def turn_block(self, source: str, target: str, present: int) -> None:
        rows = [self.writer.load("input", source, row * LANES) for row in range(present)]
        rows += ["zeroinitializer"] * (LANES - present)
        for place, vector in enumerate(transpose(self.writer, rows)):
            self.writer.store(vector, target, place * LANES)

    def tiles(self, rows: _Span, panels: _Span, part: _Pass) -> None:
        """All tiles of a unit: groups of panels, in each all rows, and what is left over of both."""
        writer, tiling = self.writer, self.tiling
        groups = writer.integer("panel.groups", "udiv", panels.count, tiling.panels)
        with writer.loop("panel.group", 0, groups) as group:
            self.row_tiles(rows, panels, writer.affine("panel", (group.index, tiling.panels)), tiling.panels, part)
        if rest := self.product.panels % tiling.panels:
            begin = writer.affine("panel", (groups, tiling.panels))
            with writer.when("last.panels", writer.value("some", f"icmp slt i64 {begin}, {panels.count}")):
                self.row_tiles(rows, panels, begin, rest, part)

    def row_tiles(self, rows: _Span, panels: _Span, panel: str, width: int, part: _Pass) -> None:
        writer, height = self.writer, self.tiling.rows
        whole = writer.integer("row.tiles", "udiv", rows.count, height)
        with writer.loop("row.tile", 0, whole) as tile:
            self.tile(rows, panels, (writer.affine("row", (tile.index, height)), height), (panel, width), part)
        if rest := self.product.rows % height:
            begin = writer.affine("row", (whole, height))
            with writer.when("last.rows", writer.value("some", f"icmp slt i64 {begin}, {rows.count}")):
                self.tile(rows, panels, (begin, rest), (panel, width), part)

    def tile(
        self, rows: _Span, panels: _Span, row_part: tuple[str, int], panel_part: tuple[str, int], part: _Pass
    ) -> None:
        """One tile: from its beginning in the unit and its size, both ways."""
        writer = self.writer
        (row, height), (panel, width) = row_part, panel_part
        row_here = writer.affine("row.here", (rows.first, 1), (row, 1))
        panel_here = writer.affine("panel.here", (panels.first, 1), (panel, 1))
        places = [(p, r) for r in range(height) for p in range(width)]
        waiting = writer.at(self.sums, self.waiting(panel, row)) if self.sums else ""
        if waiting:
            stride = self.tiling.unit_rows
            sums = [writer.load("sum", waiting, (p * stride + r) * LANES) for p, r in places]
        else:
            sums = ["zeroinitializer"] * len(places)
            self.prefetch(row_here, height, panel_here, width)
        sums = self.steps(sums, (row_here, height), (panel, panel_here, width), part)
        if waiting:
            for (p, r), total in zip(places, sums, strict=True):
                writer.store(total, waiting, (p * stride + r) * LANES)
        else:
            by_row = [sums[r * width : (r + 1) * width] for r in range(height)]
            self.finish(by_row, row_here, panel_here)

    def prefetch(self, row: str, height: int, panel: str, width: int) -> None:
        """Ask for the cache lines of what the epilogue updates, while the sums are still made."""
        writer, rows = self.writer, self.product.rows
        place = writer.affine("result", (panel, rows * LANES), (row, LANES))
        for operand in self.buffers.epilogue.read("same"):
            pointer = writer.at(self.buffers.extras[operand], place)
            for p, r in [(p, r) for p in range(width) for r in range(height)]:
                writer.prefetch(pointer, (p * rows + r) * LANES)

    def steps(self, sums: list[str], rows: tuple[str, int], panels: tuple[str, str, int], part: _Pass) -> list[str]:
        """The sums after all of k in this pass."""
        writer, product, tiling = self.writer, self.product, self.tiling
        (row, height), (panel, panel_here, width) = rows, panels
        if product.scalar_lanes == "depth":
            block_stride = product.rows * LANES
            scalars = writer.at(self.scalars, writer.affine("scalars", (part.first, block_stride), (row, LANES)))
        else:
            # A tile lies within one block of 16 rows, since its height divides 16.
            block_stride = LANES * LANES
            block, lane = writer.integer("block", "lshr", row, 4), writer.integer("lane", "and", row, LANES - 1)
            place = writer.affine("scalars", (block, product.depth * LANES), (lane, 1), (part.first, block_stride))
            scalars = writer.at(self.scalars, place)
        if self.turned:
            panel_stride = tiling.pass_depth * LANES
            vectors = writer.at(self.turned, writer.affine("vectors", (panel, panel_stride)))
        else:
            panel_stride = product.depth * LANES
            place = writer.affine("vectors", (panel_here, panel_stride), (part.first, LANES * LANES))
            vectors = writer.at(self.vectors, place)
        step_stride = 1 if product.scalar_lanes == "depth" else LANES
        with writer.loop("k.block", 0, part.blocks, sums) as k_block:
            scalar_block = writer.affine("scalar.block", (k_block.index, block_stride))
            vector_block = writer.affine("vector.block", (k_block.index, LANES * LANES))
            with writer.loop("k", 0, LANES // tiling.steps, k_block.values) as k:
                scalar = writer.affine("scalar", (scalar_block, 1), (k.index, tiling.steps * step_stride))
                vector = writer.affine("vector", (vector_block, 1), (k.index, tiling.steps * LANES))
                scalar, vector = writer.at(scalars, scalar), writer.at(vectors, vector)
                k.next(self.unrolled(k.values, scalar, vector, (height, width, panel_stride), tiling.steps))
            k_block.next(k.values)
        if product.depth % LANES == 0:
            return k_block.values
        scalar_tail = writer.at(scalars, writer.affine("scalar.tail", (part.blocks, block_stride)))
        vector_tail = writer.at(vectors, writer.affine("vector.tail", (part.blocks, LANES * LANES)))
        with writer.loop("k.tail", 0, part.tail, k_block.values) as k:
            scalar = writer.at(scalar_tail, writer.affine("scalar", (k.index, step_stride)))
            vector = writer.at(vector_tail, writer.affine("vector", (k.index, LANES)))
            k.next(self.unrolled(k.values, scalar, vector, (height, width, panel_stride), 1))
        return k.values

    def unrolled(
        self, sums: list[str], scalars: str, vectors: str, size: tuple[int, int, int], steps: int
    ) -> list[str]:
        """The sums after `steps` steps of k; `size` is height, width and the distance between panels."""
        writer, (height, width, panel_stride), sums = self.writer, size, list(sums)
        row_stride, step_stride = (LANES, 1) if self.product.scalar_lanes == "depth" else (1, LANES)
        for step in range(steps):
            loaded = [writer.load("vector", vectors, p * panel_stride + step * LANES) for p in range(width)]
            for r in range(height):
                scalar = writer.broadcast("scalar", scalars, r * row_stride + step * step_stride)
                for p in range(width):
                    sums[r * width + p] = writer.multiply_add("sum", scalar, loaded[p], sums[r * width + p])
        return sums

    def finish(self, sums: list[list[str]], row: str, panel: str) -> None:
        """The epilogue of a tile of sums, `sums[r][p]`."""
        writer, product = self.writer, self.product
        inside = [self.inside(panel, p) for p in range(len(sums[0]))] if product.ragged_lanes else []
        place = writer.affine("result", (panel, product.rows * LANES), (row, LANES))
        for r, across in enumerate(sums):
            for p, total in enumerate(across):
                if inside:
                    total = writer.choose("sum", inside[p], total, "zeroinitializer")
                element = self.element(row, r, place, (p * product.rows + r) * LANES)
                write_epilogue(writer, self.buffers, total, element)

    def inside(self, panel: str, p: int) -> str:
        """The lanes of panel `panel + p` that lie within the width."""
        last = self.writer.equal("last.panel", panel, self.product.panels - 1 - p)
        some, all_ = first_lanes(self.product.ragged_lanes), first_lanes(LANES)
        return self.writer.value("inside", f"select i1 {last}, {MASK} {some}, {MASK} {all_}")

    def element(self, row: str, r: int, place: str, offset: int) -> Element:
        writer = self.writer
        return Element(
            row=lambda pointer: writer.broadcast("row.value", writer.at(pointer, row), r),
            same=lambda pointer: writer.load("old", writer.at(pointer, place), offset),
            write=lambda value, pointer: writer.store(value, writer.at(pointer, place), offset),
        )
