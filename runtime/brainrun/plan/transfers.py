"""Which buffers does a transfer own while it is under way?"""

from __future__ import annotations

from typing import assert_never

from brainrun.plan.schema import AllReduce, Exchange, Reduction, Transfer


def buffers_of(transfer: Transfer) -> set[str]:
    """The names of the buffers that it reads or writes."""
    match transfer:
        case AllReduce(buffer=buffer):
            return {buffer}
        case Exchange(sends=sends, receives=receives):
            return {message.buffer for message in (*sends, *receives)}
        case Reduction(parts=parts, messages=messages):
            kept = {name for part in parts for name in (part.error, part.velocity) if name}
            return {messages, *(part.gradient for part in parts)} | kept
        case _:
            assert_never(transfer)
