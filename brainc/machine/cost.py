"""How long does it take? Seconds of arithmetic and of messages on a described machine.

Arithmetic follows the roofline (Williams et al. 2009): the slower of computing and moving. Messages follow the
latency–bandwidth model (Hockney 1994), collectives as rings (Thakur et al. 2005, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Reducing:
    """Seconds of each stage of one rank's part of a reduction; all but `scatter` and `gather` keep its core busy."""

    encode: float
    """Its terms of what the others own, after the sum within its node."""
    scatter: float
    """These, on the wire."""
    add: float
    """The others' terms, decoded and added to what it owns."""
    encode_sum: float
    """What it owns, summed."""
    gather: float
    """The sums, on the wire."""
    decode: float
    """The sums, set into the gradient."""

    @property
    def seconds(self) -> float:
        """All stages, one after the other."""
        return self.encode + self.scatter + self.add + self.encode_sum + self.gather + self.decode


@dataclass(frozen=True, slots=True)
class Reduced:
    """What the work of a reduction follows from: a tensor's entries, and whether what is not sent is kept.

    streams: how many times as long as to stream over what it reads and writes the encoder takes.
    """

    entries: int
    keeps_error: bool
    streams: float = 1.0


def reduction(
    machine: Machine, members: int, tensors: Sequence[Reduced], encoded_bytes: float, *, node: int = 1
) -> Reducing:
    """Seconds to sum tensors that take so many bytes encoded; each member owns an equal share of them.

    Decoders run at the speed of memory, encoders at a share of it. An encoder reads the gradient and, with error
    feedback, reads and writes the error; without, it writes what it read: 12 or 8 bytes an entry. A decoder reads the
    message, and reads and writes the entries it adds to, or writes those it sets.

    What is sent and what comes also takes the core, which hands it to the link and takes it from there.

    Where so many members as `node` says share one, each first reads all their terms of its share in the node, and
    writes the sum; then it speaks with one member of each other node alone.
    """
    others, own = members // node - 1, 1 / members
    if not others:
        return Reducing(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    entries = sum(tensor.entries for tensor in tensors)
    encoding = sum((12 if tensor.keeps_error else 8) * tensor.entries * tensor.streams for tensor in tensors)
    calls = machine.call_latency * len(tensors)
    each_way = others * own * encoded_bytes
    wire = machine.link_latency * others + each_way / machine.link_bandwidth
    handed = each_way / machine.message_bandwidth
    return Reducing(
        encode=(4 * entries * (1 + 1 / node) / machine.memory_bandwidth if node > 1 else 0.0)
        + calls
        + others * own * encoding / machine.memory_bandwidth
        + handed,
        scatter=wire,
        add=handed + others * (calls + own * (encoded_bytes + 8 * entries) / machine.memory_bandwidth),
        encode_sum=calls + own * encoding / machine.memory_bandwidth + handed,
        gather=wire,
        decode=handed + calls + (encoded_bytes + 4 * entries) / machine.memory_bandwidth,
    )
