"""How long will a step take? One rank's steps laid against a machine: its core, and the wire.

A step begins with what the runtime does beside its kernels. Transfers run beside what follows (`clock`). All ranks of a
group are taken to reach a transfer at the same time, which equal slices bring about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from brainc.machine import cost
from brainc.machine.cost import Reducing
from brainc.machine.description import Machine
from brainc.reductions.table import method_in
from brainc.schedule.clock import Clock
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
    return tuple(_laid_out(procedure, Clock(rank), mesh, machine))


def _laid_out(procedure: Procedure, clock: Clock, mesh: Mesh, machine: Machine) -> Iterator[Interval]:
    transfers = {transfer.name: transfer for transfer in procedure.transfers}
    yield from clock.compute("between steps", machine.step_latency)
    for step in procedure.steps:
        match step:
            case Call(layer=layer, phase=phase, flops=flops, bytes=moved):
                seconds = machine.call_latency + cost.compute(machine, flops, moved)
                yield from clock.compute(f"{layer} {phase}", seconds)
            case Start(transfer=name):
                clock.start(machine.call_latency)
                yield from _started(transfers[name], clock, mesh, machine)
            case Wait(transfer=name):
                yield from clock.wait(name)
            case _:
                assert_never(step)


def _started(transfer: Transfer, clock: Clock, mesh: Mesh, machine: Machine) -> Iterator[Interval]:
    match transfer:
        case AllReduce(name=name, group=group, elements=elements):
            ranks = {"data": mesh.data, "model": mesh.model, "world": mesh.data * mesh.model}
            yield from clock.send(name, cost.all_reduce(machine, 4 * elements, ranks[group]))
        case Exchange(name=name, sends=sends):
            sent = 4 * sum(message.elements for message in sends)
            yield from clock.send(name, cost.exchange(machine, sent, len(sends)))
        case Reduction(name=name):
            yield from clock.reduce(name, reducing(transfer, machine))
        case _:
            assert_never(transfer)


def reducing(reduction: Reduction, machine: Machine) -> Reducing:
    """Seconds of each stage of a reduction, whose members are taken to own equal shares."""
    members = len(reduction.parts[0].owned)
    tensors = [
        cost.Reduced(part.matrix.rows * part.matrix.columns, bool(part.error), method_in(part.scheme).streams)
        for part in reduction.parts
    ]
    # To each other node, what a member sends is the share 1 / N of everything encoded, twice.
    others = members // reduction.node - 1
    encoded = reduction.expected_bytes * members / (2 * others) if others else 0.0
    return cost.reduction(machine, members, tensors, encoded, node=reduction.node)


def step_seconds(intervals: Iterable[Interval]) -> float:
    """When the last interval is over."""
    return max((interval.start + interval.seconds for interval in intervals), default=0.0)
