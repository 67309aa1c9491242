"""What does a reduction of gradients take? Its parts in the plan's words, and the memory of its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from brainc.ir.kernel import storage_of
from brainc.ir.origin import Origin
from brainc.ir.schedule import Reduced, Reduction
from brainc.ir.tensor import Value
from brainc.reductions.parts import expected_bytes, part_of
from brainrun.plan import schema
from brainrun.plan.messages import messages_bytes


def reduction(
    group: Literal["data", "model", "world"], members: int, parts: tuple[Reduced, ...], origin: Origin
) -> Reduction:
    """These gradients' sum over the group, named after the first and the number of the others."""
    name = f"sum of {parts[0].value.name}"
    if len(parts) > 1:
        name += f" and {len(parts) - 1} more"
    room = messages_bytes(_planned(name, group, members, parts, lambda value: value, ""), members)
    messages = Value(f"messages of {name}", (-(-room // 4),), False, "i32")
    return Reduction(name, group, members, parts, messages, origin)


def planned(item: Reduction, buffer: Callable[[str], str]) -> schema.Reduction:
    """The reduction as the plan has it, with `buffer` to name the buffers of values."""
    return _planned(item.name, item.group, item.members, item.parts, buffer, item.messages.name)


def _planned(
    name: str,
    group: Literal["data", "model", "world"],
    members: int,
    reduced: tuple[Reduced, ...],
    buffer: Callable[[str], str],
    messages: str,
) -> schema.Reduction:
    parts = tuple(
        part_of(
            buffer(part.value.name),
            "" if part.error is None else buffer(part.error.name),
            "" if part.velocity is None else buffer(part.velocity.name),
            storage_of(part.value),
            part.scheme,
            members,
            part.origin.layer,
        )
        for part in reduced
    )
    with_schemes = tuple((part, each.scheme) for part, each in zip(parts, reduced, strict=True))
    expected = expected_bytes(with_schemes, members)
    return schema.Reduction(name, group, parts, buffer(messages), expected, parts[0].layer)
