"""A plan for cores, written as RANC's files, decides there as it does here; what RANC cannot do is told."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brainc import cli
from brainrun.cli import main as brainrun
from brainrun.plan.cores import CORES_FILE
from brainrun.plan.store import read_core_plan, write_plan
from brainrun.truenorth.deployed import deployed
from brainrun.truenorth.file import encoded
from tests.runtime.truenorth.ranc_reference import reference_rows

NETWORK = """network net {
    input image: f32[1, 6, 6]
    input label: class[3]

    low = image | spike(threshold=-0.5)
    high = image | spike(threshold=0.5)
    hidden = concat(low, high) | conv(4, kernel=3) | batchnorm | spike
    votes = hidden | flatten | dense(12, bias=false) | batchnorm | spike
    logits = votes | reshape([3, 4, 1]) | avgpool([4, 1]) | flatten

    loss objective = cross_entropy(logits, label)
}

data train {
    source = synthetic(count=40)
}

data test {
    source = part(train, 0.5)
}

truenorth {
    weights = trinary
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder that holds `net.brain` and its plan on cores."""
    monkeypatch.chdir(tmp_path)
    Path("net.brain").write_text(NETWORK)
    assert cli.main(["compile", "net.brain", "--target", "truenorth"]) == 0
    return tmp_path


def test_ranc_decides_as_the_plan_does(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.main(["export", "net.plan", "--samples", "7"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("net.ranc: ")
    ticks = int(said.split("--ticks ")[1].split()[0])
    first = int(said.split("from row ")[1].split()[0])
    network, config = (json.loads(Path("net.ranc", name).read_bytes()) for name in ("net.json", "config.json"))
    rows = np.array(reference_rows(network, config, ticks))
    assert len(rows) == first + 7
    assert brainrun(["net.plan", "--mode", "predict", "--run-dir", "run", "--quiet"]) == 0
    expected = np.load("run/logits.npy")[:7]
    plan, files = read_core_plan(Path("net.plan"))
    network_here = deployed(plan, files, "net.plan")
    scores = rows[first:, : network_here.matrix.shape[1]] @ network_here.matrix.T + network_here.offset
    np.testing.assert_array_equal(scores.astype(np.float32), expected)
    assert len(np.unique(expected, axis=0)) > 1


def test_without_samples_there_are_no_packets() -> None:
    assert cli.main(["export", "net.plan", "-o", "deep/folder"]) == 0
    assert json.loads(Path("deep/folder/net.json").read_bytes())["packets"] == []


def test_more_samples_than_there_are_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", "net.plan", "--samples", "21"]) == 1
    assert capsys.readouterr().err == "brainc: error: data test: has 20 samples, and 21 are wanted\n"
    assert not Path("net.ranc").exists()


def test_what_ranc_cannot_do_is_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    plan, files = read_core_plan(Path("net.plan"))
    graph = deployed(plan, files, "net.plan").graph
    neurons = tuple(replace(neuron, threshold_bits=3, leak_reversal=True) for neuron in graph.neurons)
    write_plan(Path("net.plan"), plan, {**files, CORES_FILE: encoded(replace(graph, neurons=neurons))})
    assert cli.main(["export", "net.plan"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert lines[0].startswith("brainc: error: net.plan: RANC cannot do it: R")
    assert all("RANC cannot do it: R" in line for line in lines)
    assert not Path("net.ranc").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("net.plan --from w.safetensors", "net.plan: has its weights and settings in its cores: give --from, --set, "),
        ("net.plan --format nir", "net.plan: is a plan, whose cores are layers no longer: give the .brain file"),
        ("net.brain --format ranc", "net.brain: is no plan: compile it with --target truenorth first"),
        ("net.brain --samples 3", "a NIR graph holds no data: leave out --samples and --data-dir"),
        ("net.nir", "net.nir: is a NIR graph already: give a .brain file"),
    ],
)
def test_what_does_not_go_together_is_one_message(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", *words.split()]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"brainc: error: {message}")
    assert err.count("\n") == 1


def test_without_the_package_nir_the_command_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "nir", None)
    assert cli.main(["export", "net.brain"]) == 1
    assert capsys.readouterr().err == (
        "brainc: error: NIR graphs need the package nir, which is not installed: pip install 'brainc[nir]'\n"
    )


def test_a_plan_for_ranks_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compile", "net.brain"]) == 0
    assert cli.main(["export", "net.plan"]) == 1
    assert "is for target cpu, and one for truenorth is wanted" in capsys.readouterr().err
