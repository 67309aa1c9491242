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
    if not parts:
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


def gathered_views(
    world: World, raster: Raster, potentials: NDArray[np.int32]
) -> tuple[Raster, NDArray[np.int32]] | None:
    """On rank 0 the spikes of all ranks' neurons, and the potentials of those that are traced on any; else nothing."""
    parts = world.gather((raster, potentials))
    if not parts:
        return None
    # A neuron is one rank's, and others have zeros in its place.
    return _merged([raster for raster, _ in parts]), np.sum([potentials for _, potentials in parts], axis=0)


def _merged(rasters: Sequence[Raster]) -> Raster:
    """Ranks have their cores in order, so what is left to put in order is the ticks."""
    ticks = np.concatenate([raster.ticks for raster in rasters])
    order = np.argsort(ticks, kind="stable")
    cores = np.concatenate([raster.cores for raster in rasters])
    return Raster(ticks[order], cores[order], np.concatenate([raster.neurons for raster in rasters])[order])
