"""Potentials that last start again with each sample on all ranks alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.brainc.test_export_nir import lasting
from tests.mpi.harness import launcher

nir = pytest.importorskip("nir", reason="NIR graphs need the optional extra `nir`")

TICKS = 6


def run(folder: Path, program: str, *words: str) -> None:
    launcher()
    command = [sys.executable, "-m", f"{program}.cli", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ranks_give_the_scores_of_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    nir.write(tmp_path / "last.nir", lasting(rng))
    np.savez(tmp_path / "last.npz", **{"in": (rng.random((20, TICKS, 20)) < 0.4).astype(np.float32)})
    run(tmp_path, "brainc", "compile", "last.nir", "--target", "truenorth", "--ticks", str(TICKS))
    found = []
    for ranks in (1, 2, 3):
        words = ("--mode", "predict", "--run-dir", f"run{ranks}", "-n", str(ranks), "--quiet")
        run(tmp_path, "brainrun", "last.plan", *words)
        found.append(np.load(tmp_path / f"run{ranks}" / "out.npy"))
    assert len(np.unique(found[0], axis=0)) == 20
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
