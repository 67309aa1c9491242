"""The learning rate by each schedule, beside its formula."""

from __future__ import annotations

from math import cos, pi

import numpy as np
import pytest

from brainrun.plan.schema import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    Schedule,
    StepSchedule,
    Training,
    WarmupSchedule,
)
from brainrun.rate import rate_of


def rates(*schedules: Schedule, steps: int = 10, per_epoch: int = 2) -> list[float]:
    training = Training(1, 1, 0, 0, "sgd", 0.8, schedules)
    return [rate_of(training, step, per_epoch=per_epoch, steps=steps) for step in range(steps)]


def test_it_falls_by_the_factor_after_every_so_many_epochs() -> None:
    found = rates(StepSchedule(2, 0.5), StepSchedule(3, 0.1))
    np.testing.assert_allclose(found, [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.04, 0.04, 0.02, 0.02])


def test_it_falls_by_the_factor_after_every_epoch() -> None:
    np.testing.assert_allclose(rates(ExponentialSchedule(0.5), steps=7), [0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1])


@pytest.mark.parametrize("least", [0.0, 0.25])
def test_it_falls_as_half_a_cosine_over_the_whole_training(least: float) -> None:
    found = rates(CosineSchedule(least), steps=100)
    expected = [0.8 * least + 0.8 * (1 - least) * (1 + cos(pi * step / 100)) / 2 for step in range(100)]
    np.testing.assert_allclose(found, expected)
    assert found[0] == 0.8
    assert found[50] == pytest.approx(0.8 * (1 + least) / 2)
    assert found[99] == pytest.approx(0.8 * least, abs=2e-4)


def test_it_rises_in_equal_parts_and_then_stays() -> None:
    np.testing.assert_allclose(rates(WarmupSchedule(4), steps=6), [0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_schedules_multiply() -> None:
    both = rates(ConstantSchedule(), WarmupSchedule(5), CosineSchedule(0.0))
    expected = np.multiply(rates(WarmupSchedule(5)), rates(CosineSchedule(0.0))) / 0.8
    np.testing.assert_allclose(both, expected)
