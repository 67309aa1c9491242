"""A spiking graph and its NIR graph decide alike, by NIR's own definitions, and it comes back as it went out."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from brainc.ir import spiking
from brainc.ir.spiking import Encoder, SpikingGraph, Window
from brainc.truenorth.cores import map_onto_cores
from brainc.truenorth.ensemble import together
from brainc.truenorth.nir.export import nir_graph, square_kernels
from brainc.truenorth.nir.package import read_graph, write_graph
from brainc.truenorth.nir.read import Imported, imported
from brainc.truenorth.tiling import cut_layers
from brainlang.diagnostics import BrainError

from .networks import ORIGIN, decided, graph, graphs, units
from .nir_plain import interpreted
from .test_ensemble import again

nir = pytest.importorskip("nir", reason="NIR graphs need the optional extra `nir`")

SAMPLES = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files of many networks go, one after the other."""
    return tmp_path_factory.mktemp("nir")


def images(network: SpikingGraph, threshold: float = 0.5) -> np.ndarray:
    """Numbers on both sides of the encoder's threshold, and on it."""
    numbers = np.random.default_rng(0).random((SAMPLES, *network.encoders[0].shape), np.float32)
    numbers.reshape(-1)[::3] = np.float32(threshold)
    numbers.reshape(-1)[::5] = np.nextafter(np.float32(threshold), np.float32(-1))
    return numbers


def there_and_back(network: SpikingGraph, folder: Path) -> Imported:
    write_graph(folder / "net.nir", nir_graph(network))
    found = imported("net", read_graph(folder / "net.nir"), "net.nir")
    assert list(spiking.rules(found.units)) == []
    return found


@given(network=graphs(orders=("as it is", "channels", "some")))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_graph_comes_back_with_the_same_spikes(network: SpikingGraph, folder: Path) -> None:
    back = there_and_back(network, folder)
    assert (back.inputs[0][0], back.scores) == ("picture", "output")
    given = {"picture": images(network)}
    expected, found = spiking.evaluate(network, given), spiking.evaluate(back.units, given)
    assert {encoder.name: encoder.threshold for encoder in back.units.encoders} == {"image": 0.5}
    for name, spikes in found.items():
        assert np.array_equal(spikes.reshape(SAMPLES, -1), expected[name].reshape(SAMPLES, -1))
    last = network.decoder.layer
    scores = [spiking.scores(one.decoder, spikes[last]) for one, spikes in ((network, expected), (back.units, found))]
    assert np.array_equal(*scores)


@given(network=graphs(orders=("as it is", "channels", "some")))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_exported_graph_computes_the_spikes_by_nir_s_definitions(network: SpikingGraph) -> None:
    exported, pictures = nir_graph(network), images(network)
    expected = spiking.evaluate(network, {"picture": pictures})
    scores = spiking.scores(network.decoder, expected[network.decoder.layer])
    shape = tuple(exported.nodes["picture"].input_type["input"])
    for sample in range(SAMPLES):
        found = interpreted(exported, {"picture": pictures[sample].reshape(shape)})
        for layer in network.layers:
            assert np.array_equal(found[layer.name].reshape(-1), expected[layer.name][sample].reshape(-1))
        np.testing.assert_allclose(found["output"], scores[sample])


@given(network=graphs(orders=("as it is", "channels", "some")))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_package_s_check_of_types_agrees_where_kernels_are_square(network: SpikingGraph, folder: Path) -> None:
    write_graph(folder / "checked.nir", nir_graph(network))
    if square_kernels(network):
        assert nir.read(folder / "checked.nir", type_check=True).check_types()


def test_an_ensemble_is_exported_with_each_member_s_own_share_of_what_it_reads(folder: Path) -> None:
    network = together([again(a_network(), seed) for seed in range(3)])
    expected = spiking.evaluate(network, {"picture": images(network)})
    back = there_and_back(network, folder).units
    found = spiking.evaluate(back, {"picture": images(network)})
    for layer in network.layers:
        assert np.array_equal(found[layer.name].reshape(SAMPLES, -1), expected[layer.name].reshape(SAMPLES, -1))


