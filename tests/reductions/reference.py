"""What do the dense schemes send, in NumPy? Read off the description of the schemes, not off their kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class OneBit:
    """What one-bit SGD makes of v = gradient + error, `[rows, columns]`; the means in float64."""

    v: Floats
    upper: NDArray[np.bool_]
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]

    @property
    def reconstruction(self) -> NDArray[np.float64]:
        """The mean of an entry's sign in its column."""
        return np.where(self.upper, self.positive, self.negative)


def onebit(gradient: Floats, error: Floats) -> OneBit:
    """Seide et al. 2014 with exact means: non-negative entries become their mean, negative ones theirs."""
    v = gradient + error
    upper = v >= 0
    exact = v.astype(np.float64)
    return OneBit(
        v,
        upper,
        np.array([column[sign].mean() if sign.any() else 0.0 for column, sign in zip(exact.T, upper.T, strict=True)]),
        np.array(
            [column[~sign].mean() if not sign.all() else 0.0 for column, sign in zip(exact.T, upper.T, strict=True)]
        ),
    )


def onebit_bytes(rows: int, columns: int) -> int:
    """Two float32 means a column, and its signs in words of 32 bits."""
    return columns * (2 * 4 + 4 * -(-rows // 32))
