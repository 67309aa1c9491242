"""Every mode, on one rank and on several; predictions and resumed weights against NumPy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.mpi.harness import launcher

from .running import NETWORK, compiled, run, trained

FILES = """npy(image="image.npy", label="label.npy")
    image  = image
    label  = label"""
NET = NETWORK.format(shape="20", layers="image | dense(33) | relu | dense(17) | relu", batch=50).replace(
    "synthetic(count=77, seed=2)", FILES
)
AUTO = NET + "\nparallel {\n    data  = auto\n    model = auto\n}\n"
SAMPLES = 77


def write_samples(folder: Path) -> np.ndarray:
    random = np.random.default_rng(3)
    images = random.standard_normal((SAMPLES, 20), np.float32)
    np.save(folder / "image.npy", images)
    np.save(folder / "label.npy", random.integers(0, 10, SAMPLES))
    return images


def forward(weights: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """The network in float64, its dense layers found by the lengths of their weights."""
    by_shape = {tuple(tensor.shape): tensor.astype(np.float64) for tensor in weights.values()}
    hidden = np.maximum(images.astype(np.float64) @ by_shape[33, 20].T + by_shape[33,], 0)
    hidden = np.maximum(hidden @ by_shape[17, 33].T + by_shape[17,], 0)
    return hidden @ by_shape[10, 17].T + by_shape[10,]


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_a_mesh_left_to_the_compiler_runs_on_any_number_of_ranks(ranks: int, tmp_path: Path) -> None:
    launcher()
    write_samples(tmp_path)
    (tmp_path / "net.brain").write_text(AUTO)
    words = ("-n", ranks, "net.brain", "--steps", 5, "--quiet", "--json", "run.json", "--run-dir", "out")
    ended = run("brainrun", *words, folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    mesh = json.loads((tmp_path / "run.json").read_text())["mesh"]
    assert mesh["data"] * mesh["model"] == ranks


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("word", [["--set", "width=7"], ["--set=width=7"]])
def test_a_file_is_compiled_and_run_with_other_values_of_its_lets(ranks: int, word: list[str], tmp_path: Path) -> None:
    launcher()
    write_samples(tmp_path)
    (tmp_path / "net.brain").write_text("let width = 33\n" + AUTO.replace("dense(33)", "dense(width)"))
    words = ("-n", ranks, *word, "net.brain", "--steps", 2, "--quiet", "--run-dir", "out")
    ended = run("brainrun", *words, folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    shapes = {tuple(tensor.shape) for tensor in load_file(tmp_path / "out" / "weights.safetensors").values()}
    assert {(7, 20), (17, 7)} <= shapes


def test_a_plan_has_no_lets_to_set(tmp_path: Path) -> None:
    ended = run("brainrun", "net.plan", "--set", "width=7", folder=tmp_path)
    assert ended.returncode == 2
    assert "--set is for .brain files; net.plan has been compiled already" in ended.stderr


@pytest.mark.parametrize(("data", "model"), [(1, 1), (2, 2), (3, 1)])
def test_predictions_are_those_of_the_saved_weights_in_order(data: int, model: int, tmp_path: Path) -> None:
    images = write_samples(tmp_path)
    plan = compiled(NET, tmp_path, data, model)
    made = trained(plan)
    weights = tmp_path / f"out-{plan.stem}" / "weights.safetensors"
    words = (plan, "--mode", "predict", "--from", weights, "--run-dir", "predicted")
    assert run("brainrun", *words, folder=tmp_path).returncode == 0
    predicted = np.load(tmp_path / "predicted" / "scores.npy")
    assert sorted(path.name for path in (tmp_path / "predicted").iterdir()) == ["metrics.jsonl", "scores.npy"]
    np.testing.assert_allclose(predicted, forward(made.weights, images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("data", "model"), [(1, 1), (2, 2)])
def test_evaluation_and_bench_run_from_saved_weights(data: int, model: int, tmp_path: Path) -> None:
    write_samples(tmp_path)
    plan = compiled(NET, tmp_path, data, model)
    made = trained(plan)
    weights = tmp_path / f"out-{plan.stem}" / "weights.safetensors"
    words = ("--from", weights, "--json", "run.json", "--quiet")
    assert run("brainrun", plan, "--mode", "eval", *words, folder=tmp_path).returncode == 0
    found = json.loads((tmp_path / "run.json").read_text())
    assert found["epochs"][0]["test"] == made.report["epochs"][0]["test"]
    assert found["parameters_sha256"] == made.report["parameters_sha256"]
    assert run("brainrun", plan, "--mode", "bench", "--steps", 20, *words, folder=tmp_path).returncode == 0
    found = json.loads((tmp_path / "run.json").read_text())
    assert len(found["loss_by_step"]) >= 20
    assert found["samples_per_second"] > 0


def test_training_goes_on_from_weights_that_another_program_saved(tmp_path: Path) -> None:
    write_samples(tmp_path)
    plan = compiled(NET, tmp_path, 1, 1)
    weights = trained(plan).weights
    # Another program's file: another order, a tensor of its own, no metadata.
    others = {name: np.array(weights[name]) for name in reversed(weights)} | {"step": np.zeros(1, np.float32)}
    save_file(others, tmp_path / "others.safetensors")
    ours = tmp_path / f"out-{plan.stem}" / "weights.safetensors"
    found = []
    for file in (tmp_path / "others.safetensors", ours):
        words = (plan, "--from", file, "--steps", 3, "--json", "run.json", "--run-dir", "again", "--quiet")
        assert run("brainrun", *words, folder=tmp_path).returncode == 0
        found.append(json.loads((tmp_path / "run.json").read_text()))
    assert found[0]["loss_by_step"] == found[1]["loss_by_step"]
    assert found[0]["parameters_sha256"] == found[1]["parameters_sha256"]
