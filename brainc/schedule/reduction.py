"""What does a reduction of gradients take? Its parts in the plan's words, and the memory of its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from brainc.ir.kernel import storage_of
from brainc.ir.origin import Origin
from brainc.ir.schedule import Reduced, Reduction
from brainc.ir.tensor import Value
from brainc.reductions.parts import expected_bytes, part_of
from brainrun.plan import schema
from brainrun.plan.messages import messages_bytes

Group: TypeAlias = Literal["data", "model", "world"]


def reduction(group: Group, members: int, parts: tuple[Reduced, ...], origin: Origin, *, node: int = 1) -> Reduction:
    """These gradients' sum over the group, named after the first and the number of the others."""
    name = f"sum of {parts[0].value.name}"
    if len(parts) > 1:
        name += f" and {len(parts) - 1} more"
    unplaced = _planned(name, group, members, parts, node, lambda value: value, "")
    room = messages_bytes(unplaced, members)
    messages = Value(f"messages of {name}", (-(-room // 4),), False, "i32")
    return Reduction(name, group, members, parts, messages, node, origin)


def planned(item: Reduction, buffer: Callable[[str], str]) -> schema.Reduction:
    """The reduction as the plan has it, with `buffer` to name the buffers of values."""
    return _planned(item.name, item.group, item.members, item.parts, item.node, buffer, item.messages.name)


def _planned(
    name: str,
    group: Group,
    members: int,
    reduced: tuple[Reduced, ...],
    node: int,
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
            factor_of="" if part.factor_of is None else buffer(part.factor_of.name),
        )
        for part in reduced
    )
    with_schemes = tuple((part, each.scheme) for part, each in zip(parts, reduced, strict=True))
    expected = expected_bytes(with_schemes, members, node)
    return schema.Reduction(name, group, parts, buffer(messages), expected, parts[0].layer, node)
