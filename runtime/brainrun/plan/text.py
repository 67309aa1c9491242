"""What does a plan look like to a reader? Buffers, transfers and steps, one a line, aligned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from brainrun.plan.procedures import procedures
from brainrun.plan.schema import (
    AllReduce,
    Buffer,
    Call,
    Exchange,
    Lanes,
    Panels,
    Plain,
    Plan,
    Procedure,
    Rank,
    RankProgram,
    Reduction,
    Start,
    Step,
    Storage,
    Transfer,
    Wait,
)


def text(plan: Plan) -> str:
    """The whole plan, stable to the byte."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    mesh = plan.mesh
    yield f"plan {plan.name}: data {mesh.data} × model {mesh.model}, batch {plan.training.batch}, format {plan.schema}"
    yield ""
    yield from table(
        ["parameter", "shape", "first value", "trained"],
        ([p.name, _shape(p.shape), str(p.initial), str(p.trained).lower()] for p in plan.parameters),
    )
    yield ""
    yield from table(
        ["rank", "data", "model", "program", "first sample", "slices"],
        (_rank(n, r, plan) for n, r in enumerate(plan.ranks)),
    )
    for program in plan.programs:
        yield ""
        yield from _program(program)


def _rank(number: int, rank: Rank, plan: Plan) -> list[str]:
    slices = ("[" + ", ".join(f"{part.start}:{part.stop}" for part in box) + "]" for box in rank.parameter_slices)
    return [
        str(number),
        str(rank.data),
        str(rank.model),
        plan.programs[rank.program].name,
        str(rank.first_sample),
        " ".join(slices),
    ]


def _program(program: RankProgram) -> Iterator[str]:
    yield f"program {program.name}: arena {program.arena_bytes:,} bytes"
    yield from _indented(table(["buffer", "role", "type", "storage", "offset", "bytes"], map(_buffer, program.buffers)))
    for name, procedure in procedures(program):
        if procedure.steps or procedure.feeds:
            yield ""
            yield f"  {name}"
            yield from _indented(_indented(_procedure(procedure)))


def _procedure(procedure: Procedure) -> Iterator[str]:
    for feed in procedure.feeds:
        samples = f"{feed.first}:{feed.first + feed.samples}"
        yield f"feed  {feed.buffer} ← {feed.input}[{samples}, {feed.features.start}:{feed.features.stop}]"
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    yield from table([], (_step(step, transfers) for step in procedure.steps))
    for result in procedure.results:
        yield f"{result.kind}  {result.name} ← {result.buffer}"
    for output in procedure.outputs:
        samples = f"{output.first}:{output.first + output.samples}"
        yield f"output  {output.name}[{samples}, {output.features.start}:{output.features.stop}] ← {output.buffer}"


def _step(step: Step, transfers: dict[str, Transfer]) -> list[str]:
    match step:
        case Call(
            kernel=kernel, operands=operands, extent=extent, layer=layer, phase=phase, integers=integers, chained=on
        ):
            given = ", ".join([*operands, *(map(str, integers))])
            return ["call", layer, phase, f"0:{extent}", f"{kernel}({given})" + (" ┐" if on else "")]
        case Start(transfer=name):
            return ["start", transfers[name].layer, "", "", _transfer(transfers[name])]
        case Wait(transfer=name):
            return ["wait", transfers[name].layer, "", "", name]
        case _:
            assert_never(step)


def _transfer(transfer: Transfer) -> str:
    match transfer:
        case AllReduce(name=name, group=group, buffer=buffer, elements=elements):
            return f"{name}: all-reduce {buffer}[{elements}] over {group}"
        case Exchange(name=name, kind=kind, sends=sends, receives=receives):
            said = [f"→{m.peer} {m.buffer}[{m.first}:{m.first + m.elements}]" for m in sends]
            said += [f"←{m.peer} {m.buffer}[{m.first}:{m.first + m.elements}]" for m in receives]
            return f"{name}: {kind.replace('_', '-')} {', '.join(said)}"
        case Reduction(name=name, group=group, parts=parts, messages=messages, expected_bytes=sent):
            reduced = ", ".join(f"{part.gradient} by {part.scheme}" for part in parts)
            return f"{name}: reduce {reduced} over {group} through {messages}, about {sent:,} bytes"
        case _:
            assert_never(transfer)


def _buffer(buffer: Buffer) -> list[str]:
    return [buffer.name, buffer.role, buffer.dtype, _storage(buffer.storage), f"{buffer.offset:,}", f"{buffer.bytes:,}"]


def _storage(storage: Storage) -> str:
    match storage:
        case Lanes(samples=samples, features=features):
            return f"lanes {samples} × {_shape(features)}"
        case Panels(outputs=outputs, inputs=inputs):
            return f"panels {_shape((outputs, inputs))}"
        case Plain(shape=shape):
            return f"plain {_shape(shape)}"
        case _:
            assert_never(storage)


def _shape(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def table(header: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    """The rows as lines with aligned columns, under a header unless it is empty."""
    lines = [header, *rows] if header else list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" if line else line for line in lines)
