"""A core and a wire as a step goes by: when each is free, and what is under way.

Arithmetic keeps the core busy, a transfer the wire, one after the other; a wait lasts until a transfer is over. A
reduction also needs the core. It is encoded when it starts. When the first messages have arrived, the core adds them up
and encodes the sum as soon as it has ended the call it is in, and so it decodes what arrives at last; while the core
waits for one reduction it does this for every other, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from brainc.machine.cost import Reducing
from brainrun.plan.schema import Interval


class Clock:
    """One rank's. It has state: the seconds that have passed on core and wire; each method yields what they do."""

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self._now = 0.0
        self._wire_free = 0.0
        self._over: dict[str, float] = {}
        """When each transfer's messages, as far as they have been sent, have arrived."""
        self._scattering: dict[str, Reducing] = {}
        self._gathering: dict[str, Reducing] = {}

    @property
    def now(self) -> float:
        """The seconds until the core is free."""
        return self._now

    def compute(self, name: str, seconds: float) -> Iterator[Interval]:
        """Arithmetic, and then whatever has become possible meanwhile."""
        yield self._busy("compute", name, seconds)
        yield from self._go_on()

    def start(self, seconds: float) -> None:
        """The core starts a transfer; no interval is that short."""
        self._now += seconds

    def send(self, name: str, seconds: float) -> Iterator[Interval]:
        """A transfer that only the wire is busy with."""
        yield self._sent(name, seconds)
        yield from self._go_on()

    def reduce(self, name: str, stages: Reducing) -> Iterator[Interval]:
        """The beginning of a reduction."""
        self._scattering[name] = stages
        yield self._busy("encode", name, stages.encode)
        yield self._sent(name, stages.scatter)
        yield from self._go_on()

    def wait(self, name: str) -> Iterator[Interval]:
        """Until the transfer is over."""
        while name in self._scattering or name in self._gathering:
            yield from self._go_on()
            if name in self._scattering or name in self._gathering:
                self._now = max(self._now, min(self._over[each] for each in (*self._scattering, *self._gathering)))
        self._now = max(self._now, self._over[name])
        yield from self._go_on()

    def _go_on(self) -> Iterator[Interval]:
        """What the core does for reductions whose messages have arrived, in the order of their starts."""
        for name in [name for name in self._scattering if self._over[name] <= self._now]:
            stages = self._gathering[name] = self._scattering.pop(name)
            yield self._busy("decode", name, stages.add)
            yield self._busy("encode", name, stages.encode_sum)
            yield self._sent(name, stages.gather)
        for name in [name for name in self._gathering if self._over[name] <= self._now]:
            yield self._busy("decode", name, self._gathering.pop(name).decode)

    def _busy(self, track: Literal["compute", "encode", "decode"], name: str, seconds: float) -> Interval:
        begin, self._now = self._now, self._now + seconds
        return Interval(self._rank, track, name, begin, seconds)

    def _sent(self, name: str, seconds: float) -> Interval:
        begin = max(self._now, self._wire_free)
        self._wire_free = self._over[name] = begin + seconds
        return Interval(self._rank, "wire", name, begin, seconds)
