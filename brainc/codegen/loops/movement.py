"""Concatenation, slices and dropout masks: kernels that put elements somewhere."""

from __future__ import annotations

from math import prod

from brainc.codegen.loops.access import blocks_of, lane_count, numbered
from brainc.codegen.loops.arithmetic import Leaf
from brainc.codegen.loops.epilogue import Place, epilogue_of
from brainc.codegen.loops.source import LANE_LOOP, LANES, Array, Body, Function, loops
from brainc.ir.kernel import Kernel
from brainc.ir.tensor import Concatenate, Draw, Slice


class _Around:
    """Loops around the axis that is cut: as few as will do, or with one for the channel where `rows` are needed."""

    def __init__(self, shape: tuple[int, ...], axis: int, rows: bool) -> None:
        features = shape[1:]
        cut = axis - 1
        self.first = cut == 0
        self.behind = prod(features[cut + 1 :])
        before = (
            [("channel", features[0]), ("before", prod(features[1:cut]))]
            if rows
            else [("before", prod(features[:cut]))]
        )
        self.outer = [] if self.first else [each for each in before if each[1] > 1 or each[0] == "channel"]
        # What lies behind an element of the cut axis goes with it, unless the cut axis is the channel and is asked for.
        self.inner = [("behind", self.behind)] if rows and self.first and self.behind > 1 else []
        self.merged = 1 if self.inner else self.behind

    def shape(self, blocks: int, length: int) -> tuple[int, ...]:
        """The shape of a tensor with this length along the cut axis."""
        return (
            blocks,
            *(each for _, each in self.outer),
            length * self.merged,
            *(each for _, each in self.inner),
            LANES,
        )

    def index(self, start: int) -> str:
        """The index of the present element, where the loop's first has place `start` in the cut axis."""
        along = f"{start * self.merged} + along" if start else "along"
        return ", ".join(["block", *(name for name, _ in self.outer), along, *(name for name, _ in self.inner), "lane"])

    def loops(self, length: int) -> list[str]:
        """All loops inside a block, over `length` elements of the cut axis."""
        return [*loops([*self.outer, ("along", length * self.merged), *self.inner]), LANE_LOOP]

    def row(self, start: int) -> str:
        """The place in the first feature axis."""
        if self.first:
            return f"{start} + along" if start else "along"
        return "channel"


def concatenate_function(kernel: Kernel, core: Concatenate) -> Function:
    """`y` is the operands one after the other."""
    samples = lane_count(kernel.operands)
    blocks, axis = blocks_of(samples), core.axis
    epilogue = epilogue_of(kernel, numbered("x", len(kernel.operands)))
    around = _Around(core.result.shape, axis, epilogue.reads_rows)
    body = Body()
    epilogue.write_numbers(body)
    start = 0
    with body.under("for block in range(begin, end):"):
        for name, value in zip(epilogue.names.operands, core.operands, strict=True):
            with body.under(*around.loops(value.shape[axis])):
                element = Leaf("element", f"{name}[{around.index(0)}]")
                epilogue.write(body, element, Place(around.index(start), around.row(start)))
            start += value.shape[axis]
    shapes = [around.shape(blocks, value.shape[axis]) for value in core.operands]
    lengths = " + ".join(str(value.shape[axis]) for value in core.operands)
    return Function(
        "concatenate",
        core.result.shape,
        f"y is {len(core.operands)} tensors one after the other along axis {axis}: {lengths}, for b={samples}.",
        (*epilogue.remarks("x"), "One part is one block of sixteen samples."),
        epilogue.arguments(around.shape(blocks, core.result.shape[axis]), shapes),
        tuple(body.lines),
        blocks,
        True,
    )


def slice_function(kernel: Kernel, core: Slice) -> Function:
    """`y` is a range of `x` along one axis."""
    samples = lane_count(kernel.operands)
    blocks, axis, length = blocks_of(samples), core.axis, core.result.shape[core.axis]
    epilogue = epilogue_of(kernel, ("x",))
    around = _Around(core.result.shape, axis, epilogue.reads_rows)
    body = Body()
    epilogue.write_numbers(body)
    with body.under("for block in range(begin, end):", *around.loops(length)):
        element = Leaf("element", f"x[{around.index(core.start)}]")
        epilogue.write(body, element, Place(around.index(0), around.row(0)))
    source = around.shape(blocks, core.source.shape[axis])
    last = core.start + length - 1
    return Function(
        "slice",
        core.source.shape,
        f"y is x at {core.start} … {last} of {core.source.shape[axis]} along axis {axis}, for b={samples}.",
        (*epilogue.remarks("x"), "One part is one block of sixteen samples."),
        epilogue.arguments(around.shape(blocks, length), [source]),
        tuple(body.lines),
        blocks,
        True,
    )


def draw_function(kernel: Kernel, core: Draw) -> Function:
    """A dropout mask from Philox, four features a draw; `integers` say which stream, sample and feature come first."""
    shape = core.result.shape
    samples, features = shape[0], prod(shape[1:])
    blocks = blocks_of(samples)
    epilogue = epilogue_of(kernel, ("context",), "mask" if len(kernel.stores) == 1 else "y")
    channels = shape[1] if len(shape) > 1 else 1
    behind = features // channels
    body = Body()
    epilogue.write_numbers(body)
    body.write(
        "seed = context[0]",
        "step = context[1]",
        "stream = integers[0]",
        "first_sample = context[2] + integers[1]",
        "first_feature = integers[2]",
        "drawn = local((4, 16))",
    )
    last = f"(first_feature + {features + 3}) // 4"
    with body.under("for block in range(begin, end):", f"for counter in range(first_feature // 4, {last}):"):
        with body.under(LANE_LOOP):
            body.write(
                f"sample = first_sample + {LANES} * block + lane",
                "a, b, c, d = philox(counter, sample, stream, step, seed, seed >> 32)",
                *(f"drawn[{word}, lane] = uniform({name})" for word, name in enumerate("abcd")),
            )
        with body.under("for word in range(4):"):
            body.write("feature = 4 * counter + word - first_feature")
            with body.under(f"if 0 <= feature < {features}:", LANE_LOOP):
                element = Leaf("kept", f"{1 / core.keep!r} if drawn[word, lane] < {core.keep!r} else 0.0")
                row = "feature" if behind == 1 else f"feature // {behind}"
                epilogue.write(body, element, Place("block, feature, lane", row))
    arguments = list(epilogue.arguments((blocks, features, LANES), [(3,)]))
    place = len(kernel.stores)
    arguments[place] = Array(arguments[place].name, "i64", (3,))
    return Function(
        "draw",
        shape,
        f"A dropout mask: {1 / core.keep!r} with probability {core.keep!r}, else 0, for b={samples}, f={features}.",
        (
            "Feature f of the sample at position s is word f mod 4 of Philox block(seed, stream, step, s, f div 4).",
            "context: seed, step, this rank's first sample; integers: stream, first sample, first feature.",
            *epilogue.remarks("mask"),
            "One part is one block of sixteen samples.",
        ),
        tuple(arguments),
        tuple(body.lines),
        blocks,
        True,
        (core.stream, *core.first),
    )