def test_the_same_graph_gives_the_same_bytes(folder: Path) -> None:
    network = a_network()
    contents = []
    for name in ("one.nir", "two.nir"):
        write_graph(folder / name, nir_graph(network))
        contents.append((folder / name).read_bytes())
    assert contents[0] == contents[1]


def a_network() -> SpikingGraph:
    """Two encoders of one input, pooling, and a layer that reads two others in another order."""
    numbers = np.random.default_rng(3)
    low, high = (Encoder(name, "picture", (2, 6, 6), at, ORIGIN) for name, at in (("low", 0.3), ("high", 0.7)))
    first = units(numbers, "first", (low, high), (4, 6, 6), 6, Window((3, 3), pad=(1, 1), groups=2))
    pool = units(numbers, "pool", (first,), (6, 6, 6), 6, Window((2, 2), (2, 2), groups=6))
    pool = replace(pool, weight_bytes=np.ones(24, np.int8).tobytes(), threshold_bytes=np.full(6, 2, np.int32).tobytes())
    last = units(numbers, "last", (pool, high), (6 * 9 + 72, 1, 1), 5, Window((1, 1)))
    return graph((low, high), first, pool, last)


def test_groups_pooling_and_thermometers_come_back_as_they_were(folder: Path) -> None:
    network = a_network()
    kinds = [type(node).__name__ for node in nir_graph(network).nodes.values()]
    assert (kinds.count("Input"), kinds.count("SumPool2d"), kinds.count("Flatten")) == (1, 1, 2)
    back = there_and_back(network, folder).units
    assert sorted(back.encoders, key=lambda one: one.threshold) == [
        replace(encoder, threshold=float(np.float32(encoder.threshold))) for encoder in network.encoders
    ]
    assert back.layers == network.layers
    assert back.decoder == network.decoder


def test_a_change_of_shape_that_nir_does_not_know_is_refused() -> None:
    numbers = np.random.default_rng(0)
    encoder = Encoder("image", "picture", (36, 1, 1), 0.5, ORIGIN)
    network = graph((encoder,), units(numbers, "first", (encoder,), (4, 3, 3), 4, Window((3, 3))))
    with pytest.raises(BrainError, match=r"first sees the spikes of image, \[36\], as \[4, 3, 3\]"):
        nir_graph(network)


def test_axes_in_another_order_are_refused_before_a_window_alone() -> None:
    numbers = np.random.default_rng(0)
    encoder = Encoder("image", "picture", (2, 3, 3), 0.5, ORIGIN)
    order = np.arange(18).reshape(2, 3, 3).transpose(0, 2, 1).reshape(-1)
    dense = units(numbers, "first", (encoder,), (18, 1, 1), 4, Window((1, 1)), order)
    assert type(nir_graph(graph((encoder,), dense)).nodes["first.sum"]).__name__ == "Linear"
    window = units(numbers, "first", (encoder,), (2, 3, 3), 4, Window((2, 2)), order)
    with pytest.raises(BrainError, match="first sees spikes of image, whose axes are in another order, over a window"):
        nir_graph(graph((encoder,), window))


# ---- graphs that others made -----------------------------------------------------------------------------------------


def conv(weight: np.ndarray, bias: float = 0.0, **fields: object) -> object:
    usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    biases = np.full(len(weight), bias)
    return nir.Conv2d(input_shape=None, weight=weight, bias=biases, **{**usual, **fields})


