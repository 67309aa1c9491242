"""What must hold of a plan? Nine rules, checked after every compile and before every run; no MPI is needed for it.

P1 files         every file listed once, with the hash of its bytes
P2 slices        the ranks' slices tile each parameter exactly, the same way in each replica
P3 transfers     each started transfer is awaited once, later
P4 memory        buffers alive at the same time do not share bytes of the arena
P5 agreement     members of a group start the same transfers in an order that cannot deadlock; messages match
P6 order         nothing is sent or reported before a step has mentioned it
P7 in flight     no call touches a buffer between its transfer's start and wait
P8 figures       the figures stated agree with the parts they sum; reductions have room for what they may send
P9 kernels       each kernel called, or used by a reduction, exists; operands have its types and sizes
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import prod
from pathlib import PurePosixPath
from typing import assert_never

from brainrun.plan.agreement import disagreements
from brainrun.plan.figures import untrue_figures
from brainrun.plan.memory import overlaps
from brainrun.plan.procedures import procedures
from brainrun.plan.schema import (
    AllReduce,
    Call,
    Exchange,
    Parameter,
    Plan,
    Procedure,
    RankProgram,
    Reduction,
    Slice,
    Start,
    Step,
    Transfer,
    Wait,
)
from brainrun.plan.signatures import mismatches
from brainrun.plan.transfers import buffers_of


def broken_rules(plan: Plan, contents: Mapping[str, str]) -> Iterator[str]:
    """Each rule that the plan breaks, in words that begin with its label; `contents` are its files' texts by path."""
    yield from strange_files(plan, contents)
    places = list(misplaced_ranks(plan))
    yield from places
    if places:
        return  # the rest looks programs and slices up
    for index, parameter in enumerate(plan.parameters):
        yield from untiled_slices(plan, index, parameter)
    for program in plan.programs:
        for name, procedure in procedures(program):
            where = f"program {program.name}, {name}"
            yield from (f"{broken} ({where})" for broken in loose_transfers(procedure.steps))
            yield from (f"{broken} ({where})" for broken in unmade_buffers(program, procedure))
            yield from (f"{broken} ({where})" for broken in buffers_touched_in_flight(procedure))
            yield from (f"P4: {broken} ({where})" for broken in overlaps(program, procedure))
        yield from (f"P8: {broken}" for broken in untrue_figures(program))
    yield from (f"P5: {broken}" for broken in disagreements(plan))
    yield from (f"P9: {broken}" for broken in mismatches(plan, contents))


def strange_files(plan: Plan, contents: Mapping[str, str]) -> Iterator[str]:
    """P1: every file is listed once, lies in the folder, and has the hash that the plan states."""
    listed: set[str] = set()
    for file in plan.files:
        path = PurePosixPath(file.path)
        if file.path in listed:
            yield f"P1: {file.path} is listed twice"
        listed.add(file.path)
        if path.is_absolute() or ".." in path.parts:
            yield f"P1: {file.path} lies outside the plan"
        if file.path not in contents:
            yield f"P1: {file.path} is missing"
        elif hashlib.sha256(contents[file.path].encode()).hexdigest() != file.sha256:
            yield f"P1: {file.path} is not the file that was planned"
    yield from (
        f"P1: {kernel.file} of kernel {kernel.name} is not listed"
        for kernel in plan.kernels
        if kernel.file not in listed
    )


def misplaced_ranks(plan: Plan) -> Iterator[str]:
    """P2: there is one rank for each place of the mesh, in order, and each runs a program that exists."""
    places = [(rank.data, rank.model) for rank in plan.ranks]
    wanted = [(data, model) for data in range(plan.mesh.data) for model in range(plan.mesh.model)]
    if places != wanted:
        yield f"P2: ranks stand at {places}, and the mesh has the places {wanted}"
    for number, rank in enumerate(plan.ranks):
        if not 0 <= rank.program < len(plan.programs):
            yield f"P2: rank {number} runs program {rank.program} of {len(plan.programs)}"
        if len(rank.parameter_slices) != len(plan.parameters):
            yield f"P2: rank {number} has slices of {len(rank.parameter_slices)} parameters of {len(plan.parameters)}"


