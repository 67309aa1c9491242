"""A network goes out as a NIR graph and comes back onto cores: what it predicts stays the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainc import cli
from brainrun.cli import main as brainrun

from .test_export import NETWORK

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
