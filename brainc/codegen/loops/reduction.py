"""Sums: over samples, features or both, in an order that does not depend on how the work is cut.

Sixteen lanes are summed side by side; lanes beyond the last sample count nothing. Long sums are made of the sums of
runs of at most 128, which keeps the rounding of float32 small: its error grows with the length of each level, not with
the product of the levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from brainc.codegen.loops.access import Layout, number_lines
from brainc.codegen.loops.arithmetic import Assignment, Leaf, write_assignments
from brainc.codegen.loops.lettered import Lettered, lettered
from brainc.codegen.loops.source import LANE_LOOP, LANES, Body, Function, loops
from brainc.ir import expression as ex
from brainc.ir.expression import Expression, Operand
from brainc.ir.kernel import Kernel
from brainc.ir.tensor import Reduce

RUN = 128
"""Terms that one accumulator takes before its sum is added to the next level's."""


def reduce_function(kernel: Kernel, core: Reduce) -> Function:
    """`y = Σ expression(x…)`."""
    summed = "".join(letter for letter in dict.fromkeys("".join(core.letters[1:])) if letter not in core.letters[0])
    loop = lettered(kernel, core, core.letters[0] + summed)
    body = Body()
    body.write(*number_lines(loop.sources, loop.source_names))
    layout = loop.layout
    if layout.lane and layout.lane in loop.result:
        extent, remark = _by_blocks(body, loop, core.expression), "One part is one block of sixteen."
    elif layout.lane:
        extent, remark = _over_lanes(body, loop, core.expression)
    else:
        extent, remark = _plain(body, loop, core.expression)
    heading = f"{loop.summed(core.expression)}, for {loop.sizes}."
    chainable = bool(layout.lane) and layout.lane in loop.result
    shape = tuple(length for _, length in loop.lengths)
    return Function("sum", shape, heading, (remark,), loop.arguments(), tuple(body.lines), extent, chainable)


@dataclass(frozen=True, slots=True)
class _Sum:
    """How one sum is accumulated: names of its accumulators, and what is added for each element."""

    total: str
    partial: str
    lane: str
    """The loop over lanes, or empty."""
    limit: str
    """Which lanes count, or empty where all do."""

    def clear(self, body: Body, accumulator: str) -> None:
        """Set an accumulator to zero."""
        with body.under(*([self.lane] if self.lane else [])):
            body.write(f"{accumulator} = 0.0")

    def close_partial(self, body: Body) -> None:
        """Add the partial sum to the total."""
        with body.under(*([self.lane] if self.lane else [])):
            body.write(f"{self.total} += {self.partial}")


def _by_blocks(body: Body, loop: Lettered, expression: Expression) -> int:
    """A sum for every sample: samples stay side by side."""
    layout = loop.layout
    summed = _summed_axes(layout, loop.result)
    levels = _levels(summed, 1)
    body.write(f"total = local({LANES})", *([f"partial = local({LANES})"] if levels.partial else []))
    sums = _Sum("total[lane]", "partial[lane]", LANE_LOOP, "")
    with body.under("for block in range(begin, end):", *loops(layout.axes(loop.result))):
        _accumulate(body, loop, expression, sums, levels)
        with body.under(LANE_LOOP):
            _store(body, loop, "total[lane]", layout.index(loop.result))
    return layout.blocks


def _over_lanes(body: Body, loop: Lettered, expression: Expression) -> tuple[int, str]:
    """A sum over samples and perhaps more: one for each element of the result, or for groups that lie together."""
    layout = loop.layout
    kept = layout.axes(loop.result)
    summed = _summed_axes(layout, loop.result)
    if len(kept) == 1 and prod(length for _, length in summed) < LANES // 2 and kept[0][1] > 1:
        return _grouped(body, loop, expression)
    levels = _levels(summed, layout.blocks)
    body.write(f"total = local({LANES})", *([f"partial = local({LANES})"] if levels.partial else []))
    sums = _Sum("total[lane]", "partial[lane]", LANE_LOOP, _limit(layout))
    levels = replace(levels, outer=(f"for block in range({layout.blocks}):", *levels.outer))
    with body.under(*_part_loops(kept)):
        body.write(*_unravelled(kept))
        _accumulate(body, loop, expression, sums, levels)
        body.write("whole = 0.0")
        with body.under(LANE_LOOP):
            body.write("whole += total[lane]")
        _store(body, loop, "whole", layout.index(loop.result))
    return prod(length for _, length in kept), _part_remark(kept)


