"""The inner loop of placement, compiled: cores change places, at random and ever more choosily."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

_COOLING = 1e-4
"""The last temperature as a share of the first."""


def anneal(
    first: NDArray[np.int64],
    size: tuple[int, int],
    starts: NDArray[np.int64],
    others: NDArray[np.int64],
    rates: NDArray[np.float64],
    *,
    moves: int,
    seed: int,
) -> NDArray[np.int64]:
    """Places `[cores, 2]` on a field of `size = (width, height)`, from these first ones, after so many tries."""
    width, height = size
    occupant = np.full(width * height, -1, np.int64)
    occupant[first[:, 1] * width + first[:, 0]] = np.arange(len(first))
    x, y = first[:, 0].copy(), first[:, 1].copy()
    if len(first) > 1 and len(others):
        warm = float(rates.sum()) / len(first)
        _search(x, y, occupant, width, height, starts, others, rates, moves, warm, seed)
    return np.stack([x, y], axis=1)


def _steps_from(core: Any, u: Any, v: Any, without: Any, x: Any, y: Any, starts: Any, others: Any, rates: Any) -> Any:
    """The core's spike-hops if it stood at (u, v); the one it changes places with stays as far away as it is."""
    total = 0.0
    for n in range(starts[core], starts[core + 1]):
        other = others[n]
        if other != without:
            total += rates[n] * (abs(x[other] - u) + abs(y[other] - v))
    return total


_steps: Callable[..., Any] = numba.njit(_steps_from)


def _search_places(
    x: Any,
    y: Any,
    occupant: Any,
    width: Any,
    height: Any,
    starts: Any,
    others: Any,
    rates: Any,
    moves: Any,
    warm: Any,
    seed: Any,
) -> None:
    np.random.seed(seed)
    cores = len(x)
    blocks = 200
    reach = max(width, height)
    for block in range(blocks):
        temperature = warm * _COOLING ** (block / (blocks - 1))
        span = max(1.0, reach * (1.0 - block / blocks) ** 2)
        for _ in range(moves // blocks):
            core = np.random.randint(cores)
            if starts[core] == starts[core + 1]:
                continue
            # A place near a neighbour of the core's is a likelier improvement than any other.
            other = others[np.random.randint(starts[core], starts[core + 1])]
            u = min(max(x[other] + int(np.round(np.random.uniform(-span, span))), 0), width - 1)
            v = min(max(y[other] + int(np.round(np.random.uniform(-span, span))), 0), height - 1)
            there = occupant[v * width + u]
            if there == core:
                continue
            here_x, here_y = x[core], y[core]
            change = _steps(core, u, v, there, x, y, starts, others, rates) - _steps(
                core, here_x, here_y, there, x, y, starts, others, rates
            )
            if there >= 0:
                change += _steps(there, here_x, here_y, core, x, y, starts, others, rates) - _steps(
                    there, u, v, core, x, y, starts, others, rates
                )
            if change <= 0 or np.random.random() < np.exp(-change / temperature):
                x[core], y[core] = u, v
                occupant[v * width + u] = core
                occupant[here_y * width + here_x] = there
                if there >= 0:
                    x[there], y[there] = here_x, here_y


_search: Callable[..., None] = numba.njit(_search_places)
