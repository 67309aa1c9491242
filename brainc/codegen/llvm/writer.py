"""How is the body of a kernel written as LLVM IR, with loops that read as loops?

A value is a string: the name of an SSA value (`%sum.12`) or a literal. Only the float32 and i64 instructions that the
kernels need are here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

LANES = 16
"""Samples (or inputs) side by side in the innermost axis of every blocked storage, and floats in a vector value."""

VECTOR = f"<{LANES} x float>"
MASK = f"<{LANES} x i1>"
VECTOR_BYTES = 4 * LANES


def vector_of(number: float) -> str:
    """The literal of a vector whose lanes all hold `number`, rounded to float32."""
    return "zeroinitializer" if number == 0.0 else f"splat (float {float_literal(number)})"


def float_literal(number: float) -> str:
    """The exact literal of a float32: LLVM spells it as the bits of the equal double."""
    rounded = struct.unpack("<f", struct.pack("<f", number))[0]
    return "0x" + struct.pack(">d", rounded).hex().upper()


def first_lanes(count: int) -> str:
    """The literal mask whose first `count` lanes are true."""
    return "<" + ", ".join(f"i1 {'true' if lane < count else 'false'}" for lane in range(LANES)) + ">"


@dataclass(slots=True)
class Loop:
    """A counted loop under construction: inside it `values` hold at the start of a round, after it at the end."""

    index: str
    values: list[str]
    following: list[str] = field(default_factory=list)

    def next(self, values: Sequence[str]) -> None:
        """Say what the carried values are in the next round."""
        self.following = list(values)


@dataclass(frozen=True, slots=True)
class Variable:
    """A number that changes as the function runs."""

    writer: Writer
    place: str
    hint: str
    kind: str

    def get(self) -> str:
        """What it is now."""
        return self.writer.value(self.hint, f"load {self.kind}, ptr {self.place}")

    def set(self, value: str | int) -> None:
        """From here on it is this."""
        self.writer.statement(f"store {self.kind} {value}, ptr {self.place}")

    def add(self, amount: str | int) -> None:
        """An integer grows by so much."""
        self.set(self.writer.value(self.hint, f"add {self.kind} {self.get()}, {amount}"))


@dataclass(slots=True)
class Writer:
    """The lines of one function; it has state, and one kernel's text is written with one writer."""

    lines: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    globals: list[str] = field(default_factory=list)
    declarations: dict[str, None] = field(default_factory=dict)
    block: str = "entry"
    count: int = 0
    hints: int = 0

    def fresh(self, hint: str) -> str:
        """A name without its sigil that nothing else in the function has."""
        self.count += 1
        return f"{hint}.{self.count}"

    def value(self, hint: str, instruction: str) -> str:
        """The result of an instruction, under a name that begins with `hint`."""
        self.count += 1
        name = f"%{hint}.{self.count}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def statement(self, instruction: str) -> None:
        """An instruction without a result."""
        self.lines.append(f"  {instruction}")

    def comment(self, words: str) -> None:
        """A remark for the reader of the text."""
        self.lines.append(f"  ; {words}")

    # Addresses and integers ------------------------------------------------------------------------------------------

    def integer(self, hint: str, operation: str, left: str | int, right: str | int) -> str:
        """`left operation right` for i64."""
        return self.value(hint, f"{operation} i64 {left}, {right}")

    def affine(self, hint: str, *terms: tuple[str | int, int], constant: int = 0) -> str:
        """`Σ value · factor + constant`, an i64."""
        total: str | None = None
        for value, factor in terms:
            if factor == 0 or value == 0:
                continue
            if isinstance(value, int):
                constant += value * factor
                continue
            product = value if factor == 1 else self.integer(hint, "mul nsw", value, factor)
            total = product if total is None else self.integer(hint, "add nsw", total, product)
        if total is None:
            return str(constant)
        return total if constant == 0 else self.integer(hint, "add nsw", total, constant)

    def least(self, hint: str, left: str | int, right: str | int) -> str:
        """The smaller of two i64."""
        self.declare("i64 @llvm.smin.i64(i64, i64)")
        return self.value(hint, f"call i64 @llvm.smin.i64(i64 {left}, i64 {right})")

    def greatest(self, hint: str, left: str | int, right: str | int) -> str:
        """The larger of two i64."""
        self.declare("i64 @llvm.smax.i64(i64, i64)")
        return self.value(hint, f"call i64 @llvm.smax.i64(i64 {left}, i64 {right})")

    def at(self, pointer: str, offset: str | int) -> str:
        """The address of float number `offset` from the pointer."""
        if offset in (0, "0"):
            return pointer
        return self.value("at", f"getelementptr inbounds float, ptr {pointer}, i64 {offset}")

    def operands(self, count: int) -> list[str]:
        """The kernel's buffers, in the order of its operands."""
        places = [self.value("place", f"getelementptr inbounds ptr, ptr %operands, i64 {k}") for k in range(count)]
        return [self.value("operand", f"load ptr, ptr {place}") for place in places]

    def scratch(self, floats: int) -> str:
        """Aligned memory of this call, in its first block; whoever asks keeps all scratch within 64 KB."""
        return self.value("scratch", f"alloca [{floats} x float], align 64")

    def variable(self, hint: str, kind: str = "i64") -> Variable:
        """A number of the type `kind` that changes, and is nothing until it is set."""
        place = f"%{self.fresh(hint)}"
        # In the entry block, wherever it is wanted: only there does LLVM make a register of it.
        self.variables.append(f"  {place} = alloca {kind}")
        return Variable(self, place, hint, kind)

    def array(self, hint: str, kind: str, count: int) -> str:
        """Aligned memory of the function for so many numbers of a type, wherever it is wanted; its address."""
        place = f"%{self.fresh(hint)}"
        self.variables.append(f"  {place} = alloca [{count} x {kind}], align {VECTOR_BYTES}")
        return place

    def table(self, name: str, values: Sequence[int]) -> str:
        """A constant table of i64 beside the function; the result is its address."""
        body = ", ".join(f"i64 {value}" for value in values)
        self.globals.append(f"@{name} = internal unnamed_addr constant [{len(values)} x i64] [{body}]")
        return f"@{name}"

    def entry(self, table: str, index: str | int) -> str:
        """Element `index` of a constant table."""
        place = self.value("entry", f"getelementptr inbounds i64, ptr {table}, i64 {index}")
        return self.value("entry", f"load i64, ptr {place}")

    # Vectors ---------------------------------------------------------------------------------------------------------

    def load(self, hint: str, pointer: str, offset: str | int = 0, align: int = VECTOR_BYTES) -> str:
        """The vector at float number `offset`."""
        return self.value(hint, f"load {VECTOR}, ptr {self.at(pointer, offset)}, align {align}")

    def store(self, vector: str, pointer: str, offset: str | int = 0) -> None:
        """Write a vector to an aligned place."""
        self.statement(f"store {VECTOR} {vector}, ptr {self.at(pointer, offset)}, align {VECTOR_BYTES}")

    def load_where(self, hint: str, mask: str, pointer: str, offset: str | int = 0) -> str:
        """The vector at an unaligned place, touching memory only in the lanes of the mask; zero elsewhere."""
        self.declare(f"{VECTOR} @llvm.masked.load.v{LANES}f32.p0(ptr, {MASK}, {VECTOR})")
        place = self.at(pointer, offset)
        return self.value(
            hint,
            f"call {VECTOR} @llvm.masked.load.v{LANES}f32.p0(ptr align 4 {place}, {MASK} {mask}, "
            f"{VECTOR} zeroinitializer)",
        )

    def store_where(self, mask: str, vector: str, pointer: str, offset: str | int = 0) -> None:
        """Write the lanes of the mask to an unaligned place; the others are not touched."""
        self.declare(f"void @llvm.masked.store.v{LANES}f32.p0({VECTOR}, ptr, {MASK})")
        place = self.at(pointer, offset)
        self.statement(
            f"call void @llvm.masked.store.v{LANES}f32.p0({VECTOR} {vector}, ptr align 4 {place}, {MASK} {mask})"
        )

    def broadcast(self, hint: str, pointer: str, offset: str | int = 0) -> str:
        """The float at `offset`, in every lane."""
        number = self.value(hint, f"load float, ptr {self.at(pointer, offset)}, align 4")
        lane = self.value(hint, f"insertelement {VECTOR} poison, float {number}, i64 0")
        return self.value(hint, f"shufflevector {VECTOR} {lane}, {VECTOR} poison, <{LANES} x i32> zeroinitializer")

    def lanes_below(self, count: str) -> str:
        """The mask of the lanes whose number is less than the i64 `count`."""
        lanes = ", ".join(f"i64 {lane}" for lane in range(LANES))
        first = self.value("count", f"insertelement <{LANES} x i64> poison, i64 {count}, i64 0")
        counts = self.value(
            "count", f"shufflevector <{LANES} x i64> {first}, <{LANES} x i64> poison, <{LANES} x i32> zeroinitializer"
        )
        return self.value("inside", f"icmp slt <{LANES} x i64> <{lanes}>, {counts}")

    def shuffle(self, hint: str, left: str, right: str, lanes: Sequence[int]) -> str:
        """The lanes picked out of `left` (0…15) and `right` (16…31)."""
        picked = ", ".join(f"i32 {lane}" for lane in lanes)
        return self.value(hint, f"shufflevector {VECTOR} {left}, {VECTOR} {right}, <{LANES} x i32> <{picked}>")

    def multiply_add(self, hint: str, left: str, right: str, addend: str) -> str:
        """`left · right + addend`, rounded once."""
        self.declare(f"{VECTOR} @llvm.fma.v{LANES}f32({VECTOR}, {VECTOR}, {VECTOR})")
        return self.value(
            hint,
            f"call {VECTOR} @llvm.fma.v{LANES}f32({VECTOR} {left}, {VECTOR} {right}, {VECTOR} {addend})",
        )

    def choose(self, hint: str, mask: str, yes: str, no: str) -> str:
        """`yes` in the lanes of the mask, `no` in the others."""
        return self.value(hint, f"select {MASK} {mask}, {VECTOR} {yes}, {VECTOR} {no}")

    def prefetch(self, pointer: str, offset: str | int) -> None:
        """Ask for the cache line of float number `offset`, which is going to be written."""
        self.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.statement(f"call void @llvm.prefetch.p0(ptr {self.at(pointer, offset)}, i32 1, i32 3, i32 1)")

    def declare(self, signature: str) -> None:
        """The function calls the intrinsic with this signature."""
        self.declarations[signature] = None

    # Control ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def loop(self, hint: str, first: str | int, last: str | int, carried: Sequence[str] = ()) -> Iterator[Loop]:
        """Rounds of `index` over `[first, last)`, perhaps none, with vectors carried from round to round."""
        name = self.fresh(hint)
        before, head, body, done = self.block, f"{name}.head", f"{name}.body", f"{name}.done"
        loop = Loop(f"%{name}", [f"%{self.fresh(hint + '.carried')}" for _ in carried])
        self.statement(f"br label %{head}")
        self._begin(head)
        phis = len(self.lines)
        more = f"%{name}.more"
        self.statement(f"{more} = icmp slt i64 {loop.index}, {last}")
        self.statement(f"br i1 {more}, label %{body}, label %{done}")
        self._begin(body)
        yield loop
        step = f"%{name}.next"
        self.statement(f"{step} = add nsw i64 {loop.index}, 1")
        self.hints += 1
        self.statement(f"br label %{head}, !llvm.loop !{self.hints}")
        end = self.block
        heads = [f"  {loop.index} = phi i64 [ {first}, %{before} ], [ {step}, %{end} ]"]
        for value, initial, following in zip(loop.values, carried, loop.following, strict=True):
            heads.append(f"  {value} = phi {VECTOR} [ {initial}, %{before} ], [ {following}, %{end} ]")
        self.lines[phis:phis] = heads
        self._begin(done)

    @contextmanager
    def as_long_as(self, hint: str, condition: Callable[[], str]) -> Iterator[None]:
        """What is written inside is done again and again while the i1 that `condition` writes holds."""
        name = self.fresh(hint)
        self.statement(f"br label %{name}.head")
        self._begin(f"{name}.head")
        self.statement(f"br i1 {condition()}, label %{name}.body, label %{name}.done")
        self._begin(f"{name}.body")
        yield
        self.hints += 1
        self.statement(f"br label %{name}.head, !llvm.loop !{self.hints}")
        self._begin(f"{name}.done")

    @contextmanager
    def when(self, hint: str, condition: str) -> Iterator[None]:
        """What is written inside happens only where the i1 `condition` holds."""
        name = self.fresh(hint)
        self.statement(f"br i1 {condition}, label %{name}.then, label %{name}.done")
        self._begin(f"{name}.then")
        yield
        self.statement(f"br label %{name}.done")
        self._begin(f"{name}.done")

    def equal(self, hint: str, left: str | int, right: str | int) -> str:
        """The i1 `left == right` of two i64."""
        return self.value(hint, f"icmp eq i64 {left}, {right}")

    def _begin(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.block = label

    def module(self, name: str, header: Sequence[str]) -> str:
        """The whole text: the header as comments, tables, the kernel function and its declarations."""
        return "\n".join(
            [
                *(f"; {line}".rstrip() for line in header),
                "",
                *self.globals,
                f"define void @{name}(ptr noalias readonly %operands, i64 %begin, i64 %end) {{",
                "entry:",
                *self.variables,
                *self.lines,
                "  ret void",
                "}",
                "",
                *(f"declare {signature}" for signature in self.declarations),
                # Loops are unrolled where it pays by whoever writes them; more of it only costs compile time.
                '!0 = !{!"llvm.loop.unroll.disable"}',
                *(f"!{hint} = distinct !{{!{hint}, !0}}" for hint in range(1, self.hints + 1)),
                "",
            ]
        )


def transpose(writer: Writer, rows: Sequence[str]) -> list[str]:
    """The sixteen vectors whose lane `r` of vector `c` was lane `c` of vector `r`."""
    block = list(rows)
    for width in (8, 4, 2, 1):
        for row in range(LANES):
            if not row & width:
                block[row], block[row + width] = _exchange(writer, block[row], block[row + width], width)
    return block


def add_lanes(writer: Writer, rows: Sequence[str]) -> str:
    """The vector whose lane `r` is the sum over the lanes of vector `r`, of sixteen vectors."""
    block = list(rows)
    for width in (8, 4, 2, 1):
        halves = [_exchange(writer, block[row], block[row + width], width) for row in range(width)]
        block = [writer.value("lane.sum", f"fadd {VECTOR} {low}, {high}") for low, high in halves]
    return block[0]


def _exchange(writer: Writer, upper: str, lower: str, width: int) -> tuple[str, str]:
    """Exchange the lanes with bit `width` of `upper` for those without it of `lower`."""
    low = [lane if not lane & width else LANES + lane - width for lane in range(LANES)]
    high = [lane + width if not lane & width else LANES + lane for lane in range(LANES)]
    return writer.shuffle("turned", upper, lower, low), writer.shuffle("turned", upper, lower, high)
