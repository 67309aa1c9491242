"""What is a network on neurosynaptic cores? Axons, crossbars, neurons and their targets, as one frozen value.

A core's 256 axons receive spikes, its crossbar says which neurons each axon reaches, and each neuron's spike goes to
one axon of one core, or out. Neurons with equal parameters share a `Neuron`, and cores name it by its place in the
table. Arrays are kept as bytes, which are immutable, comparable and small; the properties show them as NumPy arrays
that cannot be written to.

Rules (`rules.py`): N1 axon types, N2 crossbars, N3 neurons named exist, N4 targets exist, N5 delays, N6 weights and
leaks, N7 thresholds, N8 potentials, N9 places on the board and reach, N10 input pins.

The words are those of Cassidy et al. (2013), which gives the neuron's equations (`docs/truenorth.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainrun.truenorth.limits import AXONS, CHIP_SIDE, NEURONS

NO_NEURON = 0xFFFF
"""Stands in a core's `kinds` where there is no neuron."""

NOWHERE = -1
"""The target core of a neuron whose spikes nobody receives."""

FIRST_OUTPUT = -2
"""The target core of the outputs' first 256 pins; −3 is that of the next 256, and so on."""

PINS_PER_BANK = 256
"""Output pins behind one negative target core."""

U8: TypeAlias = NDArray[np.uint8]
U16: TypeAlias = NDArray[np.uint16]
I32: TypeAlias = NDArray[np.int32]


class Reset(IntEnum):
    """What becomes of the potential where a threshold is crossed: γ."""

    NORMAL = 0
    """It is set to the reset potential."""

    LINEAR = 1
    """The threshold is subtracted."""

    NONE = 2
    """It stays."""


@dataclass(frozen=True, slots=True)
class Neuron:
    """The parameters of a neuron."""

    weights: tuple[int, int, int, int]
    """s_G, one for each axon type."""

    threshold: int
    """α: at this potential or above it the neuron fires."""

    floor: int = 0
    """β: below −β the potential is reset, too."""

    leak: int = 0
    """λ, added every tick."""

    reset: Reset = Reset.NORMAL
    """γ."""

    reset_potential: int = 0
    """R, ±(2^VR − 1)."""

    saturates_at_floor: bool = False
    """κ: below −β the potential becomes −β, whatever γ says."""

    leak_reversal: bool = False
    """ε: the leak's sign follows the potential's."""

    stochastic_weights: tuple[bool, bool, bool, bool] = (False, False, False, False)
    """b_G: a spike adds the weight's sign if |s_G| ≥ ρ, a random number of 8 bits, and nothing otherwise."""

    stochastic_leak: bool = False
    """c: the leak adds its sign if |λ| ≥ ρ, and nothing otherwise."""

    threshold_bits: int = 0
    """TM: so many random bits, η, are added to the threshold each tick."""

    potential: int = 0
    """V before the first tick."""


@dataclass(frozen=True, slots=True)
class Core:
    """One core. `origin` names the layer that it serves, for messages and reports."""

    x: int
    y: int
    types_bytes: bytes
    crossbar_bytes: bytes
    kinds_bytes: bytes
    target_cores_bytes: bytes
    target_axons_bytes: bytes
    delays_bytes: bytes
    origin: str = ""

    @property
    def axon_types(self) -> U8:
        """`[axons]`: the type G of each axon."""
        return np.frombuffer(self.types_bytes, np.uint8)

    @property
    def crossbar(self) -> U8:
        """`[axons, neurons / 8]`: axon i reaches neuron j if bit j % 8 of byte j // 8 is set."""
        return np.frombuffer(self.crossbar_bytes, np.uint8).reshape(AXONS, NEURONS // 8)

    @property
    def kinds(self) -> U16:
        """`[neurons]`: the place of each neuron's parameters in the table, or `NO_NEURON`."""
        return np.frombuffer(self.kinds_bytes, np.uint16)

    @property
    def target_cores(self) -> I32:
        """`[neurons]`: the core that each neuron's spikes go to, `NOWHERE`, or an output bank."""
        return np.frombuffer(self.target_cores_bytes, np.int32)

    @property
    def target_axons(self) -> U16:
        """`[neurons]`: the axon of the target core, or the pin of the output bank."""
        return np.frombuffer(self.target_axons_bytes, np.uint16)

    @property
    def delays(self) -> U8:
        """`[neurons]`: ticks from spike to arrival."""
        return np.frombuffer(self.delays_bytes, np.uint8)

    def synapses(self) -> NDArray[np.bool_]:
        """`[axons, neurons]`: the crossbar, a Boolean a bit."""
        return np.unpackbits(self.crossbar, axis=1, bitorder="little").astype(bool)


def core(
    axon_types: ArrayLike,
    synapses: ArrayLike,
    kinds: ArrayLike,
    target_cores: ArrayLike,
    target_axons: ArrayLike,
    delays: ArrayLike,
    *,
    x: int = 0,
    y: int = 0,
    origin: str = "",
) -> Core:
    """A core from arrays as the properties give them, and `synapses[axons, neurons]` of Booleans."""
    packed = np.packbits(np.asarray(synapses, bool), axis=1, bitorder="little")
    return Core(
        x,
        y,
        np.asarray(axon_types, np.uint8).tobytes(),
        packed.tobytes(),
        np.asarray(kinds, np.uint16).tobytes(),
        np.asarray(target_cores, np.int32).tobytes(),
        np.asarray(target_axons, np.uint16).tobytes(),
        np.asarray(delays, np.uint8).tobytes(),
        origin,
    )


@dataclass(frozen=True, slots=True)
class InputPort:
    """A named row of pins that spikes come in by: pin p leads to axon `axons[p]` of core `cores[p]`."""

    name: str
    cores: tuple[int, ...]
    axons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutputPort:
    """A named row of pins that spikes go out by: pin p is pin `pins[p]` of all banks together."""

    name: str
    pins: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CoreGraph:
    """Cores on a board of `chips = (columns, rows)`, what comes in and goes out, and the seed of all randomness."""

    neurons: tuple[Neuron, ...]
    cores: tuple[Core, ...]
    inputs: tuple[InputPort, ...] = ()
    outputs: tuple[OutputPort, ...] = ()
    chips: tuple[int, int] = (1, 1)
    seed: int = 0


def output_pin(target_core: int, pin: int) -> int:
    """The number among all output pins of a pin behind a negative target core."""
    return (FIRST_OUTPUT - target_core) * PINS_PER_BANK + pin


def output_target(pin: int) -> tuple[int, int]:
    """The target core and axon that stand for this output pin."""
    bank, rest = divmod(pin, PINS_PER_BANK)
    return FIRST_OUTPUT - bank, rest


def row_major(count: int) -> tuple[tuple[int, int], ...]:
    """Places for so many cores in reading order, chip by chip in a row of chips."""
    chip_cores = CHIP_SIDE * CHIP_SIDE
    places = []
    for number in range(count):
        chip, inside = divmod(number, chip_cores)
        y, x = divmod(inside, CHIP_SIDE)
        places.append((chip * CHIP_SIDE + x, y))
    return tuple(places)


def used_neurons(cores: Sequence[Core]) -> int:
    """How many neurons these cores have."""
    return sum(int(np.count_nonzero(core.kinds != NO_NEURON)) for core in cores)
