"""What does the hardware hold? The one table of TrueNorth's limits, which rules, readers and reports read.

Sources: Cassidy et al., "Cognitive computing building block" (2013); Merolla et al. (2014) and Akopyan et al. (2015) on
the chip. What no public source fixes is marked *ours*.
"""

from __future__ import annotations

AXONS = 256
"""Inputs of a core."""

NEURONS = 256
"""Outputs of a core."""

TYPES = 4
"""Axon types G, for each of which a neuron has one weight."""

GREATEST_WEIGHT = 255
"""Weights s_G and leaks λ are a sign and eight bits."""

GREATEST_THRESHOLD = 2**18 - 1
"""Thresholds α and β are unsigned numbers of 18 bits."""

RANDOM_BITS = 16
"""Bits of the threshold's random mask at most: as many as the source of random numbers has (*ours*)."""

GREATEST_RESET_EXPONENT = 18
"""Reset potentials are ±(2^VR − 1)."""

LEAST_POTENTIAL, GREATEST_POTENTIAL = -(2**19), 2**19 - 1
"""Membrane potentials are signed numbers of 20 bits that saturate."""

DELAYS = range(1, 16)
"""Ticks from a neuron's spike to its arrival at an axon."""

CHIP_SIDE = 64
"""Cores along each side of a chip."""

GREATEST_HOP = 255
"""Steps in x, and in y, that a route may take: nine bits with sign."""

SECONDS_PER_TICK = 1e-3
"""The tick in real time."""
