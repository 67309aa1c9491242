"""Pooling and its gradient over windows of one or two axes.

`max` never chooses padding, `mean` counts it as zeros. A window's gradient goes to its first largest element in row
order: `rest` is what is left to give, and becomes zero once it has been given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from brainc.codegen.loops.access import blocks_of, lane_count
from brainc.codegen.loops.arithmetic import Leaf
from brainc.codegen.loops.epilogue import Epilogue, Place, epilogue_of
from brainc.codegen.loops.source import LANE_LOOP, LANES, Body, Function, LoopDefect, loops
from brainc.ir.kernel import Kernel
from brainc.ir.tensor import Pool, PoolGradient

UNROLLED = 9
"""Windows of at most so many elements are written out where none reaches into padding."""

_AXIS_NAMES = {1: ("time",), 2: ("row", "column")}


@dataclass(frozen=True, slots=True)
class _Axis:
    """One windowed axis: window number `name` begins at stride · name − pad and has `size` elements."""

    name: str
    length: int
    windows: int
    size: int
    stride: int
    pad: int

    @property
    def inside(self) -> bool:
        """Whether no window reaches into padding or beyond the end."""
        return self.pad == 0 and (self.windows - 1) * self.stride + self.size <= self.length

    @property
    def tiled(self) -> bool:
        """Whether each element lies in at most one window."""
        return self.inside and self.stride == self.size

    def at(self, tap: int) -> str:
        """The place of a window's element `tap`, where the window lies inside."""
        start = self.name if self.stride == 1 else f"{self.stride} * {self.name}"
        return start if tap == 0 else f"{start} + {tap}"

    @property
    def bounds(self) -> list[str]:
        """Where a window begins and ends, padding left out."""
        start = self.name if self.stride == 1 else f"{self.stride} * {self.name}"
        if self.inside:
            return [f"first_{self.name} = {start}", f"last_{self.name} = first_{self.name} + {self.size}"]
        begin = f"{start} - {self.pad}" if self.pad else start
        return [
            f"first_{self.name} = " + (f"max({begin}, 0)" if self.pad else begin),
            f"last_{self.name} = min({begin} + {self.size}, {self.length})",
        ]

    @property
    def tap_loop(self) -> str:
        """The loop over a window's elements, after `bounds`."""
        return f"for {self.name}_at in range(first_{self.name}, last_{self.name}):"


def _axes(core: Pool | PoolGradient, source: Sequence[int], pooled: Sequence[int]) -> list[_Axis]:
    names = _AXIS_NAMES[len(core.size)]
    return [_Axis(*each) for each in zip(names, source[2:], pooled[2:], core.size, core.stride, core.pad, strict=True)]


def _sizes(samples: int, channels: int, axes: Sequence[_Axis]) -> str:
    lengths = " × ".join(str(axis.length) for axis in axes)
    window = " × ".join(str(axis.size) for axis in axes)
    stride = ", ".join(str(axis.stride) for axis in axes)
    pad = ", ".join(str(axis.pad) for axis in axes)
    return f"b={samples}, c={channels}, {lengths}; window {window}, stride {stride}, padding {pad}"


def pool_function(kernel: Kernel, core: Pool) -> Function:
    """`y = max or mean over each window of x`."""
    samples, channels = lane_count(kernel.operands), core.source.shape[1]
    axes = _axes(core, core.source.shape, core.result.shape)
    epilogue = epilogue_of(kernel, ("x",))
    blocks = blocks_of(samples)
    body = Body()
    epilogue.write_numbers(body)
    unrolled = all(axis.inside for axis in axes) and prod(core.size) <= UNROLLED
    if not unrolled:
        body.write(f"pooled = local({LANES})")
    windows = loops([("channel", channels), *((axis.name, axis.windows) for axis in axes)])
    place = Place(f"block, channel, {', '.join(axis.name for axis in axes)}, lane", "channel")
    with body.under("for block in range(begin, end):", *windows):
        if unrolled:
            with body.under(LANE_LOOP):
                epilogue.write(body, Leaf("pooled", _pooled_at_once(body, core, axes)), place)
        else:
            _pool_by_loops(body, core, axes)
            scale = f" * {1 / prod(core.size)!r}" if core.kind == "mean" else ""
            with body.under(LANE_LOOP):
                epilogue.write(body, Leaf("element", f"pooled[lane]{scale}"), place)
    inner = tuple(axis.windows for axis in axes)
    source = (blocks, channels, *(axis.length for axis in axes), LANES)
    return Function(
        f"{core.kind}_pool",
        core.source.shape,
        f"y[b,c,…] = the {_word(core.kind)} x in each window, for {_sizes(samples, channels, axes)}.",
        (*epilogue.remarks("pooled"), "One part is one block of sixteen samples."),
        epilogue.arguments((blocks, channels, *inner, LANES), [source]),
        tuple(body.lines),
        blocks,
        True,
    )


def _word(kind: str) -> str:
    return "largest" if kind == "max" else "mean"


def _pooled_at_once(body: Body, core: Pool, axes: Sequence[_Axis]) -> str:
    """Read all the window's elements; the expression that combines them in pairs."""
    places = [""]
    for axis in axes:
        places = [f"{place}{axis.at(tap)}, " for place in places for tap in range(axis.size)]
    terms = [f"x{number}" for number in range(1, len(places) + 1)]
    body.write(*(f"{term} = x[block, channel, {place}lane]" for term, place in zip(terms, places, strict=True)))
    while len(terms) > 1:
        pairs = list(zip(terms[::2], terms[1::2], strict=False))
        joined = [f"maximum({a}, {b})" if core.kind == "max" else f"({a} + {b})" for a, b in pairs]
        terms = joined + terms[2 * len(pairs) :]
    return terms[0] if core.kind == "max" else f"{terms[0]} * {1 / prod(core.size)!r}"


