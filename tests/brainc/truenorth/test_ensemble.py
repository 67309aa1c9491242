"""Networks drawn from probabilities, and several that decide together: by the means of their scores, on cores too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainc.graph.build import build
from brainc.graph.probable import with_probable_weights
from brainc.ir import spiking
from brainc.ir.graph import LayerGraph
from brainc.ir.spiking import Encoder, SpikingGraph, Units, Window
from brainc.truenorth.ensemble import drawn, together
from brainc.truenorth.layers import spiking_graph
from brainlang import load_program

from .networks import ORIGIN, graph, graphs, units
from .test_cores import images, same_as_the_layers


def again(network: SpikingGraph, seed: int) -> SpikingGraph:
    """A network of the same make with other weights and thresholds."""
    numbers = np.random.default_rng(seed)

    def other(layer: Units) -> Units:
        weights = numbers.permutation(layer.weights.reshape(-1)).astype(np.int8)
        return replace(
            layer,
            weight_bytes=weights.tobytes(),
            threshold_bytes=numbers.integers(-3, 4, len(layer.thresholds)).astype(np.int32).tobytes(),
        )

    decoder = replace(network.decoder, offset_bytes=numbers.normal(size=2).tobytes())
    return replace(network, layers=tuple(other(layer) for layer in network.layers), decoder=decoder)


def scores(network: SpikingGraph) -> np.ndarray:
    return spiking.scores(
        network.decoder, spiking.evaluate(network, {"picture": images(network)})[network.decoder.layer]
    )


@given(network=graphs(), members=st.integers(1, 4))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_networks_together_score_the_mean_of_what_they_score(network: SpikingGraph, members: int) -> None:
    networks = [again(network, seed) for seed in range(members)]
    whole = together(networks)
    assert list(spiking.rules(whole)) == []
    np.testing.assert_allclose(scores(whole), np.mean([scores(one) for one in networks], axis=0), atol=1e-12)


@given(network=graphs(), members=st.integers(2, 3))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_cores_compute_what_the_layers_of_all_members_compute(network: SpikingGraph, members: int) -> None:
    same_as_the_layers(together([again(network, seed) for seed in range(members)]))


def test_the_text_says_how_many_there_are() -> None:
    encoder = Encoder("image", "picture", (2, 6, 6), 0.5, ORIGIN)
    network = graph((encoder,), units(np.random.default_rng(1), "first", (encoder,), (2, 6, 6), 8, Window((3, 3))))
    assert "spiking net, 3 networks" in spiking.text(together([network] * 3))


def probable(folder: Path) -> LayerGraph:
    path = folder / "net.brain"
    path.write_text("""network net {
    input x: f32[40]
    input label: class[3]
    s = x | spike(threshold=0.5)
    v = s | dense(50) | spike
    y = v | dense(3)
    loss objective = cross_entropy(y, label)
}""")
    return with_probable_weights(build(load_program(path, {})))


def first(made: LayerGraph, seed: int = 0) -> dict[str, np.ndarray]:
    numbers = np.random.default_rng(seed)
    return {
        weight.name: numbers.uniform(-1, 1, weight.shape).astype(np.float32)
        for node in made.nodes
        for weight in node.weights
    }


def test_synapses_are_there_as_often_as_their_weights_say(tmp_path: Path) -> None:
    made = probable(tmp_path)
    weights = first(made)
    networks = [drawn(made, weights, seed=7, member=member)["v.dense.weight"] for member in range(400)]
    assert set(np.unique(networks)) == {-1.0, 0.0, 1.0}
    # The mean of 400 draws: a standard deviation of at most 1/40, and 2,000 weights.
    distance = np.mean(networks, axis=0) - weights["v.dense.weight"]
    assert np.abs(distance).max() < 5 / 40
    assert np.abs(distance).mean() < 1 / 40


def test_what_is_certain_is_always_there_and_what_is_no_synapse_stays(tmp_path: Path) -> None:
    made = probable(tmp_path)
    weights = first(made)
    weights["v.dense.weight"][...] = np.sign(weights["v.dense.weight"])
    weights["v.dense.weight"][:, ::3] = 0
    network = drawn(made, weights, seed=1, member=5)
    assert all(np.array_equal(network[name], values) for name, values in weights.items())


def test_draws_depend_on_seed_member_and_name_alone(tmp_path: Path) -> None:
    made = probable(tmp_path)
    weights = first(made)
    name = "v.dense.weight"
    one = drawn(made, weights, seed=1, member=0)[name]
    assert np.array_equal(one, drawn(made, weights, seed=1, member=0)[name])
    assert not np.array_equal(one, drawn(made, weights, seed=2, member=0)[name])
    assert not np.array_equal(one, drawn(made, weights, seed=1, member=1)[name])


@pytest.mark.parametrize("members", [1, 5])
def test_drawn_networks_become_units_whose_scores_are_those_of_the_drawn_weights(members: int, tmp_path: Path) -> None:
    made = probable(tmp_path)
    weights = first(made)
    given = np.random.default_rng(3).random((9, 40)).astype(np.float32)
    whole = together([spiking_graph(made, drawn(made, weights, 7, member)) for member in range(members)])
    found = spiking.scores(whole.decoder, spiking.evaluate(whole, {"x": given})["v.spike"])
    expected = np.zeros((9, 3))
    for member in range(members):
        network = drawn(made, weights, 7, member)
        fired = (given >= 0.5).astype(float) @ network["v.dense.weight"].T + network["v.dense.bias"] >= 0
        expected += (fired @ network["y.dense.weight"].T.astype(float) + network["y.dense.bias"]) / members
    np.testing.assert_allclose(found, expected, atol=1e-6)
