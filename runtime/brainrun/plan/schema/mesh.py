"""Which ranks are there? The mesh of replicas and model ranks, and what stands in each rank's own entry."""

from __future__ import annotations

from brainrun.plan.schema.value import Value


class Mesh(Value, frozen=True):
    """`data` replicas of a model spread over `model` ranks; rank = data coordinate · model + model coordinate."""

    data: int
    model: int


class Slice(Value, frozen=True):
    """Indices `start … stop − 1` of one axis."""

    start: int
    stop: int


class Rank(Value, frozen=True):
    """One rank: its place in the mesh, the program it runs, and where its part of the global mini-batch begins."""

    data: int
    model: int
    program: int
    first_sample: int
    parameter_slices: tuple[tuple[Slice, ...], ...]
    """For each parameter of the plan, one slice an axis of its shape: the part this rank holds."""
