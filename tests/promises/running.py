"""Compiling and training small networks from the command line, as a user does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from tests.mpi.harness import ROOT, launcher

DIGITS = ROOT / "examples" / "digits.brain"

NETWORK = """network net {{
    input image: f32[{shape}]
    input label: class[10]

    logits = {layers} | dense(10)

    loss   objective = cross_entropy(logits, label)
    metric accuracy  = top1(logits, label)
    output scores    = logits
}}

data train {{
    source = synthetic(count=1000, seed=1)
}}

data test {{
    source = synthetic(count=77, seed=2)
}}

train {{
    batch     = {batch}
    epochs    = 1
    optimizer = momentum(rate=0.01, momentum=0.9)
    seed      = 7
}}
"""

MLP = NETWORK.format(shape="1, 28, 28", layers="image | dense(128) | relu | dense(128) | relu", batch=128)
LENET = NETWORK.format(
    shape="1, 28, 28",
    layers="image | conv(20, kernel=5) | relu | maxpool(2) | conv(50, kernel=5) | relu | maxpool(2)"
    " | dense(500) | relu",
    batch=128,
)


def command(program: str, *words: object) -> list[str]:
    """`brainc …` or `brainrun …` of this environment."""
    return [sys.executable, "-m", f"{program}.cli", *map(str, words)]


def run(
    program: str, *words: object, folder: Path, under: Sequence[str] = (), seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, under a launcher where one is given; its status and what it said."""
    return subprocess.run(
        [*under, *command(program, *words)], cwd=folder, capture_output=True, text=True, timeout=seconds, check=False
    )


def compiled(text: str, folder: Path, data: int, model: int) -> Path:
    """The plan of a network for a mesh. Skips the test where there is no MPI for it."""
    if data * model > 1:
        launcher()
    source = folder / "net.brain"
    source.write_text(text, encoding="utf-8")
    plan = folder / f"net-{data}x{model}.plan"
    ended = run("brainc", "compile", source, "-o", plan, "--data", data, "--model", model, folder=folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    return plan


@dataclass(frozen=True)
class Trained:
    """What came of a training."""

    report: dict[str, Any]
    weights: dict[str, npt.NDArray[np.float32]]

    @property
    def losses(self) -> list[float]:
        """The objective of each step."""
        found: list[float] = self.report["loss_by_step"]
        return found

    def same_bits(self, other: Trained) -> bool:
        """Whether losses and weights are the other's to the last bit."""
        mine, theirs = (run.report["parameters_sha256"] for run in (self, other))
        return bool(mine == theirs and self.losses == other.losses)


def trained(plan: Path, *words: object) -> Trained:
    """Train, quietly and without complaint."""
    folder = plan.parent
    out = folder / f"out-{plan.stem}"
    ended = run("brainrun", plan, "--quiet", "--run-dir", out, "--json", "run.json", *words, folder=folder, seconds=300)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", "")
    return Trained(json.loads((folder / "run.json").read_text()), load_file(out / "weights.safetensors"))


def assert_close(found: Trained, expected: Trained) -> None:
    """Losses within 1e-4, and every parameter tensor within 1e-3 of its length."""
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-4)
    assert found.weights.keys() == expected.weights.keys()
    for name, tensor in expected.weights.items():
        assert np.linalg.norm(found.weights[name] - tensor) <= 1e-3 * np.linalg.norm(tensor), name
