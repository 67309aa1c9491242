"""What cores compute is what the layers compute, spike by spike, however layers are cut and spikes split."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from brainc.ir import spiking
from brainc.ir.spiking import Encoder, SpikingGraph, Units, Window, whole
from brainc.truenorth.cores import map_onto_cores
from brainc.truenorth.place import place, placed, reading_order, traffic
from brainc.truenorth.tiling import cut_layers, inputs_of, outputs_of, synapses_of
from brainlang.diagnostics import BrainError
from brainrun.truenorth.rules import broken_rules

from .networks import ORIGIN, decided, graph, graphs, units

SAMPLES = 5


def images(network: SpikingGraph, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((SAMPLES, *network.encoders[0].shape), np.float32)


def same_as_the_layers(network: SpikingGraph, period: int = 1) -> None:
    assert list(spiking.rules(network)) == []
    mapped = map_onto_cores(network, *cut_layers(network))
    everywhere = placed(mapped.graph, place(traffic(mapped.graph, np.ones((len(mapped.graph.cores), 256)))))
    assert list(broken_rules(everywhere)) == []
    spikes = spiking.evaluate(network, {"picture": images(network)})
    expected = spikes[network.layers[-1].name].reshape(SAMPLES, -1)
    assert np.array_equal(decided(mapped, spikes, SAMPLES, period), expected)


@given(network=graphs())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_cores_compute_what_the_layers_compute(network: SpikingGraph) -> None:
    same_as_the_layers(network)


def test_samples_may_come_less_often_than_every_tick() -> None:
    numbers = np.random.default_rng(1)
    encoder = Encoder("image", "picture", (2, 6, 6), 0.5, ORIGIN)
    first = units(numbers, "first", (encoder,), (2, 6, 6), 8, Window((3, 3)))
    second = units(numbers, "second", (first,), (8, 4, 4), 4, Window((2, 2)))
    same_as_the_layers(graph((encoder,), first, second), period=4)


def test_a_spike_for_many_cores_goes_through_splitters_and_all_ways_take_as_long() -> None:
    """100 units that 8 cores of 256 read: 16 axons each are 1,600 neurons, of which a core has 256."""
    numbers = np.random.default_rng(2)
    encoder = Encoder("image", "picture", (100, 1, 1), 0.5, ORIGIN)
    first = units(numbers, "first", (encoder,), (100, 1, 1), 100, Window((1, 1)))
    wide = units(numbers, "wide", (first,), (100, 1, 1), 2048, Window((1, 1)))
    network = graph((encoder,), first, wide)
    mapped = map_onto_cores(network, *cut_layers(network))
    origins = [core.origin for core in mapped.graph.cores]
    assert origins.count("wide") == 8
    assert origins.count("splitter of first") >= 1
    assert mapped.latency == 2
    same_as_the_layers(network)


def test_a_layer_reads_one_long_before_it_in_the_same_tick() -> None:
    numbers = np.random.default_rng(3)
    encoder = Encoder("image", "picture", (6, 1, 1), 0.5, ORIGIN)
    layers = [units(numbers, "one", (encoder,), (6, 1, 1), 6, Window((1, 1)))]
    for number in range(4):
        layers.append(units(numbers, f"more{number}", (layers[-1],), (6, 1, 1), 6, Window((1, 1))))
    layers.append(units(numbers, "both", (layers[0], layers[-1], encoder), (18, 1, 1), 5, Window((1, 1))))
    same_as_the_layers(graph((encoder,), *layers))


def test_a_layer_that_reads_one_too_long_before_it_is_refused() -> None:
    numbers = np.random.default_rng(3)
    encoder = Encoder("image", "picture", (6, 1, 1), 0.5, ORIGIN)
    layers = [units(numbers, "one", (encoder,), (6, 1, 1), 6, Window((1, 1)))]
    for number in range(15):
        layers.append(units(numbers, f"more{number}", (layers[-1],), (6, 1, 1), 6, Window((1, 1))))
    layers.append(units(numbers, "both", (layers[0], layers[-1]), (12, 1, 1), 5, Window((1, 1))))
    network = graph((encoder,), *layers)
    with pytest.raises(BrainError, match="both reads one after 16 ticks, and a spike can be under way for 15"):
        map_onto_cores(network, *cut_layers(network))


def test_units_that_see_more_than_a_core_offers_are_refused() -> None:
    numbers = np.random.default_rng(4)
    encoder = Encoder("image", "picture", (20, 5, 5), 0.5, ORIGIN)
    network = graph((encoder,), units(numbers, "wide", (encoder,), (20, 5, 5), 4, Window((3, 3))))
    with pytest.raises(BrainError) as refused:
        cut_layers(network)
    assert "units of wide see 180 spikes, and a core offers 128 signed ones" in str(refused.value)
    assert "use conv with groups=2 or more, or a smaller kernel" in str(refused.value)


@pytest.mark.parametrize("sign", [1, -1])
def test_thresholds_at_the_edge_of_256_spikes_are_exact(sign: int) -> None:
    """255, 256 and 257, reached and not, and never anything of an earlier sample."""
    encoder = Encoder("image", "picture", (256, 1, 1), 0.5, ORIGIN)
    thresholds = np.array([254, 255, 256, 257, -254, -255, -256, -257], np.int32)
    weights = np.full((8, 256), sign, np.int8)
    all_read = Units(
        "all",
        (whole("image", encoder.shape),),
        (256, 1, 1),
        Window((1, 1)),
        (8, 1, 1),
        weights.tobytes(),
        thresholds.tobytes(),
        ORIGIN,
    )
    network = graph((encoder,), all_read)
    mapped = map_onto_cores(network, *cut_layers(network))
    assert list(broken_rules(placed(mapped.graph, reading_order(len(mapped.graph.cores))))) == []
    pictures = np.ones((9, 256), np.float32)
    pictures[2, :1] = pictures[5, :2] = pictures[7, :3] = 0
    spikes = spiking.evaluate(network, {"picture": pictures})
    assert np.array_equal(decided(mapped, spikes, 9, 1), spikes["all"].reshape(9, 8))


@given(network=graphs())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_tiles_hold_each_unit_once_and_all_that_it_sees(network: SpikingGraph) -> None:
    tiles, needs = cut_layers(network)
    for layer in network.layers:
        units_of = np.concatenate([outputs_of(layer, tile) for tile in tiles[layer.name]])
        assert sorted(units_of.tolist()) == list(range(prod(layer.shape)))
        for tile in tiles[layer.name]:
            synapses = synapses_of(layer, tile)
            assert synapses.shape == (len(inputs_of(layer, tile)), len(outputs_of(layer, tile)))
            assert np.count_nonzero((synapses > 0).any(axis=1)) + np.count_nonzero((synapses < 0).any(axis=1)) <= 256
            assert len(outputs_of(layer, tile)) <= 256
    assert all((needs[layer.name] >= 0).all() for layer in network.layers)
