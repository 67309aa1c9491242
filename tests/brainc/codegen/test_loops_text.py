"""What the text of a kernel of loops is like: readable, the same for equal work, and free of layers' names."""

from __future__ import annotations

import pytest

from brainc.codegen.loops.emit import emit
from brainc.codegen.loops.source import LoopDefect
from brainc.ir import expression as ex
from brainc.ir.expression import Operand
from brainc.ir.tensor import Map, Reduce, Value, View

from .loops_case import ORIGIN, kernel_of

RELU = '''"""y[b,c,h,w] = max(x[b,c,h,w], 0), for b=43, c=3, h=4, w=5.

One part is one block of sixteen.
"""

from __future__ import annotations

from brainrun.kernel_prelude import f32, maximum


def NAME(y: f32[3, 60, 16], x: f32[3, 60, 16], begin, end):
    for block in range(begin, end):
        for feature in range(60):
            for lane in range(16):
                y[block, feature, lane] = maximum(x[block, feature, lane], 0.0)
'''

CHANNEL_MEAN = '''"""y[c] = Σ_bhw (x[b,c,h,w] * 0.001), for c=3, b=43, h=4, w=5.

One part is one element of the result.
"""

from __future__ import annotations

from brainrun.kernel_prelude import f32, local


def NAME(y: f32[3], x: f32[3, 3, 20, 16], begin, end):
    total = local(16)
    for channel in range(begin, end):
        for lane in range(16):
            total[lane] = 0.0
        for block in range(3):
            for place in range(20):
                for lane in range(16):
                    x_here = x[block, channel, place, lane]
                    total[lane] += x_here * 0.001 if lane < 43 - 16 * block else 0.0
        whole = 0.0
        for lane in range(16):
            whole += total[lane]
        y[channel] = whole
'''


def relu(name: str) -> Map:
    x, y = (Value(f"{name}.{part}", (43, 3, 4, 5), True) for part in ("dense", "relu"))
    return Map(y, (x,), ("bchw", "bchw"), ex.maximum(Operand(0), ex.ZERO), "forward", ORIGIN)


def test_a_relu_reads_as_one_would_write_it() -> None:
    text = emit(kernel_of(relu("hidden")))
    assert text.text == RELU.replace("NAME", text.name)


def test_a_sum_reads_as_one_would_write_it() -> None:
    x = Value("x", (43, 3, 4, 5), True)
    mean = ex.multiply(Operand(0), ex.Constant(0.001))
    core = Reduce(Value("m", (3,), False), (x,), ("c", "bchw"), mean, "global", "forward", ORIGIN)
    text = emit(kernel_of(core))
    assert text.text == CHANNEL_MEAN.replace("NAME", text.name)


def test_equal_work_in_two_layers_is_one_kernel() -> None:
    first, second = emit(kernel_of(relu("hidden"))), emit(kernel_of(relu("output")))
    assert first == second
    assert "hidden" not in first.text


def test_a_name_says_form_and_shape() -> None:
    assert emit(kernel_of(relu("hidden"))).name.startswith("map_43x3x4x5_")


def test_a_view_has_no_kernel() -> None:
    x, y = Value("x", (43, 12), True), Value("y", (43, 3, 4), True)
    with pytest.raises(LoopDefect, match="view has no kernel of loops"):
        emit(kernel_of(View(y, x, "forward", ORIGIN)))


def test_activations_of_different_batches_are_refused() -> None:
    x, y = Value("x", (43, 12), True), Value("y", (12,), False)
    with pytest.raises(LoopDefect, match="with lanes of 'b'"):
        emit(kernel_of(Map(y, (x,), ("b", "bf"), Operand(0), "forward", ORIGIN)))
