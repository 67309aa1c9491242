"""The neuron's equations as Cassidy et al. (2013) print them, a line each, on Python's integers: slow, easy to check.

Nothing here is shared with the simulator but the core graph's value and the table of random numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

from brainrun.truenorth.graph import NO_NEURON, CoreGraph, Neuron, Reset, output_pin
from brainrun.truenorth.lfsr import PERIOD, first_places, sequence

SLOTS = 16


class Plain:
    """Cores as lists; `run` gives the departures as (tick, output) and every spike as (tick, core, neuron)."""

    def __init__(self, graph: CoreGraph) -> None:
        self.graph = graph
        self.place = [int(place) for place in first_places(graph.seed, range(len(graph.cores)))]
        self.arriving = [[set() for _ in graph.cores] for _ in range(SLOTS)]
        self.potential = [
            [graph.neurons[kind].potential if kind != NO_NEURON else 0 for kind in core.kinds] for core in graph.cores
        ]
        self.synapses = [core.synapses() for core in graph.cores]
        self.tick = 0
        self.events = 0

    def draw(self, core: int) -> int:
        """The core's next random number, of 16 bits."""
        number = int(sequence()[self.place[core]])
        self.place[core] = (self.place[core] + 1) % PERIOD
        return number

    def run(self, ticks: int, arrivals: Iterable[tuple[int, int, int]]) -> tuple[list, list]:
        """Arrivals are (tick, core, axon)."""
        departures, spikes = [], []
        arrivals = list(arrivals)
        for _ in range(ticks):
            for tick, core, axon in arrivals:
                if tick == self.tick:
                    self.arriving[self.tick % SLOTS][core].add(axon)
            now = self.arriving[self.tick % SLOTS]
            for number, core in enumerate(self.graph.cores):
                active = sorted(now[number])
                now[number] = set()
                present = [self.graph.neurons[kind] for kind in core.kinds if kind != NO_NEURON]
                leaks_at_random = any(neuron.stochastic_leak for neuron in present)
                random_threshold = any(neuron.threshold_bits > 0 for neuron in present)
                for j, kind in enumerate(core.kinds):
                    neuron = self.graph.neurons[kind] if kind != NO_NEURON else None
                    if not self.step(number, j, neuron, active, leaks_at_random, random_threshold):
                        continue
                    spikes.append((self.tick, number, j))
                    target, axon = int(core.target_cores[j]), int(core.target_axons[j])
                    if target >= 0:
                        self.arriving[(self.tick + int(core.delays[j])) % SLOTS][target].add(axon)
                    elif target <= -2:
                        departures.append((self.tick, output_pin(target, axon)))
            self.tick += 1
        return sorted(departures), spikes

    def step(
        self, core: int, j: int, neuron: Neuron | None, active: list[int], random_leak: bool, random: bool
    ) -> bool:
        """One neuron's tick; whether it fires."""
        if neuron is None:
            for _ in range(random_leak + random):
                self.draw(core)
            return False
        V = self.potential[core][j]
        for i in active:
            if not self.synapses[core][i, j]:
                continue
            self.events += 1
            G = self.graph.cores[core].axon_types[i]
            s, b = neuron.weights[G], neuron.stochastic_weights[G]
            V += (1 - b) * s + (b * F(s, self.draw(core) & 255) * sgn(s) if b else 0)
        V = saturated(V)
        rho = self.draw(core) & 255 if random_leak else 0
        lam, c, epsilon = neuron.leak, neuron.stochastic_leak, neuron.leak_reversal
        Omega = (1 - epsilon) + epsilon * sgn(V)
        V += Omega * ((1 - c) * lam + c * F(lam, rho) * sgn(lam))
        V = saturated(V)
        eta = (self.draw(core) if random else 0) & (2**neuron.threshold_bits - 1)
        alpha, beta, kappa, R = neuron.threshold, neuron.floor, neuron.saturates_at_floor, neuron.reset_potential
        fires = alpha + eta <= V
        if fires:
            V = {Reset.NORMAL: R, Reset.LINEAR: V - (alpha + eta), Reset.NONE: V}[neuron.reset]
        elif -(beta * kappa + (beta + eta) * (1 - kappa)) > V:
            V = -beta if kappa else {Reset.NORMAL: -R, Reset.LINEAR: V + (beta + eta), Reset.NONE: V}[neuron.reset]
        self.potential[core][j] = V
        return fires


def sgn(value: int) -> int:
    """−1, 0 or 1."""
    return (value > 0) - (value < 0)


def F(s: int, rho: int) -> int:
    """1 if |s| ≥ ρ."""
    return int(abs(s) >= rho)


def saturated(V: int) -> int:
    """The nearest signed number of 20 bits."""
    return max(-(2**19), min(2**19 - 1, V))
