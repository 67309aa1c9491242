"""How is a core computed neuron by neuron? As its stochastic synapses and leaks draw numbers in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template

from brainrun.truenorth.kernel.shape import PARAMETER_ROWS, Control, Field, Flag, Mask, Shape, addresses, field_index
from brainrun.truenorth.limits import GREATEST_POTENTIAL, LEAST_POTENTIAL

_BODY = Path(__file__).with_name("scalar.ll").read_text(encoding="utf-8")


def scalar(shape: Shape) -> Iterator[str]:
    """One core with stochastic synapses or leaks: neurons in turn, for each the active axons in turn."""
    neurons = shape.neurons
    yield "define internal { i1, i64 } @scalar(ptr %descriptor, ptr %active, ptr %fired, i64 %core, ptr %control) {"
    yield "entry:"
    yield f"  %list = alloca [{shape.axons} x i64]"
    words = (Control.ROWS_32, Control.POTENTIALS_32, Control.MASKS, Control.CROSSBARS, Control.TYPES, Control.PLACES)
    yield from addresses([*words, Control.SEQUENCE])
    rows = (*PARAMETER_ROWS, Field.THRESHOLD_MASK)
    for field in (*rows, Field.POTENTIAL, Field.MASKS, Field.CROSSBAR, Field.TYPES, Field.FLAGS):
        yield from field_index(field)
    for field in (*rows, Field.POTENTIAL):
        low = field.name.lower()
        table = "potentials_32" if field is Field.POTENTIAL else "rows_32"
        yield f"  %{low}.offset = mul i64 %{low}.index, {neurons * 4}"
        yield f"  %{low}.row = getelementptr i8, ptr %{table}, i64 %{low}.offset"
    yield f"  %masks.offset = mul i64 %masks.index, {neurons // 8}"
    yield "  %masks.row = getelementptr i8, ptr %masks, i64 %masks.offset"
    yield f"  %crossbar.offset = mul i64 %crossbar.index, {shape.axons * neurons // 8}"
    yield "  %crossbar.rows = getelementptr i8, ptr %crossbars, i64 %crossbar.offset"
    yield f"  %types.offset = mul i64 %types.index, {shape.axons}"
    yield "  %types.row = getelementptr i8, ptr %types, i64 %types.offset"
    for flag in Flag:
        yield f"  %{flag.name.lower()}.bit = and i64 %flags.index, {flag.value}"
        yield f"  %{flag.name.lower()} = icmp ne i64 %{flag.name.lower()}.bit, 0"
    yield "  %place.at = getelementptr i32, ptr %places, i64 %core"
    yield "  %place.first = load i32, ptr %place.at"
    yield f"  call void @llvm.memset.p0.i64(ptr %fired, i8 0, i64 {neurons // 8}, i1 false)"
    yield Template(_BODY).substitute(
        words=shape.axons // 64,
        neurons=neurons,
        row=neurons // 8,
        stride=neurons * 4,
        integrated=_clamped("integrated", "sum") if shape.saturates else "  %integrated = add i32 %sum, 0",
        full=_clamped("full", "leaked") if shape.saturates else "  %full = add i32 %leaked, 0",
        leak_mask=Mask.STOCHASTIC_LEAK.value * neurons // 8,
        reversal_mask=Mask.REVERSAL.value * neurons // 8,
        weights_mask=Mask.STOCHASTIC_WEIGHTS.value * neurons // 8,
        fired_keeps=Mask.FIRED_KEEPS.value * neurons // 8,
        floored_keeps=Mask.FLOORED_KEEPS.value * neurons // 8,
        floor_moves=Mask.FLOOR_MOVES.value * neurons // 8,
        fired_moves=Mask.FIRED_MOVES.value * neurons // 8,
        floored_moves=Mask.FLOORED_MOVES.value * neurons // 8,
    )


def _clamped(name: str, source: str) -> str:
    return (
        f"  %{name}.low = call i32 @llvm.smax.i32(i32 %{source}, i32 {LEAST_POTENTIAL})\n"
        f"  %{name} = call i32 @llvm.smin.i32(i32 %{name}.low, i32 {GREATEST_POTENTIAL})"
    )
