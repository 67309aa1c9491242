"""What is the learning rate at a step? The optimiser's, times what each schedule says."""

from __future__ import annotations

from math import cos, pi
from typing import assert_never

from brainrun.plan.schema import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    Schedule,
    StepSchedule,
    Training,
    WarmupSchedule,
)


def rate_of(training: Training, step: int, *, per_epoch: int, steps: int) -> float:
    """The learning rate at this step, counted from 0, of so many `steps` in all and `per_epoch` in an epoch."""
    rate = training.rate
    for schedule in training.schedules:
        rate *= _factor(schedule, step, step // per_epoch, steps)
    return rate


def _factor(schedule: Schedule, step: int, epoch: int, steps: int) -> float:
    match schedule:
        case ConstantSchedule():
            return 1.0
        case StepSchedule(every=every, factor=factor):
            return factor ** (epoch // every)
        case ExponentialSchedule(factor=factor):
            return factor**epoch
        case CosineSchedule(least=least):
            return least + (1.0 - least) * 0.5 * (1.0 + cos(pi * step / steps))
        case WarmupSchedule(steps=rising):
            return min(1.0, (step + 1) / rising)
        case _:
            assert_never(schedule)
