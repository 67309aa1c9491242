"""How do spikes travel? Into bits of the ring's later slots, and out; and memory is asked ahead for what they touch."""

from __future__ import annotations

from collections.abc import Iterator

from brainrun.truenorth.kernel.shape import (
    PEER_WORDS,
    REMOTE_MEMBER,
    REMOTE_NUMBER,
    Control,
    Field,
    Shape,
    addresses,
    field_index,
)

TAKE = "truenorth_take"


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
    """Ask memory for what a core is about to read: the rows of its crossbar that spikes come to.

    By loads whose values nobody wants, since a prefetch may be dropped where the address's page is not in the TLB, and
    crossbars are too large for that.
    """
    yield "define internal void @fetch(i64 %core, i64 %now, ptr %slot, ptr %control) {"
    yield "entry:"
    yield f"  %active.offset = mul i64 %core, {shape.axons // 8}"
    yield "  %active = getelementptr i8, ptr %slot, i64 %active.offset"
    yield from addresses([Control.WAKES])
    yield "  %wake.at = getelementptr i64, ptr %wakes, i64 %core"
    yield "  %wake = load i64, ptr %wake.at"
    yield "  %due = icmp sge i64 %now, %wake"
    yield "  %due.wide = zext i1 %due to i64"
    some = "%due.wide"
    for k in range(shape.axons // 64):
        yield f"  %word{k}.at = getelementptr i64, ptr %active, i64 {k}"
        yield f"  %word{k} = load i64, ptr %word{k}.at"
        yield f"  %some{k} = or i64 {some}, %word{k}"
        some = f"%some{k}"
    yield f"  %asleep = icmp eq i64 {some}, 0"
    yield "  br i1 %asleep, label %end, label %busy"
    yield "busy:"
    yield from addresses([Control.DESCRIPTORS, Control.CROSSBARS])
    yield f"  %descriptor.offset = mul i64 %core, {Field.WORDS.value * 4}"
    yield "  %descriptor = getelementptr i8, ptr %descriptors, i64 %descriptor.offset"
    yield from field_index(Field.CROSSBAR)
    yield f"  %crossbar.offset = mul i64 %crossbar.index, {shape.axons * shape.neurons // 8}"
    yield "  %crossbar.rows = getelementptr i8, ptr %crossbars, i64 %crossbar.offset"
    for k in range(shape.axons // 64):
        before = f"after{k - 1}" if k else "busy"
        yield f"  br label %words{k}"
        yield f"words{k}:"
        yield f"  %left{k} = phi i64 [ %word{k}, %{before} ], [ %left{k}.next, %row{k} ]"
        yield f"  %none{k} = icmp eq i64 %left{k}, 0"
        yield f"  br i1 %none{k}, label %after{k}, label %row{k}"
        yield f"row{k}:"
        yield f"  %bit{k} = call i64 @llvm.cttz.i64(i64 %left{k}, i1 true)"
        yield f"  %axon{k} = add i64 {64 * k}, %bit{k}"
        yield f"  %left{k}.less = sub i64 %left{k}, 1"
        yield f"  %left{k}.next = and i64 %left{k}, %left{k}.less"
        yield f"  %row{k}.offset = mul i64 %axon{k}, {shape.neurons // 8}"
        yield f"  %row{k}.at = getelementptr i8, ptr %crossbar.rows, i64 %row{k}.offset"
        yield f"  %row{k}.touched = load volatile i8, ptr %row{k}.at"
        yield f"  br label %words{k}"
        yield f"after{k}:"
    yield "  br label %end"
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
    yield from addresses([Control.TARGETS, Control.DEPARTURES, Control.AWAY, Control.PEERS])
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
    yield "  %target.at = getelementptr i32, ptr %targets, i64 %place"
    yield "  %target.word = load i32, ptr %target.at"
    yield "  %target = zext i32 %target.word to i64"
    yield f"  %delay = and i64 %target, {shape.elsewhere}"
    yield f"  %number = lshr i64 %target, {shape.delay_bits}"
    yield "  %delay.less = sub i64 %delay, 1"
    yield f"  %inside = icmp ult i64 %delay.less, {shape.elsewhere - 1}"
    yield "  br i1 %inside, label %sent, label %special"
    yield "special:"
    yield "  %leaves = icmp eq i64 %delay, 0"
    yield "  br i1 %leaves, label %out, label %elsewhere"
    yield "elsewhere:"
    if shape.posts:
        yield "  %nowhere = icmp eq i32 %target.word, -1"
        yield "  br i1 %nowhere, label %looked, label %posted"
        yield from _post(shape)
    yield "  br label %looked"
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
    posted = ", [ %kept, %posted ]" if shape.posts else ""
    yield f"  %kept.next = phi i64 [ %kept.more, %sent ], [ %kept, %elsewhere ], [ %kept, %out ]{posted}"
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


def _post(shape: Shape) -> Iterator[str]:
    """Put a spike into the outbox of the rank that it is for, as the bit of that rank's ring that it sets."""
    yield "posted:"
    yield "  %away.at = getelementptr i64, ptr %away, i64 %number"
    yield "  %away.word = load i64, ptr %away.at"
    yield f"  %away.delay = and i64 %away.word, {2**REMOTE_MEMBER - 1}"
    yield f"  %away.shifted = lshr i64 %away.word, {REMOTE_MEMBER}"
    yield f"  %away.member = and i64 %away.shifted, {2 ** (REMOTE_NUMBER - REMOTE_MEMBER) - 1}"
    yield f"  %away.number = lshr i64 %away.word, {REMOTE_NUMBER}"
    yield f"  %peer.at = getelementptr [{PEER_WORDS} x i64], ptr %peers, i64 %away.member"
    yield "  %slot.size = load i64, ptr %peer.at"
    yield "  %outbox.at = getelementptr i64, ptr %peer.at, i64 1"
    yield "  %outbox = load ptr, ptr %outbox.at"
    yield "  %posts.at = getelementptr i64, ptr %peer.at, i64 2"
    if shape.shared:
        yield "  %posts = atomicrmw add ptr %posts.at, i64 1 monotonic"
    else:
        yield "  %posts = load i64, ptr %posts.at"
        yield "  %posts.next = add i64 %posts, 1"
        yield "  store i64 %posts.next, ptr %posts.at"
    yield "  %there = add i64 %now, %away.delay"
    yield f"  %there.slot = urem i64 %there, {shape.slots}"
    yield "  %there.bits = mul i64 %there.slot, %slot.size"
    yield "  %there.bit = add i64 %there.bits, %away.number"
    yield "  %there.low = trunc i64 %there.bit to i32"
    yield "  %letter.at = getelementptr i32, ptr %outbox, i64 %posts"
    yield "  store i32 %there.low, ptr %letter.at"


def take_source(shape: Shape) -> str:
    """The LLVM IR of a module with the function `truenorth_take`, which sets the bits that other ranks sent.

    Operands: 0 the table `Control`, 1 the inboxes, for each its address and how many bits came. Parts are inboxes.
    """
    return "\n".join(_take(shape)) + "\n"


def _take(shape: Shape) -> Iterator[str]:
    yield f"define void @{TAKE}(ptr %operands, i64 %begin, i64 %end) {{"
    yield "entry:"
    yield "  %control = load ptr, ptr %operands"
    yield "  %boxes.at = getelementptr ptr, ptr %operands, i64 1"
    yield "  %boxes = load ptr, ptr %boxes.at"
    yield from addresses([Control.RING])
    yield "  br label %next"
    yield "next:"
    yield "  %b = phi i64 [ %begin, %entry ], [ %b.next, %opened ]"
    yield "  %more = icmp slt i64 %b, %end"
    yield "  br i1 %more, label %box, label %done"
    yield "box:"
    yield "  %b.next = add i64 %b, 1"
    yield "  %box.at = getelementptr [2 x i64], ptr %boxes, i64 %b"
    yield "  %letters = load ptr, ptr %box.at"
    yield "  %count.at = getelementptr i64, ptr %box.at, i64 1"
    yield "  %count = load i64, ptr %count.at"
    yield "  br label %opened"
    yield "opened:"
    yield "  %n = phi i64 [ 0, %box ], [ %n.next, %letter ]"
    yield "  %some = icmp slt i64 %n, %count"
    yield "  br i1 %some, label %letter, label %next"
    yield "letter:"
    yield "  %letter.at = getelementptr i32, ptr %letters, i64 %n"
    yield "  %letter.word = load i32, ptr %letter.at"
    yield "  %bit = zext i32 %letter.word to i64"
    yield from set_bit(shape, "bit", "%ring")
    yield "  %n.next = add i64 %n, 1"
    yield "  br label %opened"
    yield "done:"
    yield "  ret void"
    yield "}"
