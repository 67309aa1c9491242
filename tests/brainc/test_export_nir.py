"""A network goes out as a NIR graph and comes back onto cores: what it predicts stays the same."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from brainc import cli
from brainrun.cli import main as brainrun

from .test_export import NETWORK
from .truenorth.nir_plain import interpreted

nir = pytest.importorskip("nir", reason="NIR graphs need the optional extra `nir`")

CORES = ("--target", "truenorth")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder that holds `net.brain`, and pictures to predict from in `net.npz`."""
    monkeypatch.chdir(tmp_path)
    data = '\ndata predict {\n    source = npz("net.npz")\n    image = image\n}\n'
    Path("net.brain").write_text(NETWORK + data)
    np.savez("net.npz", image=np.random.default_rng(0).normal(0, 1, (30, 1, 6, 6)).astype(np.float32))
    return tmp_path


def test_a_network_predicts_alike_from_its_nir_graph(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", "net.brain"]) == 0
    assert capsys.readouterr().out == "net.nir: NIR graph, with weights that nothing has trained\n"
    assert nir.read("net.nir").check_types()
    assert cli.main(["compile", "net.brain", *CORES, "-o", "one.plan"]) == 0
    capsys.readouterr()
    assert cli.main(["compile", "net.nir", *CORES, "-o", "two.plan", "--show", "units"]) == 0
    said = capsys.readouterr().out
    assert "spiking net" in said
    assert "brainrun --mode predict two.plan runs them on the arrays of net.npz" in said
    for plan in ("one.plan", "two.plan"):
        assert brainrun([plan, "--mode", "predict", "--run-dir", plan.replace("plan", "run"), "--quiet"]) == 0
    ours, theirs = np.load("one.run/logits.npy"), np.load("two.run/output.npy")
    assert ours.shape == (30, 3)
    assert np.array_equal(ours, theirs)
    assert len(np.unique(ours, axis=0)) > 1


def lasting(rng: np.random.Generator) -> object:
    """Two layers whose potentials last, with bias, over a layer that forgets; the middle one reaches many cores."""
    nodes = {
        "in": nir.Input(np.array([20])),
        "first": nir.Affine(rng.integers(-1, 2, (100, 20)), rng.integers(-3, 2, 100)),
        "add": nir.IF(np.ones(100), rng.integers(1, 6, 100) + 0.5, rng.choice([-3.0, 0.0, 1.0], 100)),
        "few": nir.Linear(np.eye(100) - np.eye(100, k=3)),
        "fire": nir.Threshold(np.full(100, 0.5)),
        "second": nir.Affine(rng.integers(-1, 2, (300, 100)), rng.integers(-2, 3, 300)),
        "vote": nir.IF(np.ones(300), rng.integers(0, 20, 300) + 0.5),
        "scores": nir.Affine(rng.normal(0, 1, (3, 300)), rng.normal(0, 1, 3)),
        "out": nir.Output(np.array([3])),
    }
    return nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False)


@pytest.mark.parametrize(("ticks", "threads"), [(1, "1"), (3, "2"), (40, "1")])
def test_potentials_that_last_give_the_same_scores_on_cores(ticks: int, threads: str) -> None:
    """Samples one after the other, so that each begins before the one before has left; windows short and long."""
    rng = np.random.default_rng(ticks)
    graph, samples = lasting(rng), 12
    trains = (rng.random((samples, ticks, 20)) < rng.uniform(0, 0.9, (samples, 1, 1))).astype(np.float32)
    nir.write("last.nir", graph)
    np.savez("last.npz", **{"in": trains if ticks > 1 else trains[:, 0]})
    words = ("--ticks", str(ticks)) if ticks > 1 else ()
    assert cli.main(["compile", "last.nir", *CORES, *words]) == 0
    assert brainrun(["last.plan", "--mode", "predict", "--run-dir", "run", "--threads", threads, "--quiet"]) == 0
    expected = np.zeros((samples, 3))
    for sample in range(samples):
        potentials: dict[str, np.ndarray] = {}
        for tick in range(ticks):
            expected[sample] += interpreted(graph, {"in": trains[sample, tick]}, potentials)["out"] / ticks
    np.testing.assert_allclose(np.load("run/out.npy"), expected, atol=1e-4)
    assert len(np.unique(expected, axis=0)) == samples


