"""How is a gradient sent as the few entries that have grown beyond a threshold?

An entry of v whose magnitude is at least τ is sent as τ with its sign, and what is left of it stays for later. The
payload is one uint32 for each, `(number of the entry) << 1 | negative`, numbered as in `runs`: a segment has at most
2³¹ numbers, 8 GB of gradient.

With error feedback a τ that is too small for the gradients would make every entry pass in every step, and the volume
blow up. So at most a quarter of a segment's entries are sent, a quarter of the bytes of `sum`; the others stay in the
error. The search begins at another place in every step, so that none is left out for ever.
"""

from __future__ import annotations

from brainc.codegen.llvm.writer import Writer
from brainc.operators.operator import Argument
from brainc.reductions.candidates import Found, Sieve, kept_of, start_of, stream
from brainc.reductions.division import divisor
from brainc.reductions.runs import Runs, runs_of
from brainc.reductions.scheme import Method, Numbers
from brainc.reductions.writing import Segment, each_segment
from brainrun.plan import segments
from brainrun.plan.schema import Matrix

MOST = 4
"""One in so many entries is sent at most."""
EXPECTED_DENSITY = 1 / 100
"""The share of the entries that pass τ, for predictions: how large gradients are is known only as they come."""


def _most(entries: int) -> int:
    return -(-entries // MOST)


def _bound(matrix: Matrix, columns: int, _numbers: Numbers) -> int:
    return 4 * _most(matrix.rows * columns)


def _expected(matrix: Matrix, columns: int, _numbers: Numbers) -> float:
    return 4 * EXPECTED_DENSITY * matrix.rows * columns


def _scratch(_matrix: Matrix, _numbers: Numbers) -> int:
    return 0


def _encode(name: str) -> str:
    writer = Writer()
    count = writer.variable("count")
    with each_segment(writer) as segment:
        runs = runs_of(segment)
        segment.put(segments.STRANGE, 0)
        count.set(0)
        entries = runs.entries()
        with writer.when("some", writer.value("some", f"icmp sgt i64 {entries}, 0")):
            payload, kept = segment.address(segments.PAYLOAD, "payload"), kept_of(segment)
            step_bits = _step_bits(segment)
            most = writer.integer("most", "udiv", writer.affine("most", (entries, 1), constant=MOST - 1), MOST)

            def found(entry: Found) -> None:
                number = writer.integer("number", "mul nsw", entry.run, runs.vectors)
                number = writer.affine("number", (number, 16), (entry.place, 1))
                bits = writer.value("bits", f"bitcast float {entry.value} to i32")
                sign = writer.value("sign", f"lshr i32 {bits}, 31")
                word = writer.value("word", f"shl i32 {writer.value('number', f'trunc i64 {number} to i32')}, 1")
                word = writer.value("word", f"or i32 {word}, {sign}")
                writer.statement(f"store i32 {word}, ptr {writer.at(payload, count.get())}, align 4")
                left = writer.value("left", f"fsub float {entry.value}, {_signed_step(writer, step_bits, word)}")
                kept.keep(writer.integer("offset", "add nsw", entry.begin, entry.place), left)
                count.add(1)

            def room() -> str:
                return writer.value("room", f"icmp slt i64 {count.get()}, {most}")

            stream(segment, runs, start_of(segment, runs), Sieve(step_bits, room, found, visited=lambda _: None))
        segment.put(segments.LENGTH, writer.affine("length", (count.get(), 4)))
    return writer.module(name, ["threshold, encoder: v streams into the error, and what passes into the payload"])


def _step_bits(segment: Segment) -> str:
    """The bits of τ as float32; a τ below all of them is the smallest, so that no entry of 0 reaches it."""
    writer = segment.writer
    step = writer.value("step", f"fptrunc double {segment.number(0)} to float")
    writer.declare("i32 @llvm.umax.i32(i32, i32)")
    bits = writer.value("step", f"bitcast float {step} to i32")
    return writer.value("step", f"call i32 @llvm.umax.i32(i32 {bits}, i32 1)")


def _signed_step(writer: Writer, step_bits: str, word: str) -> str:
    """τ with the sign that the word says."""
    sign = writer.value("sign", f"shl i32 {word}, 31")
    return writer.value("said", f"bitcast i32 {writer.value('said', f'or i32 {step_bits}, {sign}')} to float")


def _decode(name: str) -> str:
    writer = Writer()
    with each_segment(writer) as segment:
        runs = runs_of(segment)
        gradient, payload = segment.address(segments.GRADIENT, "gradient"), segment.address(segments.PAYLOAD, "payload")
        with writer.when("set", writer.equal("sets", segment.word(segments.ADD, "add"), 0)):
            runs.clear(gradient)
        count = writer.integer("count", "lshr", segment.word(segments.LENGTH, "length"), 2)
        with writer.when("some", writer.value("some", f"icmp sgt i64 {count}, 0")):
            _add_all(segment, runs, gradient, payload, count)
    return writer.module(name, ["threshold, decoder: τ with the sign of each word, where the word says"])


def _add_all(segment: Segment, runs: Runs, gradient: str, payload: str, count: str) -> None:
    writer = segment.writer
    step_bits = _step_bits(segment)
    by_runs = divisor(writer, writer.affine("floats", (runs.vectors, 16)))
    with writer.loop("each", 0, count) as each:
        word = writer.value("word", f"load i32, ptr {writer.at(payload, each.index)}, align 4")
        number = writer.value("number", f"zext i32 {writer.value('number', f'lshr i32 {word}, 1')} to i64")
        run, place = by_runs.quotient_and_rest(number)
        at = writer.at(gradient, writer.affine("offset", (runs.begin(run), 1), (place, 1)))
        before = writer.value("before", f"load float, ptr {at}, align 4")
        after = writer.value("after", f"fadd float {before}, {_signed_step(writer, step_bits, word)}")
        writer.statement(f"store float {after}, ptr {at}, align 4")


THRESHOLD = Method(
    name="threshold",
    summary="Entries that have grown to τ or beyond are sent as τ with their sign; at most one in four.",
    source="Strom 2015, scalable distributed DNN training using commodity GPU cloud computing",
    arguments=(Argument("tau", "positive", "what an entry must reach to be sent, and what is sent of it"),),
    keeps_error=True,
    by_column=True,
    bound=_bound,
    expected=_expected,
    scratch=_scratch,
    encode=_encode,
    decode=_decode,
)
