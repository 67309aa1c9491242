"""A rank's memory is its arena, its data and the interpreter, and stays so. benchmarks/memory.py prints it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.mpi.harness import ROOT

from .running import LENET, MLP, compiled, run

IDX = """idx(images="images.gz", labels="labels.gz")
    image  = images | rescale(1/255)
    label  = labels"""
SAMPLES = 20_000


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), compresslevel=1))


@pytest.mark.parametrize("text", [MLP.replace("dense(128)", "dense(1024)"), LENET], ids=["mlp", "lenet"])
def test_training_takes_little_more_than_its_arena_and_its_data(text: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    write_idx(tmp_path / "images.gz", random.integers(0, 40, (SAMPLES, 28, 28), np.uint8))
    write_idx(tmp_path / "labels.gz", random.integers(0, 10, SAMPLES, np.uint8))
    plan = compiled(text.replace("synthetic(count=1000, seed=1)", IDX), tmp_path, 1, 1)
    assert run("brainrun", plan, "--steps", 1, "--run-dir", "out", folder=tmp_path).returncode == 0
    script = ROOT / "benchmarks" / "memory.py"
    ended = subprocess.run(
        [sys.executable, str(script), "--one", str(plan)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = json.loads(ended.stdout)
    stated = json.loads((plan / "plan.json").read_text())["programs"][0]["arena_bytes"]
    reported = json.loads(run("brainc", "report", plan, "--json", folder=tmp_path).stdout)["ranks"]
    assert found["arena"] == stated
    assert f"{stated}" in json.dumps(reported)
    assert found["data"] >= SAMPLES * 785
    assert found["training"] <= 1.15 * (found["interpreter"] + found["arena"] + found["data"])
    assert found["at the end"] - found["training"] < 256 * 1024