def _grouped(body: Body, loop: Lettered, expression: Expression) -> tuple[int, str]:
    """Sums over samples for sixteen neighbours of the result at a time, so that memory is read in its order."""
    layout = loop.layout
    ((name, length),) = layout.axes(loop.result)
    extent = -(-length // LANES)
    width = min(length, LANES)
    count = f"{width}" if length % width == 0 else f"min({LANES}, {length} - first)"
    body.write(f"totals = local(({width}, {LANES}))")
    with body.under("for group in range(begin, end):"):
        body.write(f"first = {LANES} * group", f"count = {count}")
        with body.under("for each in range(count):", LANE_LOOP):
            body.write("totals[each, lane] = 0.0")
        with body.under(f"for block in range({layout.blocks}):", "for each in range(count):"):
            body.write(f"{name} = first + each")
            with body.under(*loops(_summed_axes(layout, loop.result)), LANE_LOOP):
                _add(body, loop, expression, "totals[each, lane]", _limit(layout))
        with body.under("for each in range(count):"):
            body.write(f"{name} = first + each", "whole = 0.0")
            with body.under(LANE_LOOP):
                body.write("whole += totals[each, lane]")
            _store(body, loop, "whole", layout.index(loop.result))
    return extent, f"One part is {LANES} neighbouring elements of the result."


def _plain(body: Body, loop: Lettered, expression: Expression) -> tuple[int, str]:
    """A sum of tensors without samples; the compiler sums several elements of the innermost loop side by side."""
    layout = loop.layout
    kept = layout.axes(loop.result)
    with body.under(*_part_loops(kept)):
        body.write(*_unravelled(kept))
        levels = _levels(_summed_axes(layout, loop.result), 1)
        _accumulate(body, loop, expression, _Sum("total", "partial", "", ""), levels)
        _store(body, loop, "total", layout.index(loop.result))
    return prod(length for _, length in kept), _part_remark(kept)


@dataclass(frozen=True, slots=True)
class _Levels:
    """Loops outside and inside a partial sum; without `partial` all stand inside, and there is only the total."""

    outer: tuple[str, ...]
    inner: tuple[str, ...]
    partial: bool


def _levels(axes: Sequence[tuple[str, int]], repeated: int) -> _Levels:
    """Cut a sum over `axes`, made `repeated` times over, into partial sums of at most 128 terms."""
    if not axes or repeated * prod(length for _, length in axes) <= RUN:
        return _Levels((), tuple(loops(axes)), False)
    name, length = axes[-1]
    headers = loops(axes[:-1])
    if length <= RUN:
        return _Levels(tuple(headers), tuple(loops(axes[-1:])), True)
    stop = f"first + {RUN}" if length % RUN == 0 else f"min(first + {RUN}, {length})"
    headers.append(f"for first in range(0, {length}, {RUN}):")
    return _Levels(tuple(headers), (f"for {name} in range(first, {stop}):",), True)


def _accumulate(body: Body, loop: Lettered, expression: Expression, sums: _Sum, levels: _Levels) -> None:
    lane = [sums.lane] if sums.lane else []
    sums.clear(body, sums.total)
    with body.under(*levels.outer):
        if levels.partial:
            sums.clear(body, sums.partial)
        with body.under(*levels.inner, *lane):
            _add(body, loop, expression, sums.partial if levels.partial else sums.total, sums.limit)
        if levels.partial:
            sums.close_partial(body)


def _add(body: Body, loop: Lettered, expression: Expression, accumulator: str, limit: str) -> None:
    """Add the present element's term, or zero where its lane does not count."""
    leaves = loop.operand_leaves()
    term = expression
    if limit:
        term = ex.Apply("select", (Operand(len(leaves)), expression, ex.ZERO))
        leaves.append(Leaf("counts", limit))
    write_assignments(body, [Assignment(accumulator, term, "+=")], leaves)


def _store(body: Body, loop: Lettered, total: str, index: str) -> None:
    assignments = [
        Assignment(f"{name}[{index}]", store.expression)
        for name, store in zip(loop.names.targets, loop.kernel.stores, strict=True)
    ]
    write_assignments(body, assignments, [Leaf("sum_here", total), *loop.extra_leaves()])


def _summed_axes(layout: Layout, result: str) -> list[tuple[str, int]]:
    """The loops over which is summed, but for the lanes."""
    letters = "".join(run[0] for run in layout.runs if run[0] not in result)
    return layout.axes(letters)


def _limit(layout: Layout) -> str:
    """The condition under which a lane counts."""
    return "" if layout.lanes % LANES == 0 else f"lane < {layout.lanes} - {LANES} * block"


def _part_loops(kept: Sequence[tuple[str, int]]) -> list[str]:
    if len(kept) == 1:
        return [f"for {kept[0][0]} in range(begin, end):"]
    return ["for part in range(begin, end):" if kept else "for _ in range(begin, end):"]


def _unravelled(kept: Sequence[tuple[str, int]]) -> list[str]:
    """The place in each axis of the result from the number of the part."""
    if len(kept) < 2:
        return []
    lines = []
    for place, (name, length) in enumerate(kept):
        stride = prod(each for _, each in kept[place + 1 :])
        quotient = "part" if stride == 1 else f"part // {stride}"
        lines.append(f"{name} = {quotient}" + ("" if place == 0 else f" % {length}"))
    return lines


def _part_remark(kept: Sequence[tuple[str, int]]) -> str:
    return "One part is one element of the result." if kept else "There is one part."
