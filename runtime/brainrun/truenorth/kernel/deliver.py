"""How do spikes travel? Into bits of the ring's later slots, and out; and memory is asked ahead for what they touch."""

from __future__ import annotations

from collections.abc import Iterator

from brainrun.truenorth.kernel.shape import NOT_DELIVERED, Control, Field, Shape, addresses, field_index


def set_bit(shape: Shape, number: str, ring: str) -> Iterator[str]:
    """Set bit `number` of the ring's slot at `ring`: several threads may do so at once."""
    yield f"  %{number}.word = lshr i64 %{number}, 5"
    yield f"  %{number}.ring = getelementptr i32, ptr {ring}, i64 %{number}.word"
    yield f"  %{number}.low = trunc i64 %{number} to i32"
    yield f"  %{number}.bit = and i32 %{number}.low, 31"
    yield f"  %{number}.one = shl i32 1, %{number}.bit"
    if shape.shared:
        yield f"  %{number}.old = atomicrmw or ptr %{number}.ring, i32 %{number}.one monotonic"
    else:
        yield f"  %{number}.old = load i32, ptr %{number}.ring"
        yield f"  %{number}.new = or i32 %{number}.old, %{number}.one"
        yield f"  store i32 %{number}.new, ptr %{number}.ring"


def slot_of(shape: Shape, name: str, tick: str) -> Iterator[str]:
    """The address of the ring's slot for a tick."""
    yield f"  %{name}.number = urem i64 {tick}, {shape.slots}"
    yield f"  %{name}.offset = mul i64 %{name}.number, %stride"
    yield f"  %{name} = getelementptr i8, ptr %ring, i64 %{name}.offset"


def fetch(shape: Shape) -> Iterator[str]:
    """Ask memory for the rows of the crossbar that a core is about to read."""
    yield "define internal void @fetch(i64 %core, ptr %slot, ptr %control) {"
    yield "entry:"
    yield from addresses([Control.DESCRIPTORS, Control.CROSSBARS])
    yield f"  %descriptor.offset = mul i64 %core, {Field.WORDS.value * 4}"
    yield "  %descriptor = getelementptr i8, ptr %descriptors, i64 %descriptor.offset"
    yield from field_index(Field.CROSSBAR)
    yield f"  %crossbar.offset = mul i64 %crossbar.index, {shape.axons * shape.neurons // 8}"
    yield "  %crossbar.rows = getelementptr i8, ptr %crossbars, i64 %crossbar.offset"
    yield f"  %active.offset = mul i64 %core, {shape.axons // 8}"
    yield "  %active = getelementptr i8, ptr %slot, i64 %active.offset"
    yield "  br label %words"
    yield "words:"
    yield "  %k = phi i64 [ 0, %entry ], [ %k.next, %words.end ]"
    yield "  %word.at = getelementptr i64, ptr %active, i64 %k"
    yield "  %word = load i64, ptr %word.at"
    yield "  br label %bits"
    yield "bits:"
    yield "  %left = phi i64 [ %word, %words ], [ %left.next, %row ]"
    yield "  %none = icmp eq i64 %left, 0"
    yield "  br i1 %none, label %words.end, label %row"
    yield "row:"
    yield "  %bit = call i64 @llvm.cttz.i64(i64 %left, i1 true)"
    yield "  %k.axons = shl i64 %k, 6"
    yield "  %axon = add i64 %k.axons, %bit"
    yield "  %left.less = sub i64 %left, 1"
    yield "  %left.next = and i64 %left, %left.less"
    yield f"  %row.offset = mul i64 %axon, {shape.neurons // 8}"
    yield "  %row.at = getelementptr i8, ptr %crossbar.rows, i64 %row.offset"
    yield "  call void @llvm.prefetch.p0(ptr %row.at, i32 0, i32 3, i32 1)"
    yield "  br label %bits"
    yield "words.end:"
    yield "  %k.next = add i64 %k, 1"
    yield f"  %more = icmp slt i64 %k.next, {shape.axons // 64}"
    yield "  br i1 %more, label %words, label %end"
    yield "end:"
    yield "  ret void"
    yield "}"
    yield "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"


