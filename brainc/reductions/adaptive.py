"""How is a gradient sent as its largest entries, each as the mean of those of its sign in its column?

Of a segment's n entries, k = max(1, ⌊n · density⌋) are to be sent: those beyond the threshold that as large a share of
a sample passes; at most 4 · k, the others stay in the error. One header serves a column or a block of them (`blocks`).

The payload has, for each block, the number of its entries; then the entries, `(place in the block) << 1 | negative`, in
the order of their places; all of these are uint16 where a column has at most 32,767 rows, else uint32. From the next
multiple of 4 on, for each block of which something is sent, the means of its positive and of its negative entries,
float32, 0 where there are none. A block's entries start where those before end.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainc.codegen.llvm.writer import Writer
from brainc.operators.operator import Argument
from brainc.reductions.adaptive_lines import set_lines
from brainc.reductions.adaptive_payload import NARROW_ROWS, Payload, cursor_of, payload_of
from brainc.reductions.blocks import block_columns, wanted_entries
from brainc.reductions.candidates import kept_of, start_of
from brainc.reductions.finds import finds_of, scratch_bytes
from brainc.reductions.runs import runs_of
from brainc.reductions.scatter import Scatter, scatter_into
from brainc.reductions.scheme import Method, Numbers
from brainc.reductions.selection import share_of, take_sample
from brainc.reductions.walk import ways_of_decoding
from brainc.reductions.writing import each_segment
from brainrun.plan import segments
from brainrun.plan.schema import Matrix

MOST = 4
"""At most so many times the wanted number of entries are sent."""


@dataclass(frozen=True, slots=True)
class _Size:
    """What a payload about so many columns is made of."""

    word: int
    blocks: int
    wanted: int
    most: int

    def bytes(self, sent: float, blocks_with_some: float) -> float:
        return self.word * (self.blocks + sent) + 8 * blocks_with_some


def _size(matrix: Matrix, columns: int, numbers: Numbers) -> _Size:
    (density,) = numbers
    entries = matrix.rows * columns
    blocks = -(-columns // block_columns(matrix.rows, columns, density, NARROW_ROWS))
    wanted = wanted_entries(entries, density)
    return _Size(2 if matrix.rows <= NARROW_ROWS else 4, blocks, wanted, min(entries, MOST * wanted))


def _bound(matrix: Matrix, columns: int, numbers: Numbers) -> int:
    size = _size(matrix, columns, numbers)
    return -(-int(size.bytes(size.most, min(size.most, size.blocks))) // 4) * 4


def _expected(matrix: Matrix, columns: int, numbers: Numbers) -> float:
    size = _size(matrix, columns, numbers)
    none = (1 - 1 / size.blocks) ** size.wanted if size.blocks else 0.0
    return size.bytes(size.wanted, size.blocks * (1 - none))


def _scratch(matrix: Matrix, numbers: Numbers) -> int:
    return scratch_bytes(matrix, _size(matrix, matrix.columns, numbers).most)


def _encode(name: str) -> str:
    writer = Writer()
    count, length, next_mean = (writer.variable(hint) for hint in ("count", "length", "next.mean"))
    with each_segment(writer) as segment:
        runs = runs_of(segment)
        segment.put(segments.STRANGE, 0)
        length.set(0)
        entries = runs.entries()
        with writer.when("some", writer.value("some", f"icmp sgt i64 {entries}, 0")):
            payload, density = payload_of(segment, runs), segment.number(0, "density")
            wanted = writer.least("wanted", share_of(writer, entries, density), entries)
            most = writer.least("most", writer.affine("most", (wanted, MOST)), entries)
            finds = finds_of(segment, runs, start_of(segment, runs), most, count)
            sample = take_sample(segment, runs)
            finds.take(sample.passed_by(density))
            finds.tally()
            next_mean.set(payload.means_at(count.get()))

            def tell(block: str, sent: str, means: tuple[str, str]) -> None:
                payload.put_word(block, sent)
                with writer.when("some", writer.value("some", f"icmp sgt i64 {sent}, 0")):
                    for place, mean in enumerate(means):
                        at = writer.at(payload.byte_at(next_mean.get()), place)
                        writer.statement(f"store float {mean}, ptr {at}, align 4")
                    next_mean.add(8)

            settled = payload.blocks.settle(finds, payload.blocks.count, tell)
            kept = kept_of(segment)
            with finds.each(writes=kept.error) as find:
                payload.put_word(*settled.word_of(find))
                kept.keep(find.offset, settled.rest_of(find))
            length.set(next_mean.get())
        segment.put(segments.LENGTH, length.get())
    return writer.module(name, ["adaptive, encoder: a sample's threshold, what passes it, its means by block"])


def _decode(name: str) -> str:
    writer = Writer()
    cursor = cursor_of(writer)
    with each_segment(writer) as segment:
        runs = runs_of(segment)
        gradient = segment.address(segments.GRADIENT, "gradient")
        ways = dict(ways_of_decoding(segment, gradient))
        with writer.when("some", writer.value("some", f"icmp sgt i64 {runs.columns}, 0")):
            payload = payload_of(segment, runs)
            cursor.begin(payload)
            long = writer.value("long", f"and i1 {runs.across}, {writer.equal('single', payload.blocks.columns, 1)}")
            narrow = writer.value("narrow", f"xor i1 {payload.wide}, true")
            by_line = writer.value("by.line", f"and i1 {long}, {narrow}")
            by_line = writer.value("by.line", f"and i1 {by_line}, {ways['set past the caches']}")
            with writer.when("by.line", by_line):
                set_lines(payload, runs, cursor, gradient)
            with writer.when("scattered", writer.value("scattered", f"xor i1 {by_line}, true")):
                with writer.when("set", writer.value("sets", f"xor i1 {ways['add']}, true")):
                    runs.clear(gradient)
                scatter = scatter_into(writer, gradient)
                with writer.loop("block", 0, payload.blocks.count) as block:
                    mean, *words = cursor.take(payload, block.index)
                    first, _ = payload.blocks.columns_of(block.index)
                    _add_block(payload, scatter, payload.byte_at(mean), first, *words)
                scatter.finish()
    # What went past the caches is to be there for whoever is told that the kernel has ended.
    writer.statement("fence seq_cst")
    return writer.module(name, ["adaptive, decoder: the block's mean of its sign for every entry"])


def _add_block(payload: Payload, scatter: Scatter, means: str, first_column: str, begin: str, end: str) -> None:
    """Add a block's means at the places that its words `[begin, end)` name."""
    writer = payload.writer
    with writer.loop("entry", begin, end) as entry:
        word = payload.word(entry.index)
        negative = writer.integer("negative", "and", word, 1)
        mean = writer.value("mean", f"load float, ptr {writer.at(means, negative)}, align 4")
        scatter.add(payload.blocks.offset_of(first_column, writer.integer("place", "lshr", word, 1)), mean)


ADAPTIVE = Method(
    name="adaptive",
    summary="The largest entries, as many as the density says, each as the mean of its sign in its column.",
    source="Dryden, Moon, Jacobs and Van Essen 2016, communication quantization for data-parallel training",
    arguments=(Argument("density", "share", "the share of the entries that are to be sent", 1 / 64),),
    keeps_error=True,
    by_column=True,
    bound=_bound,
    expected=_expected,
    scratch=_scratch,
    encode=_encode,
    decode=_decode,
    streams=1.8,
)
