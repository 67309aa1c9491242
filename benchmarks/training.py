"""Training speed beside PyTorch on the same cores, in turns, so that a noisy machine is noisy for both.

    python benchmarks/training.py --torch-python /path/to/python-with-torch [--rounds 5] [--cores 1 2] [NETWORK…]

PyTorch has as many threads as there are cores, which is its best configuration on these networks (its distributed
training over gloo is slower on one machine); brainrun has one rank with as many threads. Prints a row for each network
and number of cores: samples/s as the median over the rounds, and the ratio as the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
NETWORKS = ("mlp", "lenet", "autoencoder")
STEPS = {"mlp": 150, "lenet": 200, "autoencoder": 500}
GOALS = {("mlp", 1): 1.2, ("mlp", 2): 1.4, ("lenet", 1): 2.5, ("lenet", 2): 2.0}
GOAL_OF_AUTOENCODER = 1.5


def ours(plan: Path, network: str, cores: int, folder: Path) -> float:
    """Samples a second of `brainrun --mode bench`, pinned to the first cores."""
    result = folder / "bench.json"
    command = [sys.executable, "-m", "brainrun.cli", str(plan), "--mode", "bench", "--quiet"]
    command += ["--threads", str(cores), "--steps", str(STEPS[network]), "--json", str(result)]
    command += ["--run-dir", str(folder / "run")]
    subprocess.run(command, check=True, preexec_fn=lambda: os.sched_setaffinity(0, range(cores)))
    return float(json.loads(result.read_text())["samples_per_second"])


def theirs(python: str, network: str, cores: int, seconds: float) -> float:
    """Samples a second of PyTorch, pinned to the same cores."""
    command = [python, str(HERE / "torch_peer.py"), network, "--threads", str(cores), "--seconds", str(seconds)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(cores)}
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, range(cores)),
    )
    return float(done.stdout)


def main() -> None:
    """Measure all that is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)}; all by default")
    parser.add_argument("--torch-python", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    print(f"{'network':<12} {'cores':>5} {'brainc':>8} {'PyTorch':>8} {'ratio':>6} {'range':>13} {'goal':>5}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for network in arguments.networks or NETWORKS:
            plan = folder / f"{network}.plan"
            source = HERE / "networks" / f"{network}.brain"
            command = [sys.executable, "-m", "brainc.cli", "compile", str(source), "-o", str(plan)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            for cores in arguments.cores:
                ours(plan, network, cores, folder)  # compiles the kernels
                pairs = [
                    (
                        ours(plan, network, cores, folder),
                        theirs(arguments.torch_python, network, cores, arguments.seconds),
                    )
                    for _ in range(arguments.rounds)
                ]
                ratios = sorted(mine / other for mine, other in pairs)
                mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
                goal = GOALS.get((network, cores), GOAL_OF_AUTOENCODER)
                spread = f"{ratios[0]:.2f} … {ratios[-1]:.2f}"
                print(
                    f"{network:<12} {cores:>5} {mine:>8,.0f} {other:>8,.0f} {statistics.median(ratios):>6.2f} "
                    f"{spread:>13} {goal:>5}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
