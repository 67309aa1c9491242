"""The section `train`."""

import pytest

from brainc.operators.optimizer import OPTIMIZERS
from brainc.settings.train import training
from brainlang import BrainError
from brainrun.plan.schema import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    StepSchedule,
    Training,
    WarmupSchedule,
)
from tests.brainc.graph.networks import program_of

LOSS = "loss l = cross_entropy(image | dense(10), label)"


def trained(settings: str):
    return training(program_of(LOSS, f"train {{\n{settings}\n}}\n"))


def test_without_a_section_one_epoch_of_sgd_is_trained():
    assert training(program_of(LOSS)) == (
        Training(
            batch=128,
            epochs=1,
            steps=0,
            seed=0,
            optimizer="sgd",
            rate=0.01,
            schedules=(ConstantSchedule(),),
        ),
        "sgd",
        {"rate": 0.01},
    )


def test_every_key_is_read():
    found = trained(
        "batch = 32\nsteps = 100\nseed = 7\noptimizer = adam(rate=1e-3, beta1=0.8)\nschedule = step(2, 0.1)"
    )
    assert found.training == Training(
        batch=32,
        epochs=0,
        steps=100,
        seed=7,
        optimizer="adam",
        rate=1e-3,
        schedules=(StepSchedule(2, 0.1),),
    )
    assert found.settings == {"rate": 1e-3, "beta1": 0.8, "beta2": 0.999, "epsilon": 1e-8}


def test_schedules_are_combined_in_a_list():
    found = trained("schedule = [constant, step(every=3, factor=0.5)]")
    assert found.training.schedules == (ConstantSchedule(), StepSchedule(3, 0.5))


def test_every_schedule_is_read():
    found = trained("schedule = [warmup(steps=50), cosine, cosine(0.1), exponential(0.9)]")
    assert found.training.schedules == (
        WarmupSchedule(50),
        CosineSchedule(0.0),
        CosineSchedule(0.1),
        ExponentialSchedule(0.9),
    )


@pytest.mark.parametrize("name", ["cosine(1)", "warmup(0)", "warmup", "exponential(-1)"])
def test_numbers_of_schedules_are_checked(name):
    with pytest.raises(BrainError):
        trained(f"schedule = {name}")


def test_the_precision_and_algorithm_that_are_built_may_be_named():
    assert trained("precision = f32\nalgorithm = backprop").training == trained("").training


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimiser_has_a_rule_for_its_settings(name):
    found = trained(f"optimizer = {name}(rate=0.5)")
    assert found.settings["rate"] == 0.5
    assert OPTIMIZERS[name].rule(found.settings).expressions


def test_a_network_without_a_loss_cannot_be_trained():
    with pytest.raises(BrainError, match="has no loss"):
        training(program_of("a = image | dense(3)"))
