"""How do numbers become spikes? By a code, in each of the ticks in which a sample is shown.

- `threshold`: a spike in every tick where the number is at least the threshold.
- `given`: the input has an axis of ticks before all others, and a spike in each where its number is at least the
  threshold.
- `rate`: of T ticks, as many have a spike as the number's share of them, rounded (halves up), as evenly as can be.
- `stochastic`: a spike in each tick with the number as probability. What is drawn depends on the seed, the encoder's
  name, the tick, and the places of the sample in the data and of the element in it, on nothing else.

To `rate` and `stochastic` numbers below 0 count as 0, and those above 1 as 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from brainrun.philox import draws, stream_of
from brainrun.plan.cores import EncoderFact


@dataclass(frozen=True, slots=True)
class Window:
    """The ticks in which a sample is shown, and what is drawn in them by."""

    ticks: int
    seed: int


def spikes_of(
    encoder: EncoderFact, values: NDArray[Any], samples: NDArray[np.int64], tick: int, window: Window
) -> NDArray[np.bool_]:
    """`[samples, elements]` in tick 0 … ticks − 1 of the window, of these samples by their places in the data."""
    match encoder.code:
        case "threshold":
            fires: NDArray[np.bool_] = values >= np.float32(encoder.threshold)
            return fires
        case "given":
            now: NDArray[np.bool_] = values.reshape(len(values), window.ticks, -1)[:, tick] >= np.float32(
                encoder.threshold
            )
            return now
        case "rate":
            counts = np.floor(np.clip(values, 0, 1) * np.float32(window.ticks) + np.float32(0.5)).astype(np.int64)
            spread: NDArray[np.bool_] = (tick + 1) * counts // window.ticks > tick * counts // window.ticks
            return spread
        case "stochastic":
            elements = np.arange(values.shape[1])
            by_chance: NDArray[np.bool_] = draws(window.seed, stream_of(encoder.name), tick, samples, elements) < values
            return by_chance
        case _:
            assert_never(encoder.code)
