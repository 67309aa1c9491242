"""Do a network's numbers depend on the mesh? The same training on several meshes, beside that of one rank.

    python benchmarks/meshes.py [--steps 50] [--meshes 1x1 2x1 1x2 2x2 4x1 1x3] [mlp|lenet…]

Trains on Fashion-MNIST where it is installed (`--data-dir`), else on samples made up. Prints for each mesh the largest
relative difference of a step's loss from the first mesh's, the largest of a parameter tensor after the last step
(‖difference‖/‖tensor‖), and whether a second run gave the same losses and weights, bit for bit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

HERE = Path(__file__).parent
MADE_UP = "source = synthetic(count=2048, seed=1)"
FASHION = """source = idx(images="train-images-idx3-ubyte.gz", labels="train-labels-idx1-ubyte.gz")
    image  = images | rescale(1/255)
    label  = labels"""


@dataclass(frozen=True)
class Run:
    """What came of a training."""

    losses: npt.NDArray[np.float64]
    weights: dict[str, npt.NDArray[np.float32]]
    sha256: str

    def same_bits(self, other: Run) -> bool:
        """Whether it is the other to the last bit."""
        return self.sha256 == other.sha256 and np.array_equal(self.losses, other.losses)

    def loss_difference(self, other: Run) -> float:
        """The largest relative difference of a step's loss."""
        return float(np.max(np.abs(self.losses / other.losses - 1)))

    def weight_difference(self, other: Run) -> tuple[float, str]:
        """The largest ‖difference‖/‖tensor‖, and the tensor's name."""
        return max(
            (float(np.linalg.norm(tensor - other.weights[name]) / np.linalg.norm(other.weights[name])), name)
            for name, tensor in self.weights.items()
        )


def compiled(network: str, mesh: str, folder: Path, data: Path) -> Path:
    """The plan of a network for a mesh such as 2x1: data × model."""
    source = folder / f"{network}.brain"
    text = (HERE / "networks" / f"{network}.brain").read_text(encoding="utf-8")
    source.write_text(text.replace(MADE_UP, FASHION) if data.is_dir() else text, encoding="utf-8")
    plan = folder / f"{network}-{mesh}.plan"
    of_data, of_model = mesh.split("x")
    command = [sys.executable, "-m", "brainc.cli", "compile", str(source), "-o", str(plan)]
    subprocess.run([*command, "--data", of_data, "--model", of_model], check=True, stdout=subprocess.DEVNULL)
    return plan


def trained(plan: Path, steps: int, folder: Path, data: Path) -> Run:
    """Train a plan for so many steps from its seed."""
    command = [sys.executable, "-m", "brainrun.cli", str(plan), "--steps", str(steps), "--quiet"]
    command += ["--run-dir", str(folder / "run"), "--json", str(folder / "run.json")]
    command += ["--data-dir", str(data)] if data.is_dir() else []
    subprocess.run(command, check=True)
    report = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    weights = load_file(folder / "run" / "weights.safetensors")
    return Run(np.array(report["loss_by_step"]), weights, report["parameters_sha256"])


def main() -> None:
    """Train on all meshes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["mlp", "lenet"], metavar="NETWORK")
    parser.add_argument("--meshes", nargs="+", default=["1x1", "2x1", "1x2", "2x2", "4x1", "1x3"])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--data-dir", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    arguments = parser.parse_args()
    print(f"{'network':<8} {'mesh':>5} {'last loss':>10} {'losses':>9} {'weights':>9}  {'tensor':<22} again")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for network in arguments.networks:
            first: Run | None = None
            for mesh in arguments.meshes:
                plan = compiled(network, mesh, folder, arguments.data_dir)
                once, again = (trained(plan, arguments.steps, folder, arguments.data_dir) for _ in range(2))
                first = first or once
                worst, tensor = once.weight_difference(first)
                same = "same bits" if once.same_bits(again) else "DIFFERS"
                numbers = f"{once.losses[-1]:10.6f} {once.loss_difference(first):9.1e} {worst:9.1e}"
                print(f"{network:<8} {mesh:>5} {numbers}  {tensor:<22} {same}", flush=True)


if __name__ == "__main__":
    main()
