"""Which neuron is a unit? One that forgets in every tick, or one whose potential lasts as long as a sample.

A unit that decides anew in every tick is a neuron whose leak is −threshold, so that the potential is at least 0 where
the sum of weights reaches the threshold, and the neuron fires and is reset to 0; below 0, it is set to 0 as well.

A unit whose potential lasts is a neuron with that threshold, whose leak is the gain. Its floor lies deeper than a
potential can fall in the ticks of a sample.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from brainc.ir.spiking import Potentials, SpikingGraph, Units
from brainlang.diagnostics import Report, counted
from brainrun.truenorth.graph import Neuron
from brainrun.truenorth.limits import AXONS, GREATEST_RESET_EXPONENT, GREATEST_THRESHOLD, GREATEST_WEIGHT

SIGNS = (1, -1, 0, 0)
"""The weights of axons that excite, and of those that inhibit."""

SPLITTER = Neuron(weights=(1, 0, 0, 0), threshold=1, saturates_at_floor=True)


def neurons_of(layer: Units, period: int) -> Iterator[Neuron]:
    """The neuron of each channel of a layer, whose samples are shown for `period` ticks."""
    if layer.potentials is None:
        yield from (unit(threshold) for threshold in layer.thresholds.tolist())
    else:
        yield from _lasting(layer, layer.potentials, period)


def unit(threshold: int) -> Neuron:
    """The neuron that fires where the sum of weights is at least the threshold, and remembers nothing.

    A sum is one of −256 … 256, which is more than a leak can take: beyond it the unit needs all 256 spikes, where a
    potential of 0 is no spike and remembers nothing either, or it fires always or never, whatever comes.
    """
    if abs(threshold) <= GREATEST_WEIGHT:
        return Neuron(weights=SIGNS, threshold=0, leak=-threshold, saturates_at_floor=True)
    if threshold == AXONS:
        return Neuron(weights=SIGNS, threshold=1, leak=1 - threshold, saturates_at_floor=True)
    return Neuron(weights=(0, 0, 0, 0), threshold=int(threshold > 0), saturates_at_floor=True)


def _lasting(layer: Units, potentials: Potentials, period: int) -> Iterator[Neuron]:
    columns = (layer.thresholds, potentials.gains, potentials.resets, _falls(layer, potentials, period))
    for threshold, gain, reset, fall in zip(*(column.tolist() for column in columns), strict=True):
        yield Neuron(
            weights=SIGNS, threshold=threshold, floor=fall, leak=gain, reset_potential=reset, saturates_at_floor=True
        )


def _falls(layer: Units, potentials: Potentials, period: int) -> NDArray[np.int64]:
    """`[channels]`: below minus this no potential falls in a sample's ticks."""
    inhibited = np.count_nonzero(layer.weights.reshape(layer.shape[0], -1) < 0, axis=1)
    each = inhibited + np.maximum(-potentials.gains.astype(np.int64), 0)
    falls: NDArray[np.int64] = period * each + np.maximum(-potentials.resets.astype(np.int64), 0)
    return falls


def check_potentials(graph: SpikingGraph, period: int) -> None:
    """BrainError: potentials that last and are more than a neuron holds, each layer with the remedy."""
    report = Report()
    for layer in graph.layers:
        if layer.potentials is not None:
            for what, remedy in _too_much(layer, layer.potentials, period):
                report.add(layer.origin.span, f"{layer.name}: {what}", remedy)
    report.settle()


def _too_much(layer: Units, potentials: Potentials, period: int) -> Iterator[tuple[str, str]]:
    threshold, gain = int(layer.thresholds.max()), int(np.abs(potentials.gains).max())
    scale = "use weights and numbers of fewer steps"
    if threshold > GREATEST_THRESHOLD:
        yield f"a threshold is {threshold} steps of its weights, and a neuron's at most {GREATEST_THRESHOLD}", scale
    if gain > GREATEST_WEIGHT:
        yield f"a bias is {gain} steps of its weights, and a neuron's leak at most {GREATEST_WEIGHT}", scale
    for reset in np.unique(potentials.resets).tolist():
        steps = abs(reset) + 1
        if steps & (steps - 1) or steps > 2**GREATEST_RESET_EXPONENT:
            yield (
                f"it is reset to {reset} steps of its weights, and neurons to 0 or to 2ᵏ − 1, of either sign",
                "reset it to 0",
            )
            break
    fall = int(_falls(layer, potentials, period).max())
    if fall > GREATEST_THRESHOLD:
        yield (
            f"in {counted(period, 'tick')} potentials may fall to −{fall}, and a neuron's to −{GREATEST_THRESHOLD}",
            "show samples in fewer ticks",
        )
