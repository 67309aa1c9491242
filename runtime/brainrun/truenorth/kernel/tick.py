"""How is a tick computed? LLVM IR that takes cores through integration, leak, threshold and delivery, as vectors.

The state of a core's neurons stays in vector registers while all its active axons are integrated: an axon's row of the
crossbar is a mask, under which the weights for the axon's type are added. One pass then leaks, compares, resets, and
gives the spikes as bits. Cores whose potentials provably fit have 16 bits a potential, the others 32. A core that was
silent and did not change sleeps until a spike arrives, and one that only leaks until a neuron may reach a bound.

The kernel has the signature of all kernels, `void f(void **operands, int64 begin, int64 end)`: operands 0 is the table
`Control`, operands 1 the number of the tick in the block; its parts are groups of cores.
"""

from __future__ import annotations

from collections.abc import Iterator

from brainrun.truenorth.kernel.deliver import deliver, fetch, set_bit, slot_of
from brainrun.truenorth.kernel.nap import catch_up, idle, wake
from brainrun.truenorth.kernel.scalar import scalar
from brainrun.truenorth.kernel.shape import GROUP, Control, Field, Shape, Variant, addresses
from brainrun.truenorth.kernel.vectors import vectors

KERNEL = "truenorth_tick"


def tick_source(shape: Shape) -> str:
    """The LLVM IR of a module with the function `truenorth_tick`."""
    parts = [_DECLARATIONS]
    for variant in shape.variants:
        match variant:
            case Variant.SCALAR:
                parts.append("\n".join(scalar(shape)))
            case _:
                parts.append("\n".join(vectors(shape, variant)))
    if Variant.NARROW in shape.variants:
        parts += ["\n".join(idle(shape)), "\n".join(catch_up(shape))]
    functions = (fetch(shape), _fetch_group(), deliver(shape), _core(shape), _tick(shape))
    parts += ["\n".join(function) for function in functions]
    return "\n\n".join(parts) + "\n"


_DECLARATIONS = """declare i64 @llvm.cttz.i64(i64, i1)
declare i64 @llvm.ctpop.i64(i64)"""


