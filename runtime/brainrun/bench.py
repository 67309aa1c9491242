"""How fast does the machine run a plan's training step? The same batch again and again, and reading timed apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

from brainrun.execute import Executor
from brainrun.rate import rate_of
from brainrun.readers.dataset import Dataset
from brainrun.readers.order import training_batches
from brainrun.stage import Orders, Stage
from brainrun.throughput import Throughput

_WARM_UP = 5
_LATE = 1_000_000
"""An epoch in which reductions are over their warm-up, as they are in most."""
DEFAULT_STEPS = 200


@dataclass(frozen=True, slots=True)
class Bench:
    """Steady-state speed without reading, the objective of each step, and what reading one batch took this rank.

    `bytes_sent` is by transfer, and without the steps to warm up.
    """

    samples_per_second: float
    loss_by_step: tuple[float, ...]
    reading_seconds_a_batch: float
    bytes_sent: Mapping[str, int]


def bench(executor: Executor, dataset: Dataset, steps: int, *, seed: int) -> Bench:
    """Train `steps` steps on one batch after a few to warm up."""
    training = executor.plan.training
    orders = Orders(seed, dataset.count, "as they are")
    fill = Stage(executor.train, executor.rank, dataset, training.batch).training(
        orders, training_batches(dataset.count, training.batch)
    )
    fill(0)
    began = perf_counter()
    inputs = fill(0)
    reading = perf_counter() - began
    throughput = Throughput(training.batch)
    losses = []
    before: Mapping[str, int] = {}
    in_all = _WARM_UP + steps
    for step in range(in_all):
        if step == _WARM_UP:
            before = executor.train.bytes_sent()
            throughput.resume()
        rate = rate_of(training, step, per_epoch=in_all, steps=in_all)
        executor.set_scalars(seed=seed, step=step, epoch=_LATE, rate=rate)
        executor.train.run(inputs)
        if step >= _WARM_UP:
            throughput.step()
        losses.append(executor.train.result(executor.objective))
    sent = {name: count - before[name] for name, count in executor.train.bytes_sent().items()}
    return Bench(throughput.samples_per_second(), tuple(losses), reading, sent)
