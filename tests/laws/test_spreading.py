"""However a network is spread, its step gives the numbers of the unsplit one: sharded, localised, and scheduled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle

import numpy as np
import pytest

from brainc.evaluate import program
from brainc.ir.graph import LayerGraph
from brainc.operators.operator import Split
from brainc.partition.mesh import Impossible
from brainc.tensor.lower import lower

from .networks import BATCH, LENET, LOCAL, MESHES, MLP, NETWORKS, RESIDUAL, graph
from .spread import SEED, STEP, Spread, assert_same, spread

PATTERNS: dict[str, tuple[Split, ...]] = {
    "sample": ("sample",),
    "replicate": ("replicate",),
    "output": ("output",),
    "input": ("input",),
    "output and input": ("output", "input"),
    "input and output": ("input", "output"),
}
SPLIT_MESHES = [mesh for mesh in MESHES if mesh[1] > 1]


def placed(network: LayerGraph, pattern: tuple[Split, ...]) -> dict[str, Split]:
    """The dense layers that share nothing split by the pattern in turn, all others as the search has it."""
    sharing = {name for node in network.nodes if node.shared != node.name for name in (node.name, node.shared)}
    dense = [node.name for node in network.nodes if node.operator == "dense" and node.name not in sharing]
    return dict(zip(dense, cycle(pattern), strict=False))


def assert_keeps_the_numbers(case: Spread) -> None:
    """The step done whole, on the grid, item by item, and step by step."""
    for name, _ in case.sharded.procedures:
        expected = case.whole(name)
        assert_same(case.on_grid(name), expected)
        assert_same(case.by_items(name), expected)
        assert_same(case.by_steps(name), expected)


@pytest.mark.parametrize("mesh", MESHES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_chosen_spread_keeps_every_number(name: str, mesh: tuple[int, int]) -> None:
    assert_keeps_the_numbers(spread(graph(NETWORKS[name]), mesh, batch=BATCH))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("mesh", [(1, 2), (2, 3)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_forced_spread_keeps_every_number(name: str, mesh: tuple[int, int], pattern: str) -> None:
    network = graph(NETWORKS[name])
    assert_keeps_the_numbers(spread(network, mesh, placed(network, PATTERNS[pattern]), batch=BATCH))


@pytest.mark.parametrize("mesh", SPLIT_MESHES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("pattern", ["output", "input", "output and input"])
def test_dense_layers_keep_every_number_on_every_mesh(mesh: tuple[int, int], pattern: str) -> None:
    network = graph(MLP)
    assert_keeps_the_numbers(spread(network, mesh, placed(network, PATTERNS[pattern]), batch=BATCH))


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_every_optimizer_updates_its_slices_as_it_updates_the_whole(optimizer: str) -> None:
    network = graph(RESIDUAL)
    placements = placed(network, PATTERNS["output and input"])
    assert_keeps_the_numbers(spread(network, (2, 2), placements, batch=BATCH, optimizer=optimizer))


@pytest.mark.parametrize("batch", [8, 9, 15, 16, 33])
def test_any_batch_that_leaves_no_rank_empty_keeps_every_number(batch: int) -> None:
    assert_keeps_the_numbers(spread(graph(LENET), (2, 2), {"y.dense": "sample"}, batch=batch))


def test_a_batch_of_fewer_samples_than_ranks_is_not_split_by_samples() -> None:
    with pytest.raises(Impossible, match=r"y\.dense cannot be split by sample over 4 ranks"):
        spread(graph(MLP), (2, 4), {"y.dense": "sample"}, batch=7)


ONE_TENSOR_TWO_READERS = """
    input x: f32[8]
    input t: f32[8]
    p = x | dense(8, bias=false, name="partial")
    a = p | relu(name="features")
    b = p | sigmoid(name="samples")
    c = p | tanh(name="whole")
    y = dense(a, 8, name="ya") + dense(b, 8, name="yb") + dense(c, 8, name="yc")
    loss objective = mean_squared_error(y, t)
"""


@pytest.mark.parametrize("order", [("samples", "features", "whole"), ("whole", "samples", "features")])
def test_one_partial_tensor_may_have_readers_of_every_layout(order: tuple[str, ...]) -> None:
    lines = {
        line.split('name="')[-1].rstrip('")'): line for line in ONE_TENSOR_TWO_READERS.splitlines() if "p |" in line
    }
    text = "\n".join(line for line in ONE_TENSOR_TWO_READERS.splitlines() if "p |" not in line)
    head, tail = text.split("    y =")
    network = graph(head + "\n".join(lines[name] for name in order) + "\n    y =" + tail)
    placements: Mapping[str, Split] = {
        "partial": "input", "features": "output", "samples": "sample", "whole": "replicate",
        "ya": "input", "yb": "sample", "yc": "output",
    }  # fmt: skip
    assert_keeps_the_numbers(spread(network, (2, 2), placements, batch=BATCH))


@pytest.mark.parametrize("mesh", [(2, 1), (3, 1), (1, 2), (2, 3)], ids="{0[0]}x{0[1]}".format)
def test_local_statistics_make_of_each_rank_s_samples_a_mini_batch_of_their_own(mesh: tuple[int, int]) -> None:
    """The gradients are those of as many networks as there are ranks, each given its share of the samples."""
    network = graph(LOCAL)
    split: Mapping[str, Split] = {node.name: "sample" for node in network.nodes}
    case = spread(network, mesh, split, batch=BATCH, optimizer="sgd")
    shares = [part for whole in np.array_split(np.arange(BATCH), mesh[0]) for part in np.array_split(whole, mesh[1])]
    trained = [parameter.value.name for parameter in case.tensors.parameters if parameter.trained]
    objective = np.array(0.0)
    steps = {name: np.zeros_like(case.values[name]) for name in trained}
    for share in shares:
        alone = lower(network, batch=len(share), optimizer="sgd", settings={"rate": 0.1})
        given = {value.name: case.values[value.name][share] for value in alone.inputs}
        known = program.evaluate(alone.train.operations, {**case.values, **given}, seed=SEED, step=STEP)
        objective += known[alone.train.results[0].value.name]
        for name in trained:
            steps[name] += known[name] - case.values[name]
    ways: tuple[Callable[[str], Mapping[str, np.ndarray]], ...] = (case.on_grid, case.by_items, case.by_steps)
    for way in ways:
        actual = way("train")
        np.testing.assert_allclose(actual["objective objective"], objective, rtol=1e-9)
        for name in trained:
            np.testing.assert_allclose(actual[name] - case.values[name], steps[name], rtol=1e-9, atol=1e-9)


def test_running_statistics_are_of_the_whole_mini_batch_whatever_the_scope() -> None:
    case = spread(graph(LOCAL), (3, 1), batch=BATCH)
    # The first layer's statistics follow from the input alone; those behind it see locally normalised values.
    assert_same(
        {name: array for name, array in case.on_grid("train").items() if name.startswith("f.batchnorm.running")},
        {name: array for name, array in case.whole("train").items() if name.startswith("f.batchnorm.running")},
    )
