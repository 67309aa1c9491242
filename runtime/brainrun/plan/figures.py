"""Do the figures of a plan agree with the parts they sum? The arena's, and those of each reduction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from brainrun.plan.messages import bound_bytes, messages_bytes
from brainrun.plan.procedures import procedures
from brainrun.plan.schema import LANES, Buffer, Matrix, Part, RankProgram, Reduction, Slice

_LINE = 64
"""Bytes; buffers begin at multiples of it, so what follows a buffer in its last line is nobody's."""


def untrue_figures(program: RankProgram) -> Iterator[str]:
    """P8: the arena ends where its last buffer does, give or take a page, and reductions have room for what they do."""
    end = max((buffer.offset + buffer.bytes for buffer in program.buffers), default=0)
    if not end <= program.arena_bytes < end + 4096:
        yield f"program {program.name} states {program.arena_bytes} bytes, and its buffers end at {end}"
    buffers = {buffer.name: buffer for buffer in program.buffers}
    for name, procedure in procedures(program):
        for transfer in procedure.transfers:
            if isinstance(transfer, Reduction):
                where = f"program {program.name}, {name}, {transfer.name}"
                yield from (f"{broken} ({where})" for broken in _cramped(transfer, buffers))


def _cramped(reduction: Reduction, buffers: Mapping[str, Buffer]) -> Iterator[str]:
    counts = {len(numbers) for part in reduction.parts for numbers in (part.owned, part.bounds)}
    if len(counts) != 1:
        yield f"its parts have owned columns and bounds for {sorted(counts)} members"
        return
    for part in reduction.parts:
        yield from (f"{part.gradient}: {broken}" for broken in _untrue_part(part, buffers))
    (members,) = counts
    if reduction.node < 1 or members % reduction.node:
        yield f"its {members} members are not on whole nodes of {reduction.node}"
        return
    messages = buffers.get(reduction.messages)
    needed = messages_bytes(reduction, members)
    if messages is not None and messages.bytes < needed:
        yield f"{messages.name} has {messages.bytes} bytes, and its messages need {needed}"
    most = most_bytes(reduction)
    if not 0 <= reduction.expected_bytes <= most:
        yield f"{reduction.expected_bytes} bytes are expected of a member, and it sends {most} at most"


def most_bytes(reduction: Reduction) -> int:
    """The most that any member can send to other nodes in a step: what their members own, and what it owns itself."""
    members = len(reduction.parts[0].owned)
    bounds = [bound_bytes(reduction, owner) for owner in range(members)]
    others = members // reduction.node - 1
    return max(sum(bounds[me % reduction.node :: reduction.node]) + (others - 1) * bounds[me] for me in range(members))


def _untrue_part(part: Part, buffers: Mapping[str, Buffer]) -> Iterator[str]:
    if not _tiled(part.owned, part.matrix.columns):
        owned = ", ".join(f"{slice.start}:{slice.stop}" for slice in part.owned)
        yield f"its members own the columns {owned} of {part.matrix.columns}"
    for owner, (slice, bound) in enumerate(zip(part.owned, part.bounds, strict=True)):
        if bound < 0 or bound % 4 or (slice.start < slice.stop and not bound):
            yield f"member {owner} owns {slice.stop - slice.start} columns, of at most {bound} bytes"
    if part.pieces < 1:
        yield f"its members' columns are cut into {part.pieces} pieces"
    if any(len(numbers) != len(part.parameters) for numbers in part.warmup):
        yield f"{part.scheme} has other numbers in the first epochs than later"
    if part.factor_of and part.factor_of not in buffers:
        yield f"it is a factor of {part.factor_of}, which is no buffer of the program"
    gradient = buffers.get(part.gradient)
    if gradient is None:
        return  # P4 names it
    for name, role in ((part.error, "error"), (part.velocity, "state")):
        kept = buffers.get(name, gradient)
        if (gradient.dtype, kept.dtype, kept.storage) != ("f32", "f32", gradient.storage):
            yield f"it and {kept.name} are not float32 of one storage"
        if kept is not gradient and kept.role != role:
            yield f"{name} has the role {kept.role}, and it is to be kept as {role}"
    end = 4 * _floats(part.matrix)
    if end > -(-gradient.bytes // _LINE) * _LINE:
        yield f"its matrix ends at byte {end} of {gradient.bytes}"


def _tiled(owned: tuple[Slice, ...], columns: int) -> bool:
    """Whether each column belongs to one member."""
    end = 0
    for slice in sorted((slice for slice in owned if slice.start != slice.stop), key=lambda slice: slice.start):
        if slice.start != end or slice.stop < slice.start:
            return False
        end = slice.stop
    return end == columns


def _floats(matrix: Matrix) -> int:
    """How many floats there are from a matrix's first entry to its last, both included."""
    if not matrix.rows or not matrix.columns:
        return 0
    block, lane = divmod(matrix.rows - 1, LANES)
    return (matrix.columns - 1) * matrix.column_stride + block * matrix.block_stride + lane + 1