def _core(shape: Shape) -> Iterator[str]:
    """One core's tick: nothing if it sleeps and nothing arrives; else compute, deliver, count."""
    axon_words, neuron_words = shape.axons // 64, shape.neurons // 32
    yield "define internal i64 @core(i64 %core, ptr %slot, ptr %list, i64 %listed, i64 %tick, i64 %now, ptr %control) {"
    yield "entry:"
    yield f"  %fired = alloca [{shape.neurons} x i1], align 64"
    yield from addresses([Control.WAKES])
    yield f"  %active.offset = mul i64 %core, {shape.axons // 8}"
    yield "  %active = getelementptr i8, ptr %slot, i64 %active.offset"
    some = "0"
    for k in range(axon_words):
        yield f"  %word{k}.at = getelementptr i64, ptr %active, i64 {k}"
        yield f"  %word{k} = load i64, ptr %word{k}.at"
        yield f"  %some{k} = or i64 {some}, %word{k}"
        some = f"%some{k}"
    yield f"  %arrived = icmp ne i64 {some}, 0"
    yield "  %wake.at = getelementptr i64, ptr %wakes, i64 %core"
    yield "  %wake.before = load i64, ptr %wake.at"
    yield "  %woken = icmp sge i64 %now, %wake.before"
    yield "  %goes = or i1 %arrived, %woken"
    yield "  br i1 %goes, label %compute, label %asleep"
    yield "asleep:"
    yield "  ret i64 %listed"
    yield "compute:"
    yield from addresses([Control.DESCRIPTORS, Control.TARGETS, Control.RASTER])
    yield from addresses([Control.CORE_SPIKES, Control.CORE_EVENTS, Control.SETTLED])
    yield f"  %descriptor.offset = mul i64 %core, {Field.WORDS.value * 4}"
    yield "  %descriptor = getelementptr i8, ptr %descriptors, i64 %descriptor.offset"
    yield "  %variant = load i32, ptr %descriptor"
    names = [variant.name.lower() for variant in shape.variants]
    cases = " ".join(
        f"i32 {variant.value}, label %as.{name}" for variant, name in zip(shape.variants[1:], names[1:], strict=True)
    )
    naps = Variant.NARROW in shape.variants
    yield "  %settled.at = getelementptr i64, ptr %settled, i64 %core"
    if naps:
        yield "  %settled.tick = load i64, ptr %settled.at"
        yield "  %slept = sub i64 %now, %settled.tick"
        yield "  %napped = icmp sgt i64 %slept, 0"
        yield f"  %is.narrow = icmp eq i32 %variant, {Variant.NARROW.value}"
        yield "  %catches.up = and i1 %napped, %is.narrow"
        yield "  br i1 %catches.up, label %late, label %caught.up"
        yield "late:"
        yield "  call void @catch_up(ptr %descriptor, i64 %slept, ptr %control)"
        yield "  br label %caught.up"
        yield "caught.up:"
    yield f"  switch i32 %variant, label %as.{names[0]} [ {cases} ]"
    arguments = "ptr %descriptor, ptr %active, ptr %fired, i64 %core, ptr %control"
    for name in names:
        yield f"as.{name}:"
        yield f"  %of.{name} = call {{ i1, i64 }} @{name}({arguments})"
        yield "  br label %computed"
    yield "computed:"
    sources = ", ".join(f"[ %of.{name}, %as.{name} ]" for name in names)
    yield f"  %result = phi {{ i1, i64 }} {sources}"
    yield "  %changed = extractvalue { i1, i64 } %result, 0"
    yield "  %events = extractvalue { i1, i64 } %result, 1"
    yield from wake(naps)
    for k in range(axon_words):
        yield f"  store i64 0, ptr %word{k}.at"
    yield "  %core.neurons = mul i64 %core, " + str(shape.neurons)
    yield "  %events.at = getelementptr i64, ptr %core_events, i64 %core"
    yield "  %events.before = load i64, ptr %events.at"
    yield "  %events.after = add i64 %events.before, %events"
    yield "  store i64 %events.after, ptr %events.at"
    yield "  %drawn = icmp ne ptr %raster, null"
    yield f"  %cores.at = getelementptr i64, ptr %control, i64 {Control.CORES.value}"
    yield "  %raster.row.cores = load i64, ptr %cores.at"
    yield "  br label %words"
    yield "words:"
    yield "  %n = phi i64 [ 0, %awake ], [ %n.next, %words.end ]"
    yield "  %before = phi i64 [ %listed, %awake ], [ %after, %words.end ]"
    yield "  %fired.at = getelementptr i32, ptr %fired, i64 %n"
    yield "  %fired.word = load i32, ptr %fired.at"
    yield "  %fired.wide = zext i32 %fired.word to i64"
    yield "  br i1 %drawn, label %draw, label %bits"
    yield "draw:"
    yield "  %raster.tick = mul i64 %tick, %raster.row.cores"
    yield "  %raster.core = add i64 %raster.tick, %core"
    yield f"  %raster.words = mul i64 %raster.core, {neuron_words}"
    yield "  %raster.word = add i64 %raster.words, %n"
    yield "  %raster.at = getelementptr i32, ptr %raster, i64 %raster.word"
    yield "  store i32 %fired.word, ptr %raster.at"
    yield "  br label %bits"
    yield "bits:"
    yield "  %left = phi i64 [ %fired.wide, %words ], [ %fired.wide, %draw ], [ %left.next, %spike ]"
    yield "  %after = phi i64 [ %before, %words ], [ %before, %draw ], [ %after.next, %spike ]"
    yield "  %none = icmp eq i64 %left, 0"
    yield "  br i1 %none, label %words.end, label %spike"
    yield "spike:"
    yield "  %bit = call i64 @llvm.cttz.i64(i64 %left, i1 true)"
    yield "  %left.less = sub i64 %left, 1"
    yield "  %left.next = and i64 %left, %left.less"
    yield "  %n.neurons = shl i64 %n, 5"
    yield "  %neuron = add i64 %n.neurons, %bit"
    yield "  %place = add i64 %core.neurons, %neuron"
    yield "  %target.at = getelementptr i32, ptr %targets, i64 %place"
    yield "  call void @llvm.prefetch.p0(ptr %target.at, i32 0, i32 3, i32 1)"
    yield "  %list.at = getelementptr i64, ptr %list, i64 %after"
    yield "  store i64 %place, ptr %list.at"
    yield "  %after.next = add i64 %after, 1"
    yield "  br label %bits"
    yield "words.end:"
    yield "  %n.next = add i64 %n, 1"
    yield f"  %more = icmp slt i64 %n.next, {neuron_words}"
    yield "  br i1 %more, label %words, label %end"
    yield "end:"
    yield "  %spikes.at = getelementptr i64, ptr %core_spikes, i64 %core"
    yield "  %spikes.before = load i64, ptr %spikes.at"
    yield "  %spikes = sub i64 %after, %listed"
    yield "  %spikes.after = add i64 %spikes.before, %spikes"
    yield "  store i64 %spikes.after, ptr %spikes.at"
    yield "  ret i64 %after"
    yield "}"


