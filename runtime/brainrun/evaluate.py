"""How good is the network on a data set? Every sample is seen once, and losses and metrics are averaged over them."""

from __future__ import annotations

from contextlib import closing

from brainrun.execute import Executor
from brainrun.readers.dataset import Dataset
from brainrun.readers.order import evaluation_batches
from brainrun.readers.prefetch import prefetched
from brainrun.stage import Stage


class Evaluation:
    """Evaluation on one data set, with its staging areas; it can be repeated."""

    def __init__(self, executor: Executor, dataset: Dataset) -> None:
        self._executor = executor
        self._count = dataset.count
        self._batches = evaluation_batches(dataset.count, executor.plan.training.batch)
        self._stage = Stage(executor.evaluate, executor.rank, dataset, executor.plan.training.batch)

    def run(self) -> dict[str, float]:
        """The mean over all samples of each number that the plan's evaluation gives."""
        procedure = self._executor.evaluate
        self._executor.set_scalars(seed=self._executor.plan.training.seed, step=0, epoch=0, rate=0.0)
        sums = dict.fromkeys(procedure.results, 0.0)
        with closing(prefetched(self._stage.evaluating(), 0, self._batches)) as batches:
            for inputs in batches:
                procedure.run(inputs)
                for name in sums:
                    sums[name] += procedure.result(name)
        return {name: total / self._count for name, total in sums.items()}
