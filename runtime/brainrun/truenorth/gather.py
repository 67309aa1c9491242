"""What came of all ranks' cores? Rank 0 has the spikes and numbers of each, as one rank would have them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainrun.mesh import World
from brainrun.truenorth.simulate import Departures, Outcome, Raster


def gathered(world: World, outcome: Outcome) -> Outcome:
    """On rank 0 what came of the run on all ranks, which took as long as the slowest; on others what they have."""
    parts = world.gather(outcome)
    if len(parts) < 2:
        return outcome
    ticks = np.concatenate([part.departures.ticks for part in parts])
    pins = np.concatenate([part.departures.pins for part in parts])
    order = np.lexsort((pins, ticks))
    return Outcome(
        Departures(ticks[order], pins[order]),
        sum(part.spikes for part in parts),
        sum(part.synaptic_events for part in parts),
        max(part.seconds for part in parts),
    )


def gathered_raster(world: World, raster: Raster) -> Raster:
    """On rank 0 the spikes of all ranks' neurons; on others what they have."""
    parts = world.gather(raster)
    return _merged(parts) if parts else raster


def gathered_trace(world: World, potentials: NDArray[np.int32]) -> NDArray[np.int32]:
    """`[ticks, traced]`: on rank 0 the potentials of neurons that are traced on any; on others what they have."""
    parts = world.gather(potentials)
    # A neuron is one rank's, and others have zeros in its place.
    return np.sum(parts, axis=0, dtype=np.int32) if parts else potentials


def gathered_cores(world: World, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """`[cores]`: on rank 0 a count for each core of all ranks; on others what they have."""
    parts = world.gather(counts)
    return np.concatenate(parts) if parts else counts


def _merged(rasters: Sequence[Raster]) -> Raster:
    """Ranks have their cores in order, so what is left to put in order is the ticks."""
    ticks = np.concatenate([raster.ticks for raster in rasters])
    order = np.argsort(ticks, kind="stable")
    cores = np.concatenate([raster.cores for raster in rasters])
    return Raster(ticks[order], cores[order], np.concatenate([raster.neurons for raster in rasters])[order])
