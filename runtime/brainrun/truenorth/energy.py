"""What would a run cost on the chip? A model, with its numbers in one table; not a measurement.

Merolla et al. 2014 measured 26 pJ for each synaptic event, everything included, on a chip at a mean rate of 20 Hz with
128 active synapses a neuron: 2.7 · 10⁹ events a second, some 70 mW (they report 63 to 72 mW). How much of it a silent
chip draws is not published as one number. *Ours*: half. So an event costs 13 pJ, and a core 8.5 nJ a tick, busy or not.

Beside it stands what the same network would cost in floating point, from joules a multiply-add. They are least costs:
of the arithmetic alone, or of a processor that draws its rated power and is never kept waiting, as small networks on
single samples never see.
"""

from __future__ import annotations

from dataclasses import dataclass

from brainrun.truenorth.limits import NEURONS, SECONDS_PER_TICK

JOULES_PER_EVENT = 26e-12
"""Everything included, at the rate above (Merolla et al. 2014)."""

RATE, SYNAPSES = 20.0, 128
"""Spikes a second and active synapses of a neuron where that was measured."""

IDLE_SHARE = 0.5
"""Of that, what a silent chip draws (*ours*)."""

EVENT_JOULES = (1 - IDLE_SHARE) * JOULES_PER_EVENT
CORE_TICK_JOULES = IDLE_SHARE * JOULES_PER_EVENT * NEURONS * SYNAPSES * RATE * SECONDS_PER_TICK


def joules(synaptic_events: float, cores: int, ticks: float) -> float:
    """The energy of so many events on so many cores in so many ticks."""
    return synaptic_events * EVENT_JOULES + cores * ticks * CORE_TICK_JOULES


@dataclass(frozen=True, slots=True)
class FloatMachine:
    """Something that multiplies and adds numbers of 32 bits."""

    name: str
    joules: float
    """Of one multiplication and one addition."""

    source: str


FLOAT_MACHINES = (
    FloatMachine("arithmetic alone", 3.7e-12 + 0.9e-12, "Horowitz 2014, 45 nm: 3.7 pJ × and 0.9 pJ +"),
    FloatMachine("GPU at its peak", 400 / (19.5e12 / 2), "NVIDIA A100 SXM: 400 W, 19.5 TFLOP/s"),
    FloatMachine("CPU at its peak", 205 / (28 * 2.5e9 * 32), "Intel Xeon 8180: 205 W, 28 cores, 2.5 GHz, 2 × 16 lanes"),
)
"""Least costs, the least first. Powers and rates are those of the makers' data sheets."""
