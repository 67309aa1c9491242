"""What does the compiler say of a plan? Its layers, the split it chose, and how long a step will take."""

from __future__ import annotations

from typing import Literal

from brainrun.plan.schema.mesh import Mesh
from brainrun.plan.schema.value import Value


class Layer(Value, frozen=True):
    """One layer of the graph, for reading."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    """Names of the layers or network inputs that feed it."""
    shape: tuple[int, ...]
    parameters: int
    split: str
    """How its work is spread over the model ranks: sample, output, input, replicate, or `-` where it has none."""
    flops: int
    """Arithmetic operations of a training step for the whole mini-batch, on all ranks."""


class Interval(Value, frozen=True):
    """A predicted stretch of one training step on one rank; kernels, encoders and decoders share its core."""

    rank: int
    track: Literal["compute", "encode", "wire", "decode"]
    name: str
    start: float
    seconds: float


class Alternative(Value, frozen=True):
    """A split the partitioner weighed: the layers' splits in order, and its predicted step time."""

    mesh: Mesh
    splits: tuple[tuple[str, str], ...]
    step_seconds: float


class Choice(Value, frozen=True):
    """The chosen split and the next best one (an empty tuple where there was no other)."""

    chosen: Alternative
    runner_up: tuple[Alternative, ...]
    why: str


class Prediction(Value, frozen=True):
    """What the cost model says of a training step on the named machine."""

    machine: str
    step_seconds: float
    samples_per_second: float
    timeline: tuple[Interval, ...]
