"""How are the few large entries of v = gradient + error found while v streams into the error?

A vector costs a comparison; only entries that pass it cost more. The stream begins at an entry that the seed chooses
and wraps around, so that where there is no room for all that pass, all are left out equally often.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from brainc.codegen.llvm.writer import LANES, MASK, VECTOR, Variable, Writer
from brainc.reductions.runs import Runs
from brainc.reductions.selection import MAGNITUDE, draw_below, splat
from brainc.reductions.writing import Segment
from brainrun.plan import segments

_TOGETHER = 4
_WORDS = f"<{LANES} x i32>"
_FIRST_VECTOR = 1 << 32
_FIRST_LANE = _FIRST_VECTOR + 1
"""The numbers of the random draws for where the stream begins; those of the sample are smaller."""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that passed: at float `place` of its run, which begins `begin` floats into the segment."""

    run: str
    begin: str
    place: str
    value: str


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: a run, a vector of it, and a lane of that."""

    run: str
    vector: str
    lane: str


def start_of(segment: Segment, runs: Runs) -> Start:
    """The lane that the seed chooses."""
    writer = segment.writer
    seed = segment.word(segments.SEED, "seed")
    first = draw_below(writer, seed, _FIRST_VECTOR, runs.total_vectors())
    run = writer.integer("run", "udiv", first, runs.vectors)
    vector = writer.integer("vector", "urem", first, runs.vectors)
    return Start(run, vector, draw_below(writer, seed, _FIRST_LANE, str(LANES)))


@dataclass(frozen=True, slots=True)
class Visit:
    """Visit `number` of a stream, to `run`: the vectors `[first, last)`.

    The stream begins and ends within a vector: with the upper lanes of vector `first − 1` where `begins`, and with the
    lower lanes of vector `last` where `ends`, each i64 0 or 1.
    """

    number: str
    run: str
    begins: str
    ends: str
    first: str
    last: str


def visit_of(runs: Runs, start: Start, number: str) -> Visit:
    """What visit `number` of `runs + 1` sees."""
    writer = runs.writer
    unwrapped = writer.affine("run", (start.run, 1), (number, 1))
    wraps = writer.value("wraps", f"icmp sge i64 {unwrapped}, {runs.count}")
    turn = writer.value("turn", f"select i1 {wraps}, i64 {runs.count}, i64 0")
    begins, ends = writer.equal("begins", number, 0), writer.equal("ends", number, runs.count)
    after = writer.affine("after", (start.vector, 1), constant=1)
    return Visit(
        number,
        writer.integer("run", "sub nsw", unwrapped, turn),
        writer.value("begins", f"zext i1 {begins} to i64"),
        writer.value("ends", f"zext i1 {ends} to i64"),
        writer.value("first", f"select i1 {begins}, i64 {after}, i64 0"),
        writer.value("last", f"select i1 {ends}, i64 {start.vector}, i64 {runs.vectors}"),
    )


def visit_in_storage_order(runs: Runs, start: Start, place: str) -> str:
    """The number of the visit that is the `place`-th, from 0, in the order of the storage."""
    writer = runs.writer
    visits = writer.affine("visits", (runs.count, 1), constant=1)
    number = writer.affine("visit", (place, 1), (runs.count, 1), (start.run, -1))
    wraps = writer.value("wraps", f"icmp sge i64 {number}, {visits}")
    turn = writer.value("turn", f"select i1 {wraps}, i64 {visits}, i64 0")
    return writer.integer("visit", "sub nsw", number, turn)


@dataclass(frozen=True, slots=True)
class Sieve:
    """What becomes of the entries: those whose magnitude is at least the i32 `least` are found, while there is room.

    `room` writes the i1 whether one more may be found; `visited` is written at the end of a visit.
    """

    least: str
    room: Callable[[], str]
    found: Callable[[Found], None]
    visited: Callable[[Visit], None]


def stream(segment: Segment, runs: Runs, start: Start, sieve: Sieve) -> None:
    """Leave v in the error, sift its entries, and put STRANGE."""
    writer = segment.writer
    gradient, error = segment.address(segments.GRADIENT, "gradient"), segment.address(segments.ERROR, "error")
    strange = writer.variable("strange", VECTOR)
    strange.set("zeroinitializer")
    limits = splat(writer, sieve.least)
    bits = writer.variable("bits")
    with writer.loop("visit", 0, writer.affine("visits", (runs.count, 1), constant=1)) as loop:
        visit = visit_of(runs, start, loop.index)
        begin = runs.begin(visit.run)
        run = _Run(
            writer,
            sieve,
            visit.run,
            begin,
            writer.at(gradient, begin),
            writer.at(error, begin),
            runs.whole_vectors(visit.run),
            writer.integer("rest", "and", runs.rows, LANES - 1),
            limits,
            strange,
            bits,
        )
        run.visit(visit, start.lane)
        sieve.visited(visit)
    lanes = writer.value("strange", f"fcmp uno {VECTOR} {strange.get()}, zeroinitializer")
    lanes = writer.value("strange", f"bitcast {MASK} {lanes} to i{LANES}")
    some = writer.value("strange", f"icmp ne i{LANES} {lanes}, 0")
    segment.put(segments.STRANGE, writer.value("strange", f"zext i1 {some} to i64"))


@dataclass(frozen=True, slots=True)
class _Run:
    """One run being sifted; of its vectors, `whole` have a row in every lane, the others in the first `rest`."""

    writer: Writer
    sieve: Sieve
    number: str
    begin: str
    gradient: str
    error: str
    whole: str
    rest: str
    limits: str
    strange: Variable
    bits: Variable

    def visit(self, visit: Visit, lane: str) -> None:
        writer = self.writer
        with writer.loop("upper", writer.integer("upper", "sub nsw", visit.first, visit.begins), visit.first) as upper:
            self.vector(upper.index, lane, str(LANES))
        whole = writer.least("whole", self.whole, visit.last)
        several = writer.greatest("several", writer.integer("several", "sub nsw", whole, visit.first), 0)
        several = writer.integer("several", "lshr", several, _TOGETHER.bit_length() - 1)
        with writer.loop("together", 0, several) as together:
            self.vectors(writer.affine("vector", (visit.first, 1), (together.index, _TOGETHER)))
        left = writer.affine("left", (visit.first, 1), (several, _TOGETHER))
        with writer.loop("single", left, writer.integer("last", "add nsw", visit.last, visit.ends)) as single:
            inside = writer.value("inside", f"icmp slt i64 {single.index}, {visit.last}")
            self.vector(single.index, "0", writer.value("lanes", f"select i1 {inside}, i64 {LANES}, i64 {lane}"))

    def vectors(self, first: str) -> None:
        """Some whole vectors side by side."""
        writer = self.writer
        masks = []
        for step in range(_TOGETHER):
            place = writer.affine("place", (first, LANES), constant=step * LANES)
            new, old = (writer.load("float", matrix, place, align=4) for matrix in (self.gradient, self.error))
            v = writer.value("v", f"fadd {VECTOR} {new}, {old}")
            writer.statement(f"store {VECTOR} {v}, ptr {writer.at(self.error, place)}, align 4")
            masks.append(self.passing(v))
        word, *others = masks
        for number, mask in enumerate(others, start=1):
            word = writer.integer("bits", "or", word, writer.integer("bits", "shl", mask, number * LANES))
        self.sift(first, word)

    def vector(self, index: str, first_lane: str, last_lane: str) -> None:
        """Those lanes `[first, last)` of a vector that have a row."""
        writer = self.writer
        whole = writer.value("whole", f"icmp slt i64 {index}, {self.whole}")
        rows = writer.value("rows", f"select i1 {whole}, i64 {LANES}, i64 {self.rest}")
        upper = writer.lanes_below(writer.least("lanes", rows, last_lane))
        lower = writer.value("lower", f"xor {MASK} {writer.lanes_below(first_lane)}, splat (i1 true)")
        lanes = writer.value("lanes", f"and {MASK} {lower}, {upper}")
        place = writer.affine("place", (index, LANES))
        new, old = (writer.load_where("float", lanes, matrix, place) for matrix in (self.gradient, self.error))
        v = writer.value("v", f"fadd {VECTOR} {new}, {old}")
        writer.store_where(lanes, v, self.error, place)
        # The other lanes hold 0, and the least magnitude is above that.
        self.sift(index, self.passing(v))

    def passing(self, v: str) -> str:
        """The mask, as an i64, of the lanes that pass; what is not finite is noted."""
        writer = self.writer
        # Times 0, what is finite is 0, and what is not is not a number, which no sum loses.
        self.strange.set(writer.multiply_add("strange", v, "zeroinitializer", self.strange.get()))
        words = writer.value("words", f"bitcast {VECTOR} {v} to {_WORDS}")
        magnitudes = writer.value("magnitudes", f"and {_WORDS} {words}, splat (i32 {MAGNITUDE})")
        passes = writer.value("passes", f"icmp sge {_WORDS} {magnitudes}, {self.limits}")
        short = writer.value("passes", f"bitcast {MASK} {passes} to i{LANES}")
        return writer.value("passes", f"zext i{LANES} {short} to i64")

    def sift(self, first: str, mask: str) -> None:
        """Tell of the entries under a mask of as many bits as there are lanes from vector `first` on."""
        writer, bits = self.writer, self.bits
        writer.declare("i64 @llvm.cttz.i64(i64, i1)")
        bits.set(mask)

        def more() -> str:
            some = writer.value("some", f"icmp ne i64 {bits.get()}, 0")
            return writer.value("more", f"and i1 {some}, {self.sieve.room()}")

        with writer.as_long_as("found", more):
            lane = writer.value("lane", f"call i64 @llvm.cttz.i64(i64 {bits.get()}, i1 true)")
            place = writer.affine("place", (first, LANES), (lane, 1))
            value = writer.value("value", f"load float, ptr {writer.at(self.error, place)}")
            self.sieve.found(Found(self.number, self.begin, place, value))
            without = writer.affine("bits", (bits.get(), 1), constant=-1)
            bits.set(writer.integer("bits", "and", bits.get(), without))


@dataclass(frozen=True, slots=True)
class Kept:
    """What a rank keeps of the entries that it sends: the rest of the error, and nothing of the velocity."""

    writer: Writer
    error: str
    velocity: str
    has_velocity: str

    def keep(self, offset: str, rest: str) -> None:
        """Of the entry so many floats into the segment, which is sent, so much stays for later."""
        writer = self.writer
        writer.statement(f"store float {rest}, ptr {writer.at(self.error, offset)}, align 4")
        with writer.when("velocity", self.has_velocity):
            writer.statement(f"store float 0.0, ptr {writer.at(self.velocity, offset)}, align 4")


def kept_of(segment: Segment) -> Kept:
    """What is kept of a segment's entries."""
    writer = segment.writer
    velocity = segment.address(segments.VELOCITY, "velocity")
    has_velocity = writer.value("has.velocity", f"icmp ne ptr {velocity}, null")
    return Kept(writer, segment.address(segments.ERROR, "error"), velocity, has_velocity)
