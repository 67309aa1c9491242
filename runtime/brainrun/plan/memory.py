"""When is a buffer alive, and do two that are alive together share bytes of the arena?"""

from __future__ import annotations

from collections.abc import Iterator

from brainrun.plan.schema import Buffer, Call, Procedure, RankProgram, Start, Wait
from brainrun.plan.storage import stored_bytes
from brainrun.plan.transfers import buffers_of

_ALIGNMENT = 64
_LASTING = ("parameter", "state", "error", "scalar")


def lifetimes(program: RankProgram, procedure: Procedure) -> dict[str, tuple[int, int]]:
    """The first and the last step at which each buffer holds something, for the buffers that the procedure uses.

    Chained calls are one step: parts of the last run before other parts of the first. What is fed lives from the
    beginning, what is reported to the end; parameters, optimiser state, what is not sent yet, and scalars always.
    """
    last = len(procedure.steps)
    alive: dict[str, tuple[int, int]] = {
        buffer.name: (-1, last) for buffer in program.buffers if buffer.role in _LASTING
    }

    def mention(name: str, first: int, final: int) -> None:
        known = alive.get(name, (first, final))
        alive[name] = (min(known[0], first), max(known[1], final))

    for feed in procedure.feeds:
        mention(feed.buffer, -1, -1)
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    chain_began = 0
    chained = False
    for place, step in enumerate(procedure.steps):
        chain_began = chain_began if chained else place
        chained = isinstance(step, Call) and step.chained
        match step:
            case Call(operands=operands):
                for name in operands:
                    mention(name, chain_began, place)
                    if chained:
                        mention(name, chain_began, place + 1)
            case Start(transfer=name) | Wait(transfer=name) if name in transfers:
                for buffer in buffers_of(transfers[name]):
                    mention(buffer, place, place)
            case _:
                pass
    for buffer in (*(end.buffer for end in procedure.results), *(end.buffer for end in procedure.outputs)):
        mention(buffer, last, last)
    return alive


def overlaps(program: RankProgram, procedure: Procedure) -> Iterator[str]:
    """P4: each pair of buffers that share bytes while both are alive; buffers too small, misplaced or unaligned."""
    alive = lifetimes(program, procedure)
    buffers = {buffer.name: buffer for buffer in program.buffers}
    yield from (f"{name} is used, and is no buffer of the program" for name in alive if name not in buffers)
    for buffer in program.buffers:
        yield from _misplaced(buffer, program.arena_bytes)
    used = sorted((buffers[name] for name in alive if name in buffers), key=lambda buffer: buffer.offset)
    for place, buffer in enumerate(used):
        for other in used[place + 1 :]:
            if other.offset >= buffer.offset + buffer.bytes:
                break
            (first, final), (began, ended) = alive[buffer.name], alive[other.name]
            if first <= ended and began <= final:
                step = max(first, began)
                yield f"{buffer.name} and {other.name} share bytes from {other.offset} on, both alive at step {step}"


def _misplaced(buffer: Buffer, arena_bytes: int) -> Iterator[str]:
    needed = stored_bytes(buffer.dtype, buffer.storage)
    if buffer.bytes < needed:
        yield f"{buffer.name} has {buffer.bytes} bytes and needs {needed}"
    if buffer.offset < 0 or buffer.offset + buffer.bytes > arena_bytes:
        yield f"{buffer.name} ends at {buffer.offset + buffer.bytes} of an arena of {arena_bytes} bytes"
    if buffer.offset % _ALIGNMENT:
        yield f"{buffer.name} begins at {buffer.offset}, which is no multiple of {_ALIGNMENT}"
