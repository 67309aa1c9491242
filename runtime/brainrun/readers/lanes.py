"""How do samples lie in an activation buffer? Sixteen side by side: `[⌈n/16⌉][features][16]`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainrun.plan.schema import LANES


def fill_lanes(values: NDArray[Any], out: NDArray[Any]) -> None:
    """Write `values[n, features]` as lanes into `out`, of ⌈n/16⌉ · features · 16 elements; lanes beyond n are zero.

    ValueError where the sizes do not agree.
    """
    samples, features = values.shape
    tiles = -(-samples // LANES)
    if out.size != tiles * features * LANES or not out.flags.c_contiguous:
        raise ValueError(f"{samples} samples of {features} features do not lie in a buffer of shape {out.shape}")
    lanes = out.reshape(tiles, features, LANES)
    full, rest = divmod(samples, LANES)
    lanes[:full] = values[: full * LANES].reshape(full, LANES, features).transpose(0, 2, 1)
    if rest:
        lanes[full, :, :rest] = values[full * LANES :].T
        lanes[full, :, rest:] = 0


def samples_of_lanes(lanes: NDArray[Any], samples: int) -> NDArray[Any]:
    """`values[samples, features]` out of `lanes[tile, …, 16]`."""
    tiles = lanes.reshape(len(lanes), -1, LANES)
    return np.ascontiguousarray(tiles.transpose(0, 2, 1)).reshape(-1, tiles.shape[1])[:samples]
