"""Training speed of replicas on one machine, who exchange gradients through shared memory, beside PyTorch's DDP.

    python -m benchmarks.replicas --torch-python /path/to/python-with-torch [--replicas 2] [--rounds 5]
                                  [--schemes sum] [NETWORK…]

Each replica has one core and one thread, and its share of the same mini-batch; DDP exchanges through gloo. They take
turns, so that a noisy machine is noisy for both. Prints a row for each network and scheme: samples/s of all replicas
together as the median over the rounds, and the ratio as the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.links.contenders import Failed, finished

HERE = Path(__file__).parent
STEPS = {"mlp": 200, "lenet": 400, "autoencoder": 800}
GOAL = 1.3
"""Our `sum` should be so many times as fast as DDP."""
_PORT = "29501"
_PATIENCE = 300.0


def compiled(network: str, scheme: str, replicas: int, folder: Path) -> Path:
    """The network's plan for so many replicas."""
    plan = folder / f"{network}-{len(list(folder.iterdir()))}.plan"
    command = [
        sys.executable,
        "-m",
        "brainc.cli",
        "compile",
        str(HERE / "networks" / f"{network}.brain"),
        "-o",
        str(plan),
    ]
    finished([[*command, "--data", str(replicas), "--model", "1", "--reduce", scheme]], _PATIENCE)
    return plan


def ours(plan: Path, steps: int, folder: Path) -> float:
    """Samples a second of `brainrun --mode bench`."""
    result = folder / "bench.json"
    command = [sys.executable, "-m", "brainrun.cli", str(plan), "--mode", "bench", "--quiet", "--threads", "1"]
    finished(
        [[*command, "--steps", str(steps), "--json", str(result), "--run-dir", str(folder / "run")]],
        _PATIENCE,
    )
    return float(json.loads(result.read_text(encoding="utf-8"))["samples_per_second"])


def theirs(python: str, network: str, replicas: int, steps: int) -> float:
    """Samples a second of DDP, each process on a core of its own."""
    world = {"WORLD_SIZE": replicas, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _PORT, "OMP_NUM_THREADS": 1}
    commands = []
    for rank, core in zip(range(replicas), sorted(os.sched_getaffinity(0)), strict=False):
        settings = [f"{name}={value}" for name, value in {**world, "RANK": rank}.items()]
        pinned = ["env", *settings, "taskset", "-c", str(core)]
        commands.append([*pinned, python, str(HERE / "torch_peer.py"), network, "--steps", str(steps)])
    return float(finished(commands, _PATIENCE)[0])


def main() -> None:
    """Measure all that is asked for and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replicas", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(STEPS)}; all by default")
    parser.add_argument("--torch-python", required=True)
    parser.add_argument("--replicas", type=int, default=2, help="at most as many as there are cores")
    parser.add_argument("--schemes", nargs="+", default=["sum"], metavar="SCHEME", help="as for --reduce")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.replicas > len(os.sched_getaffinity(0)):
        parser.error(f"{arguments.replicas} replicas want as many cores, and there are {len(os.sched_getaffinity(0))}")
    print("| network | scheme | brainc | PyTorch DDP | ratio | range |")
    print("| --- | --- | --: | --: | --: | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for network in arguments.networks or STEPS:
            for scheme in arguments.schemes:
                plan = compiled(network, scheme, arguments.replicas, folder)
                ours(plan, 10, folder)  # compiles the kernels
                pairs = [
                    (
                        ours(plan, STEPS[network], folder),
                        theirs(arguments.torch_python, network, arguments.replicas, STEPS[network]),
                    )
                    for _ in range(arguments.rounds)
                ]
                ratios = sorted(mine / other for mine, other in pairs)
                mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
                row = (
                    f"{mine:,.0f} | {other:,.0f} | {statistics.median(ratios):.2f} | {ratios[0]:.2f} … {ratios[-1]:.2f}"
                )
                print(f"| {network} | `{scheme}` | {row} |", flush=True)
    if "sum" in arguments.schemes:
        print(f"\nThe goal of `sum` is {GOAL} times DDP.")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"replicas: {failure}")
