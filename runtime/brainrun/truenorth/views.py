"""What is seen of a run from inside? Every neuron's spikes, and potentials, in files that grow as it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import RunError
from brainrun.mesh import World
from brainrun.truenorth.gather import gathered_raster, gathered_trace
from brainrun.truenorth.simulate import Arrivals, Outcome, Raster, Simulator, succeeding

Traced = tuple[tuple[int, int], ...]
"""Neurons, each a core and the number of one of its neurons."""

_TICKS_AT_ONCE = 1000


class Views:
    """The files of a run's raster and trace, as far as they are wanted."""

    def __init__(self, raster: BinaryIO | None, trace: BinaryIO | None, traced: Traced, *, as_array: bool) -> None:
        self._raster = raster
        self._trace = trace
        self._as_array = as_array
        self._spikes: list[NDArray[np.int32]] = []
        if trace is not None:
            trace.write(f"tick,{','.join(f'{core}:{neuron}' for core, neuron in traced)}\n".encode())

    def add(self, first: int, raster: Raster, potentials: NDArray[np.int32]) -> None:
        """The spikes and potentials of ticks from `first` on."""
        if self._raster is not None and self._as_array:
            self._spikes.append(np.stack([raster.ticks, raster.cores, raster.neurons], axis=1).astype(np.int32))
        elif self._raster is not None:
            rows = zip(raster.ticks.tolist(), raster.cores.tolist(), raster.neurons.tolist(), strict=True)
            self._raster.write("".join(f"{tick},{core},{neuron}\n" for tick, core, neuron in rows).encode())
        if self._trace is not None:
            lines = (f"{tick},{','.join(map(str, row))}\n" for tick, row in enumerate(potentials.tolist(), first))
            self._trace.write("".join(lines).encode())

    def finish(self) -> None:
        """Write what could not be written before its length was known."""
        if self._raster is not None and self._as_array:
            np.save(self._raster, np.concatenate([np.zeros((0, 3), np.int32), *self._spikes]))


@contextmanager
def open_views(raster: Path | None, trace: Path | None, traced: Traced) -> Iterator[Views]:
    """The files that are wanted. RunError: one cannot be written."""
    with ExitStack() as files:
        opened = [None if path is None else files.enter_context(_writing(path)) for path in (raster, trace)]
        views = Views(opened[0], opened[1], traced, as_array=raster is not None and raster.suffix == ".npy")
        yield views
        views.finish()


@contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None


def simulated(
    simulator: Simulator, world: World, ticks: int, arrivals: Arrivals, traced: Traced, views: Views | None
) -> Outcome:
    """Run so many ticks, and put what is to be seen of all ranks' neurons into rank 0's views."""
    outcomes = []
    for first in range(0, ticks, _TICKS_AT_ONCE):
        watched = simulator.watch(min(_TICKS_AT_ONCE, ticks - first), arrivals, traced)
        raster, potentials = gathered_raster(world, watched.raster), gathered_trace(world, watched.potentials)
        if views is not None:
            views.add(first, raster, potentials)
        outcomes.append(watched.outcome)
    return succeeding(outcomes)
