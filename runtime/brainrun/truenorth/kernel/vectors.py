"""How is a core computed at once? Its neurons' potentials as vectors, events and thresholds as masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from brainrun.truenorth.kernel.shape import (
    PARAMETER_ROWS,
    Control,
    Field,
    Flag,
    Mask,
    Shape,
    Variant,
    addresses,
    field_index,
)
from brainrun.truenorth.lfsr import PERIOD
from brainrun.truenorth.limits import GREATEST_POTENTIAL, LEAST_POTENTIAL

_REGISTER_BITS = 512


def vectors(shape: Shape, variant: Variant) -> Iterator[str]:
    """The function that computes one core in this way.

    It writes the fired bits, and returns whether the core must be computed in the next tick, too, and its synaptic
    events.
    """
    writer = _Writer(shape, variant)
    yield from writer.begin()
    yield from writer.load_panel()
    yield from writer.integrate()
    yield "leaks:"
    for c in writer.chunks:
        yield from writer.settle(c)
    yield from writer.end()


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the function's parts; `c` numbers the vectors of a panel of neurons."""

    shape: Shape
    variant: Variant

    @property
    def wide(self) -> bool:
        """Whether potentials have 32 bits."""
        return self.variant is Variant.WIDE

    @property
    def random(self) -> bool:
        """Whether thresholds may be random."""
        return self.variant is not Variant.NARROW

    @property
    def bits(self) -> int:
        """Bits of a potential."""
        return 32 if self.wide else 16

    @property
    def lanes(self) -> int:
        """Neurons in a vector."""
        return _REGISTER_BITS // self.bits

    @property
    def vector(self) -> str:
        """The type of a vector of potentials."""
        return f"<{self.lanes} x i{self.bits}>"

    @property
    def mask(self) -> str:
        """The type of a vector of truths."""
        return f"<{self.lanes} x i1>"

    @property
    def word(self) -> str:
        """The type of a vector of truths as a number."""
        return f"i{self.lanes}"

    @property
    def chunks(self) -> range:
        """The vectors of a panel."""
        return range(self.shape.panel // self.lanes)

    @property
    def stride(self) -> int:
        """Bytes of a row of parameters."""
        return self.shape.neurons * self.bits // 8

    def begin(self) -> Iterator[str]:
        """Where the core's rows, masks and tables lie."""
        parameters = "ptr %descriptor, ptr %active, ptr %fired, i64 %core, ptr %control"
        yield f"define internal {{ i1, i64 }} @{self.variant.name.lower()}({parameters}) {{"
        yield "entry:"
        rows = Control.ROWS_32 if self.wide else Control.ROWS_16
        potentials = Control.POTENTIALS_32 if self.wide else Control.POTENTIALS_16
        yield from addresses([rows, potentials, Control.MASKS, Control.CROSSBARS, Control.TYPES])
        if self.random:
            yield from addresses([Control.PLACES, Control.SEQUENCE])
        row_fields = (*PARAMETER_ROWS, Field.THRESHOLD_MASK) if self.random else PARAMETER_ROWS
        for field in (*row_fields, Field.POTENTIAL, Field.MASKS, Field.CROSSBAR, Field.TYPES):
            yield from field_index(field)
        for field in row_fields:
            low = field.name.lower()
            yield f"  %{low}.offset = mul i64 %{low}.index, {self.stride}"
            yield f"  %{low}.row = getelementptr i8, ptr %{rows.name.lower()}, i64 %{low}.offset"
        yield f"  %potential.offset = mul i64 %potential.index, {self.stride}"
        yield f"  %potential.row = getelementptr i8, ptr %{potentials.name.lower()}, i64 %potential.offset"
        yield f"  %masks.offset = mul i64 %masks.index, {self.shape.neurons // 8}"
        yield "  %masks.row = getelementptr i8, ptr %masks, i64 %masks.offset"
        yield f"  %crossbar.offset = mul i64 %crossbar.index, {self.shape.axons * self.shape.neurons // 8}"
        yield "  %crossbar.rows = getelementptr i8, ptr %crossbars, i64 %crossbar.offset"
        yield f"  %types.offset = mul i64 %types.index, {self.shape.axons}"
        yield "  %types.row = getelementptr i8, ptr %types, i64 %types.offset"
        if self.random:
            yield from field_index(Field.FLAGS)
            yield f"  %draws.bit = and i64 %flags.index, {Flag.DRAWS_THRESHOLD.value}"
            yield "  %draws = icmp ne i64 %draws.bit, 0"
            yield "  %place.at = getelementptr i32, ptr %places, i64 %core"
            yield "  %place = load i32, ptr %place.at"
            yield "  %place.wide = zext i32 %place to i64"
            yield "  %numbers = getelementptr i16, ptr %sequence, i64 %place.wide"
        yield "  br label %panel"

    def load_panel(self) -> Iterator[str]:
        """The beginning of the loop over panels of neurons: their potentials."""
        yield "panel:"
        yield "  %first = phi i64 [ 0, %entry ], [ %first.next, %panel.end ]"
        yield "  %changed.before = phi i1 [ false, %entry ], [ %changed, %panel.end ]"
        yield "  %events.before = phi i64 [ 0, %entry ], [ %events.all, %panel.end ]"
        yield f"  %first.bytes = mul i64 %first, {self.bits // 8}"
        yield "  %first.mask = lshr i64 %first, 3"
        yield "  %potential.panel = getelementptr i8, ptr %potential.row, i64 %first.bytes"
        yield "  %weights.panel = getelementptr i8, ptr %weights.row, i64 %first.bytes"
        yield "  %crossbar.panel = getelementptr i8, ptr %crossbar.rows, i64 %first.mask"
        for c in self.chunks:
            yield f"  %old{c}.at = getelementptr {self.vector}, ptr %potential.panel, i64 {c}"
            yield f"  %old{c} = load {self.vector}, ptr %old{c}.at, align 64"
        yield "  %word.first = load i64, ptr %active"
        yield "  br label %head"

    def integrate(self) -> Iterator[str]:
        """The loop over active axons, a word of 64 at a time, with the potentials in registers."""
        yield "head:"
        yield "  %k = phi i64 [ 0, %panel ], [ %k, %event ], [ %k.next, %load ]"
        yield "  %left = phi i64 [ %word.first, %panel ], [ %left.next, %event ], [ %word.next, %load ]"
        yield "  %events = phi i64 [ 0, %panel ], [ %events.next, %event ], [ %events, %load ]"
        for c in self.chunks:
            yield f"  %v{c} = phi {self.vector} [ %old{c}, %panel ], [ %w{c}, %event ], [ %v{c}, %load ]"
        yield "  %none = icmp eq i64 %left, 0"
        yield "  br i1 %none, label %advance, label %event"
        yield "advance:"
        yield "  %k.next = add i64 %k, 1"
        yield f"  %over = icmp eq i64 %k.next, {self.shape.axons // 64}"
        yield "  br i1 %over, label %leaks, label %load"
        yield "load:"
        yield "  %word.at = getelementptr i64, ptr %active, i64 %k.next"
        yield "  %word.next = load i64, ptr %word.at"
        yield "  br label %head"
        yield "event:"
        yield "  %bit = call i64 @llvm.cttz.i64(i64 %left, i1 true)"
        yield "  %k.axons = shl i64 %k, 6"
        yield "  %axon = add i64 %k.axons, %bit"
        yield "  %left.less = sub i64 %left, 1"
        yield "  %left.next = and i64 %left, %left.less"
        yield f"  %synapses.offset = mul i64 %axon, {self.shape.neurons // 8}"
        yield "  %synapses = getelementptr i8, ptr %crossbar.panel, i64 %synapses.offset"
        yield "  %type.at = getelementptr i8, ptr %types.row, i64 %axon"
        yield "  %type = load i8, ptr %type.at"
        yield "  %type.wide = zext i8 %type to i64"
        yield f"  %weights.typed = mul i64 %type.wide, {self.stride}"
        yield "  %weights.type = getelementptr i8, ptr %weights.panel, i64 %weights.typed"
        count = "%events"
        counted = min(64, self.shape.panel)
        for n in range(self.shape.panel // counted):
            yield f"  %synapses{n}.at = getelementptr i{counted}, ptr %synapses, i64 {n}"
            yield f"  %synapses{n} = load i{counted}, ptr %synapses{n}.at, align 4"
            source = f"%synapses{n}"
            if counted < 64:
                yield f"  %synapses{n}.wide = zext i{counted} %synapses{n} to i64"
                source += ".wide"
            yield f"  %reached{n} = call i64 @llvm.ctpop.i64(i64 {source})"
            last = n == self.shape.panel // counted - 1
            total = "%events.next" if last else f"%events{n}"
            yield f"  {total} = add i64 {count}, %reached{n}"
            count = total
        for c in self.chunks:
            yield f"  %bits{c}.at = getelementptr {self.word}, ptr %synapses, i64 {c}"
            yield f"  %bits{c} = load {self.word}, ptr %bits{c}.at, align 2"
            yield f"  %mask{c} = bitcast {self.word} %bits{c} to {self.mask}"
            yield f"  %weights{c}.at = getelementptr {self.vector}, ptr %weights.type, i64 {c}"
            yield f"  %weights{c} = load {self.vector}, ptr %weights{c}.at, align 64"
            yield f"  %sum{c} = add {self.vector} %v{c}, %weights{c}"
            yield f"  %w{c} = select {self.mask} %mask{c}, {self.vector} %sum{c}, {self.vector} %v{c}"
        yield "  br label %head"

    def settle(self, c: int) -> Iterator[str]:
        """Leak, threshold and reset of one vector of neurons."""
        yield from self._row(Field.LEAK, c)
        value, leak = f"%v{c}", f"%leak{c}"
        if self.wide and self.shape.saturates:
            yield from self._clamped(f"%held{c}", value)
            value = f"%held{c}"
        if self.wide:
            yield from self._mask(Mask.REVERSAL, c)
            yield f"  %positive{c} = icmp sgt {self.vector} {value}, zeroinitializer"
            yield f"  %negative{c} = icmp slt {self.vector} {value}, zeroinitializer"
            yield f"  %against{c} = sub {self.vector} zeroinitializer, {leak}"
            down = f"{self.vector} %against{c}, {self.vector} zeroinitializer"
            yield f"  %downward{c} = select {self.mask} %negative{c}, {down}"
            yield f"  %signed{c} = select {self.mask} %positive{c}, {self.vector} {leak}, {self.vector} %downward{c}"
            yield f"  %leaking{c} = select {self.mask} %reversal{c}, {self.vector} %signed{c}, {self.vector} {leak}"
            leak = f"%leaking{c}"
        yield f"  %leaked{c} = add {self.vector} {value}, {leak}"
        value = f"%leaked{c}"
        if self.wide and self.shape.saturates:
            yield from self._clamped(f"%full{c}", value)
            value = f"%full{c}"
        for field in (Field.THRESHOLD, Field.FLOOR, Field.FIRED_ADDS, Field.FLOORED_ADDS):
            yield from self._row(field, c)
        for which in (Mask.FIRED_KEEPS, Mask.FLOORED_KEEPS):
            yield from self._mask(which, c)
        threshold, floor = f"%threshold{c}", f"%floor{c}"
        fired_adds, floored_adds = f"%fired_adds{c}", f"%floored_adds{c}"
        if self.random:
            yield from self._row(Field.THRESHOLD_MASK, c)
            yield f"  %numbers{c}.panel = getelementptr i16, ptr %numbers, i64 %first"
            yield f"  %numbers{c}.at = getelementptr <{self.lanes} x i16>, ptr %numbers{c}.panel, i64 {c}"
            yield f"  %numbers{c} = load <{self.lanes} x i16>, ptr %numbers{c}.at, align 2"
            drawn = f"%numbers{c}"
            if self.wide:
                yield f"  %drawn{c} = zext <{self.lanes} x i16> %numbers{c} to {self.vector}"
                drawn = f"%drawn{c}"
            yield f"  %random{c} = and {self.vector} {drawn}, %threshold_mask{c}"
            yield f"  %threshold.random{c} = add {self.vector} {threshold}, %random{c}"
            threshold = f"%threshold.random{c}"
            for which, sign, target in (
                (Mask.FLOOR_MOVES, "sub", "floor"),
                (Mask.FIRED_MOVES, "sub", "fired_adds"),
                (Mask.FLOORED_MOVES, "add", "floored_adds"),
            ):
                low = which.name.lower()
                yield from self._mask(which, c)
                moved = f"{self.vector} %random{c}, {self.vector} zeroinitializer"
                yield f"  %{low}.random{c} = select {self.mask} %{low}{c}, {moved}"
                yield f"  %{target}.random{c} = {sign} {self.vector} %{target}{c}, %{low}.random{c}"
            floor, fired_adds, floored_adds = (
                f"%floor.random{c}",
                f"%fired_adds.random{c}",
                f"%floored_adds.random{c}",
            )
        yield f"  %fires{c} = icmp sge {self.vector} {value}, {threshold}"
        yield f"  %falls{c} = icmp slt {self.vector} {value}, {floor}"
        for way, adds in (("fired", fired_adds), ("floored", floored_adds)):
            kept = f"{self.vector} {value}, {self.vector} zeroinitializer"
            yield f"  %{way}.kept{c} = select {self.mask} %{way}_keeps{c}, {kept}"
            yield f"  %{way}.value{c} = add {self.vector} %{way}.kept{c}, {adds}"
        yield f"  %below{c} = select {self.mask} %falls{c}, {self.vector} %floored.value{c}, {self.vector} {value}"
        yield f"  %new{c} = select {self.mask} %fires{c}, {self.vector} %fired.value{c}, {self.vector} %below{c}"
        value = f"%new{c}"
        yield f"  %differ{c} = icmp ne {self.vector} {value}, %old{c}"
        yield f"  %either{c} = or {self.mask} %differ{c}, %fires{c}"
        yield f"  %moved{c} = bitcast {self.mask} %either{c} to {self.word}"
        yield f"  store {self.vector} {value}, ptr %old{c}.at, align 64"
        yield f"  %fires{c}.bits = bitcast {self.mask} %fires{c} to {self.word}"
        yield f"  %fired{c}.panel = getelementptr i8, ptr %fired, i64 %first.mask"
        yield f"  %fired{c}.at = getelementptr {self.word}, ptr %fired{c}.panel, i64 {c}"
        yield f"  store {self.word} %fires{c}.bits, ptr %fired{c}.at, align 2"

    def end(self) -> Iterator[str]:
        """The end of the loop over panels; what was drawn, and the results."""
        differs = "0"
        for c in self.chunks:
            yield f"  %differs{c} = or {self.word} {differs}, %moved{c}"
            differs = f"%differs{c}"
        yield f"  %changed.here = icmp ne {self.word} {differs}, 0"
        yield "  %changed = or i1 %changed.before, %changed.here"
        yield "  %events.all = add i64 %events.before, %events"
        yield "  br label %panel.end"
        yield "panel.end:"
        yield f"  %first.next = add i64 %first, {self.shape.panel}"
        yield f"  %done = icmp eq i64 %first.next, {self.shape.neurons}"
        yield "  br i1 %done, label %end, label %panel"
        yield "end:"
        awake = "%changed"
        if self.random:
            yield f"  %place.moved = add i32 %place, {self.shape.neurons}"
            yield f"  %place.wraps = icmp uge i32 %place.moved, {PERIOD}"
            yield f"  %place.wrapped = sub i32 %place.moved, {PERIOD}"
            yield "  %place.drawn = select i1 %place.wraps, i32 %place.wrapped, i32 %place.moved"
            yield "  %place.next = select i1 %draws, i32 %place.drawn, i32 %place"
            yield "  store i32 %place.next, ptr %place.at"
            yield "  %awake = or i1 %changed, %draws"
            awake = "%awake"
        yield f"  %result.changed = insertvalue {{ i1, i64 }} undef, i1 {awake}, 0"
        yield "  %result = insertvalue { i1, i64 } %result.changed, i64 %events.all, 1"
        yield "  ret { i1, i64 } %result"
        yield "}"
        if self.wide and self.shape.saturates:
            yield f"declare {self.vector} @llvm.smax.v{self.lanes}i{self.bits}({self.vector}, {self.vector})"
            yield f"declare {self.vector} @llvm.smin.v{self.lanes}i{self.bits}({self.vector}, {self.vector})"

    def _clamped(self, name: str, source: str) -> Iterator[str]:
        """The value within 20 bits."""
        kind = f"v{self.lanes}i{self.bits}"
        low, high = (f"splat (i{self.bits} {bound})" for bound in (LEAST_POTENTIAL, GREATEST_POTENTIAL))
        yield f"  {name}.low = call {self.vector} @llvm.smax.{kind}({self.vector} {source}, {self.vector} {low})"
        yield f"  {name} = call {self.vector} @llvm.smin.{kind}({self.vector} {name}.low, {self.vector} {high})"

    def _row(self, field: Field, c: int) -> Iterator[str]:
        """The parameters of vector c."""
        low = field.name.lower()
        yield f"  %{low}{c}.start = getelementptr i8, ptr %{low}.row, i64 %first.bytes"
        yield f"  %{low}{c}.at = getelementptr {self.vector}, ptr %{low}{c}.start, i64 {c}"
        yield f"  %{low}{c} = load {self.vector}, ptr %{low}{c}.at, align 64"

    def _mask(self, which: Mask, c: int) -> Iterator[str]:
        """The truths of vector c."""
        low = which.name.lower()
        offset = which.value * self.shape.neurons // 8
        yield f"  %{low}{c}.start = getelementptr i8, ptr %masks.row, i64 {offset}"
        yield f"  %{low}{c}.panel = getelementptr i8, ptr %{low}{c}.start, i64 %first.mask"
        yield f"  %{low}{c}.at = getelementptr {self.word}, ptr %{low}{c}.panel, i64 {c}"
        yield f"  %{low}{c}.bits = load {self.word}, ptr %{low}{c}.at, align 2"
        yield f"  %{low}{c} = bitcast {self.word} %{low}{c}.bits to {self.mask}"
