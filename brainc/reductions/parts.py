"""How does a gradient with a scheme stand in the plan? As a matrix, cut by columns over the members of its group."""

from __future__ import annotations

from collections import Counter
from functools import cache
from math import prod

from msgspec.structs import replace

from brainc.ir.kernel import KernelText
from brainc.ir.scheme import Scheme
from brainc.ir.sharded import slices
from brainc.reductions.table import method_of, scheme_text
from brainrun.plan.messages import piece_of
from brainrun.plan.schema import LANES, Lanes, Matrix, Panels, Part, Plain, Storage
from brainrun.plan.storage import stored_elements

PIECE_ENTRIES = 1 << 19
"""What a member owns of a gradient is cut into pieces of about so many entries, for its threads to share."""
MOST_PIECES = 16
"""More threads than a rank is given, as a rule: a piece costs a few microseconds."""


def matrix_of(storage: Storage, *, by_column: bool) -> Matrix:
    """The gradient's columns as they lie in memory; where they do not matter, a column is a vector, or else a float."""
    if not by_column:
        floats = stored_elements(storage)
        rows = LANES if floats % LANES == 0 else 1
        return Matrix(rows, floats // rows, rows, LANES)
    match storage:
        case Panels(outputs=outputs, inputs=inputs):
            return Matrix(inputs, outputs, LANES, LANES * outputs)
        case Plain(shape=(outputs, *rest)) if rest:
            return Matrix(prod(rest), outputs, prod(rest), LANES)
        case Plain(shape=shape):
            return Matrix(prod(shape), 1, prod(shape), LANES)
        case Lanes():
            raise ValueError("samples are no gradient of a parameter")


def part_of(
    gradient: str,
    error: str,
    velocity: str,
    storage: Storage,
    scheme: Scheme,
    members: int,
    layer: str,
    *,
    factor_of: str = "",
) -> Part:
    """The gradient (or a factor of it) in the buffer of this name, under its scheme, as the plan has it."""
    method = method_of(scheme)
    matrix = matrix_of(storage, by_column=method.by_column)
    owned = slices(matrix.columns, members)
    pieces = pieces_of(matrix, members)
    warmup = method.warmup(scheme.numbers)
    piece = replace(matrix, columns=-(-max(own.stop - own.start for own in owned) // pieces))

    def bound(columns: int) -> int:
        return max(method.bound(matrix, columns, numbers) for numbers in (scheme.numbers, *warmup))

    return Part(
        gradient=gradient,
        error=error,
        matrix=matrix,
        scheme=scheme_text(scheme),
        parameters=scheme.numbers,
        encode=encoder(scheme),
        decode=decoder(scheme),
        owned=owned,
        bounds=tuple(bound(-(-(own.stop - own.start) // pieces)) for own in owned),
        scratch=max(method.scratch(piece, numbers) for numbers in (scheme.numbers, *warmup)),
        layer=layer,
        velocity=velocity,
        warmup=warmup,
        factor_of=factor_of,
        pieces=pieces,
    )


def pieces_of(matrix: Matrix, members: int) -> int:
    """Into how many pieces each member's columns are cut; none is without columns where a member has some."""
    columns = matrix.columns // members
    return max(1, min(MOST_PIECES, -(-matrix.rows * columns // PIECE_ENTRIES), columns))


def expected_payloads(matrix: Matrix, members: int, scheme: Scheme) -> float:
    """The bytes that all members' columns are predicted to take, encoded piece by piece."""
    method, pieces = method_of(scheme), pieces_of(matrix, members)
    widths = Counter(
        cut.stop - cut.start
        for own in slices(matrix.columns, members)
        for cut in (piece_of(own, piece, pieces) for piece in range(pieces))
    )
    return sum(count * method.expected(matrix, width, scheme.numbers) for width, count in widths.items())


def expected_bytes(parts: tuple[tuple[Part, Scheme], ...], members: int, node: int) -> int:
    """What a member is predicted to send in a step: its terms to each other node's member, and its own sum to each.

    `node` members share a node; what they send each other within it is not counted.
    """
    each = sum(expected_payloads(part.matrix, members, scheme) for part, scheme in parts)
    return round(2 * (members // node - 1) / members * each)


@cache
def coders(scheme: Scheme) -> tuple[KernelText, KernelText]:
    """The scheme's kernels, encoder and decoder; their extent is whatever number of segments they are called with."""
    method = method_of(scheme)
    encode, decode = encoder(scheme), decoder(scheme)
    return _kernel(encode, method.encode(encode)), _kernel(decode, method.decode(decode))


def _kernel(name: str, text: str) -> KernelText:
    return KernelText(name=name, language="llvm", text=text, extent=0, chainable=False, integers=())


def encoder(scheme: Scheme) -> str:
    """The name of the scheme's encoder."""
    return f"encode_{method_of(scheme).name}"


def decoder(scheme: Scheme) -> str:
    """The name of the scheme's decoder."""
    return f"decode_{method_of(scheme).name}"
