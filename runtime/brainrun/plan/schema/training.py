"""How is a network trained? The mini-batch, how long, the optimiser, and how its rate changes."""

from __future__ import annotations

from typing import TypeAlias

from brainrun.plan.schema.value import Value


class StepSchedule(Value, frozen=True, tag="step"):
    """The rate is multiplied by `factor` after every `every` epochs."""

    every: int
    factor: float


class ConstantSchedule(Value, frozen=True, tag="constant"):
    """The rate stays as it is."""


class ExponentialSchedule(Value, frozen=True, tag="exponential"):
    """The rate is multiplied by `factor` after every epoch."""

    factor: float


class CosineSchedule(Value, frozen=True, tag="cosine"):
    """The rate falls as half a cosine, from the first step of the training to `least` times itself after the last.

    Source: Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5, without
    restarts.
    """

    least: float


class WarmupSchedule(Value, frozen=True, tag="warmup"):
    """The rate rises in equal parts over the first `steps` steps.

    Source: Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2.
    """

    steps: int


Schedule: TypeAlias = ConstantSchedule | StepSchedule | ExponentialSchedule | CosineSchedule | WarmupSchedule


class Training(Value, frozen=True):
    """How the network is trained; exactly one of `epochs` and `steps` is not zero."""

    batch: int
    epochs: int
    steps: int
    seed: int
    optimizer: str
    rate: float
    schedules: tuple[Schedule, ...]
