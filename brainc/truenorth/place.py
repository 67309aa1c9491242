"""Where on the board does each core stand? Where spikes travel few steps: by simulated annealing.

What is minimised is spike-hops: over all neurons, how often one fires in a tick times the steps in x and in y to its
target (Merolla et al. 2014 route first in x, then in y). Cores start where the eigenvectors of their graph draw them,
neighbours near each other, and then change places (Kirkpatrick, Gelatt, Vecchi 1983): a change that costs is made with
a probability that falls as the search cools down. The same graph is placed in the same way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainc.truenorth.annealing import anneal
from brainrun.truenorth.graph import CoreGraph, row_major
from brainrun.truenorth.limits import CHIP_SIDE

Places: TypeAlias = NDArray[np.int64]
"""`[cores, 2]`: x and y."""

MOVES_A_CORE, MOST_MOVES = 4000, 20_000_000
_VECTORS, _ITERATIONS, _ITERATIONS_BETWEEN = 8, 300, 5


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """How many spikes go from core to core in a tick: `sources[n]` sends `rates[n]` to `targets[n]`, each pair once."""

    cores: int
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    rates: NDArray[np.float64]


def traffic(graph: CoreGraph, rates: NDArray[np.float64]) -> Traffic:
    """The traffic of a graph whose neurons fire at `rates[cores, neurons]` spikes a tick."""
    count = len(graph.cores)
    targets = np.array([core.target_cores for core in graph.cores], np.int64)
    inside = targets >= 0
    sources = np.broadcast_to(np.arange(count)[:, None], targets.shape)[inside]
    pairs, which = np.unique(sources * count + targets[inside], return_inverse=True)
    summed = np.bincount(which, weights=rates[inside], minlength=len(pairs)).astype(np.float64)
    return Traffic(count, pairs // count, pairs % count, summed)


def hops(flow: Traffic, places: Places) -> float:
    """Spike-hops a tick."""
    steps = np.abs(places[flow.sources] - places[flow.targets]).sum(axis=1)
    return float(steps @ flow.rates)


def board(cores: int) -> tuple[int, int]:
    """The smallest board, in columns and rows of chips, that holds so many cores: as square as can be."""
    chips = -(-cores // CHIP_SIDE**2)
    columns = math.ceil(math.sqrt(chips))
    return columns, -(-chips // columns)


def place(flow: Traffic, seed: int = 0) -> Places:
    """A place for every core, on as small a square of the smallest board as holds them."""
    columns, rows = (side * CHIP_SIDE for side in board(flow.cores))
    width = min(columns, math.ceil(math.sqrt(flow.cores)))
    height = min(rows, -(-flow.cores // width))
    width = -(-flow.cores // height)
    first = _on_field(_spectral(flow), width, height)
    return anneal(
        first, (width, height), *_neighbours(flow), moves=min(MOVES_A_CORE * flow.cores, MOST_MOVES), seed=seed
    )


def placed(graph: CoreGraph, places: Places) -> CoreGraph:
    """The graph with its cores at these places."""
    cores = (replace(core, x=int(x), y=int(y)) for core, (x, y) in zip(graph.cores, places, strict=True))
    return replace(graph, cores=tuple(cores), chips=board(len(graph.cores)))


def reading_order(cores: int) -> Places:
    """Cores row by row over the chip, as they are numbered: what a placement is compared with."""
    return np.array(row_major(cores), np.int64).reshape(-1, 2)


def _on_field(coordinates: NDArray[np.float64], width: int, height: int) -> Places:
    """Places in the order of the coordinates: columns by the first, within a column by the second."""
    places = np.empty((len(coordinates), 2), np.int64)
    for x, column in enumerate(np.array_split(np.argsort(coordinates[:, 0], kind="stable"), width)):
        ordered = column[np.argsort(coordinates[column, 1], kind="stable")]
        above = (height - len(ordered)) // 2
        places[ordered] = np.stack([np.full(len(ordered), x), above + np.arange(len(ordered))], axis=1)
    return places


def _spectral(flow: Traffic) -> NDArray[np.float64]:
    """`[cores, 2]`: second and third eigenvectors of the normalised Laplacian (Hall 1970), by subspace iteration."""
    starts, others, rates = _neighbours(flow)
    degree = np.maximum(np.add.reduceat(np.append(rates, 0.0), starts[:-1]) * (np.diff(starts) > 0), 1e-12)
    scale = 1 / np.sqrt(degree)
    linked = np.diff(starts) > 0
    weights = (rates * np.repeat(scale, np.diff(starts)) * scale[others])[:, None]

    def neighbours_sum(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.zeros_like(vectors)
        if linked.any():
            found[linked] = np.add.reduceat(weights * vectors[others], starts[:-1][linked], axis=0)
        return found

    vectors = np.random.default_rng(0).standard_normal((flow.cores, min(_VECTORS, flow.cores)))
    vectors[:, 0] = np.sqrt(degree)
    for iteration in range(_ITERATIONS):
        vectors = vectors + neighbours_sum(vectors)
        if iteration % _ITERATIONS_BETWEEN == 0:
            vectors, _ = np.linalg.qr(vectors)
    vectors, _ = np.linalg.qr(vectors)
    _, rotation = np.linalg.eigh(vectors.T @ neighbours_sum(vectors))
    ordered = np.zeros((flow.cores, 3))
    ordered[:, : vectors.shape[1]] = (vectors @ rotation[:, ::-1])[:, :3]
    coordinates: NDArray[np.float64] = ordered[:, 1:] * scale[:, None]
    return coordinates


def _neighbours(flow: Traffic) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Both directions as rows: core c's neighbours are `others[starts[c]:starts[c + 1]]`, with their rates."""
    both = flow.sources != flow.targets
    ends = np.concatenate([flow.sources[both], flow.targets[both]])
    others = np.concatenate([flow.targets[both], flow.sources[both]])
    rates = np.concatenate([flow.rates[both], flow.rates[both]])
    order = np.argsort(ends, kind="stable")
    starts = np.searchsorted(ends[order], np.arange(flow.cores + 1))
    return starts.astype(np.int64), others[order], rates[order]
