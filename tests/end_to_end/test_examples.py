"""The examples are sound, and those on Fashion-MNIST learn from it where it is installed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from brainrun.errors import RunError
from brainrun.launch import find_launcher

from .command import ROOT, printed

EXAMPLES = sorted((ROOT / "examples").glob("*.brain"))
FASHION = Path("/usr/share/datasets/fashion-mnist")
needs_fashion = pytest.mark.skipif(not FASHION.is_dir(), reason="dataset-fashion-mnist is not installed")


def numbers_on_test_images(example: str, steps: int, folder: Path) -> dict[str, float]:
    """The losses and metrics on the test images after so many steps."""
    try:
        find_launcher()
    except RunError as error:
        pytest.skip(str(error))
    path = ROOT / "examples" / example
    words = ("--data-dir", FASHION, "--steps", str(steps), "--json", "run.json")
    printed("brainrun", path, *words, folder=folder, seconds=300)
    numbers: dict[str, float] = json.loads((folder / "run.json").read_text())["epochs"][-1]["test"]
    return numbers


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_sound_and_in_the_one_layout(path: Path) -> None:
    assert "is sound" in printed("brainc", "check", path, folder=ROOT)
    printed("brainc", "fmt", "--check", path, folder=ROOT)


@needs_fashion
@pytest.mark.parametrize(("example", "least"), [("lenet.brain", 0.6), ("mlp.brain", 0.6)])
def test_a_classifier_tells_fashion_apart_after_a_hundred_steps(example: str, least: float, tmp_path: Path) -> None:
    assert numbers_on_test_images(example, 100, tmp_path)["accuracy"] >= least


@needs_fashion
def test_the_autoencoder_soon_beats_the_mean_image(tmp_path: Path) -> None:
    train, test = (
        np.frombuffer(gzip.decompress((FASHION / f"{part}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
        for part in ("train", "t10k")
    )
    mean = train.reshape(-1, 784).mean(axis=0) / 255
    error_of_mean = float(((test.reshape(-1, 784) / 255 - mean) ** 2).mean())
    assert numbers_on_test_images("autoencoder.brain", 100, tmp_path)["objective"] < 0.7 * error_of_mean
