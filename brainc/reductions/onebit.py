"""How is a gradient sent with one bit an entry? As the sign, and for each column what the signs stand for.

Payload of C columns of R rows: C float32 means of the entries that are at least 0, C means of the others (0 where there
are none), then the signs, 1 for at least 0. Signs go in tiles of 32 columns, or those that are left; in a tile
block by block of sixteen rows, an even number of them, padded by zeros; in a block column by column, 16 bits each,
the lowest for the first row.

The means are known when a tile has been read, and then what they leave of v goes into the error. Of most matrices the
tile is still in the caches by then. Where it is not, v is kept in the scratch, and the error written past the caches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from brainc.codegen.llvm.writer import LANES, MASK, VECTOR, Writer, add_lanes, vector_of
from brainc.reductions.scheme import Method, Numbers
from brainc.reductions.walk import (
    FAR_FLOATS,
    TILE,
    Place,
    Run,
    Tile,
    WayOfDecoding,
    each_tile,
    lies_far_apart,
    lies_on_vectors,
    parts_of,
    ways_of_decoding,
    write_runs,
)
from brainc.reductions.writing import Segment, each_segment
from brainrun.plan import segments
from brainrun.plan.schema import Matrix

_SUMS = 3
"""For each column and lane: of the entries that are at least 0, of the others, and how many the first are."""


def _bytes(matrix: Matrix, columns: int, _numbers: Numbers) -> int:
    return columns * (8 + 4 * -(-matrix.rows // 32))


def _scratch(matrix: Matrix, _numbers: Numbers) -> int:
    """Room for v of a tile."""
    return 4 * TILE * LANES * -(-matrix.rows // LANES) if matrix.block_stride >= FAR_FLOATS else 0


class _Payload:
    """Where the parts of a segment's payload begin."""

    def __init__(self, segment: Segment) -> None:
        writer = segment.writer
        rows, columns = segment.word(segments.ROWS, "rows"), segment.word(segments.COLUMNS, "columns")
        pairs = writer.integer("pairs", "sdiv", writer.affine("pairs", (rows, 1), constant=31), 32)
        self.writer = writer
        self.positive = segment.address(segments.PAYLOAD, "payload")
        self.negative = writer.at(self.positive, columns)
        self.signs = writer.at(self.negative, columns)
        self.column_floats = pairs
        signs = writer.integer("length", "mul nsw", columns, pairs)
        self.length = writer.affine("length", (columns, 8), (signs, 4))

    def signs_of(self, tile: Tile) -> str:
        """Where a tile's signs begin."""
        return self.writer.at(self.signs, self.writer.integer("signs", "mul nsw", tile.first, self.column_floats))


def _sign_at(writer: Writer, signs: str, place: str) -> str:
    return writer.value("sign.at", f"getelementptr inbounds i16, ptr {signs}, i64 {place}")


def _encode(name: str) -> str:
    writer = Writer()
    sums = writer.scratch(_SUMS * TILE * LANES)
    strange = writer.scratch(LANES)
    with each_segment(writer) as segment:
        payload = _Payload(segment)
        writer.store("zeroinitializer", strange)
        for kept, condition in _ways_of_keeping(segment):
            with writer.when("way", condition), each_tile(segment) as tile:
                _take_signs(segment, tile, payload, sums, kept)
                _put_means(tile, payload, sums, strange)
                _keep_error(segment, tile, payload, kept)
        segment.put(segments.LENGTH, payload.length)
        lanes = writer.value("strange", f"fcmp uno {VECTOR} {writer.load('strange', strange)}, zeroinitializer")
        some = writer.value("strange", f"icmp ne i{LANES} {_bits(writer, lanes)}, 0")
        segment.put(segments.STRANGE, writer.value("strange", f"zext i1 {some} to i64"))
    # What went past the caches is to be there for whoever is told that the kernel has ended.
    writer.statement("fence seq_cst")
    return writer.module(name, ["onebit, encoder: signs and sums of a tile, its means, then what they leave"])