def test_a_plan_whose_potentials_last_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    nir.write("last.nir", lasting(np.random.default_rng(0)))
    assert cli.main(["compile", "last.nir", *CORES, "--ticks", "5"]) == 0
    assert cli.main(["report", "last.plan"]) == 0
    assert "  Potentials last through a sample's ticks in add, vote.\n" in capsys.readouterr().out
    assert cli.main(["report", "last.plan", "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert {layer["name"]: layer["lasts"] for layer in layers} == {"add": True, "fire": False, "vote": True}
    assert cli.main(["export", "last.plan", "--samples", "2"]) == 1
    assert "has potentials that last, and 2 samples would add up in RANC" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bias", "threshold", "reset", "message"),
    [
        (300.0, 1.0, 0.0, "add: a bias is 300 steps of its weights, and a neuron's leak at most 255"),
        (0.0, 3e5, 0.0, "add: a threshold is 300001 steps of its weights, and a neuron's at most 262143"),
        (0.0, 1.0, 4.0, "add: it is reset to 4 steps of its weights, and neurons to 0 or to 2ᵏ − 1"),
        (-200.0, 1.0, 0.0, "add: in 2000 ticks potentials may fall to −400000, and a neuron's to −262143"),
    ],
)
def test_what_no_neuron_holds_is_told_by_its_node(
    bias: float, threshold: float, reset: float, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = {
        "in": nir.Input(np.array([2])),
        "sum": nir.Affine(np.eye(2), np.full(2, bias)),
        "add": nir.IF(np.ones(2), np.full(2, threshold), np.full(2, reset)),
        "out": nir.Output(np.array([2])),
    }
    nir.write("much.nir", nir.NIRGraph(nodes, list(pairwise(nodes))))
    assert cli.main(["compile", "much.nir", *CORES, "--ticks", "2000"]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert "  add: IF\n  ^^^\n" in err


def test_kernels_that_are_not_square_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.brain").write_text(NETWORK.replace("kernel=3", "kernel=[3, 2]"))
    assert cli.main(["export", "net.brain", "-o", "out.nir"]) == 0
    assert "read it with type_check=False, as nir takes all kernels for square" in capsys.readouterr().out


def test_a_layer_too_wide_for_cores_is_told_by_its_node(capsys: pytest.CaptureFixture[str]) -> None:
    nodes = {
        "in": nir.Input(np.array([200])),
        "wide": nir.Linear(np.tile([1.0, -1.0], (3, 100))),
        "fire": nir.Threshold(np.zeros(3)),
        "out": nir.Output(np.array([3])),
    }
    nir.write("wide.nir", nir.NIRGraph(nodes, [("in", "wide"), ("wide", "fire"), ("fire", "out")]))
    assert cli.main(["compile", "wide.nir", *CORES]) == 1
    err = capsys.readouterr().err
    assert err.startswith("wide.nir:1:1: error: units of fire see 200 spikes, and a core offers 128 signed ones")
    assert "  fire: Threshold\n  ^^^^\n" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("net.nir", "net.nir: is a NIR graph, which goes onto cores alone: use --target truenorth"),
        ("net.nir --target truenorth --set a=1", "net.nir: is a NIR graph with its own weights: leave out --from"),
        ("net.nir --target truenorth --show graph", "net.nir: is a NIR graph, and has no level graph: it has units"),
        ("no.nir --target truenorth", "no.nir: there is no such file"),
        ("text.nir --target truenorth", "text.nir: is no HDF5 file that can be read: "),
        ("lone.nir --target truenorth", f"lone.nir: is no graph that the package nir {nir.version} can read"),
        ("odd.nir --target truenorth", f"odd.nir: is no graph that the package nir {nir.version} can read"),
    ],
)
def test_what_cannot_be_compiled_is_one_message(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.nir").write_text("hello\n")
    nir.write("lone.nir", nir.Linear(np.eye(2)))
    nir.write("odd.nir", nir.NIRGraph({"in": nir.Input(np.array([2]))}, [], type_check=False))
    h5py = pytest.importorskip("h5py", reason="nir brings it")
    with h5py.File("odd.nir", "a") as file:
        file["node/nodes/in/type"][()] = "Unheard"
    assert cli.main(["compile", *words.split()]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"brainc: error: {message}")
    assert "Traceback" not in err
