"""Which cores' potentials provably fit in 16 bits? Those whose inputs and resets keep them there whatever arrives.

For each neuron, S⁺ and S⁻ are the sums of the positive and of the negative weights of its synapses: with the leak, the
most that a tick can add or take. From the thresholds and resets follow bounds that a potential never leaves at the end
of a tick; if those, widened by S⁺ and S⁻, fit, so does every value in between.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from brainrun.truenorth.circuit import Circuit

_LEAST, _GREATEST = -(2**15), 2**15 - 1

I64 = NDArray[np.int64]


def fit_narrow(circuit: Circuit) -> NDArray[np.bool_]:
    """`[cores]`: whether all potentials of a core, thresholds and resets fit in 16 bits at all times."""
    weights = _greatest_steps(circuit)
    fits = _fit_with_any_crossbar(circuit, weights)
    known: dict[tuple[bytes, bytes, bytes], bool] = {}
    for core in np.flatnonzero(~fits).tolist():
        rows = circuit.neuron_kinds[core], circuit.axon_types[core], circuit.crossbar[core]
        key = (rows[0].tobytes(), rows[1].tobytes(), rows[2].tobytes())
        if key not in known:
            known[key] = bool(np.all(_fits(circuit, rows[0], weights[rows[0]], _synapses_by_type(circuit, core))))
        fits[core] = known[key]
    return fits


def _greatest_steps(circuit: Circuit) -> I64:
    """`[kinds, types]`: what a synapse adds at most, in size: its weight, or the sign of one that is stochastic."""
    kinds = circuit.kinds
    return np.where(kinds.stochastic_weights, np.sign(kinds.weights), kinds.weights).astype(np.int64)


def _fit_with_any_crossbar(circuit: Circuit, weights: I64) -> NDArray[np.bool_]:
    """`[cores]`: whether a core fits even if all its axons reached all its neurons, which is quickly known."""
    of_type = np.arange(circuit.types)[:, None] == circuit.axon_types[:, None, :]
    counts, which = np.unique(of_type.sum(axis=2), axis=0, return_inverse=True)
    every = np.arange(len(weights), dtype=np.int32)
    by_kind = np.array([_fits(circuit, every, weights, axons[None, :]) for axons in counts])
    fits: NDArray[np.bool_] = np.all(by_kind[which.reshape(-1, 1), circuit.neuron_kinds], axis=1)
    return fits


def _synapses_by_type(circuit: Circuit, core: int) -> I64:
    """`[neurons, types]`: how many synapses of each type every neuron of the core has."""
    synapses = np.unpackbits(circuit.crossbar[core], axis=1, bitorder="little").astype(np.float32)
    of_type = np.arange(circuit.types)[:, None] == circuit.axon_types[core]
    counts: I64 = (of_type.astype(np.float32) @ synapses).T.astype(np.int64)
    return counts


def _fits(circuit: Circuit, named: NDArray[np.int32], weights: I64, counts: I64) -> NDArray[np.bool_]:
    """`[neurons]`: whether neurons of these kinds fit, with so many synapses of each type."""
    kinds = circuit.kinds
    of: Mapping[str, I64] = {
        name: getattr(kinds, name)[named].astype(np.int64)
        for name in ("leak", "threshold", "floor", "fired_adds", "floored_adds", "potential", "threshold_mask")
    }
    most = (np.maximum(weights, 0) * counts).sum(axis=1)
    least = (np.minimum(weights, 0) * counts).sum(axis=1)
    reverses = kinds.leak_reversal[named]
    up = most + np.where(reverses, abs(of["leak"]), np.maximum(of["leak"], 0))
    down = least - np.where(reverses, abs(of["leak"]), np.maximum(-of["leak"], 0))
    still = (up == 0) & (down == 0) & (of["potential"] == 0) & (of["threshold"] > _GREATEST) & (of["floor"] < _LEAST)
    eta = of["threshold_mask"]
    fired_keeps, floored_keeps = kinds.fired_keeps[named], kinds.floored_keeps[named]
    fired_falls = np.where(kinds.fired_moves[named], eta, 0)
    floored_rises = np.where(kinds.floored_moves[named], eta, 0)
    # What stays in place after firing must not grow from tick to tick, nor what stays below the floor sink.
    steady = ~fired_keeps | (up + of["fired_adds"] <= 0)
    steady &= ~floored_keeps | (down + of["floored_adds"] >= 0)
    top = np.maximum(of["threshold"] + eta - 1, of["potential"])
    bottom = np.minimum(of["floor"] - eta, of["potential"])
    after_firing = of["fired_adds"] + np.where(fired_keeps, of["threshold"], 0)
    after_falling = of["floored_adds"] + np.where(floored_keeps, of["floor"], 0)
    highest = np.maximum.reduce([top, after_firing, after_falling + floored_rises])
    lowest = np.minimum.reduce([bottom, after_firing - fired_falls, after_falling - eta])
    within = (highest + np.maximum(up, 0) <= _GREATEST) & (lowest + np.minimum(down, 0) >= _LEAST)
    within &= (of["threshold"] + eta <= _GREATEST) & (of["floor"] - eta >= _LEAST)
    within &= (abs(of["fired_adds"]) + eta <= _GREATEST) & (abs(of["floored_adds"]) + eta <= _GREATEST)
    fits: NDArray[np.bool_] = (steady & within & ~reverses) | still
    return fits
