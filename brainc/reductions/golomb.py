"""How are a gradient's largest entries sent in few bits? Blocks have headers, and the gaps between entries are coded.

Of a segment's n entries, the k = max(1, ⌊n · density⌋) largest are sent, each as the mean of those of its sign in its
block of columns (`blocks`). They are chosen among more: those beyond the threshold that eight times as large a share of
a sample passes. So the volume hardly varies, and a message is no longer than what is wanted takes.

The payload is nothing where nothing is sent, else the bits (`bits`) of block after block: the number of its entries,
with b for k entries in all blocks; two bits, for whether positive and whether negative ones are sent; the float32 means
of those that are; and for each entry the gap, of entries that are not sent, between it and the one before, with b for
k entries in n, and where there are both signs one bit that says whether it is negative. Beyond 10⁵ entries for each
that is sent b grows no more, and codes become longer than they need to be.

Velocities are summed instead of gradients, and the first epochs send more, as Deep Gradient Compression does.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import Variable, Writer
from brainc.operators.operator import Argument
from brainc.reductions.bits import BitReader, bits_from, bits_into, rice_bits, write_rice_bits
from brainc.reductions.blocks import Blocks, block_columns, blocks_of, wanted_entries
from brainc.reductions.candidates import kept_of, start_of
from brainc.reductions.finds import Finds, finds_of, scratch_bytes
from brainc.reductions.runs import Runs, runs_of
from brainc.reductions.scatter import Scatter, scatter_into
from brainc.reductions.scheme import Method, Numbers
from brainc.reductions.selection import share_of, take_sample
from brainc.reductions.writing import Segment, each_segment
from brainrun.plan import segments
from brainrun.plan.schema import Matrix

CANDIDATES = 8
"""So many times the wanted number of entries are expected to pass the sample's threshold."""
WARMUP = (1 / 4, 1 / 16, 1 / 64, 1 / 256)
"""Densities of the first epochs, where they are above the wanted one (Lin et al. 2018, section 3.3)."""
_MOST_ROWS = 1 << 30
_BLOCK_BYTES = 16


@dataclass(frozen=True, slots=True)
class _Size:
    """What a payload about so many entries is made of: b of the gaps, and of the numbers of the blocks."""

    entries: int
    wanted: int
    blocks: int
    gap_bits: int
    number_bits: int


