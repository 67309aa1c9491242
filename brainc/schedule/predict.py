"""How long will a step take? One rank's steps laid against a machine: its core, and the wire.

A step begins with what the runtime does beside its kernels. A transfer starts when its step is reached and the wire is
free, and runs beside what follows; a wait lasts until it is over. All ranks of a group are taken to reach a transfer at
the same time, which equal slices bring about.

A reduction also needs the core. It is encoded when it starts. When the first messages have arrived, the core adds them
up and encodes the sum as soon as it has ended the call it is in, and so it decodes what arrives at last; while the core
waits for one reduction it does this for every other, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, assert_never

from brainc.machine import cost
from brainc.machine.cost import Reducing
from brainc.machine.description import Machine
from brainrun.plan.schema import (
    AllReduce,
    Call,
    Exchange,
    Interval,
    Mesh,
    Procedure,
    Reduction,
    Start,
    Transfer,
    Wait,
)


def timeline(procedure: Procedure, rank: int, mesh: Mesh, machine: Machine) -> tuple[Interval, ...]:
    """The predicted intervals of one rank's procedure, in order of their start on each track."""
    clock = _Clock({transfer.name: transfer for transfer in procedure.transfers}, rank, mesh, machine)
    return tuple(clock.lay_out(procedure))


class _Clock:
    """The mutable state of one rank as its steps go by: when its core and the wire are free, what is under way."""

    def __init__(self, transfers: Mapping[str, Transfer], rank: int, mesh: Mesh, machine: Machine) -> None:
        self.transfers = transfers
        self.rank = rank
        self.mesh = mesh
        self.machine = machine
        self.now = 0.0
        self.wire_free = 0.0
        self.over: dict[str, float] = {}
        """When each transfer's messages, as far as they have been sent, have arrived."""
        self.scattering: dict[str, Reducing] = {}
        self.gathering: dict[str, Reducing] = {}

    def lay_out(self, procedure: Procedure) -> Iterator[Interval]:
        yield self._busy("compute", "between steps", self.machine.step_latency)
        for step in procedure.steps:
            match step:
                case Call(layer=layer, phase=phase, flops=flops, bytes=moved):
                    seconds = self.machine.call_latency + cost.compute(self.machine, flops, moved)
                    yield self._busy("compute", f"{layer} {phase}", seconds)
                case Start(transfer=name):
                    yield from self._start(self.transfers[name])
                case Wait(transfer=name):
                    yield from self._wait(name)
                case _:
                    assert_never(step)
            yield from self._go_on()

    def _start(self, transfer: Transfer) -> Iterator[Interval]:
        self.now += self.machine.call_latency
        match transfer:
            case AllReduce(name=name, group=group, elements=elements):
                ranks = {"data": self.mesh.data, "model": self.mesh.model, "world": self.mesh.data * self.mesh.model}
                yield self._sent(name, cost.all_reduce(self.machine, 4 * elements, ranks[group]))
            case Exchange(name=name, sends=sends):
                sent = 4 * sum(message.elements for message in sends)
                yield self._sent(name, cost.exchange(self.machine, sent, len(sends)))
            case Reduction(name=name):
                stages = self.scattering[name] = reducing(transfer, self.machine)
                yield self._busy("encode", name, stages.encode)
                yield self._sent(name, stages.scatter)
            case _:
                assert_never(transfer)

    def _wait(self, name: str) -> Iterator[Interval]:
        while name in self.scattering or name in self.gathering:
            yield from self._go_on()
            if name in self.scattering or name in self.gathering:
                self.now = max(self.now, min(self.over[each] for each in (*self.scattering, *self.gathering)))
        self.now = max(self.now, self.over[name])

    def _go_on(self) -> Iterator[Interval]:
        """What the core does for reductions whose messages have arrived, in the order of their starts."""
        for name in [name for name in self.scattering if self.over[name] <= self.now]:
            stages = self.gathering[name] = self.scattering.pop(name)
            yield self._busy("decode", name, stages.add)
            yield self._busy("encode", name, stages.encode_sum)
            yield self._sent(name, stages.gather)
        for name in [name for name in self.gathering if self.over[name] <= self.now]:
            yield self._busy("decode", name, self.gathering.pop(name).decode)

    def _busy(self, track: Literal["compute", "encode", "decode"], name: str, seconds: float) -> Interval:
        begin, self.now = self.now, self.now + seconds
        return Interval(self.rank, track, name, begin, seconds)

    def _sent(self, name: str, seconds: float) -> Interval:
        begin = max(self.now, self.wire_free)
        self.wire_free = self.over[name] = begin + seconds
        return Interval(self.rank, "wire", name, begin, seconds)


def reducing(reduction: Reduction, machine: Machine) -> Reducing:
    """Seconds of each stage of a reduction, whose members are taken to own equal shares."""
    members = len(reduction.parts[0].owned)
    tensors = [cost.Reduced(part.matrix.rows * part.matrix.columns, bool(part.error)) for part in reduction.parts]
    # To each other node, what a member sends is the share 1 / N of everything encoded, twice.
    others = members // reduction.node - 1
    encoded = reduction.expected_bytes * members / (2 * others) if others else 0.0
    return cost.reduction(machine, members, tensors, encoded, node=reduction.node)


def step_seconds(intervals: Iterable[Interval]) -> float:
    """When the last interval is over."""
    return max((interval.start + interval.seconds for interval in intervals), default=0.0)