def _pool_by_loops(body: Body, core: Pool, axes: Sequence[_Axis]) -> None:
    at = f"x[block, channel, {', '.join(f'{axis.name}_at' for axis in axes)}, lane]"
    with body.under(LANE_LOOP):
        body.write("pooled[lane] = -1e39" if core.kind == "max" else "pooled[lane] = 0.0")
    for axis in axes:
        body.write(*axis.bounds)
    with body.under(*(axis.tap_loop for axis in axes), LANE_LOOP):
        body.write(f"pooled[lane] = maximum(pooled[lane], {at})" if core.kind == "max" else f"pooled[lane] += {at}")


def pool_gradient_function(kernel: Kernel, core: PoolGradient) -> Function:
    """`dx` from `dy`: directly where windows tile the source, else summed in `dx` itself before the stores."""
    shape = core.result.shape
    samples, channels = lane_count([store.target for store in kernel.stores]), shape[1]
    axes = _axes(core, shape, core.gradient.shape)
    epilogue = epilogue_of(kernel, ("x", "y", "dy") if core.kind == "max" else ("dy",), "dx")
    blocks = blocks_of(samples)
    body = Body()
    epilogue.write_numbers(body)
    tiled = all(axis.tiled for axis in axes)
    if core.kind == "max":
        body.write(f"rest = local({LANES})")
    with body.under("for block in range(begin, end):", *loops([("channel", channels)])):
        if tiled:
            _tiled_gradient(body, core, axes, epilogue)
        else:
            _summed_gradient(body, core, axes, epilogue)
    source = (blocks, channels, *(axis.length for axis in axes), LANES)
    pooled = (blocks, channels, *(axis.windows for axis in axes), LANES)
    rule = "each window's dy at its first largest x" if core.kind == "max" else "dy of its windows over their size"
    return Function(
        f"{core.kind}_pool_gradient",
        shape,
        f"dx[b,c,…] = {rule}, for {_sizes(samples, channels, axes)}.",
        (*epilogue.remarks("gradient"), "One part is one block of sixteen samples."),
        epilogue.arguments(source, [source, pooled, pooled] if core.kind == "max" else [pooled]),
        tuple(body.lines),
        blocks,
        True,
    )


@contextmanager
def _taps(body: Body, core: PoolGradient, axes: Sequence[_Axis], window: str) -> Iterator[None]:
    """Loops over windows and, inside, their taps; a maximum keeps in `rest` what no tap of the window has taken yet."""
    with body.under(*loops([(axis.name, axis.windows) for axis in axes])):
        if core.kind == "max":
            with body.under(LANE_LOOP):
                body.write(f"rest[lane] = dy[{window}]")
        for axis in axes:
            body.write(*axis.bounds)
        with body.under(*(axis.tap_loop for axis in axes), LANE_LOOP):
            yield


def _tiled_gradient(body: Body, core: PoolGradient, axes: Sequence[_Axis], epilogue: Epilogue) -> None:
    """Every element gets its one window's gradient, or zero where no window covers it."""
    window = f"block, channel, {', '.join(axis.name for axis in axes)}, lane"
    at = f"block, channel, {', '.join(f'{axis.name}_at' for axis in axes)}, lane"
    with _taps(body, core, axes, window):
        if core.kind == "max":
            body.write(
                f"x_here = x[{at}]",
                f"largest = x_here == y[{window}]",
                "to_give = rest[lane]",
                "gradient = to_give if largest else 0.0",
                "rest[lane] = 0.0 if largest else to_give",
            )
            element = Leaf("gradient", "gradient")
        else:
            element = Leaf("gradient", f"dy[{window}] * {1 / prod(core.size)!r}")
        epilogue.write(body, element, Place(at, "channel"))
    for place, axis in enumerate(axes):
        covered = axis.windows * axis.size
        if covered == axis.length:
            continue
        before = [(f"{each.name}_at", each.windows * each.size) for each in axes[:place]]
        after = [(f"{each.name}_at", each.length) for each in axes[place + 1 :]]
        edge = f"for {axis.name}_at in range({covered}, {axis.length}):"
        with body.under(*loops(before), edge, *loops(after), LANE_LOOP):
            epilogue.write(body, Leaf("gradient", "0.0"), Place(at, "channel"))


def _summed_gradient(body: Body, core: PoolGradient, axes: Sequence[_Axis], epilogue: Epilogue) -> None:
    """The first target serves as the sum over windows; then the stores are made from it, element by element."""
    if epilogue.names.targets[0] in (*epilogue.names.operands, *epilogue.names.extras):
        raise LoopDefect("the gradient of overlapping windows is summed in its first target, which cannot be read too")
    total = epilogue.names.targets[0]
    window = f"block, channel, {', '.join(axis.name for axis in axes)}, lane"
    at = f"block, channel, {', '.join(f'{axis.name}_at' for axis in axes)}, lane"
    places = loops([(f"{axis.name}_at", axis.length) for axis in axes])
    with body.under(*places, LANE_LOOP):
        body.write(f"{total}[{at}] = 0.0")
    with _taps(body, core, axes, window):
        if core.kind == "max":
            body.write(
                f"x_here = x[{at}]",
                f"largest = x_here == y[{window}]",
                "to_give = rest[lane]",
                f"{total}[{at}] += to_give if largest else 0.0",
                "rest[lane] = 0.0 if largest else to_give",
            )
        else:
            body.write(f"{total}[{at}] += dy[{window}] * {1 / prod(core.size)!r}")
    if not epilogue.plain:
        with body.under(*places, LANE_LOOP):
            epilogue.write(body, Leaf("gradient", f"{total}[{at}]"), Place(at, "channel"))