def untiled_slices(plan: Plan, index: int, parameter: Parameter) -> Iterator[str]:
    """P2: a replica's distinct slices tile the parameter exactly, and all replicas slice alike."""
    by_replica: dict[int, list[tuple[Slice, ...]]] = {}
    for rank in plan.ranks:
        by_replica.setdefault(rank.data, []).append(rank.parameter_slices[index])
    first = by_replica[0]
    yield from (
        f"P2: replica {data} slices {parameter.name} unlike replica 0"
        for data, boxes in by_replica.items()
        if boxes != first
    )
    boxes = sorted(set(first), key=lambda box: [(part.start, part.stop) for part in box])
    for box in boxes:
        inside = len(box) == len(parameter.shape) and all(
            0 <= part.start <= part.stop <= length for part, length in zip(box, parameter.shape, strict=True)
        )
        if not inside:
            yield f"P2: {_box(box)} is not a part of {parameter.name} {list(parameter.shape)}"
            return
    yield from (
        f"P2: {_box(one)} and {_box(other)} of {parameter.name} overlap"
        for one, other in combinations(boxes, 2)
        if all(max(a.start, b.start) < min(a.stop, b.stop) for a, b in zip(one, other, strict=True))
    )
    covered = sum(prod(part.stop - part.start for part in box) for box in boxes)
    if covered < prod(parameter.shape):
        yield f"P2: slices of {parameter.name} hold {covered} of its {prod(parameter.shape)} elements"


def loose_transfers(steps: Sequence[Step]) -> Iterator[str]:
    """P3: every transfer that is started is awaited once, later, on the same rank."""
    under_way: dict[str, int] = {}
    for place, step in enumerate(steps):
        match step:
            case Start(transfer=name) if name in under_way:
                yield f"P3: step {place} starts {name}, under way since step {under_way[name]}"
            case Start(transfer=name):
                under_way[name] = place
            case Wait(transfer=name) if under_way.pop(name, None) is None:
                yield f"P3: step {place} awaits {name}, which was not started"
            case _:
                pass
    yield from (f"P3: {name}, started at step {place}, is never awaited" for name, place in under_way.items())


def unmade_buffers(program: RankProgram, procedure: Procedure) -> Iterator[str]:
    """P6: what is sent, summed or reported was fed, outlives the step, or was mentioned by an earlier step."""
    known = {b.name for b in program.buffers if b.role in ("parameter", "state", "error", "scalar")}
    known |= {feed.buffer for feed in procedure.feeds}
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    for place, step in enumerate(procedure.steps):
        match step:
            case Call(operands=operands):
                known |= set(operands)
            case Start(transfer=name) if name in transfers:
                yield from (
                    f"P6: step {place} ({name}) sends {buffer}, which no earlier step made"
                    for buffer in _sent(transfers[name])
                    if buffer not in known
                )
                known |= buffers_of(transfers[name])
            case Start(transfer=name):
                yield f"P3: step {place} starts {name}, which is not described"
            case _:
                pass
    ends = [(result.name, result.buffer) for result in procedure.results]
    ends += [(output.name, output.buffer) for output in procedure.outputs if output.samples]
    yield from (
        f"P6: {name} is read from {buffer}, which no step makes" for name, buffer in ends if buffer not in known
    )


def buffers_touched_in_flight(procedure: Procedure) -> Iterator[str]:
    """P7: a transfer's buffers belong to it from its start to its wait."""
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    owner: dict[str, str] = {}
    for place, step in enumerate(procedure.steps):
        match step:
            case Start(transfer=name) if name in transfers:
                for buffer in sorted(buffers_of(transfers[name])):
                    if buffer in owner:
                        yield f"P7: step {place} starts {name} on {buffer}, in flight with {owner[buffer]}"
                    owner[buffer] = name
            case Wait(transfer=name):
                owner = {buffer: transfer for buffer, transfer in owner.items() if transfer != name}
            case Call(kernel=kernel, operands=operands):
                yield from (
                    f"P7: step {place} ({kernel}) touches {buffer}, in flight with {owner[buffer]}"
                    for buffer in dict.fromkeys(operands)
                    if buffer in owner
                )
            case _:
                pass


def _sent(transfer: Transfer) -> list[str]:
    match transfer:
        case AllReduce(buffer=buffer):
            return [buffer]
        case Exchange(sends=sends):
            return list(dict.fromkeys(message.buffer for message in sends))
        case Reduction(parts=parts):
            return [part.gradient for part in parts]
        case _:
            assert_never(transfer)


def _box(box: Sequence[Slice]) -> str:
    return "[" + ", ".join(f"{part.start}:{part.stop}" for part in box) + "]"
