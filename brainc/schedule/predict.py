"""How long will a step take? One rank's steps laid against a machine: a track of arithmetic and a track of messages.

A step begins with what the runtime does beside its kernels. A transfer starts when its step is reached and the wire is
free, and runs beside what follows; a wait lasts until it is over. All ranks of a group are taken to reach a transfer at
the same time, which equal slices bring about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from brainc.machine import cost
from brainc.machine.description import Machine
from brainrun.plan.schema import AllReduce, Call, Exchange, Interval, Mesh, Procedure, Start, Step, Transfer, Wait


def timeline(procedure: Procedure, rank: int, mesh: Mesh, machine: Machine) -> tuple[Interval, ...]:
    """The predicted intervals of one rank's procedure, in order of their start on each track."""
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    return tuple(_intervals(procedure.steps, rank, lambda name: _seconds(transfers[name], mesh, machine), machine))


def _intervals(
    steps: Iterable[Step], rank: int, seconds_of: Callable[[str], float], machine: Machine
) -> Iterable[Interval]:
    yield Interval(rank, "compute", "between steps", 0.0, machine.step_latency)
    now, wire_free = machine.step_latency, 0.0
    over: dict[str, float] = {}
    for step in steps:
        match step:
            case Call(layer=layer, phase=phase, flops=flops, bytes=moved):
                seconds = machine.call_latency + cost.compute(machine, flops, moved)
                yield Interval(rank, "compute", f"{layer} {phase}", now, seconds)
                now += seconds
            case Start(transfer=name):
                now += machine.call_latency
                begin = max(now, wire_free)
                seconds = seconds_of(name)
                wire_free = over[name] = begin + seconds
                yield Interval(rank, "wire", name, begin, seconds)
            case Wait(transfer=name):
                now = max(now, over[name])


def _seconds(transfer: Transfer, mesh: Mesh, machine: Machine) -> float:
    match transfer:
        case AllReduce(group=group, elements=elements):
            ranks = {"data": mesh.data, "model": mesh.model, "world": mesh.data * mesh.model}[group]
            return cost.all_reduce(machine, 4 * elements, ranks)
        case Exchange(sends=sends):
            return cost.exchange(machine, 4 * sum(message.elements for message in sends), len(sends))


def step_seconds(intervals: Iterable[Interval]) -> float:
    """When the last interval is over."""
    return max((interval.start + interval.seconds for interval in intervals), default=0.0)
