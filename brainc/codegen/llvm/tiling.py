"""Which tile of sums fits the registers and wastes least, and how is the work cut into units?"""

from __future__ import annotations

from collections.abc import Iterator

from brainc.codegen.llvm.product import Product, Tiling
from brainc.codegen.llvm.registers import RegisterFile, parts_of
from brainc.codegen.llvm.writer import LANES

PASS_DEPTH = 512
"""k goes in passes of at most this, so that the vectors of a tile's panels stay in the second-level cache or nearer."""

TURNED_VECTORS = 768
"""Vectors that are turned into scratch at a time: 48 KB."""

WAITING_SUMS = 512
"""Sums of a unit, in vectors, that may wait in scratch between passes: 32 KB."""

WAITING_SUMS_TURNED = 256
"""The same where turned vectors need scratch too: both stay within 64 KB."""

UNIT_ROWS = 64
UNIT_PANELS = 8
UNITS_WANTED = 32
"""So many units let threads share the work evenly; units are made smaller, down to a tile, where there are fewer."""

LEAST_TURNED_ROWS = 48
"""Turning costs four shuffles a vector, which this many rows make up for."""


def choose_tiling(product: Product, registers: RegisterFile) -> Tiling:
    """The tiling with the least estimated time for one step of k over the whole result."""
    rows, panels = min(
        _tiles(product, registers.vectors), key=lambda size: _cost(product, registers.sums_in_flight, *size)
    )
    limit = PASS_DEPTH if product.turned_width is None else LANES * (min(PASS_DEPTH, TURNED_VECTORS // panels) // LANES)
    blocks = -(-product.depth // LANES)
    pass_blocks = -(-blocks // -(-blocks * LANES // limit))
    passes = -(-blocks // pass_blocks)
    unit_rows, unit_panels = _unit(product, rows, panels, passes)
    steps = max(step for step in (1, 2, 4, 8, 16) if step == 1 or step * rows * panels <= 128)
    return Tiling(rows, panels, steps, unit_rows, unit_panels, passes, pass_blocks * LANES)


def _tiles(product: Product, vectors: int) -> Iterator[tuple[int, int]]:
    """Rows × panels whose sums, vectors and one scalar fit the registers."""
    for panels in range(1, min(4, product.panels) + 1):
        for rows in range(1, product.rows + 1):
            sums = rows * panels
            # Tiles that fill more of the registers than this were measured to be slower.
            if sums > 1 and (4 * sums > 3 * vectors or sums + panels + 1 > vectors):
                break
            if product.scalar_lanes == "depth" or LANES % rows == 0:
                yield rows, panels


def _cost(product: Product, in_flight: int, rows: int, panels: int) -> float:
    """Cycles for one step of k, at one multiply-add a cycle, over all tiles, whole and peeled."""
    cycles = 0.0
    for height, tall in parts_of(product.rows, rows):
        for width, wide in parts_of(product.panels, panels):
            loads = 0.25 * width + 0.05 * height + 0.5
            cycles += tall * wide * (max(height * width, in_flight) + loads)
    return cycles


def _unit(product: Product, rows: int, panels: int, passes: int) -> tuple[int, int]:
    def whole(size: int, tile: int, total: int) -> int:
        """`size` as a multiple of the tile, no larger than covers the total."""
        return tile * max(1, min(size // tile, -(-total // tile)))

    turned = product.turned_width is not None
    least_rows = whole(LEAST_TURNED_ROWS, rows, product.rows) if turned else rows
    unit_panels = whole(panels if turned else UNIT_PANELS, panels, product.panels)
    if not turned:
        wanted_rows = min(UNIT_ROWS, WAITING_SUMS // unit_panels)
    else:
        wanted_rows = product.rows + rows if passes == 1 else WAITING_SUMS_TURNED // unit_panels
    unit_rows = whole(wanted_rows, rows, product.rows)
    while -(-product.rows // unit_rows) * -(-product.panels // unit_panels) < UNITS_WANTED:
        if unit_panels > panels:
            unit_panels = whole(unit_panels // 2, panels, product.panels)
        elif unit_rows > least_rows:
            unit_rows = max(least_rows, whole(unit_rows // 2, rows, product.rows))
        else:
            break
    return unit_rows, unit_panels
