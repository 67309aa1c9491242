"""Networks of spikes and trinary weights: they learn, on every mesh alike, and are kept as they were trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.mpi.harness import ROOT

from .running import Trained, assert_close, compiled, run, trained

SPIKES = (ROOT / "examples" / "spikes.brain").read_text(encoding="utf-8").replace('"data/', f'"{ROOT}/examples/data/')
LEAST = 0.95
"""On the test digits; twelve trainings, of other seeds and rates, ended between 0.962 and 0.980."""
ALIKE = 40
"""Steps in which meshes agree: later a sum in another order makes some neuron fire that did not, or the reverse."""
MESHES = ((1, 1), (2, 1), (1, 2))


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], Trained]:
    """The example as it stands, on each mesh."""
    folder = tmp_path_factory.mktemp("spikes")
    return {mesh: trained(compiled(SPIKES, folder, *mesh)) for mesh in MESHES}


@pytest.mark.parametrize("mesh", MESHES, ids="{0[0]}x{0[1]}".format)
def test_it_learns_on_every_mesh(trainings: dict[tuple[int, int], Trained], mesh: tuple[int, int]) -> None:
    assert trainings[mesh].report["epochs"][-1]["test"]["accuracy"] >= LEAST


@pytest.mark.parametrize("mesh", MESHES[1:], ids="{0[0]}x{0[1]}".format)
def test_all_meshes_begin_alike(trainings: dict[tuple[int, int], Trained], mesh: tuple[int, int]) -> None:
    expected = trainings[1, 1].losses[:ALIKE]
    np.testing.assert_allclose(trainings[mesh].losses[:ALIKE], expected, rtol=1e-5)
    assert expected[-1] < 0.8 * expected[0]


@pytest.mark.parametrize("mesh", MESHES, ids="{0[0]}x{0[1]}".format)
def test_weights_are_trinary_and_within_the_hysteresis_of_their_copies(
    trainings: dict[tuple[int, int], Trained], mesh: tuple[int, int]
) -> None:
    weights = trainings[mesh].weights
    names = sorted(name for name in weights if f"{name}.hidden" in weights)
    assert names == ["hidden.dense.weight", "votes.dense.weight"]
    for name in names:
        copy = weights[f"{name}.hidden"]
        assert set(np.unique(weights[name])) == {-1.0, 0.0, 1.0}
        assert np.abs(copy).max() <= 1.0
        assert np.abs(copy - weights[name]).max() <= np.float32(0.6)


def test_a_kept_network_evaluates_as_it_did_after_its_training(
    trainings: dict[tuple[int, int], Trained], tmp_path: Path
) -> None:
    save_file(trainings[1, 1].weights, tmp_path / "kept.safetensors")
    words = ("--mode", "eval", "--from", "kept.safetensors", "--quiet", "--json", "eval.json")
    ended = run("brainrun", compiled(SPIKES, tmp_path, 1, 1), *words, folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = json.loads((tmp_path / "eval.json").read_text())["epochs"][-1]["test"]
    assert found == trainings[1, 1].report["epochs"][-1]["test"]


@pytest.mark.parametrize("reduce", ["onebit", "lowrank(rank=2)"])
def test_gradients_of_hidden_copies_may_be_sent_in_few_bits(reduce: str, tmp_path: Path) -> None:
    plan = compiled(f"{SPIKES}\nparallel {{\n    reduce = {reduce}\n}}\n", tmp_path, 2, 1)
    assert trained(plan, "--epochs", 8).report["epochs"][-1]["test"]["accuracy"] >= 0.9


def test_a_convolution_of_groups_trains_alike_on_a_mesh_of_both_dimensions(tmp_path: Path) -> None:
    text = SPIKES.replace(
        "hidden = concat(grey, black) | dense(width, bias=false) | batchnorm | spike",
        "image8 = concat(grey, black) | reshape([2, 8, 8]) | conv(8, kernel=3, bias=false) | batchnorm | spike\n"
        "    hidden = image8 | conv(8, kernel=3, groups=2, bias=false) | batchnorm | spike",
    )
    assert text != SPIKES
    expected = trained(compiled(text, tmp_path, 1, 1), "--steps", 8)
    assert_close(trained(compiled(text, tmp_path, 2, 2), "--steps", 8), expected)
