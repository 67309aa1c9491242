"""Where do the simulator's random numbers come from? From one linear feedback shift register of 16 bits a core.

The register x¹⁶ + x¹⁵ + x¹³ + x⁴ + 1 goes through all 65,535 states but zero, so its whole sequence is a table, and a
core's state is a place in it. Draw n of a core is the state at the place it started from plus n. What the silicon does
is not published: this source and its order are *ours*. In a tick, a core that has a stochastic neuron draws for each of
its places for neurons in turn: a number for every active axon that has a stochastic synapse on it, in the order of
axons; then one for the leak, if any neuron of the core leaks at random; then one for the threshold, if any has a random
one. Weights and leaks compare with the low 8 bits, thresholds take the low TM bits. So a core with random thresholds
alone draws as many numbers every tick as it has places, one after the other in the table.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from brainrun.philox import block, stream_of

PERIOD = 2**16 - 1


@cache
def sequence() -> NDArray[np.uint16]:
    """`[PERIOD]`: the register's states in order, from state 1 on; not to be written to."""
    states = np.empty(PERIOD, np.uint16)
    state = 1
    for place in range(PERIOD):
        states[place] = state
        bit = (state ^ (state >> 1) ^ (state >> 3) ^ (state >> 12)) & 1
        state = (state >> 1) | (bit << 15)
    states.flags.writeable = False
    return states


def first_places(seed: int, cores: range) -> NDArray[np.int32]:
    """`[cores]`: the place in the sequence at which each core starts, a function of seed and core alone."""
    words, *_ = block(seed, stream_of("truenorth"), 0, 0, np.arange(cores.start, cores.stop))
    return (words % np.uint32(PERIOD)).astype(np.int32)
