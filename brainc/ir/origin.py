"""Where did this come from? The user's layer and line, carried by every operation at every level."""

from __future__ import annotations

from dataclasses import dataclass

from brainlang.source import Span


@dataclass(frozen=True, slots=True)
class Origin:
    """The layer, as the user knows it, and the place in `net.brain` that asked for it."""

    layer: str
    span: Span
