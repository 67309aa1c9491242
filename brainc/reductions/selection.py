"""Beyond which magnitude does an entry count among the largest? A sample says it; nothing is sorted.

Magnitudes are compared as the bits of their float32, as integers: the order is the same, zeros of both signs are equal,
and what is not a number comes last instead of nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import LANES, MASK, Writer
from brainc.reductions.runs import Runs
from brainc.reductions.writing import Segment
from brainrun.plan import segments

SAMPLES = 1024
MAGNITUDE = 0x7FFFFFFF
"""The bits of a float32 without its sign."""

_WORDS = f"<{LANES} x i32>"
_LARGE = 1 << 18
_SIDE_BY_SIDE = 2
"""The logarithm of how many samples of a smaller matrix lie side by side."""
_SHIFT = SAMPLES.bit_length() - 1
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
    number of the stretch. Of fewer than 2¹⁸ entries there are 256 stretches, and four come from each, side by side: to
    read lines here and there takes longer than to stream over all of so few.
    """
    writer = segment.writer
    gradient, error = segment.address(segments.GRADIENT, "gradient"), segment.address(segments.ERROR, "error")
    seed, entries = segment.word(segments.SEED, "seed"), runs.entries()
    into = writer.array("sample", "float", SAMPLES + LANES)
    offsets = writer.array("offsets", "i64", SAMPLES)
    count = writer.least("samples", entries, SAMPLES)
    # Fewer entries than samples are a stretch each.
    stretched = writer.greatest("stretched", entries, SAMPLES)
    several = writer.value("several", f"icmp slt i64 {stretched}, {_LARGE}")
    several = writer.value("several", f"select i1 {several}, i64 {_SIDE_BY_SIDE}, i64 0")
    several = writer.value("several", f"select i1 {writer.equal('all', count, entries)}, i64 0, i64 {several}")
    beside = writer.affine("beside", (writer.integer("beside", "shl", 1, several), 1), constant=-1)
    shift = writer.affine("shift", (several, -1), constant=_SHIFT)
    with writer.loop("place", 0, count) as sample:
        stretch = writer.integer("stretch", "lshr", sample.index, several)
        first, last = (
            writer.integer("stretch.at", "lshr", writer.integer("stretch.at", "mul nsw", number, stretched), shift)
            for number in (stretch, writer.affine("next", (stretch, 1), constant=1))
        )
        room = writer.affine("room", (last, 1), (first, -1), (beside, -1))
        within = writer.affine(
            "within",
            (draw_below(writer, seed, stretch, room), 1),
            (writer.integer("side", "and", sample.index, beside), 1),
        )
        entry = writer.affine("entry", (first, 1), (within, 1))
        column, row = runs.by_rows.quotient_and_rest(entry)
        offset = runs.offset(row, column)
        # They lie far apart: memory is asked for all of them before the first is read.
        for matrix in (gradient, error):
            writer.prefetch(matrix, offset)
        writer.statement(f"store i64 {offset}, ptr {_word_at(writer, offsets, sample.index)}")
    with writer.loop("sample", 0, count) as sample:
        offset = writer.value("offset", f"load i64, ptr {_word_at(writer, offsets, sample.index)}")
        new, old = (
            writer.value("float", f"load float, ptr {writer.at(matrix, offset)}") for matrix in (gradient, error)
        )
        v = writer.value("v", f"fadd float {new}, {old}")
        writer.statement(f"store float {v}, ptr {writer.at(into, sample.index)}")
    return Sample(writer, into, count)


def nth_largest(writer: Writer, floats: str, count: str, wanted: str) -> tuple[str, str]:
    """The `wanted`-th largest magnitude, from 1, of `count` floats, found bit by bit by counting what reaches it.

    The result is its bits, an i32, and how many that are equal to it are among the `wanted` largest, an i64. Behind the
    floats there is room for sixteen more.
    """
    # Zeros there reach none of the magnitudes that are tried.
    writer.statement(f"store {_WORDS} zeroinitializer, ptr {writer.at(floats, count)}, align 4")
    found = writer.variable("found", "i32")
    found.set(0)
    with writer.loop("bit", 0, 31) as place:
        bit = writer.value("bit", f"trunc i64 {writer.integer('bit', 'lshr', 1 << 30, place.index)} to i32")
        tried = writer.value("tried", f"or i32 {found.get()}, {bit}")
        enough = writer.value("enough", f"icmp sge i64 {_reaching(writer, floats, count, tried)}, {wanted}")
        found.set(writer.value("found", f"select i1 {enough}, i32 {tried}, i32 {found.get()}"))
    above = _reaching(writer, floats, count, writer.value("above", f"add i32 {found.get()}, 1"))
    return found.get(), writer.integer("ties", "sub", wanted, above)


def _reaching(writer: Writer, floats: str, count: str, least: str) -> str:
    """How many of the floats have at least this magnitude."""
    total = writer.variable("total", _WORDS)
    total.set("zeroinitializer")
    limits = splat(writer, least)
    vectors = writer.integer("vectors", "lshr", writer.affine("vectors", (count, 1), constant=LANES - 1), 4)
    with writer.loop("reaching", 0, vectors) as vector:
        at = writer.at(floats, writer.affine("place", (vector.index, LANES)))
        words = writer.value("words", f"load {_WORDS}, ptr {at}, align 4")
        magnitudes = writer.value("magnitudes", f"and {_WORDS} {words}, splat (i32 {MAGNITUDE})")
        reaches = writer.value("reaches", f"icmp uge {_WORDS} {magnitudes}, {limits}")
        one = writer.value("one", f"zext {MASK} {reaches} to {_WORDS}")
        total.set(writer.value("total", f"add {_WORDS} {total.get()}, {one}"))
    writer.declare(f"i32 @llvm.vector.reduce.add.v{LANES}i32({_WORDS})")
    number = writer.value("number", f"call i32 @llvm.vector.reduce.add.v{LANES}i32({_WORDS} {total.get()})")
    return writer.value("number", f"zext i32 {number} to i64")


def splat(writer: Writer, word: str) -> str:
    """The vector of sixteen i32 that are all this one."""
    first = writer.value("word", f"insertelement {_WORDS} poison, i32 {word}, i64 0")
    return writer.value("words", f"shufflevector {_WORDS} {first}, {_WORDS} poison, <{LANES} x i32> zeroinitializer")


def share_of(writer: Writer, count: str, density: str) -> str:
    """`max(1, ⌊count · density⌋)`."""
    number = writer.value("share", f"fmul double {writer.value('count', f'sitofp i64 {count} to double')}, {density}")
    return writer.greatest("share", writer.value("share", f"fptosi double {number} to i64"), 1)


def _word_at(writer: Writer, words: str, index: str) -> str:
    return writer.value("word.at", f"getelementptr inbounds i64, ptr {words}, i64 {index}")


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