def a_foreign_graph(seed: int) -> object:
    """Weights in steps of any size, biases, thresholds of all kinds, sums of two ways, means; its Input is spikes."""
    numbers = np.random.default_rng(seed)
    step = numbers.uniform(0.1, 2, 6)
    kernels = numbers.integers(-2, 3, (6, 2, 3, 3)) * step[:, None, None, None]
    other = numbers.integers(-1, 2, (6, 1, 3, 3)) * step[:, None, None, None]
    means = numbers.uniform(0.05, 0.95, (6, 1, 1)).astype(np.float32)
    dense = numbers.integers(-1, 2, (7, 54)).astype(np.float32) * np.float32(0.3)
    nodes = {
        "in": nir.Input(np.array([2, 6, 6])),
        "a": conv(kernels, 0.25, padding="same"),
        "b": conv(other, -0.5, padding=(1, 1), groups=2),
        "fire": nir.Threshold(np.broadcast_to(numbers.normal(0, 1, (6, 1, 1)), (6, 6, 6)).copy()),
        "mean": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "most": nir.Threshold(np.broadcast_to(means, (6, 3, 3)).copy()),
        "flat": nir.Flatten({"input": np.array([6, 3, 3])}, 0, -1),
        "dense": nir.Affine(dense, numbers.normal(0, 0.4, 7)),
        "decide": nir.Threshold(numbers.normal(0, 0.4, 7)),
        "out": nir.Output(np.array([7])),
    }
    edges = [
        *[("in", "a"), ("in", "b"), ("a", "fire"), ("b", "fire"), ("fire", "mean"), ("mean", "most")],
        *[("most", "flat"), ("flat", "dense"), ("dense", "decide"), ("decide", "out")],
    ]
    return nir.NIRGraph(nodes, edges, type_check=False)


@given(seed=some.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_graphs_of_others_give_the_same_spikes(seed: int) -> None:
    foreign = a_foreign_graph(seed)
    found = imported("net", foreign, "net.nir")
    assert list(spiking.rules(found.units)) == []
    given = (np.random.default_rng(seed).random((SAMPLES, 2, 6, 6)) < 0.5).astype(np.float32)
    spikes = spiking.evaluate(found.units, {"in": given})
    scores = spiking.scores(found.units.decoder, spikes[found.units.decoder.layer])
    foreign.nodes["a"].padding = (1, 1)
    for sample in range(SAMPLES):
        expected = interpreted(foreign, {"in": given[sample]})
        for name in ("fire", "most", "decide"):
            assert np.array_equal(spikes[name][sample].reshape(-1), expected[name].reshape(-1))
        assert np.array_equal(scores[sample], expected["out"])


TICKS = 9


def a_lasting_graph(seed: int) -> object:
    """Potentials that last before and behind units that forget, with biases, resets and factors of their own."""
    numbers = np.random.default_rng(seed)
    step = numbers.integers(1, 200, 6) / 64
    kernels = numbers.integers(-3, 4, (6, 2, 3, 3)) * step[:, None, None, None]
    first = conv(kernels, padding=(1, 1))
    first.bias = numbers.integers(-4, 5, 6) * step
    factor = numbers.choice([0.25, 1.0, 3.0], 6)
    reset = numbers.choice([-7, -1, 0, 1, 3], 6) * step * factor
    every = np.ones((6, 6, 6))
    channels = [one[:, None, None] * every for one in (factor, numbers.uniform(0, 12, 6) * step * factor, reset)]
    dense = nir.Affine(numbers.integers(-1, 2, (5, 54)) * 0.5, numbers.integers(-2, 3, 5) * 0.5)
    nodes = {
        "in": nir.Input(np.array([2, 6, 6])),
        "a": first,
        "add": nir.IF(*channels),
        "sum": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "fire": nir.Threshold(np.full((6, 3, 3), 1.5)),
        "flat": nir.Flatten({"input": np.array([6, 3, 3])}, 0, -1),
        "dense": dense,
        "vote": nir.IF(np.full(5, 2.0), numbers.uniform(0, 20, 5)),
        "scores": nir.Affine(numbers.normal(0, 1, (3, 5)), numbers.normal(0, 1, 3)),
        "out": nir.Output(np.array([3])),
    }
    return nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False)


def spike_trains(seed: int) -> np.ndarray:
    """`[samples, ticks, …]`, some busy and some silent."""
    numbers = np.random.default_rng(seed)
    rates = numbers.uniform(0, 0.6, (SAMPLES, 1, 1, 1, 1))
    return (numbers.random((SAMPLES, TICKS, 2, 6, 6)) < rates).astype(np.float32)


