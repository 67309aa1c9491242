"""How is a gradient sent with one bit an entry? As the sign, and for each column what the signs stand for.

Payload of C columns of R rows: C float32 means of the entries that are at least 0, C means of the others (0 where there
are none), then the signs, 1 for at least 0. Signs go in tiles of sixteen columns, or those that are left; in a tile
block by block of sixteen rows, an even number of them, padded by zeros; in a block column by column, 16 bits each,
the lowest for the first row.
"""

from __future__ import annotations

from brainc.codegen.llvm.writer import LANES, MASK, VECTOR, VECTOR_BYTES, Writer, add_lanes, vector_of
from brainc.reductions.scheme import Method, Numbers
from brainc.reductions.walk import TILE, Tile, Visit, each_tile, past_caches, write_visits
from brainc.reductions.writing import Segment, each_segment
from brainrun.plan import segments
from brainrun.plan.schema import Matrix

_SUMS = 3
"""For each column and lane: of the entries that are at least 0, of the others, and how many the first are."""


def _bytes(matrix: Matrix, columns: int, _numbers: Numbers) -> int:
    return columns * (8 + 4 * -(-matrix.rows // 32))


def _scratch(matrix: Matrix, _numbers: Numbers) -> int:
    """A tile's v = gradient + error."""
    return VECTOR_BYTES * -(-matrix.rows // LANES) * min(TILE, matrix.columns)


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
        error = segment.address(segments.ERROR, "error")
        past = past_caches(segment, error)
        writer.store("zeroinitializer", strange)
        with each_tile(segment) as tile:
            _take_signs(segment, tile, payload, sums)
            _put_means(tile, payload, sums, strange)
            _keep_error(segment, tile, payload, past)
        segment.put(segments.LENGTH, payload.length)
        lanes = writer.value("strange", f"fcmp uno {VECTOR} {writer.load('strange', strange)}, zeroinitializer")
        some = writer.value("strange", f"icmp ne i{LANES} {_bits(writer, lanes)}, 0")
        segment.put(segments.STRANGE, writer.value("strange", f"zext i1 {some} to i64"))
    # What went past the caches is to be there for whoever is told that the kernel has ended.
    writer.statement("fence seq_cst")
    return writer.module(name, ["onebit, encoder: signs and sums of a tile, its means, then what they leave"])


def _bits(writer: Writer, mask: str) -> str:
    return writer.value("bits", f"bitcast {MASK} {mask} to i{LANES}")


def _take_signs(segment: Segment, tile: Tile, payload: _Payload, sums: str) -> None:
    """The signs of a tile into the payload, v into scratch, and each column's sums by lane."""
    writer = segment.writer
    gradient, error = segment.address(segments.GRADIENT, "gradient"), segment.address(segments.ERROR, "error")
    scratch, signs = segment.address(segments.SCRATCH, "scratch"), payload.signs_of(tile)
    with writer.loop("clear", 0, _SUMS * TILE) as clear:
        writer.store("zeroinitializer", sums, writer.affine("sum", (clear.index, LANES)))

    def body(visit: Visit) -> None:
        visit.prefetch(gradient, error)
        at = [writer.affine("sum", (visit.column, LANES), constant=kind * TILE * LANES) for kind in range(_SUMS)]
        positive, negative, count = (writer.load("sum", sums, place) for place in at)
        for offset, place in visit.vectors():
            old, new = visit.load("error", error, offset), visit.load("gradient", gradient, offset)
            v = writer.value("v", f"fadd {VECTOR} {new}, {old}")
            writer.store(v, scratch, writer.affine("v.at", (place, LANES)))
            upper = writer.value("upper", f"fcmp oge {VECTOR} {v}, zeroinitializer")
            if visit.mask is not None:
                # Lanes without a row hold 0, which counts in neither sum.
                upper = writer.value("upper", f"and {MASK} {upper}, {visit.mask}")
            writer.statement(f"store i16 {_bits(writer, upper)}, ptr {_sign_at(writer, signs, place)}, align 2")
            positive = _plus(writer, positive, writer.choose("positive", upper, v, "zeroinitializer"))
            negative = _plus(writer, negative, writer.choose("negative", upper, "zeroinitializer", v))
            count = _plus(writer, count, writer.choose("one", upper, vector_of(1.0), "zeroinitializer"))
        for place, total in zip(at, (positive, negative, count), strict=True):
            writer.store(total, sums, place)

    write_visits(tile, body)
    odd = writer.integer("odd", "and", tile.blocks, 1)
    with writer.loop("pad", 0, writer.integer("pads", "mul nsw", odd, tile.width)) as pad:
        place = tile.place(pad.index, tile.blocks)
        writer.statement(f"store i16 0, ptr {_sign_at(writer, signs, place)}, align 2")


def _plus(writer: Writer, left: str, right: str) -> str:
    return writer.value("sum", f"fadd {VECTOR} {left}, {right}")


def _put_means(tile: Tile, payload: _Payload, sums: str, strange: str) -> None:
    """Make the sums of sixteen columns at once their means. A strange entry makes one of its column's means strange."""
    writer = tile.writer
    with writer.loop("kind", 0, _SUMS) as kind:
        begin = writer.affine("sums.at", (kind.index, TILE * LANES))
        columns = [
            writer.load("sums", sums, writer.affine("sums.at", (begin, 1), constant=column * LANES))
            for column in range(TILE)
        ]
        writer.store(add_lanes(writer, columns), sums, begin)
    positive, negative, count = (writer.load("total", sums, kind * TILE * LANES) for kind in range(_SUMS))
    rows = writer.value("rows", f"sitofp i64 {tile.rows} to float")
    rows = writer.value("rows", f"insertelement {VECTOR} poison, float {rows}, i64 0")
    rows = writer.shuffle("rows", rows, "poison", [0] * LANES)
    others = writer.value("others", f"fsub {VECTOR} {rows}, {count}")
    inside = writer.lanes_below(tile.width)
    state = writer.load("strange", strange)
    for total, number, base in ((positive, count, payload.positive), (negative, others, payload.negative)):
        some = writer.value("some", f"fcmp ogt {VECTOR} {number}, zeroinitializer")
        mean = writer.value("mean", f"fdiv {VECTOR} {total}, {number}")
        mean = writer.choose("mean", some, mean, "zeroinitializer")
        writer.store_where(inside, mean, base, tile.first)
        state = _plus(writer, state, writer.value("nothing", f"fmul {VECTOR} {mean}, zeroinitializer"))
    writer.store(state, strange)


def _means_of(visit: Visit, payload: _Payload) -> tuple[str, str]:
    """The means of the visited column, in all lanes."""
    writer, tile = visit.tile.writer, visit.tile
    column = writer.integer("column", "add nsw", tile.first, visit.column)
    return writer.broadcast("positive", payload.positive, column), writer.broadcast(
        "negative", payload.negative, column
    )


def _keep_error(segment: Segment, tile: Tile, payload: _Payload, past: str) -> None:
    """Leave in the error what the payload does not say of v."""
    writer = segment.writer
    error, scratch = segment.address(segments.ERROR, "error"), segment.address(segments.SCRATCH, "scratch")
    for past_caches_too in (False, True):

        def body(visit: Visit, past_caches_too: bool = past_caches_too) -> None:
            positive, negative = _means_of(visit, payload)
            for offset, place in visit.vectors():
                v = writer.load("v", scratch, writer.affine("v.at", (place, LANES)))
                upper = writer.value("upper", f"fcmp oge {VECTOR} {v}, zeroinitializer")
                said = writer.choose("said", upper, positive, negative)
                rest = writer.value("rest", f"fsub {VECTOR} {v}, {said}")
                visit.store(rest, error, offset, past_caches=past_caches_too)

        chosen = writer.value("chosen", f"icmp eq i1 {past}, {'true' if past_caches_too else 'false'}")
        with writer.when("past" if past_caches_too else "through", chosen):
            write_visits(tile, body)


def _decode(name: str) -> str:
    writer = Writer()
    with each_segment(writer) as segment:
        payload = _Payload(segment)
        gradient = segment.address(segments.GRADIENT, "gradient")
        adds = writer.equal("adds", segment.word(segments.ADD, "add"), 1)
        past = past_caches(segment, gradient)
        sets_past = writer.value("sets", f"select i1 {adds}, i1 false, i1 {past}")
        sets = writer.value("sets", f"select i1 {adds}, i1 false, i1 true")
        sets = writer.value("sets", f"xor i1 {sets}, {sets_past}")
        with each_tile(segment) as tile:
            for condition, how in ((adds, "add"), (sets, "set"), (sets_past, "set past caches")):
                with writer.when(how.replace(" ", "."), condition):
                    _decode_tile(tile, payload, gradient, how)
    writer.statement("fence seq_cst")
    return writer.module(name, ["onebit, decoder: the mean that each sign stands for"])


def _decode_tile(tile: Tile, payload: _Payload, gradient: str, how: str) -> None:
    writer, signs = tile.writer, payload.signs_of(tile)

    def body(visit: Visit) -> None:
        if how == "add":
            visit.prefetch(gradient)
        positive, negative = _means_of(visit, payload)
        for offset, place in visit.vectors():
            bits = writer.value("bits", f"load i16, ptr {_sign_at(writer, signs, place)}, align 2")
            upper = writer.value("upper", f"bitcast i{LANES} {bits} to {MASK}")
            result = writer.choose("said", upper, positive, negative)
            if how == "add":
                result = _plus(writer, visit.load("gradient", gradient, offset), result)
            visit.store(result, gradient, offset, past_caches=how == "set past caches")

    write_visits(tile, body)


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
)