def _ways_of_keeping(segment: Segment) -> Iterator[tuple[str | None, str]]:
    """Where v is kept between the two visits of a tile, nowhere or at an address, each with the i1 whether it is so."""
    writer = segment.writer
    even = lies_on_vectors(segment, segment.address(segments.ERROR, "error"))
    kept = writer.value("kept", f"and i1 {lies_far_apart(segment)}, {even}")
    yield None, writer.value("not.kept", f"xor i1 {kept}, true")
    yield segment.address(segments.SCRATCH, "scratch"), kept


def _bits(writer: Writer, mask: str) -> str:
    return writer.value("bits", f"bitcast {MASK} {mask} to i{LANES}")


def _take_signs(segment: Segment, tile: Tile, payload: _Payload, sums: str, kept: str | None) -> None:
    """The signs of a tile into the payload, each column's sums by lane, and v to where it is kept."""
    writer = segment.writer
    gradient, error = segment.address(segments.GRADIENT, "gradient"), segment.address(segments.ERROR, "error")
    signs = payload.signs_of(tile)
    with writer.loop("clear", 0, _SUMS * TILE) as clear:
        writer.store("zeroinitializer", sums, writer.affine("sum", (clear.index, LANES)))

    def step(place: Place, totals: Sequence[str]) -> list[str]:
        place.prefetch_ahead(gradient)
        v = _plus(writer, place.load("gradient", gradient), place.load("error", error))
        if kept is not None:
            place.prefetch_ahead(error)
            writer.store(v, kept, writer.affine("kept.at", (place.number, LANES)))
        upper = writer.value("upper", f"fcmp oge {VECTOR} {v}, zeroinitializer")
        if place.mask is not None:
            # Lanes without a row hold 0, which counts in neither sum.
            upper = writer.value("upper", f"and {MASK} {upper}, {place.mask}")
        writer.statement(f"store i16 {_bits(writer, upper)}, ptr {_sign_at(writer, signs, place.number)}, align 2")
        terms = (
            writer.choose("positive", upper, v, "zeroinitializer"),
            writer.choose("negative", upper, "zeroinitializer", v),
            writer.choose("one", upper, vector_of(1.0), "zeroinitializer"),
        )
        return [_plus(writer, total, term) for total, term in zip(totals, terms, strict=True)]

    def body(run: Run) -> None:
        at = [writer.affine("sum", (run.column, LANES), constant=kind * TILE * LANES) for kind in range(_SUMS)]
        totals = run.visit(step, [writer.load("sum", sums, place) for place in at])
        for offset, total in zip(at, totals, strict=True):
            writer.store(total, sums, offset)

    write_runs(tile, body)
    odd = writer.integer("odd", "and", tile.blocks, 1)
    with writer.loop("pad", 0, writer.integer("pads", "mul nsw", odd, tile.width)) as pad:
        place = tile.number(pad.index, tile.blocks)
        writer.statement(f"store i16 0, ptr {_sign_at(writer, signs, place)}, align 2")


def _plus(writer: Writer, left: str, right: str) -> str:
    return writer.value("sum", f"fadd {VECTOR} {left}, {right}")


def _put_means(tile: Tile, payload: _Payload, sums: str, strange: str) -> None:
    """Make the sums of sixteen columns at once their means. A strange entry makes one of its column's means strange."""
    writer = tile.writer
    rows = writer.value("rows", f"sitofp i64 {tile.rows} to float")
    rows = writer.value("rows", f"insertelement {VECTOR} poison, float {rows}, i64 0")
    rows = writer.shuffle("rows", rows, "poison", [0] * LANES)
    with writer.loop("group", 0, parts_of(writer, tile.width, LANES)) as group:
        columns = writer.affine("columns", (group.index, LANES))
        begin = writer.affine("sums.at", (columns, LANES))
        with writer.loop("kind", 0, _SUMS) as kind:
            of_kind = writer.affine("sums.at", (kind.index, TILE * LANES), (begin, 1))
            lanes = [writer.load("sums", writer.at(sums, of_kind), column * LANES) for column in range(LANES)]
            writer.store(add_lanes(writer, lanes), sums, of_kind)
        positive, negative, count = (
            writer.load("total", writer.at(sums, begin), kind * TILE * LANES) for kind in range(_SUMS)
        )
        others = writer.value("others", f"fsub {VECTOR} {rows}, {count}")
        inside = writer.lanes_below(writer.integer("left", "sub nsw", tile.width, columns))
        first = writer.integer("first", "add nsw", tile.first, columns)
        state = writer.load("strange", strange)
        for total, number, base in ((positive, count, payload.positive), (negative, others, payload.negative)):
            some = writer.value("some", f"fcmp ogt {VECTOR} {number}, zeroinitializer")
            mean = writer.value("mean", f"fdiv {VECTOR} {total}, {number}")
            mean = writer.choose("mean", some, mean, "zeroinitializer")
            writer.store_where(inside, mean, base, first)
            state = _plus(writer, state, writer.value("nothing", f"fmul {VECTOR} {mean}, zeroinitializer"))
        writer.store(state, strange)


