"""Kernels for the factors of a gradient themselves, which are small: `brainc.ir.factoring` says what each step does.

A factor of `rank` vectors over n places lies `[⌈n/16⌉][rank][16]`, with zeros beyond n. Lengths and products are summed
in float64. The work is one part, so that the bits do not depend on the number of threads.
"""

from __future__ import annotations

from brainc.codegen.loops.access import blocks_of
from brainc.codegen.loops.source import LANE_LOOP, LANES, Array, Body, Function, finished
from brainc.ir.kernel import KernelText

_NEGLIGIBLE = 1e-12
"""What is left of a vector's squared length when it is a combination of those before, but for rounding."""


def prepare_text(columns: int, rank: int, stream: int) -> KernelText:
    """The kernel that makes the vectors of `right` as long as one, called with right and context."""
    blocks = blocks_of(columns)
    body = Body()
    body.write("seed = context[0]", "step = context[1]", "stream = integers[0]")
    with body.under("for _ in range(begin, end):", f"for k in range({rank}):"):
        _write_square(body, blocks, "square", "right[block, k, lane]")
        with body.under("if square == f64(0):"):
            with body.under(
                f"for block in range({blocks}):", f"for lane in range(min({LANES}, {columns} - 16 * block)):"
            ):
                body.write(
                    "a, b, c, d = philox(4 * block + lane // 4, k, stream, step, seed, seed >> 32)",
                    "word = lane % 4",
                    "drawn = (a if word == 0 else b) if word < 2 else (c if word == 2 else d)",
                    "right[block, k, lane] = 2.0 * uniform(drawn) - 1.0",
                )
            _write_square(body, blocks, "square", "right[block, k, lane]")
        body.write("scale = f64(1) / sqrt(square)")
        with body.under(f"for block in range({blocks}):", LANE_LOOP):
            body.write("right[block, k, lane] = f32(f64(right[block, k, lane]) * scale)")
    return finished(
        Function(
            "factors_prepare",
            (columns, rank),
            f"right[c,k] := its {rank} vectors over c={columns}, as long as one; those of zeros are drawn anew.",
            (
                "Number c of vector k is word c mod 4 of Philox block(seed, stream, step, k, c div 4), on [−1, 1).",
                "context: seed, step, this rank's first sample; integers: stream.",
            ),
            (Array("right", "f32", (blocks, rank, LANES)), Array("context", "i64", (3,))),
            tuple(body.lines),
            1,
            False,
            (stream,),
        )
    )


def orthonormalise_text(rows: int, rank: int) -> KernelText:
    """The kernel that makes the vectors of `left` orthonormal, called with left.

    Gram and Schmidt's way, each vector twice, so that what rounding leaves of the others goes too.
    """
    blocks = blocks_of(rows)
    here, other = "left[block, k, lane]", "left[block, j, lane]"
    body = Body()
    with body.under("for _ in range(begin, end):", f"for k in range({rank}):"):
        _write_square(body, blocks, "before", here)
        with body.under("for _again in range(2):", "for j in range(k):"):
            body.write("along = f64(0)")
            with body.under(f"for block in range({blocks}):", LANE_LOOP):
                body.write(f"along += f64({here}) * f64({other})")
            with body.under(f"for block in range({blocks}):", LANE_LOOP):
                body.write(f"{here} = f32(f64({here}) - along * f64({other}))")
        _write_square(body, blocks, "after", here)
        body.write(f"scale = f64(1) / sqrt(after) if after > f64({_NEGLIGIBLE!r}) * before else f64(0)")
        with body.under(f"for block in range({blocks}):", LANE_LOOP):
            body.write(f"{here} = f32(f64({here}) * scale)")
    return finished(
        Function(
            "factors_orthonormalise",
            (rows, rank),
            f"left[i,k] := orthonormal vectors over i={rows} that span the same as these {rank}.",
            ("A vector that those before it make up, but for rounding, becomes zero.",),
            (Array("left", "f32", (blocks, rank, LANES)),),
            tuple(body.lines),
            1,
            False,
        )
    )


def _write_square(body: Body, blocks: int, name: str, element: str) -> None:
    """The squared length of a vector."""
    body.write(f"{name} = f64(0)")
    with body.under(f"for block in range({blocks}):", LANE_LOOP):
        body.write(f"{name} += f64({element}) * f64({element})")
