"""What do the tick's code and its tables agree on? Where things stand in them, and what the code depends on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import gcd

GROUP = 8
"""Cores that one part of the kernel takes."""

LINE_BYTES = 64
"""Of a cache line."""

TARGET_BITS = 32
"""Of a neuron's target: a delay (`Shape.delay_bits`) and a number."""

PATIENCE = 8
"""Ticks without a spike after which it is asked how long a core may nap, and the shortest nap worth asking again."""

NEVER_WAKES = 2**62
"""The tick that a core sleeps until if only a spike can wake it."""

REMOTE_MEMBER, REMOTE_NUMBER = 8, 24
"""Where, in the 64 bits for an axon of another rank, that rank and the axon's number begin; below them is the delay."""

PEER_WORDS = 8
"""Of each rank in the table of `PEERS`: bits of a slot of its ring, its outbox, and how many spikes are in it."""


class Control(IntEnum):
    """Places in the table of int64 that a tick reads."""

    FIRST_TICK = 0
    CORES = 1
    RING = 2
    WAKES = 3
    DESCRIPTORS = 4
    ROWS_16 = 5
    ROWS_32 = 6
    POTENTIALS_16 = 7
    POTENTIALS_32 = 8
    MASKS = 9
    CROSSBARS = 10
    TYPES = 11
    TARGETS = 12
    PLACES = 13
    SEQUENCE = 14
    DEPARTURES = 15
    RASTER = 16
    INPUT_STARTS = 17
    INPUTS = 18
    CORE_SPIKES = 19
    CORE_EVENTS = 20
    ORDER = 21
    PEERS = 22
    AWAY = 23
    SETTLED = 24
    NAPS = 25
    """Whether cores may nap: not while potentials are traced."""
    QUIET = 26
    DEPARTED = 32
    """How many spikes have gone out in this block; a cache line of its own."""
    WORDS = 40


class Field(IntEnum):
    """Places in a core's descriptor of uint32: which rows, masks and tables are its own."""

    VARIANT = 0
    POTENTIAL = 1
    WEIGHTS = 2
    LEAK = 3
    THRESHOLD = 4
    FLOOR = 5
    FIRED_ADDS = 6
    FLOORED_ADDS = 7
    THRESHOLD_MASK = 8
    MASKS = 9
    CROSSBAR = 10
    TYPES = 11
    FLAGS = 12
    WORDS = 16


PARAMETER_ROWS = (Field.WEIGHTS, Field.LEAK, Field.THRESHOLD, Field.FLOOR, Field.FIRED_ADDS, Field.FLOORED_ADDS)
"""Rows of parameters that every way of computing a core reads."""


class Mask(IntEnum):
    """The masks of a core, one after the other from its place `MASKS` on: a bit a neuron."""

    FIRED_KEEPS = 0
    FLOORED_KEEPS = 1
    FLOOR_MOVES = 2
    FIRED_MOVES = 3
    FLOORED_MOVES = 4
    REVERSAL = 5
    STOCHASTIC_LEAK = 6
    STOCHASTIC_WEIGHTS = 7
    """… and as many as there are types."""


class Flag(IntEnum):
    """Bits of a descriptor's flags."""

    DRAWS_LEAK = 1
    DRAWS_THRESHOLD = 2


class Variant(IntEnum):
    """The ways of computing a core."""

    NARROW = 0
    """16-bit potentials, no random numbers, no reversal, no saturation."""
    NARROW_RANDOM = 1
    """The same with random thresholds."""
    WIDE = 2
    """32-bit potentials that saturate; random thresholds and reversal allowed."""
    SCALAR = 3
    """Neuron by neuron: stochastic synapses and leaks."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a tick's code depends on."""

    axons: int
    neurons: int
    types: int
    slots: int
    saturates: bool
    shared: bool
    """Whether other threads deliver spikes at the same time."""
    posts: bool
    """Whether spikes go to other ranks."""
    variants: tuple[Variant, ...]
    """Those that the circuit needs."""

    @property
    def delay_bits(self) -> int:
        """The low bits of a target: ticks to arrival at an axon, 0 where its number is an output's."""
        return self.slots.bit_length()

    @property
    def elsewhere(self) -> int:
        """Stands in place of a delay where the number is a place among axons of other ranks, or all ones: nowhere."""
        return (1 << self.delay_bits) - 1

    @property
    def panel(self) -> int:
        """Neurons whose state is in registers at a time."""
        return gcd(self.neurons, 256)


def addresses(words: Sequence[Control]) -> Iterator[str]:
    """Loads of addresses from the control table, each named as its word."""
    for word in words:
        name = word.name.lower()
        yield f"  %{name}.control = getelementptr i64, ptr %control, i64 {word.value}"
        yield f"  %{name} = load ptr, ptr %{name}.control"


def field_index(field: Field) -> Iterator[str]:
    name = field.name.lower()
    yield f"  %{name}.field = getelementptr i32, ptr %descriptor, i64 {field.value}"
    yield f"  %{name}.word = load i32, ptr %{name}.field"
    yield f"  %{name}.index = zext i32 %{name}.word to i64"