def _means_of(run: Run, payload: _Payload) -> tuple[str, str]:
    """The means of the visited column, in all lanes."""
    writer, tile = run.tile.writer, run.tile
    column = writer.integer("column", "add nsw", tile.first, run.column)
    return writer.broadcast("positive", payload.positive, column), writer.broadcast(
        "negative", payload.negative, column
    )


def _keep_error(segment: Segment, tile: Tile, payload: _Payload, kept: str | None) -> None:
    """Leave in the error what the payload does not say of v."""
    writer = segment.writer
    gradient, error = segment.address(segments.GRADIENT, "gradient"), segment.address(segments.ERROR, "error")

    def body(run: Run) -> None:
        positive, negative = _means_of(run, payload)

        def step(place: Place, _: Sequence[str]) -> tuple[str, ...]:
            if kept is None:
                place.prefetch_ahead(error)
                # The sum is made again: that costs less than to keep it, as the tile is still in the caches.
                v = _plus(writer, place.load("gradient", gradient), place.load("error", error))
            else:
                v = writer.load("v", kept, writer.affine("kept.at", (place.number, LANES)))
            upper = writer.value("upper", f"fcmp oge {VECTOR} {v}, zeroinitializer")
            said = writer.choose("said", upper, positive, negative)
            rest = writer.value("rest", f"fsub {VECTOR} {v}, {said}")
            place.store(rest, error, past_caches=kept is not None)
            return ()

        run.visit(step)

    write_runs(tile, body)


def _decode(name: str) -> str:
    writer = Writer()
    with each_segment(writer) as segment:
        payload = _Payload(segment)
        gradient = segment.address(segments.GRADIENT, "gradient")
        for way, condition in ways_of_decoding(segment, gradient):
            with writer.when("way", condition), each_tile(segment) as tile:
                _decode_tile(tile, payload, gradient, way)
    # What went past the caches is to be there for whoever is told that the kernel has ended.
    writer.statement("fence seq_cst")
    return writer.module(name, ["onebit, decoder: the mean that each sign stands for"])


def _decode_tile(tile: Tile, payload: _Payload, gradient: str, way: WayOfDecoding) -> None:
    writer, signs = tile.writer, payload.signs_of(tile)

    def body(run: Run) -> None:
        positive, negative = _means_of(run, payload)

        def step(place: Place, _: Sequence[str]) -> tuple[str, ...]:
            bits = writer.value("bits", f"load i16, ptr {_sign_at(writer, signs, place.number)}, align 2")
            upper = writer.value("upper", f"bitcast i{LANES} {bits} to {MASK}")
            result = writer.choose("said", upper, positive, negative)
            if way == "add":
                place.prefetch_ahead(gradient)
                result = _plus(writer, place.load("gradient", gradient), result)
            place.store(result, gradient, past_caches=way == "set past the caches")
            return ()

        run.visit(step)

    write_runs(tile, body)


ONEBIT = Method(
    name="onebit",
    summary="One bit an entry, its sign, and for each column the means of its entries of either sign.",
    source="Seide, Fu, Droppo, Li and Yu 2014, 1-bit stochastic gradient descent",
    arguments=(),
    keeps_error=True,
    by_column=True,
    bound=_bytes,
    expected=_bytes,
    scratch=_scratch,
    encode=_encode,
    decode=_decode,
    streams=2.0,
)
