"""How are numbers written as codes of a few bits each, and read again?

Bits fill uint32 words from the lowest on. A whole number is coded as Golomb and Rice do: its quotient by 2ᵇ as so many
ones and a zero, then its remainder in b bits. With b from the mean (`rice_bits`) that takes about as few bits as any
code can where numbers are distributed geometrically, as the gaps between things strewn at random are.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import frexp

from brainc.codegen.llvm.writer import Variable, Writer

MOST_BITS = 14
"""The largest b: then a code's end and two bits more are 32 bits at most."""
_ONES = 16
"""Ones that are written at once."""
_GOLDEN = 0.4812118250596034
"""The logarithm of the golden ratio: b is best where 2ᵇ is between it and twice it, times the mean (Kiely 2004)."""


def rice_bits(total: int, parts: int) -> int:
    """The b for numbers whose mean is `total / parts`."""
    return min(MOST_BITS, max(0, frexp(_GOLDEN * total / parts)[1]))


def write_rice_bits(writer: Writer, total: str, parts: str) -> str:
    """The same, operation for operation."""
    of, by = (writer.value("count", f"sitofp i64 {count} to double") for count in (total, parts))
    golden = "0x" + struct.pack(">d", _GOLDEN).hex().upper()
    mean = writer.value("mean", f"fdiv double {writer.value('mean', f'fmul double {of}, {golden}')}, {by}")
    bits = writer.value("bits", f"bitcast double {mean} to i64")
    exponent = writer.affine("exponent", (writer.integer("exponent", "lshr", bits, 52), 1), constant=-1022)
    return writer.least("rice", writer.greatest("rice", exponent, 0), MOST_BITS)


@dataclass(frozen=True, slots=True)
class BitWriter:
    """Codes on their way to `base`: `waiting` has `filled` bits, fewer than 32, that belong at byte `place`."""

    writer: Writer
    base: str
    waiting: Variable
    filled: Variable
    place: Variable

    def put(self, value: str | int, bits: str | int) -> None:
        """Write the lowest `bits` of a value that has no others, from 1 to 32."""
        writer = self.writer
        moved = writer.integer("moved", "shl", value, self.filled.get())
        waiting = writer.integer("waiting", "or", self.waiting.get(), moved)
        filled = writer.integer("filled", "add", self.filled.get(), bits)
        # Written whether whole or not: a branch here would be taken by chance.
        word = writer.value("word", f"trunc i64 {waiting} to i32")
        at = writer.value("at", f"getelementptr inbounds i8, ptr {self.base}, i64 {self.place.get()}")
        writer.statement(f"store i32 {word}, ptr {at}, align 4")
        whole = writer.integer("whole", "lshr", filled, 5)
        self.place.add(writer.integer("bytes", "shl", whole, 2))
        self.waiting.set(writer.integer("waiting", "lshr", waiting, writer.integer("bits", "shl", whole, 5)))
        self.filled.set(writer.integer("filled", "and", filled, 31))

    def put_float(self, number: str) -> None:
        """Write a float's 32 bits."""
        bits = self.writer.value("bits", f"bitcast float {number} to i32")
        self.put(self.writer.value("bits", f"zext i32 {bits} to i64"), 32)

    def put_number(self, number: str, rice: str, more: str, more_bits: str | int) -> None:
        """Write a number's code with b = `rice`, and after it up to two bits more."""
        writer = self.writer
        ones = writer.variable("ones")
        ones.set(writer.integer("ones", "lshr", number, rice))
        with writer.as_long_as("ones", lambda: _at_least(writer, ones.get(), _ONES)):
            self.put((1 << _ONES) - 1, _ONES)
            ones.add(-_ONES)
        end = writer.affine("end", (ones.get(), 1), constant=1)
        low = writer.integer("low", "and", number, _mask(writer, rice))
        after = writer.integer("after", "or", low, writer.integer("more", "shl", more, rice))
        code = writer.integer("code", "or", _mask(writer, ones.get()), writer.integer("after", "shl", after, end))
        self.put(code, writer.integer("bits", "add", writer.integer("bits", "add", end, rice), more_bits))

    def finish(self) -> str:
        """Write what waits; the result is how many bytes are written, a multiple of 4."""
        writer = self.writer
        with writer.when("rest", writer.value("rest", f"icmp ne i64 {self.filled.get()}, 0")):
            word = writer.value("word", f"trunc i64 {self.waiting.get()} to i32")
            at = writer.value("at", f"getelementptr inbounds i8, ptr {self.base}, i64 {self.place.get()}")
            writer.statement(f"store i32 {word}, ptr {at}, align 4")
            self.place.add(4)
        return self.place.get()


