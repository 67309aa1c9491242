"""How is a network trained? Step after step over shuffled epochs, the next batch being read meanwhile."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

from brainrun.evaluate import Evaluation
from brainrun.execute import Executor
from brainrun.progress import Watch
from brainrun.rate import rate_of
from brainrun.readers.dataset import Dataset
from brainrun.readers.order import training_batches
from brainrun.readers.prefetch import prefetched
from brainrun.stage import Orders, Stage
from brainrun.throughput import Throughput
from brainrun.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Length:
    """How long to train: so many epochs, or so many steps."""

    count: int
    unit: Literal["epochs", "steps"]


@dataclass(frozen=True, slots=True)
class Epoch:
    """What came of an epoch: each number's mean, by role (`train`, `test`, …) and name. `step` counts them all."""

    epoch: int
    step: int
    numbers: Mapping[str, Mapping[str, float]]


@dataclass(slots=True)
class History:
    """What came of a training, as it grows: each step's objective, before its update, and each epoch."""

    loss_by_step: array[float] = field(default_factory=lambda: array("d"))
    epochs: list[Epoch] = field(default_factory=list)
    samples_per_second: float = 0.0
    steps: int = 0


def train(
    executor: Executor,
    datasets: Mapping[str, Dataset],
    length: Length,
    *,
    seed: int,
    order: Literal["shuffled", "as they are"],
    watch: Watch,
    timeline: Timeline | None,
    on_epoch: Callable[[Epoch], None],
) -> History:
    """Train, evaluate after each epoch on `validate` and `test` where there are such, and tell what came of it.

    `timeline` is told what its steps do. DataError where the data are fewer than a batch.
    """
    training = executor.plan.training
    dataset = datasets["train"]
    per_epoch = training_batches(dataset.count, training.batch)
    steps = length.count if length.unit == "steps" else length.count * per_epoch
    orders = Orders(seed, dataset.count, order if dataset.shuffle else "as they are")
    evaluations = {role: Evaluation(executor, datasets[role]) for role in ("validate", "test") if role in datasets}
    fill = Stage(executor.train, executor.rank, dataset, training.batch).training(orders, per_epoch)
    history = History()
    throughput = Throughput(training.batch)
    sums = dict.fromkeys(executor.train.results, 0.0)
    began = 0
    with closing(prefetched(fill, 0, steps)) as batches:
        for step, inputs in enumerate(batches):
            epoch = step // per_epoch
            rate = rate_of(training, step, per_epoch=per_epoch, steps=steps)
            executor.set_scalars(seed=seed, step=step, epoch=epoch, rate=rate)
            executor.moment.timeline = timeline if timeline is not None and step + 1 in timeline.steps else None
            executor.train.run(inputs)
            executor.moment.timeline = None
            _note(executor, sums, history)
            throughput.step()
            done, speed = step + 1, throughput.samples_per_second()
            megabytes = sum(executor.train.bytes_sent().values()) / 1e6
            watch.step(done, steps, epoch + 1, history.loss_by_step[-1], speed, megabytes)
            if done % per_epoch == 0 or done == steps:
                throughput.pause()
                numbers = {"train": {name: total / (done - began) for name, total in sums.items()}}
                numbers |= {role: evaluation.run() for role, evaluation in evaluations.items()}
                history.epochs.append(Epoch(epoch + 1, done, numbers))
                watch.epoch(epoch + 1, numbers, speed)
                on_epoch(history.epochs[-1])
                sums, began = dict.fromkeys(sums, 0.0), done
                throughput.resume()
    history.samples_per_second = throughput.samples_per_second()
    history.steps = steps
    return history


def _note(executor: Executor, sums: dict[str, float], history: History) -> None:
    """Add the step's numbers up, and keep its objective."""
    for name in sums:
        sums[name] += executor.train.result(name)
    history.loss_by_step.append(executor.train.result(executor.objective))
