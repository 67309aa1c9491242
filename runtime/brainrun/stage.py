"""What is fed to a procedure? Samples of a data set, laid out as its buffers are, in arrays made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from brainrun.execute import BoundProcedure, Inputs
from brainrun.plan.schema import LANES, Feed, Rank
from brainrun.readers.dataset import Dataset
from brainrun.readers.order import evaluation_share, permutation, training_indices, unshuffled
from brainrun.readers.prefetch import SLOTS
from brainrun.readers.transforms import AugmentKey

WEIGHTS = "sample_weight"
"""The network input that the runtime itself provides: what a sample counts in sums."""


class Orders:
    """The order of the samples in each epoch; it remembers one."""

    def __init__(self, seed: int, count: int, kind: Literal["shuffled", "as they are"]) -> None:
        self.seed = seed
        self._count = count
        self._kind = kind
        self._epoch = -1
        self._order = unshuffled(count)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The samples in the order of this epoch, counted from 0."""
        if self._kind == "shuffled" and epoch != self._epoch:
            self._epoch, self._order = epoch, permutation(self.seed, epoch, self._count)
        return self._order


class Stage:
    """Staging areas for one procedure on one rank, filled in turn."""

    def __init__(self, procedure: BoundProcedure, rank: Rank, dataset: Dataset, batch: int) -> None:
        self._feeds: tuple[Feed, ...] = procedure.feeds
        self._areas: list[dict[str, NDArray[Any]]] = [procedure.staging() for _ in range(SLOTS)]
        self._first = rank.first_sample
        self._dataset = dataset
        self._batch = batch

    def training(self, orders: Orders, per_epoch: int) -> Callable[[int], Inputs]:
        """What fills an area with this rank's part of a step's batch, given the step's number over all epochs."""
        weight = np.float32(1 / self._batch)

        def fill(step: int) -> Inputs:
            epoch, number = divmod(step, per_epoch)
            order, key = orders.order(epoch), AugmentKey(orders.seed, epoch)
            area = self._areas[step % SLOTS]
            for feed in self._feeds:
                out = area[feed.buffer]
                if feed.input == WEIGHTS:
                    _fill_weights(out, np.full(feed.samples, weight))
                    continue
                indices = training_indices(order, self._batch, number, self._first + feed.first, feed.samples)
                self._dataset.fill(feed.input, indices, out, feed.features, key)
            return area

        return fill

    def evaluating(self) -> Callable[[int], Inputs]:
        """The same for a pass over all samples in their order; the last batch is padded with samples of weight 0."""

        def fill(number: int) -> Inputs:
            area = self._areas[number % SLOTS]
            for feed in self._feeds:
                first = self._first + feed.first
                share = evaluation_share(self._dataset.count, self._batch, number, first, feed.samples)
                if feed.input == WEIGHTS:
                    _fill_weights(area[feed.buffer], share.weights)
                else:
                    self._dataset.fill(feed.input, share.indices, area[feed.buffer], feed.features)
            return area

        return fill


def _fill_weights(out: NDArray[np.float32], weights: NDArray[np.float32]) -> None:
    """One weight a sample, lanes beyond them zero."""
    flat = out.reshape(-1, LANES).reshape(-1)
    flat[: len(weights)] = weights
    flat[len(weights) :] = 0
