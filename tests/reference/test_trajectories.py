"""Real networks train as they do in PyTorch: twenty steps, compiled and run from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from .trajectory import HERE, NETWORKS, SEED, STEPS, Trajectory, first_value, way, write_samples

TRAJECTORIES: dict[str, Trajectory] = json.loads((HERE / "trajectories.json").read_text(encoding="utf-8"))


def command(module: str, *arguments: str, folder: Path) -> None:
    """Run a command of the project in this folder; its words are shown where it fails."""
    said = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.fixture(scope="module", params=NETWORKS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A network's name, and the folder in which it was trained: `out.json`, `run/weights.safetensors`."""
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    write_samples(folder)
    source = HERE / f"{name}.brain"
    once = ("--data", "1", "--model", "1", "--data-dir", str(folder))
    command("brainc.cli", "compile", str(source), "-o", "net.plan", *once, folder=folder)
    steps = ("--steps", str(STEPS), "--no-shuffle", "--seed", str(SEED), "--data-dir", str(folder))
    command("brainrun.cli", "net.plan", *steps, "--json", "out.json", "--run-dir", "run", "--quiet", folder=folder)
    return name, folder


def test_losses_are_pytorch_s(run: tuple[str, Path]) -> None:
    name, folder = run
    losses = json.loads((folder / "out.json").read_text(encoding="utf-8"))["loss_by_step"]
    np.testing.assert_allclose(losses, TRAJECTORIES[name]["loss_by_step"], rtol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_reference_training_gets_somewhere(name: str) -> None:
    losses = TRAJECTORIES[name]["loss_by_step"]
    assert losses[-1] < 0.9 * losses[0]


def test_weights_went_the_way_of_pytorch_s(run: tuple[str, Path]) -> None:
    name, folder = run
    weights = load_file(folder / "run" / "weights.safetensors")
    parameters = TRAJECTORIES[name]["parameters"]
    assert {key: list(array.shape) for key, array in weights.items()} == {
        key: parameter["shape"] for key, parameter in parameters.items()
    }
    for key, parameter in parameters.items():
        went = way(first_value(key, tuple(parameter["shape"]), parameter["fan_in"]), weights[key])
        expected = parameter["way"]
        assert went["length"] == pytest.approx(expected["length"], rel=1e-3), key
        assert went["part"] == pytest.approx(expected["part"], abs=2e-3 * expected["length"]), key
