"""Beyond which magnitude does an entry count among the largest? A sample says it; nothing is sorted.

Magnitudes are compared as the bits of their float32, as integers: the order is the same, zeros of both signs are equal,
and what is not a number comes last instead of nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import Writer
from brainc.reductions.runs import Runs
from brainc.reductions.writing import Segment
from brainrun.plan import segments

SAMPLES = 1024
MAGNITUDE = 0x7FFFFFFF
"""The bits of a float32 without its sign."""

_SHIFT = SAMPLES.bit_length() - 1
_DIGIT = 8
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def draw(writer: Writer, seed: str, index: str | int) -> str:
    """Random number `index` of a seed, 64 bits: splitmix64 (Steele, Lea and Flood 2014) after as many steps."""
    step = writer.integer("step", "mul", index, _signed(_STEP))
    state = writer.integer("state", "add", writer.integer("state", "add", seed, step), _signed(_STEP))
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        mixed = writer.integer("mixed", "xor", state, writer.integer("mixed", "lshr", state, shift))
        state = writer.integer("state", "mul", mixed, _signed(factor))
    return writer.integer("random", "xor", state, writer.integer("mixed", "lshr", state, 31))


def draw_below(writer: Writer, seed: str, index: str | int, count: str) -> str:
    """The same as a number from 0 and below `count`, which is below 2³²."""
    high = writer.integer("high", "lshr", draw(writer, seed, index), 32)
    return writer.integer("chosen", "lshr", writer.integer("chosen", "mul", high, count), 32)


@dataclass(frozen=True, slots=True)
class Sample:
    """`count` floats."""

    writer: Writer
    floats: str
    count: str

    def passed_by(self, density: str) -> str:
        """The magnitude that such a share of the sample reaches, at least one of them, as an i32 above 0."""
        writer = self.writer
        share = writer.least("share", share_of(writer, self.count, density), self.count)
        least, _ = nth_largest(writer, self.floats, self.count, share)
        # Where fewer than that are not 0, no 0 passes.
        writer.declare("i32 @llvm.umax.i32(i32, i32)")
        return writer.value("least", f"call i32 @llvm.umax.i32(i32 {least}, i32 1)")


def take_sample(segment: Segment, runs: Runs) -> Sample:
    """A sample of v: 1,024 entries, or all where there are fewer.

    Column after column, the entries are cut into 1,024 stretches as equal as can be; from each comes one, drawn by the
    number of the stretch.
    """
    writer = segment.writer
    gradient, error = segment.address(segments.GRADIENT, "gradient"), segment.address(segments.ERROR, "error")
    seed, entries = segment.word(segments.SEED, "seed"), runs.entries()
    into = writer.variable("sample", f"[{SAMPLES} x float]").place
    count = writer.least("samples", entries, SAMPLES)
    # Fewer entries than stretches are one each.
    stretched = writer.greatest("stretched", entries, SAMPLES)
    with writer.loop("sample", 0, count) as sample:
        last = writer.affine("last", (sample.index, 1), constant=1)
        first, last = (
            writer.integer("stretch", "lshr", writer.integer("stretch", "mul nsw", number, stretched), _SHIFT)
            for number in (sample.index, last)
        )
        within = draw_below(writer, seed, sample.index, writer.integer("length", "sub nsw", last, first))
        entry = writer.affine("entry", (first, 1), (within, 1))
        column = writer.integer("column", "udiv", entry, runs.rows)
        row = writer.integer("row", "urem", entry, runs.rows)
        offset = runs.offset(row, column)
        new, old = (
            writer.value("float", f"load float, ptr {writer.at(matrix, offset)}") for matrix in (gradient, error)
        )
        v = writer.value("v", f"fadd float {new}, {old}")
        writer.statement(f"store float {v}, ptr {writer.at(into, sample.index)}")
    return Sample(writer, into, count)


def nth_largest(writer: Writer, floats: str, count: str, wanted: str) -> tuple[str, str]:
    """The `wanted`-th largest magnitude, from 1, of `count` floats, found digit by digit, by counting them.

    The result is its bits, an i32, and how many that are equal to it are among the `wanted` largest, an i64.
    """
    tally = writer.variable("tally", f"[{1 << _DIGIT} x i32]").place
    above, left, digit = (writer.variable(hint) for hint in ("above", "left", "digit"))
    above.set(0)
    left.set(wanted)
    for shift in (24, 16, 8, 0):
        with writer.loop("clear", 0, 1 << _DIGIT) as clear:
            writer.statement(f"store i32 0, ptr {writer.at(tally, clear.index)}")
        with writer.loop("tally", 0, count) as each:
            word = writer.value("word", f"load i32, ptr {writer.at(floats, each.index)}")
            magnitude = writer.value("magnitude", f"and i32 {word}, {MAGNITUDE}")
            wide = writer.value("word", f"zext i32 {magnitude} to i64")
            same = writer.equal("same", writer.integer("upper", "lshr", wide, shift + _DIGIT), above.get())
            place = writer.integer("digit", "and", writer.integer("digit", "lshr", wide, shift), (1 << _DIGIT) - 1)
            _add(writer, writer.at(tally, place), writer.value("one", f"zext i1 {same} to i32"))
        digit.set((1 << _DIGIT) - 1)

        def tallied() -> str:
            number = writer.value("tallied", f"load i32, ptr {writer.at(tally, digit.get())}")
            return writer.value("tallied", f"zext i32 {number} to i64")

        with writer.as_long_as("digit", lambda: writer.value("below", f"icmp slt i64 {tallied()}, {left.get()}")):
            left.set(writer.integer("left", "sub nsw", left.get(), tallied()))
            digit.add(-1)
        upper = writer.integer("above", "shl", above.get(), _DIGIT)
        above.set(writer.integer("above", "or", upper, digit.get()))
    return writer.value("magnitude", f"trunc i64 {above.get()} to i32"), left.get()


def share_of(writer: Writer, count: str, density: str) -> str:
    """`max(1, ⌊count · density⌋)`."""
    number = writer.value("share", f"fmul double {writer.value('count', f'sitofp i64 {count} to double')}, {density}")
    return writer.greatest("share", writer.value("share", f"fptosi double {number} to i64"), 1)


def _add(writer: Writer, place: str, amount: str) -> None:
    number = writer.value("number", f"load i32, ptr {place}")
    writer.statement(f"store i32 {writer.value('number', f'add i32 {number}, {amount}')}, ptr {place}")


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
