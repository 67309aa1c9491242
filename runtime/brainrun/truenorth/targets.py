"""Where do a rank's spikes go? For each neuron a word: an axon and a delay, an output, or an axon of another rank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import RunError
from brainrun.truenorth.circuit import Circuit
from brainrun.truenorth.kernel.shape import REMOTE_MEMBER, REMOTE_NUMBER, TARGET_BITS, Shape
from brainrun.truenorth.memory import aligned
from brainrun.truenorth.share import Share


class Targets:
    """What the kernel reads of where spikes go, and what the mail must know of it."""

    def __init__(self, circuit: Circuit, shape: Shape, share: Share) -> None:
        wanted, delays = circuit.target_cores.astype(np.int64), circuit.delays.astype(np.int64)
        axons = circuit.target_axons.astype(np.int64)
        owner = np.searchsorted(share.bounds, wanted, side="right") - 1
        inside, out = (wanted >= 0) & (owner == share.member), wanted == -2
        away = (wanted >= 0) & (owner != share.member)
        number = np.where(inside, (wanted - share.first) * shape.axons, 0) + np.where(inside | out, axons, 0)
        number[away] = np.arange(np.count_nonzero(away))
        if int(number.max(initial=0)) >= 2 ** (TARGET_BITS - shape.delay_bits) - 1:
            raise RunError(f"{circuit.cores:,} cores are too many for one rank", remedy="start more ranks")
        when = np.where(inside, delays, 0)
        when[away] = shape.elsewhere
        self.words: NDArray[np.uint32] = aligned(number.size, np.uint32)
        """`[cores * neurons]`: a delay in the low bits, above it a number (`Shape.delay_bits`, `Shape.elsewhere`)."""
        reached = number << shape.delay_bits | when
        self.words[:] = np.where(inside | out | away, reached, 2**TARGET_BITS - 1).reshape(-1)
        place = (wanted[away] - np.array(share.bounds)[owner[away]]) * shape.axons + axons[away]
        self.away: NDArray[np.uint64] = aligned(max(1, place.size), np.uint64)
        """Axons of other ranks: delay, member, and number among that rank's axons."""
        self.away[: place.size] = place << REMOTE_NUMBER | owner[away] << REMOTE_MEMBER | delays[away]
        self.senders = np.bincount(owner[away], minlength=share.members).tolist()
        """For each member how many of our neurons send to it."""
        self.least_delay = int(delays[away].min(initial=shape.slots - 1))
        """Of spikes to other ranks."""
        self.leaving = int(np.count_nonzero(out))
        """How many neurons send spikes out."""
