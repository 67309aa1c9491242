"""Which networks come of probabilities? As many as wanted are drawn, and decide together.

Source: Esser et al. 2015, "Backpropagation for energy-efficient neuromorphic computing", NIPS 28: each synapse is there
with the probability that training has found, and networks drawn independently vote with the mean of their scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from brainc.ir.graph import LayerGraph, Probable
from brainc.ir.spiking import Decoder, SpikingGraph, Units
from brainc.truenorth.layers import Weights
from brainrun.philox import block, stream_of, uniform


def drawn(graph: LayerGraph, weights: Weights, seed: int, member: int) -> dict[str, NDArray[np.float32]]:
    """The weights of one network: of probable ones, sign(w) where a draw is below |w|, else 0.

    Element i of a weight is drawn as its initial value is, in the stream of its name, at step `member`.
    """
    probable = {
        weight.name for node in graph.nodes for weight in node.weights if isinstance(weight.constraint, Probable)
    }
    return {
        name: _drawn(values, name, seed, member) if name in probable else values for name, values in weights.items()
    }


def _drawn(values: NDArray[np.float32], name: str, seed: int, member: int) -> NDArray[np.float32]:
    places = np.arange(-(-values.size // 4), dtype=np.uint64)
    words = np.stack(block(seed, stream_of(name), member, places >> np.uint64(32), places), axis=1)
    draws = uniform(words).reshape(-1)[: values.size].reshape(values.shape)
    return np.where(draws < np.abs(values), np.sign(values), np.float32(0))


def together(networks: Sequence[SpikingGraph]) -> SpikingGraph:
    """Networks of one make as one, whose scores are the means of theirs."""
    first = networks[0]
    layers = tuple(_side_by_side(alike) for alike in zip(*(network.layers for network in networks), strict=True))
    matrix = np.concatenate([network.decoder.matrix for network in networks], axis=1) / len(networks)
    offset = np.mean([network.decoder.offset for network in networks], axis=0)
    decoder = Decoder(first.decoder.layer, first.decoder.classes, matrix.tobytes(), offset.tobytes())
    return replace(first, layers=layers, decoder=decoder, members=len(networks))


def _side_by_side(layers: Sequence[Units]) -> Units:
    first, count = layers[0], len(layers)
    return replace(
        first,
        seen=(count * first.seen[0], *first.seen[1:]),
        window=replace(first.window, groups=count * first.window.groups),
        shape=(count * first.shape[0], *first.shape[1:]),
        weight_bytes=b"".join(layer.weight_bytes for layer in layers),
        threshold_bytes=b"".join(layer.threshold_bytes for layer in layers),
    )