def _size(matrix: Matrix, columns: int, numbers: Numbers) -> _Size:
    (density,) = numbers
    entries = matrix.rows * columns
    wanted = wanted_entries(entries, density)
    blocks = -(-columns // block_columns(matrix.rows, columns, density, _MOST_ROWS))
    if not entries:
        return _Size(0, 0, 0, 0, 0)
    return _Size(entries, wanted, blocks, rice_bits(entries, wanted), rice_bits(wanted, blocks))


def _bound(matrix: Matrix, columns: int, numbers: Numbers) -> int:
    size = _size(matrix, columns, numbers)
    with_some = min(size.blocks, size.wanted)
    headers = size.blocks * (size.number_bits + 1) + (size.wanted >> size.number_bits) + 2 * with_some
    means = 32 * min(2 * with_some, size.wanted)
    codes = size.wanted * (size.gap_bits + 2) + (size.entries >> size.gap_bits)
    return 4 * -(-(headers + means + codes) // 32)


def _expected(matrix: Matrix, columns: int, numbers: Numbers) -> float:
    size = _size(matrix, columns, numbers)
    if not size.entries:
        return 0.0
    # A chance for each gap that it goes on beyond the next 2ᵇ entries.
    goes_on = (1 - size.wanted / size.entries) ** float(1 << size.gap_bits)
    code = size.gap_bits + 2 + goes_on / (1 - goes_on) if goes_on < 1 else 0.0
    with_some = size.blocks * (1 - (1 - 1 / size.blocks) ** size.wanted)
    means = min(2 * with_some, size.wanted)
    headers = size.blocks * (size.number_bits + 1) + size.wanted / (1 << size.number_bits) + 2 * with_some
    return (headers + 32 * means + size.wanted * code) / 8


def _most_candidates(entries: int, wanted: int) -> int:
    # The sample's largest is passed by few more than n / 1024, however few are wanted.
    return min(entries, 2 * CANDIDATES * wanted + (entries >> 8))


def _scratch(matrix: Matrix, numbers: Numbers) -> int:
    size = _size(matrix, matrix.columns, numbers)
    finds = scratch_bytes(matrix, _most_candidates(size.entries, size.wanted))
    return finds + _BLOCK_BYTES * size.blocks + 4 * size.wanted


def _warmup(numbers: Numbers) -> tuple[Numbers, ...]:
    (density,) = numbers
    return tuple((larger,) for larger in WARMUP if larger > density)


@dataclass(frozen=True, slots=True)
class _Code:
    """How many entries are wanted of a segment, its blocks, and b of gaps and of numbers."""

    wanted: str
    blocks: Blocks
    gap_bits: str
    number_bits: str


def _code_of(segment: Segment, runs: Runs) -> _Code:
    writer = segment.writer
    density, entries = segment.number(0, "density"), runs.entries()
    wanted = writer.least("wanted", share_of(writer, entries, density), entries)
    blocks = blocks_of(runs, density, _MOST_ROWS)
    return _Code(
        wanted, blocks, write_rice_bits(writer, entries, wanted), write_rice_bits(writer, wanted, blocks.count)
    )


def _encode(name: str) -> str:
    writer = Writer()
    count, length = writer.variable("count"), writer.variable("length")
    with each_segment(writer) as segment:
        runs = runs_of(segment)
        segment.put(segments.STRANGE, 0)
        length.set(0)
        entries = runs.entries()
        with writer.when("some", writer.value("some", f"icmp sgt i64 {entries}, 0")):
            code = _code_of(segment, runs)
            finds = _largest(segment, runs, code, count)
            with writer.when("sent", writer.value("sent", f"icmp sgt i64 {count.get()}, 0")):
                length.set(_write(segment, code, finds))
        segment.put(segments.LENGTH, length.get())
    return writer.module(name, ["golomb, encoder: the largest of what passes a sample's threshold, coded by block"])


def _largest(segment: Segment, runs: Runs, code: _Code, count: Variable) -> Finds:
    """Stream v into the error and find its largest entries, as many as wanted."""
    writer, entries = segment.writer, runs.entries()
    most = writer.affine("most", (code.wanted, 2 * CANDIDATES), (writer.integer("most", "lshr", entries, 8), 1))
    finds = finds_of(segment, runs, start_of(segment, runs), writer.least("most", most, entries), count)
    density = writer.value("density", f"fmul double {segment.number(0)}, {float(CANDIDATES)}")
    finds.take(take_sample(segment, runs).passed_by(density))
    finds.keep_largest(code.wanted)
    return finds


def _write(segment: Segment, code: _Code, finds: Finds) -> str:
    """Write the payload, and leave in the error what it does not say; the result is its length."""
    writer, headers = segment.writer, finds.end()
    bits = bits_into(writer, segment.address(segments.PAYLOAD, "payload"))
    words = writer.at(headers, writer.affine("headers", (code.blocks.count, _BLOCK_BYTES // 4)))

    def header_at(block: str) -> str:
        return writer.at(headers, writer.affine("header", (block, _BLOCK_BYTES // 4)))

    def tell(block: str, sent: str, means: tuple[str, str]) -> None:
        at = header_at(block)
        for place, mean in enumerate(means):
            writer.statement(f"store float {mean}, ptr {writer.at(at, place)}")
        writer.statement(f"store i64 {sent}, ptr {writer.at(at, 2)}")

    finds.tally()
    settled = code.blocks.settle(finds, "0", tell)
    kept = kept_of(segment)
    with finds.each(writes=kept.error) as find:
        number, word = settled.word_of(find)
        writer.statement(
            f"store i32 {writer.value('word', f'trunc i64 {word} to i32')}, ptr {writer.at(words, number)}"
        )
        kept.keep(find.offset, settled.rest_of(find))
    begin, last = writer.variable("begin"), writer.variable("last")
    begin.set(0)
    with writer.loop("block", 0, code.blocks.count) as block:
        at = header_at(block.index)
        sent = writer.value("sent", f"load i64, ptr {writer.at(at, 2)}")
        means = [writer.value("mean", f"load float, ptr {writer.at(at, place)}") for place in range(2)]
        # No mean of entries that are sent is 0, as none of them is; a mean that is not a number is unequal too.
        has_positive, has_negative = (writer.value("has", f"fcmp une float {mean}, 0.0") for mean in means)
        some = writer.value("some", f"icmp sgt i64 {sent}, 0")
        flags = writer.integer("flags", "or", _wide(writer, has_positive), _twice(writer, has_negative))
        bits.put_number(sent, code.number_bits, flags, _twice(writer, some))
        for mean, has in zip(means, (has_positive, has_negative), strict=True):
            with writer.when("mean", has):
                bits.put_float(mean)
        both = _wide(writer, writer.equal("both", flags, 3))
        last.set(-1)
        end = writer.integer("end", "add nsw", begin.get(), sent)
        with writer.loop("entry", begin.get(), end) as entry:
            word = writer.value("word", f"load i32, ptr {writer.at(words, entry.index)}")
            wide = writer.value("word", f"zext i32 {word} to i64")
            place = writer.integer("place", "lshr", wide, 1)
            gap = writer.affine("gap", (place, 1), (last.get(), -1), constant=-1)
            bits.put_number(gap, code.gap_bits, writer.integer("negative", "and", wide, both), both)
            last.set(place)
        begin.set(end)
    return bits.finish()


def _wide(writer: Writer, condition: str) -> str:
    return writer.value("wide", f"zext i1 {condition} to i64")


def _twice(writer: Writer, condition: str) -> str:
    """2 where the condition holds, else 0."""
    return writer.integer("twice", "shl", _wide(writer, condition), 1)


def _decode(name: str) -> str:
    writer = Writer()
    with each_segment(writer) as segment:
        runs = runs_of(segment)
        gradient = segment.address(segments.GRADIENT, "gradient")
        with writer.when("set", writer.equal("sets", segment.word(segments.ADD, "add"), 0)):
            runs.clear(gradient)
        length = segment.word(segments.LENGTH, "length")
        with writer.when("some", writer.value("some", f"icmp sgt i64 {length}, 0")):
            code, scatter = _code_of(segment, runs), scatter_into(writer, gradient)
            bits = bits_from(writer, segment.address(segments.PAYLOAD, "payload"), length)
            with writer.loop("block", 0, code.blocks.count) as block:
                sent = bits.take_number(code.number_bits)
                with writer.when("some", writer.value("some", f"icmp sgt i64 {sent}, 0")):
                    _read_block(code, bits, scatter, block.index, sent)
            scatter.finish()
    return writer.module(name, ["golomb, decoder: the block's mean of its sign for every entry"])


def _read_block(code: _Code, bits: BitReader, scatter: Scatter, block: str, sent: str) -> None:
    """Read the rest of a block of which something is sent."""
    writer = bits.writer
    flags = bits.next(2)
    means = [writer.variable("mean", "float") for _ in range(2)]
    for flag, mean in zip((1, 2), means, strict=True):
        mean.set("0.0")
        with writer.when("mean", writer.equal("has", writer.integer("flag", "and", flags, flag), flag)):
            mean.set(bits.take_float())
    both = writer.equal("both", flags, 3)
    sign_bits = _wide(writer, both)
    only_negative = _wide(writer, writer.equal("negative", flags, 2))
    first, _ = code.blocks.columns_of(block)
    place = writer.variable("place")
    place.set(-1)
    with writer.loop("entry", 0, sent):
        place.add(writer.affine("gap", (bits.take_number(code.gap_bits), 1), constant=1))
        sign = writer.integer("sign", "or", bits.next(sign_bits), only_negative)
        negative = writer.value("negative", f"trunc i64 {sign} to i1")
        said = writer.value("said", f"select i1 {negative}, float {means[1].get()}, float {means[0].get()}")
        scatter.add(code.blocks.offset_of(first, place.get()), said)


GOLOMB = Method(
    name="golomb",
    summary="The largest entries, as many as the density says, as the means of blocks and Golomb codes of the gaps.",
    source="Sattler, Wiedemann, Müller and Samek 2019, sparse binary compression; Golomb 1966, run-length encodings",
    arguments=(Argument("density", "share", "the share of the entries that are sent", 1 / 1000),),
    keeps_error=True,
    by_column=True,
    bound=_bound,
    expected=_expected,
    scratch=_scratch,
    encode=_encode,
    decode=_decode,
    streams=1.4,
    corrects_momentum=True,
    warmup=_warmup,
    # Summed as they are, a perceptron's biases would take twice the bytes of all its coded weights.
    sums_vectors=False,
)
