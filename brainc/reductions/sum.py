"""How is a gradient summed exactly? Every float is sent as it is.

A segment is flat: its columns lie end to end, whatever their length. All of their floats are data here, whatever they
mean to the tensor: lanes that pad a panel are sent and summed like the others, and must be finite like the others.
"""

from __future__ import annotations

from brainc.codegen.llvm.writer import LANES, MASK, VECTOR, Writer
from brainc.reductions.scheme import Method, Numbers
from brainc.reductions.walk import WayOfDecoding, store_past_caches, ways_of_decoding
from brainc.reductions.writing import Segment, each_segment
from brainrun.plan import segments
from brainrun.plan.schema import Matrix


def _bytes(matrix: Matrix, columns: int, _numbers: Numbers) -> int:
    return 4 * matrix.rows * columns


def _scratch(_matrix: Matrix, _numbers: Numbers) -> int:
    return 0


def _encode(name: str) -> str:
    writer = Writer()
    with each_segment(writer) as segment:
        gradient, payload = segment.address(segments.GRADIENT), segment.address(segments.PAYLOAD)
        floats = _floats(segment)
        with writer.loop("vector", 0, _whole_vectors(writer, floats), ["zeroinitializer"]) as loop:
            place = writer.affine("at", (loop.index, LANES))
            vector = writer.load("gradient", gradient, place, align=4)
            writer.statement(f"store {VECTOR} {vector}, ptr {writer.at(payload, place)}, align 4")
            loop.next([_strange_after(writer, loop.values[0], vector)])
        place, mask = _rest(writer, floats)
        vector = writer.load_where("gradient", mask, gradient, place)
        writer.store_where(mask, vector, payload, place)
        segment.put(segments.LENGTH, writer.affine("length", (floats, 4)))
        _put_strange(segment, _strange_after(writer, loop.values[0], vector))
    return writer.module(name, ["sum, encoder: the payload is the gradient"])


def _decode(name: str) -> str:
    writer = Writer()
    with each_segment(writer) as segment:
        gradient = segment.address(segments.GRADIENT)
        for way, condition in ways_of_decoding(segment, gradient):
            with writer.when("way", condition):
                _decode_segment(segment, gradient, way)
    # What went past the caches is to be there for whoever is told that the kernel has ended.
    writer.statement("fence seq_cst")
    return writer.module(name, ["sum, decoder: the payload is added, or is the gradient"])


def _decode_segment(segment: Segment, gradient: str, way: WayOfDecoding) -> None:
    writer, payload, floats = segment.writer, segment.address(segments.PAYLOAD), _floats(segment)

    def added(sent: str, before: str) -> str:
        return writer.value("result", f"fadd {VECTOR} {before}, {sent}")

    with writer.loop("vector", 0, _whole_vectors(writer, floats), ["zeroinitializer"]) as loop:
        place = writer.affine("at", (loop.index, LANES))
        sent = writer.load("sent", payload, place, align=4)
        match way:
            case "add":
                result = added(sent, writer.load("gradient", gradient, place, align=4))
                writer.statement(f"store {VECTOR} {result}, ptr {writer.at(gradient, place)}, align 4")
            case "set":
                writer.statement(f"store {VECTOR} {sent}, ptr {writer.at(gradient, place)}, align 4")
            case "set past the caches":
                store_past_caches(writer, sent, gradient, place)
        loop.next([_strange_after(writer, loop.values[0], sent)])
    place, mask = _rest(writer, floats)
    sent = writer.load_where("sent", mask, payload, place)
    result = added(sent, writer.load_where("gradient", mask, gradient, place)) if way == "add" else sent
    writer.store_where(mask, result, gradient, place)
    _put_strange(segment, _strange_after(writer, loop.values[0], sent))


def _floats(segment: Segment) -> str:
    """How many floats the segment has."""
    rows, columns = segment.word(segments.ROWS, "rows"), segment.word(segments.COLUMNS, "columns")
    return segment.writer.integer("floats", "mul nsw", rows, columns)


def _whole_vectors(writer: Writer, floats: str) -> str:
    return writer.integer("vectors", "sdiv", floats, LANES)


def _rest(writer: Writer, floats: str) -> tuple[str, str]:
    """Where the floats begin that fill no vector, and the mask of them."""
    place = writer.affine("rest.at", (_whole_vectors(writer, floats), LANES))
    return place, writer.lanes_below(writer.integer("rest", "sub nsw", floats, place))


def _strange_after(writer: Writer, strange: str, vector: str) -> str:
    """Zero in each lane, and no number from its first infinity or not-a-number on."""
    nothing = writer.value("nothing", f"fmul {VECTOR} {vector}, zeroinitializer")
    return writer.value("strange", f"fadd {VECTOR} {strange}, {nothing}")


def _put_strange(segment: Segment, strange: str) -> None:
    writer = segment.writer
    lanes = writer.value("strange", f"fcmp uno {VECTOR} {strange}, zeroinitializer")
    bits = writer.value("strange", f"bitcast {MASK} {lanes} to i{LANES}")
    some = writer.value("strange", f"icmp ne i{LANES} {bits}, 0")
    segment.put(segments.STRANGE, writer.value("strange", f"zext i1 {some} to i64"))


SUM_METHOD = Method(
    name="sum",
    summary="Every float is sent as it is: the sum is exact but for float32's rounding.",
    source="",
    arguments=(),
    keeps_error=False,
    by_column=False,
    bound=_bytes,
    expected=_bytes,
    scratch=_scratch,
    encode=_encode,
    decode=_decode,
)