@given(seed=some.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_potentials_last_as_nir_says(seed: int) -> None:
    foreign, trains = a_lasting_graph(seed), spike_trains(seed)
    found = imported("net", foreign, "net.nir", TICKS)
    assert list(spiking.rules(found.units)) == []
    assert found.inputs == (("in", (TICKS, 2, 6, 6)),)
    (encoder,) = found.units.encoders
    assert encoder.code == "given"
    ticks = spiking.evaluate_ticks(found.units, [{encoder.name: trains[:, tick]} for tick in range(TICKS)])
    for sample in range(SAMPLES):
        potentials: dict[str, np.ndarray] = {}
        for tick, spikes in enumerate(ticks):
            expected = interpreted(foreign, {"in": trains[sample, tick]}, potentials)
            for name in ("add", "fire", "vote"):
                assert np.array_equal(spikes[name][sample].reshape(-1), expected[name].reshape(-1)), (name, tick)


def test_an_input_is_numbers_or_spikes_of_several_ticks_and_not_both() -> None:
    nodes = {"in": nir.Input(np.array([2])), "code": nir.Threshold(np.full(2, 0.3)), "w": linear([1, 1], [1, 0])}
    nodes |= {"add": nir.IF(np.ones(2), np.ones(2)), "out": nir.Output(np.array([2]))}
    edges = [("in", "code"), ("code", "add"), ("in", "w"), ("w", "add"), ("add", "out")]
    both = nir.NIRGraph(nodes, edges, type_check=False)
    assert [encoder.code for encoder in imported("net", both, "net.nir").units.encoders] == ["threshold"] * 2
    with pytest.raises(BrainError, match=r"w \(Linear\): in is read as numbers and as spikes, which come tick by tick"):
        imported("net", both, "net.nir", 2)


def chain(*nodes: object, shape: tuple[int, ...] = (4,)) -> object:
    """An Input, these nodes, and an Output, one after the other."""
    named = {"in": nir.Input(np.array(shape)), **{f"n{n}": node for n, node in enumerate(nodes)}}
    named["out"] = nir.Output(np.array([2]))
    names = list(named)
    return nir.NIRGraph(named, list(pairwise(names)), type_check=False)


def linear(*rows: list[float]) -> object:
    return nir.Linear(np.array(rows))


FIRE = nir.Threshold(np.array([0.5, 0.5]))
WEIGHTS = linear([1, 0, -1, 1], [0, 1, 1, 1])


@pytest.mark.parametrize(
    ("nodes", "message", "remedy"),
    [
        ([WEIGHTS, nir.LIF(*[np.ones(2)] * 4)], "n1 (LIF): its potential loses a share of itself", "use an IF"),
        ([WEIGHTS, nir.LI(*[np.ones(2)] * 3)], "n1 (LI): it gives numbers that last", "read the spikes"),
        ([WEIGHTS, nir.IF(np.zeros(2), np.ones(2))], "n1 (IF): its r is not above 0", "signs of the weights"),
        ([WEIGHTS, nir.IF(np.ones(2), np.array([1, -1]))], "n1 (IF): its v_threshold is below 0", "0 or more"),
        ([WEIGHTS, nir.IF(np.ones(3), np.ones(3))], "n1 (IF): its r is [3], and it sees [2]", "agree"),
        (
            [nir.Affine(np.array([[1.0, 0, 0, 0]] * 2), np.array([0.0, 0.01])), nir.IF(np.ones(2), np.ones(2))],
            "n1 (IF): the weights of channel 1 (1), with bias and reset, are not up to 15 times one number",
            "few levels",
        ),
        ([WEIGHTS, FIRE, nir.Delay(np.ones(2))], "n2 (Delay): all that a layer reads arrives", "take it out"),
        ([WEIGHTS, nir.Scale(np.ones(2)), FIRE], "n1 (Scale): cores do not multiply", "multiply the weights"),
        (
            [WEIGHTS, linear([1, 1], [1, 0]), FIRE],
            "n1 (Linear): it sees sums, and cores send spikes",
            "Threshold before",
        ),
        (
            [linear([0.5, 0.3, 0, 0], [1, 1, 1, 1]), FIRE],
            "n1 (Threshold): the weights of channel 0 (0.3, 0.5) are not up to 15 times one number",
            "few levels",
        ),
        ([linear([1, 1], [1, 0])], "n0 (Linear): its weight is [2, 2], and it sees [4]", "Flatten before it"),
        (
            [linear([1, 0, np.nan, 0]), FIRE],
            "n0 (Linear): its weight is empty, or not all numbers",
            "write it again",
        ),
        ([conv(np.ones((1, 1, 1, 1)))], "n0 (Conv2d): it sees [4]", "let it see [channels, height, width]"),
        (
            [nir.Threshold(np.array([0.1, 0.2, 0.3, 0.4]))],
            "the elements of an Input have unlike thresholds",
            "for each",
        ),
        (
            [WEIGHTS, nir.Threshold(np.ones(3))],
            "n1 (Threshold): its threshold is [3], and it sees [2]",
            "make them agree",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused_with_node_type_and_remedy(
    nodes: list[object], message: str, remedy: str
) -> None:
    with pytest.raises(BrainError) as refused:
        imported("net", chain(*nodes), "net.nir")
    assert len(refused.value.diagnostics) == 1
    assert message in str(refused.value)
    assert remedy in refused.value.diagnostics[0].remedy


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (conv(np.ones((1, 1, 2, 2)), padding="same"), "padding 'same' of an even kernel is not alike on both sides"),
        (conv(np.ones((1, 1, 3, 3)), padding="same", stride=2), "padding 'same' goes with stride 1 only"),
        (conv(np.ones((1, 1, 5, 5))), r"a window of [5, 5] does not fit in [1, 4, 4]"),
        (conv(np.ones((1, 1, 3, 3)), groups=2), "its weight is [1, 1, 3, 3] in groups of 2, and it sees [1, 4, 4]"),
    ],
)
def test_windows_that_cores_do_not_have_are_refused(node: object, message: str) -> None:
    with pytest.raises(BrainError) as refused:
        imported("net", chain(node, shape=(1, 4, 4)), "net.nir")
    assert message in str(refused.value)


def test_a_circle_an_edge_to_nothing_and_no_output_are_refused() -> None:
    back = linear([1, 0], [0, 1])
    nodes = {"in": nir.Input(np.array([4])), "w": WEIGHTS, "back": back, "fire": FIRE}
    circle = [("in", "w"), ("w", "fire"), ("fire", "back"), ("back", "fire")]
    for edges, message in [
        (circle, "is a circle, and spikes that go back are too late for their tick"),
        ([("in", "w"), ("w", "nobody")], "an edge names nobody, which is no node"),
        ([("in", "w"), ("w", "fire"), ("fire", "back")], "the graph has no Outputs"),
        ([("in", "w")], "fire (Threshold): no edge leads to it"),
    ]:
        with pytest.raises(BrainError) as refused:
            imported("net", nir.NIRGraph(dict(nodes), edges, type_check=False), "net.nir")
        assert message in str(refused.value)


def test_units_that_nobody_reads_go_onto_cores_too() -> None:
    nodes = {"in": nir.Input(np.array([4])), "w": WEIGHTS, "fire": FIRE, "v": linear([1, 1]), "out": nir.Output([2])}
    nodes["idle"] = nir.Threshold(np.array([1.5]))
    edges = [("in", "w"), ("w", "fire"), ("fire", "out"), ("fire", "v"), ("v", "idle")]
    found = imported("net", nir.NIRGraph(nodes, edges, type_check=False), "net.nir").units
    assert [layer.name for layer in found.layers] == ["fire", "idle"]
    assert found.decoder.layer == "fire"
    mapped = map_onto_cores(found, *cut_layers(found))
    given = np.random.default_rng(0).integers(0, 2, (SAMPLES, 4)).astype(np.float32)
    spikes = spiking.evaluate(found, {"in": given})
    assert np.array_equal(decided(mapped, spikes, SAMPLES, 1), spikes["fire"].reshape(SAMPLES, -1))


def test_a_unit_that_always_or_never_fires_has_no_weights() -> None:
    sums = linear([1, -1, 0, 0], [1, 1, 0, 0])
    found = imported("net", chain(sums, nir.Threshold(np.array([-9.0, 9.0]))), "net.nir").units
    (layer,) = found.layers
    assert layer.thresholds.tolist() == [0, 1]
    assert not layer.weights.any()
    assert prod(layer.shape) == 2
