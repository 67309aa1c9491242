"""What does the network say of a data set? Each output goes to a `.npy` file, one row a sample, in the data's order."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import PlanError, RunError
from brainrun.execute import Executor
from brainrun.mesh import World, agreed
from brainrun.plan.schema import Lanes, Output
from brainrun.readers.dataset import Dataset
from brainrun.readers.lanes import samples_of_lanes
from brainrun.readers.order import evaluation_batches
from brainrun.readers.prefetch import prefetched
from brainrun.stage import Stage

Part = tuple[Output, int, NDArray[Any]]
"""An output, the place in the batch where its samples begin, and `values[sample, feature]`."""


def predict(executor: Executor, dataset: Dataset, world: World, folder: Path) -> tuple[Path, ...]:
    """Write `folder/NAME.npy` for each output, on rank 0; the files' paths. RunError where one cannot be written."""
    batch = executor.plan.training.batch
    stage = Stage(executor.predict, executor.rank, dataset, batch)
    executor.set_scalars(seed=executor.plan.training.seed, step=0, epoch=0, rate=0.0)
    files = _Files(folder, dataset.count)
    with agreed(world):
        if world.rank == 0:
            files.create(executor.predict.outputs)
    with closing(prefetched(stage.evaluating(), 0, evaluation_batches(dataset.count, batch))) as batches:
        for number, inputs in enumerate(batches):
            executor.predict.run(inputs)
            for parts in world.gather(_parts(executor)):
                files.write(number * batch, parts)
    with agreed(world):
        written = files.finish()
    return written


def _parts(executor: Executor) -> list[Part]:
    """What this rank has of the batch just predicted."""
    storages = {buffer.name: buffer.storage for buffer in executor.program.buffers}
    found: list[Part] = []
    for output in executor.predict.outputs:
        if not output.samples:
            continue
        if not isinstance(storages[output.buffer], Lanes):
            raise PlanError(f"output {output.name} lies in {output.buffer}, which holds no samples")
        values = samples_of_lanes(executor.predict.read(output), output.samples)
        found.append((output, executor.rank.first_sample + output.first, values))
    return found


class _Files:
    """The files under construction: arrays on disk beside their final names."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count
        self._open: dict[str, np.memmap[Any, np.dtype[np.float32]]] = {}

    def create(self, outputs: tuple[Output, ...]) -> None:
        for output in outputs:
            path = self._path(output.name, ".part")
            try:
                self._open[output.name] = np.lib.format.open_memmap(
                    path, "w+", np.float32, (self._count, int(np.prod(output.shape)))
                )
            except OSError as error:
                raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None

    def write(self, start: int, parts: list[Part]) -> None:
        for output, place, values in parts:
            first = start + place
            rows = min(len(values), self._count - first)
            if rows > 0:
                columns = slice(output.features.start, output.features.stop)
                self._open[output.name][first : first + rows, columns] = values[:rows]

    def finish(self) -> tuple[Path, ...]:
        paths = []
        for name, array in self._open.items():
            array.flush()
            path = self._path(name, "")
            os.replace(self._path(name, ".part"), path)
            paths.append(path)
        self._open = {}
        return tuple(paths)

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / f"{name}.npy{suffix}"
