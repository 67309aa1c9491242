"""When need a core not be computed? While no spikes come and every neuron either stays or only leaks, far from a bound.

Such a core naps, if it has been so for a while: to ask for how long costs about what a tick does. Before anything else
happens to it, its potentials catch up: leak times the ticks of the nap. A neuron whose next tick would take it over a
bound does not move in a nap: the tick would put it back to where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from brainrun.truenorth.kernel.shape import (
    NEVER_WAKES,
    PATIENCE,
    Control,
    Field,
    Mask,
    Shape,
    Variant,
    addresses,
    field_index,
)

_LANES = 32
_VECTOR, _TRUTHS = f"<{_LANES} x i16>", f"<{_LANES} x i1>"
_MOST = 2**15 - 1


def idle(shape: Shape) -> Iterator[str]:
    """How many ticks to come a core with potentials of 16 bits may nap if no spike arrives, at least.

    The least distance of a neuron to the bound that it leaks towards, divided by the greatest leak: not the longest nap
    that is possible, but an end of it is no more than a look at when the next one ends.
    """
    yield "define internal i64 @idle(ptr %descriptor, ptr %control) {"
    yield "entry:"
    yield from _rows(shape, (Field.LEAK, Field.THRESHOLD, Field.FLOOR, Field.FLOORED_ADDS))
    yield from addresses([Control.MASKS])
    yield from field_index(Field.MASKS)
    yield f"  %masks.offset = mul i64 %masks.index, {shape.neurons // 8}"
    yield f"  %keeps.offset = add i64 %masks.offset, {Mask.FLOORED_KEEPS.value * shape.neurons // 8}"
    yield "  %keeps.row = getelementptr i8, ptr %masks, i64 %keeps.offset"
    yield "  br label %neurons"
    yield "neurons:"
    yield "  %n = phi i64 [ 0, %entry ], [ %n.next, %neurons ]"
    yield f"  %gaps = phi {_VECTOR} [ splat (i16 {_MOST}), %entry ], [ %gaps.next, %neurons ]"
    yield f"  %steps = phi {_VECTOR} [ zeroinitializer, %entry ], [ %steps.next, %neurons ]"
    yield from _loads(("potential", "leak", "threshold", "floor", "floored_adds"))
    yield "  %keeps.at = getelementptr i32, ptr %keeps.row, i64 %n"
    yield "  %keeps.bits = load i32, ptr %keeps.at"
    yield f"  %keeps = bitcast i32 %keeps.bits to {_TRUTHS}"
    yield from _crossing()
    yield f"  %kept = select {_TRUTHS} %keeps, {_VECTOR} %leaked, {_VECTOR} zeroinitializer"
    yield f"  %put = add {_VECTOR} %kept, %floored_adds"
    yield f"  %back = icmp eq {_VECTOR} %put, %potential"
    yield f"  %stays.falling = and {_TRUTHS} %falls, %back"
    yield f"  %stays = and {_TRUTHS} %stays.falling, %quiet"
    yield f"  %most = call {_VECTOR} @llvm.ssub.sat.v{_LANES}i16({_VECTOR} %threshold, {_VECTOR} splat (i16 1))"
    yield f"  %up = call {_VECTOR} @llvm.ssub.sat.v{_LANES}i16({_VECTOR} %most, {_VECTOR} %potential)"
    yield f"  %down = call {_VECTOR} @llvm.ssub.sat.v{_LANES}i16({_VECTOR} %potential, {_VECTOR} %floor)"
    yield f"  %rises = icmp sgt {_VECTOR} %leak, zeroinitializer"
    yield f"  %sinks = icmp slt {_VECTOR} %leak, zeroinitializer"
    yield f"  %gap.below = select {_TRUTHS} %sinks, {_VECTOR} %down, {_VECTOR} splat (i16 {_MOST})"
    yield f"  %gap.inside = select {_TRUTHS} %rises, {_VECTOR} %up, {_VECTOR} %gap.below"
    yield f"  %gap.moving = select {_TRUTHS} %crosses, {_VECTOR} zeroinitializer, {_VECTOR} %gap.inside"
    yield f"  %gap = select {_TRUTHS} %stays, {_VECTOR} splat (i16 {_MOST}), {_VECTOR} %gap.moving"
    yield f"  %against = sub {_VECTOR} zeroinitializer, %leak"
    yield f"  %size = call {_VECTOR} @llvm.smax.v{_LANES}i16({_VECTOR} %leak, {_VECTOR} %against)"
    yield f"  %gaps.next = call {_VECTOR} @llvm.smin.v{_LANES}i16({_VECTOR} %gaps, {_VECTOR} %gap)"
    yield f"  %steps.next = call {_VECTOR} @llvm.smax.v{_LANES}i16({_VECTOR} %steps, {_VECTOR} %size)"
    yield from _loop(shape, "neurons", "end")
    yield "end:"
    yield f"  %least = call i16 @llvm.vector.reduce.smin.v{_LANES}i16({_VECTOR} %gaps.next)"
    yield f"  %greatest = call i16 @llvm.vector.reduce.smax.v{_LANES}i16({_VECTOR} %steps.next)"
    yield "  %some = call i16 @llvm.smax.i16(i16 %greatest, i16 1)"
    yield "  %ticks.short = udiv i16 %least, %some"
    yield "  %ticks = zext i16 %ticks.short to i64"
    yield "  ret i64 %ticks"
    yield "}"
    for name in ("ssub.sat", "smin", "smax"):
        yield f"declare {_VECTOR} @llvm.{name}.v{_LANES}i16({_VECTOR}, {_VECTOR})"
    for name in ("smin", "smax"):
        yield f"declare i16 @llvm.vector.reduce.{name}.v{_LANES}i16({_VECTOR})"
    yield "declare i16 @llvm.smax.i16(i16, i16)"


def catch_up(shape: Shape) -> Iterator[str]:
    """Move the potentials of a core that has napped for so many ticks to where they would be."""
    yield "define internal void @catch_up(ptr %descriptor, i64 %slept, ptr %control) {"
    yield "entry:"
    yield from _rows(shape, (Field.LEAK, Field.THRESHOLD, Field.FLOOR))
    yield "  %slept.short = trunc i64 %slept to i16"
    yield f"  %slept.one = insertelement {_VECTOR} undef, i16 %slept.short, i32 0"
    yield f"  %ticks = shufflevector {_VECTOR} %slept.one, {_VECTOR} undef, <{_LANES} x i32> zeroinitializer"
    yield "  br label %neurons"
    yield "neurons:"
    yield "  %n = phi i64 [ 0, %entry ], [ %n.next, %neurons ]"
    yield from _loads(("potential", "leak", "threshold", "floor"))
    yield from _crossing()
    yield f"  %all = mul {_VECTOR} %leak, %ticks"
    yield f"  %later = add {_VECTOR} %potential, %all"
    yield f"  %now = select {_TRUTHS} %crosses, {_VECTOR} %potential, {_VECTOR} %later"
    yield f"  store {_VECTOR} %now, ptr %potential.at, align 64"
    yield from _loop(shape, "neurons", "end")
    yield "end:"
    yield "  ret void"
    yield "}"


def wake(naps: bool) -> Iterator[str]:
    """From which tick on a core must be computed that has just been, if nothing arrives before: `%wake`."""
    yield "  %now.next = add i64 %now, 1"
    if naps:
        yield from addresses([Control.QUIET])
        yield "  %quiet.at = getelementptr i64, ptr %quiet, i64 %core"
    yield "  br i1 %arrived, label %busy, label %silent"
    yield "busy:"
    if naps:
        yield "  store i64 0, ptr %quiet.at"
    yield "  br label %awake"
    yield "silent:"
    yield "  br i1 %changed, label %moves, label %still"
    yield "still:"
    yield "  br label %awake"
    yield "moves:"
    if naps:
        yield f"  %naps.at = getelementptr i64, ptr %control, i64 {Control.NAPS.value}"
        yield "  %naps.word = load i64, ptr %naps.at"
        yield "  %allowed = icmp ne i64 %naps.word, 0"
        yield f"  %narrow = icmp eq i32 %variant, {Variant.NARROW.value}"
        yield "  %may.nap = and i1 %allowed, %narrow"
        yield "  br i1 %may.nap, label %wait, label %awake"
        yield "wait:"
        yield "  %quiet.before = load i64, ptr %quiet.at"
        yield "  %quiet.ticks = add i64 %quiet.before, 1"
        yield "  store i64 %quiet.ticks, ptr %quiet.at"
        yield f"  %patient = icmp ule i64 %quiet.ticks, {PATIENCE}"
        yield "  br i1 %patient, label %awake, label %nap"
        yield "nap:"
        yield "  %idle = call i64 @idle(ptr %descriptor, ptr %control)"
        yield f"  %short = icmp ult i64 %idle, {PATIENCE}"
        yield "  %quiet.after = select i1 %short, i64 0, i64 %quiet.before"
        yield "  store i64 %quiet.after, ptr %quiet.at"
        yield "  %rested = add i64 %now.next, %idle"
    yield "  br label %awake"
    yield "awake:"
    rested = "[ %rested, %nap ], [ %now.next, %wait ], " if naps else ""
    moving = "[ %now.next, %moves ], "
    yield f"  %wake = phi i64 {rested}{moving}[ %now.next, %busy ], [ {NEVER_WAKES}, %still ]"
    yield "  store i64 %wake, ptr %wake.at"
    yield "  store i64 %now.next, ptr %settled.at"


def _rows(shape: Shape, fields: Sequence[Field]) -> Iterator[str]:
    """Where the core's potentials and rows of parameters lie."""
    yield from addresses([Control.ROWS_16, Control.POTENTIALS_16])
    for field in (*fields, Field.POTENTIAL):
        low, table = field.name.lower(), "potentials_16" if field is Field.POTENTIAL else "rows_16"
        yield from field_index(field)
        yield f"  %{low}.offset = mul i64 %{low}.index, {shape.neurons * 2}"
        yield f"  %{low}.row = getelementptr i8, ptr %{table}, i64 %{low}.offset"


def _loads(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield f"  %{name}.at = getelementptr {_VECTOR}, ptr %{name}.row, i64 %n"
        yield f"  %{name} = load {_VECTOR}, ptr %{name}.at, align 64"


def _crossing() -> Iterator[str]:
    """Which neurons the next tick's leak takes over a bound."""
    yield f"  %leaked = add {_VECTOR} %potential, %leak"
    yield f"  %fires = icmp sge {_VECTOR} %leaked, %threshold"
    yield f"  %quiet = icmp slt {_VECTOR} %leaked, %threshold"
    yield f"  %falls = icmp slt {_VECTOR} %leaked, %floor"
    yield f"  %crosses = or {_TRUTHS} %fires, %falls"


def _loop(shape: Shape, start: str, end: str) -> Iterator[str]:
    yield "  %n.next = add i64 %n, 1"
    yield f"  %more = icmp slt i64 %n.next, {shape.neurons // _LANES}"
    yield f"  br i1 %more, label %{start}, label %{end}"