def _tick(shape: Shape) -> Iterator[str]:
    """The kernel: parts are places in an order of groups of cores; the first also brings the next tick's input in."""
    yield f"define void @{KERNEL}(ptr %operands, i64 %begin, i64 %end) {{"
    yield "entry:"
    yield f"  %list = alloca [{GROUP * shape.neurons} x i64]"
    yield "  %control = load ptr, ptr %operands"
    yield "  %tick.at = getelementptr ptr, ptr %operands, i64 1"
    yield "  %tick = load i64, ptr %tick.at"
    yield f"  %first.at = getelementptr i64, ptr %control, i64 {Control.FIRST_TICK.value}"
    yield "  %first = load i64, ptr %first.at"
    yield "  %now = add i64 %first, %tick"
    yield f"  %cores.at = getelementptr i64, ptr %control, i64 {Control.CORES.value}"
    yield "  %cores = load i64, ptr %cores.at"
    yield f"  %stride = mul i64 %cores, {shape.axons // 8}"
    yield from addresses([Control.RING, Control.INPUT_STARTS, Control.INPUTS, Control.ORDER])
    yield from slot_of(shape, "slot", "%now")
    yield "  %brings = icmp eq i64 %begin, 0"
    yield "  br i1 %brings, label %input, label %groups"
    yield "input:"
    yield "  %later = add i64 %now, 1"
    yield from slot_of(shape, "next", "%later")
    yield "  %input.at = getelementptr i64, ptr %input_starts, i64 %tick"
    yield "  %input.first = load i64, ptr %input.at"
    yield "  %input.end.at = getelementptr i64, ptr %input.at, i64 1"
    yield "  %input.end = load i64, ptr %input.end.at"
    yield "  br label %arriving"
    yield "arriving:"
    yield "  %i = phi i64 [ %input.first, %input ], [ %i.next, %arrive ]"
    yield "  %arrives = icmp slt i64 %i, %input.end"
    yield "  br i1 %arrives, label %arrive, label %groups"
    yield "arrive:"
    yield "  %arrival.input = getelementptr i64, ptr %inputs, i64 %i"
    yield "  %arrival = load i64, ptr %arrival.input"
    yield from set_bit(shape, "arrival", "%next")
    yield "  %i.next = add i64 %i, 1"
    yield "  br label %arriving"
    yield "groups:"
    yield "  call void @fetch_group(i64 %begin, i64 %end, i64 %now, i64 %cores, ptr %slot, ptr %control)"
    yield "  br label %next.group"
    yield "next.group:"
    yield "  %part = phi i64 [ %begin, %groups ], [ %part.next, %group.end ]"
    yield "  %some = icmp slt i64 %part, %end"
    yield "  br i1 %some, label %group, label %done"
    yield "group:"
    yield "  %part.next = add i64 %part, 1"
    yield "  call void @fetch_group(i64 %part.next, i64 %end, i64 %now, i64 %cores, ptr %slot, ptr %control)"
    yield from _cores_of_group("%part")
    yield "  br label %core"
    yield "core:"
    yield "  %c = phi i64 [ %core.first, %group ], [ %c.next, %core ]"
    yield "  %listed = phi i64 [ 0, %group ], [ %listed.next, %core ]"
    arguments = "i64 %c, ptr %slot, ptr %list, i64 %listed, i64 %tick, i64 %now, ptr %control"
    yield f"  %listed.next = call i64 @core({arguments})"
    yield "  %c.next = add i64 %c, 1"
    yield "  %again = icmp slt i64 %c.next, %core.end"
    yield "  br i1 %again, label %core, label %group.end"
    yield "group.end:"
    yield "  call void @deliver(ptr %list, i64 %listed.next, i64 %now, i64 %stride, ptr %ring, ptr %control)"
    yield "  br label %next.group"
    yield "done:"
    yield "  ret void"
    yield "}"
    yield "declare i64 @llvm.smin.i64(i64, i64)"


def _cores_of_group(part: str) -> Iterator[str]:
    """The cores of the group that stands at this place of the order, from the first to before the end."""
    yield f"  %order.at = getelementptr i64, ptr %order, i64 {part}"
    yield "  %group.number = load i64, ptr %order.at"
    yield f"  %core.first = mul i64 %group.number, {GROUP}"
    yield f"  %core.last = add i64 %core.first, {GROUP}"
    yield "  %core.end = call i64 @llvm.smin.i64(i64 %core.last, i64 %cores)"


def _fetch_group() -> Iterator[str]:
    """Ask memory for a group of cores, if there is one: while the group before it is computed."""
    yield "define internal void @fetch_group(i64 %part, i64 %end, i64 %now, i64 %cores, ptr %slot, ptr %control) {"
    yield "entry:"
    yield "  %some = icmp slt i64 %part, %end"
    yield "  br i1 %some, label %group, label %done"
    yield "group:"
    yield from addresses([Control.ORDER])
    yield from _cores_of_group("%part")
    yield "  br label %fetch"
    yield "fetch:"
    yield "  %f = phi i64 [ %core.first, %group ], [ %f.next, %fetch ]"
    yield "  call void @fetch(i64 %f, i64 %now, ptr %slot, ptr %control)"
    yield "  %f.next = add i64 %f, 1"
    yield "  %more = icmp slt i64 %f.next, %core.end"
    yield "  br i1 %more, label %fetch, label %done"
    yield "done:"
    yield "  ret void"
    yield "}"