def deliver(shape: Shape) -> Iterator[str]:
    """Send the spikes of a group of cores where they go: to axons' bits in later slots of the ring, or out.

    Targets were asked for when the spikes were listed; the ring is asked for here, for all spikes before the first bit
    is set. A spike's entry in the list is its neuron first, and then its bit among all of the ring.
    """
    yield "define internal void @deliver(ptr %list, i64 %count, i64 %now, i64 %stride, ptr %ring, ptr %control) {"
    yield "entry:"
    yield from addresses([Control.TARGETS, Control.DEPARTURES])
    yield "  br label %look"
    yield "look:"
    yield "  %n = phi i64 [ 0, %entry ], [ %n.next, %looked ]"
    yield "  %kept = phi i64 [ 0, %entry ], [ %kept.next, %looked ]"
    yield "  %some = icmp slt i64 %n, %count"
    yield "  br i1 %some, label %one, label %set"
    yield "one:"
    yield "  %n.next = add i64 %n, 1"
    yield "  %place.at = getelementptr i64, ptr %list, i64 %n"
    yield "  %place = load i64, ptr %place.at"
    yield "  %target.at = getelementptr i64, ptr %targets, i64 %place"
    yield "  %target = load i64, ptr %target.at"
    yield "  %delay = and i64 %target, 255"
    yield "  %number = lshr i64 %target, 8"
    yield "  %leaves = icmp eq i64 %delay, 0"
    yield "  br i1 %leaves, label %out, label %inside"
    yield "inside:"
    yield f"  %nowhere = icmp eq i64 %target, {NOT_DELIVERED - 2**64}"
    yield "  br i1 %nowhere, label %looked, label %sent"
    yield "sent:"
    yield "  %arrival = add i64 %now, %delay"
    yield f"  %arrival.slot = urem i64 %arrival, {shape.slots}"
    yield "  %slot.offset = mul i64 %arrival.slot, %stride"
    yield "  %slot.bits = shl i64 %slot.offset, 3"
    yield "  %bit = add i64 %slot.bits, %number"
    yield "  %word = lshr i64 %bit, 5"
    yield "  %word.at = getelementptr i32, ptr %ring, i64 %word"
    yield "  call void @llvm.prefetch.p0(ptr %word.at, i32 1, i32 3, i32 1)"
    yield "  %kept.at = getelementptr i64, ptr %list, i64 %kept"
    yield "  store i64 %bit, ptr %kept.at"
    yield "  %kept.more = add i64 %kept, 1"
    yield "  br label %looked"
    yield "out:"
    yield f"  %departed.at = getelementptr i64, ptr %control, i64 {Control.DEPARTED.value}"
    if shape.shared:
        yield "  %departed = atomicrmw add ptr %departed.at, i64 1 monotonic"
    else:
        yield "  %departed = load i64, ptr %departed.at"
        yield "  %departed.next = add i64 %departed, 1"
        yield "  store i64 %departed.next, ptr %departed.at"
    yield "  %record.tick.at = getelementptr [2 x i64], ptr %departures, i64 %departed"
    yield "  store i64 %now, ptr %record.tick.at"
    yield "  %record.pin.at = getelementptr i64, ptr %record.tick.at, i64 1"
    yield "  store i64 %number, ptr %record.pin.at"
    yield "  br label %looked"
    yield "looked:"
    yield "  %kept.next = phi i64 [ %kept.more, %sent ], [ %kept, %inside ], [ %kept, %out ]"
    yield "  br label %look"
    yield "set:"
    yield "  %m = phi i64 [ 0, %look ], [ %m.next, %mark ]"
    yield "  %more = icmp slt i64 %m, %kept"
    yield "  br i1 %more, label %mark, label %done"
    yield "mark:"
    yield "  %mark.at = getelementptr i64, ptr %list, i64 %m"
    yield "  %destined = load i64, ptr %mark.at"
    yield from set_bit(shape, "destined", "%ring")
    yield "  %m.next = add i64 %m, 1"
    yield "  br label %set"
    yield "done:"
    yield "  ret void"
    yield "}"
