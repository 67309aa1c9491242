"""How long does it take? Seconds of arithmetic and of messages on a described machine.

Arithmetic follows the roofline (Williams et al. 2009): the slower of computing and moving. Messages follow the
latency–bandwidth model (Hockney 1994), collectives as rings (Thakur et al. 2005, section 4).
"""

from __future__ import annotations

from brainc.machine.description import Machine


def compute(machine: Machine, flops: float, bytes_moved: float) -> float:
    """Seconds for one core to do `flops` operations and move `bytes_moved` through memory."""
    return max(flops / machine.flops, bytes_moved / machine.memory_bandwidth)


def message(machine: Machine, bytes_sent: float) -> float:
    """Seconds for one message."""
    return machine.link_latency + bytes_sent / machine.link_bandwidth


def all_reduce(machine: Machine, bytes_held: float, ranks: int) -> float:
    """Seconds to sum `bytes_held` on each of `ranks` ranks: a reduce-scatter and an all-gather."""
    if ranks == 1:
        return 0.0
    share = (ranks - 1) / ranks
    return 2 * (machine.link_latency * (ranks - 1) + share * bytes_held / machine.link_bandwidth)


def exchange(machine: Machine, bytes_sent: float, messages: int) -> float:
    """Seconds for one rank's part of an exchange of `messages` messages."""
    return machine.link_latency * messages + bytes_sent / machine.link_bandwidth if messages else 0.0