def bits_into(writer: Writer, base: str) -> BitWriter:
    """A writer that begins at this address, a multiple of 4."""
    result = BitWriter(writer, base, *(writer.variable(hint) for hint in ("waiting", "filled", "place")))
    for each in (result.waiting, result.filled, result.place):
        each.set(0)
    return result


@dataclass(frozen=True, slots=True)
class BitReader:
    """Codes from `base`: `waiting` has at least the `filled` bits that come next, and byte `place` follows them."""

    writer: Writer
    base: str
    length: str
    waiting: Variable
    filled: Variable
    place: Variable

    def take(self, bits: str | int) -> str:
        """The next bits, at most 32, as an i64."""
        self._fill()
        return self._drop(bits)

    def take_float(self) -> str:
        """The float of the next 32 bits."""
        bits = self.writer.value("bits", f"trunc i64 {self.take(32)} to i32")
        return self.writer.value("number", f"bitcast i32 {bits} to float")

    def take_number(self, rice: str) -> str:
        """The number whose code with b = `rice` comes next; after it there is as much as `put_number` may add."""
        writer = self.writer
        whole = writer.variable("whole")
        whole.set(0)
        self._fill()
        ones = (1 << _ONES) - 1

        def more() -> str:
            return writer.equal("more", writer.integer("ones", "and", self.waiting.get(), ones), ones)

        with writer.as_long_as("ones", more):
            whole.add(_ONES)
            self._drop(_ONES)
            self._fill()
        writer.declare("i64 @llvm.cttz.i64(i64, i1)")
        zeros = writer.integer("zeros", "xor", self.waiting.get(), -1)
        whole.add(writer.value("ones", f"call i64 @llvm.cttz.i64(i64 {zeros}, i1 true)"))
        self._drop(writer.affine("end", (writer.integer("ones", "and", whole.get(), _ONES - 1), 1), constant=1))
        return writer.integer("number", "or", writer.integer("high", "shl", whole.get(), rice), self._drop(rice))

    def next(self, bits: str | int) -> str:
        """The next bits after a number's code, as an i64."""
        return self._drop(bits)

    def _drop(self, bits: str | int) -> str:
        writer, waiting = self.writer, self.waiting.get()
        self.waiting.set(writer.integer("waiting", "lshr", waiting, bits))
        self.filled.set(writer.integer("filled", "sub", self.filled.get(), bits))
        return writer.integer("taken", "and", waiting, _mask(writer, bits))

    def _fill(self) -> None:
        """Have 32 bits at least, or all that are left and zeros behind them."""
        writer = self.writer
        place, filled = self.place.get(), self.filled.get()
        wanted = writer.value("wanted", f"icmp slt i64 {filled}, 32")
        left = writer.value("left", f"icmp slt i64 {place}, {self.length}")
        reads = writer.value("reads", f"and i1 {wanted}, {left}")
        safe = writer.least("safe", place, writer.affine("last", (self.length, 1), constant=-4))
        at = writer.value("at", f"getelementptr inbounds i8, ptr {self.base}, i64 {safe}")
        word = writer.value("word", f"zext i32 {writer.value('word', f'load i32, ptr {at}, align 4')} to i64")
        word = writer.value("word", f"select i1 {reads}, i64 {word}, i64 0")
        self.waiting.set(
            writer.integer("waiting", "or", self.waiting.get(), writer.integer("moved", "shl", word, filled))
        )
        read = writer.value("read", f"zext i1 {reads} to i64")
        self.filled.add(writer.integer("bits", "shl", read, 5))
        self.place.add(writer.integer("bytes", "shl", read, 2))


def bits_from(writer: Writer, base: str, length: str) -> BitReader:
    """A reader of so many bytes, a multiple of 4 and not 0, at this address, a multiple of 4."""
    result = BitReader(writer, base, length, *(writer.variable(hint) for hint in ("waiting", "filled", "place")))
    for each in (result.waiting, result.filled, result.place):
        each.set(0)
    return result


def _mask(writer: Writer, bits: str | int) -> str | int:
    """So many ones, fewer than 64."""
    if isinstance(bits, int):
        return (1 << bits) - 1
    return writer.affine("mask", (writer.integer("mask", "shl", 1, bits), 1), constant=-1)


def _at_least(writer: Writer, number: str, least: int) -> str:
    return writer.value("enough", f"icmp sge i64 {number}, {least}")
