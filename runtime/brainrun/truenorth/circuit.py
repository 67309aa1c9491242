"""What does the simulator read? Cores, crossbars and targets as arrays, and what each kind of neuron does.

One form serves TrueNorth and its simpler kin. Every tick a core integrates, leaks, and compares:

    V ← V + Σ_i A_i w_ij s_G(i),  V ← V + λ
    if V ≥ threshold:    spike,  V ← (V if fired_keeps else 0) + fired_adds
    else if V < floor:           V ← (V if floored_keeps else 0) + floored_adds

Random numbers make the weight s_G or the leak λ the sign of itself or 0, and move the thresholds; reversal gives the
leak the potential's sign. `circuit` turns a `CoreGraph` into this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainrun.truenorth.graph import (
    FIRST_OUTPUT,
    I32,
    NO_NEURON,
    PINS_PER_BANK,
    U8,
    CoreGraph,
    Neuron,
    Reset,
)
from brainrun.truenorth.limits import DELAYS, LEAST_POTENTIAL

NEVER = 2**31 - 1
"""A threshold that no potential reaches; its negative is a floor that none falls below."""


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """What neurons of each kind do: an array a parameter, `[kinds]` or `[kinds, types]`, the absent neuron last."""

    weights: I32
    leak: I32
    threshold: I32
    floor: I32
    fired_keeps: NDArray[np.bool_]
    fired_adds: I32
    floored_keeps: NDArray[np.bool_]
    floored_adds: I32
    potential: I32
    stochastic_weights: NDArray[np.bool_]
    stochastic_leak: NDArray[np.bool_]
    leak_reversal: NDArray[np.bool_]
    threshold_mask: I32
    floor_moves: NDArray[np.bool_]
    """Whether the random part η of the threshold lowers the floor as well."""

    fired_moves: NDArray[np.bool_]
    """Whether η is subtracted where the neuron fires."""

    floored_moves: NDArray[np.bool_]
    """Whether η is added below the floor."""


@dataclass(frozen=True, slots=True, eq=False)
class Circuit:
    """Everything that a run of the simulator depends on but its input."""

    kinds: Kinds
    neuron_kinds: I32
    """`[cores, neurons]`: a place in the arrays of `kinds`."""

    axon_types: U8
    """`[cores, axons]`."""

    crossbar: U8
    """`[cores, axons, neurons / 8]`: bit j % 8 of byte j // 8 for neuron j. Neurons are a multiple of 32."""

    target_cores: I32
    """`[cores, neurons]`: a core among all of the network's, −1 for nowhere, −2 for an output."""

    target_axons: I32
    """`[cores, neurons]`: an axon, or the number of an output."""

    delays: U8
    """`[cores, neurons]`: ticks to arrival, 1 … slots − 1; an output has none, and counts in the tick of its spike."""

    outputs: int
    slots: int
    """Ticks that spikes can be on their way, the present one included."""

    potential_bits: int
    """20: potentials saturate after integration and after the leak. 32: they never come near their bounds."""

    seed: int

    @property
    def cores(self) -> int:
        """How many cores."""
        return int(self.axon_types.shape[0])

    @property
    def axons(self) -> int:
        """How many axons a core has."""
        return int(self.axon_types.shape[1])

    @property
    def neurons(self) -> int:
        """How many places for neurons a core has."""
        return int(self.neuron_kinds.shape[1])

    @property
    def types(self) -> int:
        """How many types of axons there are."""
        return int(self.kinds.weights.shape[1])


ABSENT = Neuron(weights=(0, 0, 0, 0), threshold=NEVER, floor=NEVER)


def circuit(graph: CoreGraph, part: range | None = None) -> Circuit:
    """The circuit of a core graph that breaks no rule, or of a part of its cores."""
    cores = graph.cores if part is None else graph.cores[part.start : part.stop]
    absent = len(graph.neurons)

    named = np.array([core.kinds for core in cores], np.int32)
    targets = np.array([core.target_cores for core in cores], np.int32)
    pins = np.array([core.target_axons for core in cores], np.int32)
    leaves = targets <= FIRST_OUTPUT
    pins = np.where(leaves, (FIRST_OUTPUT - targets) * PINS_PER_BANK + pins, pins)
    return Circuit(
        kinds=_kinds((*graph.neurons, ABSENT)),
        neuron_kinds=np.where(named == NO_NEURON, absent, named).astype(np.int32),
        axon_types=np.array([core.axon_types for core in cores], np.uint8),
        crossbar=np.array([core.crossbar for core in cores], np.uint8),
        target_cores=np.maximum(targets, FIRST_OUTPUT).astype(np.int32),
        target_axons=pins.astype(np.int32),
        delays=np.array([core.delays for core in cores], np.uint8),
        outputs=int(pins[leaves].max(initial=-1)) + 1,
        slots=len(DELAYS) + 1,
        potential_bits=(-LEAST_POTENTIAL).bit_length(),
        seed=graph.seed,
    )


def _kinds(neurons: Sequence[Neuron]) -> Kinds:
    def whole(value: Callable[[Neuron], object]) -> I32:
        return np.array([value(neuron) for neuron in neurons], np.int32)

    def truth(value: Callable[[Neuron], object]) -> NDArray[np.bool_]:
        return np.array([value(neuron) for neuron in neurons], bool)

    return Kinds(
        weights=whole(lambda n: n.weights),
        leak=whole(lambda n: n.leak),
        threshold=whole(lambda n: n.threshold),
        floor=whole(lambda n: -n.floor),
        fired_keeps=truth(lambda n: n.reset != Reset.NORMAL),
        fired_adds=whole(_added_when_fired),
        floored_keeps=truth(lambda n: n.reset != Reset.NORMAL and not n.saturates_at_floor),
        floored_adds=whole(_added_when_floored),
        potential=whole(lambda n: n.potential),
        stochastic_weights=truth(lambda n: n.stochastic_weights),
        stochastic_leak=truth(lambda n: n.stochastic_leak),
        leak_reversal=truth(lambda n: n.leak_reversal),
        threshold_mask=whole(lambda n: 2**n.threshold_bits - 1),
        floor_moves=truth(lambda n: not n.saturates_at_floor),
        fired_moves=truth(lambda n: n.reset == Reset.LINEAR),
        floored_moves=truth(lambda n: n.reset == Reset.LINEAR and not n.saturates_at_floor),
    )


def _added_when_fired(neuron: Neuron) -> int:
    match neuron.reset:
        case Reset.NORMAL:
            return neuron.reset_potential
        case Reset.LINEAR:
            return -neuron.threshold
        case _:
            return 0


def _added_when_floored(neuron: Neuron) -> int:
    if neuron.saturates_at_floor:
        return -neuron.floor
    match neuron.reset:
        case Reset.NORMAL:
            return -neuron.reset_potential
        case Reset.LINEAR:
            return neuron.floor
        case _:
            return 0
