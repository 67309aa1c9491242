"""How is a gradient made small? The name of a method and its numbers; what they mean stands in `brainc/reductions/`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scheme:
    """A method with its arguments, in their order: what was chosen for a tensor."""

    method: str
    numbers: tuple[float, ...] = ()


SUM = Scheme("sum")
"""Everything is sent as it is."""


@dataclass(frozen=True, slots=True)
class Auto:
    """The planner chooses the scheme, for the machine that is described."""


AUTO = Auto()
