"""What can RANC's neurons not do that those of a core graph may? Four things, and the first neuron is named for each.

R1  random weights, leaks and thresholds
R2  a leak whose sign follows the potential's
R3  a potential that stays where it crosses a threshold
R4  a floor that holds: below it RANC sets the potential to −R, or adds β. That is −β only with R = β and a normal
    reset; or the potential cannot fall below the floor in the first place
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from brainrun.truenorth.graph import NO_NEURON, CoreGraph, Neuron, Reset
from brainrun.truenorth.rules import Violation


def not_in_ranc(graph: CoreGraph) -> Iterator[Violation]:
    """What keeps a core graph from RANC: a violation for each kind of neuron and reason, with the first such neuron."""
    reasons = [list(_reasons(neuron)) for neuron in graph.neurons]
    counts = np.zeros(len(graph.neurons), np.int64)
    first: dict[int, tuple[int, int]] = {}
    for number, core in enumerate(graph.cores):
        kinds, places, multiples = np.unique(core.kinds, return_index=True, return_counts=True)
        for kind, place, count in zip(kinds.tolist(), places.tolist(), multiples.tolist(), strict=True):
            if kind != NO_NEURON:
                counts[kind] += count
                first.setdefault(kind, (number, place))
    for kind, (number, neuron) in sorted(first.items(), key=lambda item: item[1]):
        others = f" (and {counts[kind] - 1:,} more)" if counts[kind] > 1 else ""
        for rule, what in reasons[kind]:
            yield Violation(rule, f"core {number}, neuron {neuron}{others}", what)


def _reasons(neuron: Neuron) -> Iterator[tuple[str, str]]:
    for axon_type, (random, weight) in enumerate(zip(neuron.stochastic_weights, neuron.weights, strict=True)):
        if random and weight:
            yield "R1", f"weight {weight} of axon type {axon_type} is random; give it a certain weight"
    if neuron.stochastic_leak and neuron.leak:
        yield "R1", f"leak {neuron.leak} is random; give it a certain leak"
    if neuron.threshold_bits:
        yield "R1", f"the threshold has {neuron.threshold_bits} random bits; give it none"
    if neuron.leak_reversal and neuron.leak:
        yield "R2", f"leak {neuron.leak} follows the potential's sign; give it one sign"
    if neuron.reset is Reset.NONE:
        yield "R3", "the potential stays where it crosses a threshold; reset it to a potential, or by the threshold"
    elif neuron.saturates_at_floor and not (_resets_to_floor(neuron) or _never_falls(neuron)):
        yield "R4", f"the potential stops at the floor −{neuron.floor}; {_instead(neuron)}, or let the floor reset it"


def _instead(neuron: Neuron) -> str:
    """What would make RANC's reset end at the floor."""
    if neuron.reset is Reset.NORMAL:
        return f"give it {neuron.floor} for a reset potential, whose opposite RANC resets to"
    return "give it a normal reset to the floor's opposite"


def _resets_to_floor(neuron: Neuron) -> bool:
    return neuron.reset is Reset.NORMAL and neuron.reset_potential == neuron.floor


def _never_falls(neuron: Neuron) -> bool:
    """Whether nothing takes the potential below the floor: no negative weight or leak, first potential or reset."""
    lowest = min(neuron.potential, neuron.reset_potential if neuron.reset is Reset.NORMAL else 0)
    return min(*neuron.weights, neuron.leak) >= 0 and lowest >= -neuron.floor
