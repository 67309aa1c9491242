"""How many ticks a second does a network of RANC's take here, and in RANC's own simulator?

    python benchmarks/ranc.py [--ranc-simulator PATH] [--ticks N] [--rounds N] [--folder DIR]

Makes a network and its configuration: 16 cores of 256 axons and 256 neurons in a grid of 4 × 4, and the output bus in a
row of its own; every synapse there with probability 1/2, about 80 spikes a tick from outside and as many inside, and
each neuron's spikes to an axon that no other neuron speaks to, or out. Runs `brainrun … --ranc` on it and, given the
path of RANC's simulator (https://github.com/UA-RCL/RANC, simulator/), that one too, on the same files and for as many
ticks. Fails where the rows differ by a byte. Counted are ticks only, not reading and compiling: `ticks_per_second` of
ours, and for RANC the time from its "Starting simulation" to its end. Each is the best of all rounds: neighbours on the
machine only ever slow it. RANC's grid is a rectangle, so RANC simulates the three places beside the bus as cores too;
the last line leaves them out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

SIDE = 4
CORES = SIDE * SIDE
SIZE = 256
OUTPUTS = 256
INPUT_SPIKES = 80
BUS = (0, SIDE)
EMPTY = SIDE - 1
"""Places beside the bus."""

Json: TypeAlias = dict[str, Any]


def configuration() -> Json:
    """RANC's configuration for the network."""
    return {
        "num_neurons": SIZE,
        "num_axons": SIZE,
        "num_cores_x": SIDE,
        "num_cores_y": SIDE + 1,
        "num_weights": 4,
        "max_tick_offset": 16,
        "neuron_block_trace_verbosity": 0,
        "core_controller_trace_verbosity": 0,
        "scheduler_trace_verbosity": 0,
        "neuron_reset_type": 0,
    }


def network(random: np.random.Generator, ticks: int) -> Json:
    """A random network, with input for so many ticks."""
    # Neuron n of all speaks to axon n of all in a shuffled order, so that no two meet; the first stand for outputs.
    targets = random.permutation(CORES * SIZE)
    return {
        "packets": [[_packet(random) for _ in range(random.poisson(INPUT_SPIKES))] for _ in range(ticks)],
        "output_bus": {"coordinates": BUS, "num_outputs": OUTPUTS},
        "cores": [_core(random, number, targets[number * SIZE : (number + 1) * SIZE]) for number in range(CORES)],
    }


def _place(core: int) -> tuple[int, int]:
    return core % SIDE, core // SIDE


def _packet(random: np.random.Generator) -> Json:
    core, axon = random.integers((CORES, SIZE)).tolist()
    return {"destination_core": _place(core), "destination_axon": axon, "destination_tick": 0}


def _core(random: np.random.Generator, number: int, targets: np.ndarray[Any, np.dtype[np.int64]]) -> Json:
    x, y = _place(number)
    return {
        "coordinates": (x, y),
        "axons": random.integers(0, 4, SIZE).tolist(),
        "neurons": [_neuron(random, x, y, target) for target in targets.tolist()],
        "connections": random.integers(0, 2, (SIZE, SIZE)).tolist(),
    }


def _neuron(random: np.random.Generator, x: int, y: int, target: int) -> Json:
    core, axon = divmod(target, SIZE)
    to_x, to_y = BUS if target < OUTPUTS else _place(core)
    return {
        "reset_potential": 0,
        "weights": (random.permutation([2, 1, -1, -2])).tolist(),
        "leak": 0,
        "positive_threshold": int(random.integers(14, 26)),
        "negative_threshold": -20,
        "destination_core_offset": (to_x - x, to_y - y),
        "destination_axon": axon,
        "destination_tick": int(random.integers(0, 15)),
        "current_potential": 0,
        "reset_mode": int(random.integers(0, 2)),
    }


def ours(folder: Path, ticks: int) -> Json:
    """One run of `brainrun`; what it reports."""
    command = [sys.executable, "-m", "brainrun.cli", "net.json", "--ranc", "config.json", "--ticks", str(ticks)]
    subprocess.run([*command, "--output", "ours.txt", "--json", "ours.json", "--quiet"], cwd=folder, check=True)
    report: Json = json.loads((folder / "ours.json").read_text())
    return report


def theirs(simulator: Path, folder: Path, ticks: int) -> float:
    """One run of RANC's simulator; its ticks a second."""
    command = [str(simulator.resolve()), "net.json", "theirs.txt", "config.json", str(ticks), "-r", str(ticks + 1)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        began = 0.0
        for line in process.stdout:
            if line.startswith(b"Starting simulation"):
                began = perf_counter()
        seconds = perf_counter() - began
    if process.returncode or not began:
        sys.exit(f"{simulator} failed with status {process.returncode}")
    return ticks / seconds


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranc-simulator", type=Path, metavar="PATH", help="RANC's simulator, built")
    parser.add_argument("--ticks", type=int, default=2000, help="how many ticks (default: 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="how many runs of each (default: 3)")
    parser.add_argument("--folder", type=Path, help="where the files go, and stay")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ranc-") as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        (folder / "net.json").write_text(json.dumps(network(np.random.default_rng(1), asked.ticks)))
        (folder / "config.json").write_text(json.dumps(configuration()))
        compare(folder, asked.ticks, asked.rounds, asked.ranc_simulator)


def compare(folder: Path, ticks: int, rounds: int, simulator: Path | None) -> None:
    """Run both on the folder's files, and print what came of it."""
    reports = [ours(folder, ticks) for _ in range(rounds)]
    best = max(reports, key=lambda report: float(report["ticks_per_second"]))
    spikes, events = best["spikes"] / ticks, best["synaptic_events"] / ticks
    print(f"{ticks} ticks of {CORES} cores, {spikes:.1f} spikes and {events:.0f} synaptic events a tick")
    print(f"brainrun     {best['ticks_per_second']:12,.0f} ticks/s  {1e6 / best['ticks_per_second']:10.2f} µs a tick")
    if simulator is None:
        return
    speed = max(theirs(simulator, folder, ticks) for _ in range(rounds))
    print(f"RANC         {speed:12,.1f} ticks/s  {1e6 / speed:10.2f} µs a tick")
    if (folder / "ours.txt").read_bytes() != (folder / "theirs.txt").read_bytes():
        sys.exit("the rows differ")
    ratio = best["ticks_per_second"] / speed
    print(f"equal rows, and {ratio:,.0f} times as fast")
    print(
        f"                {ratio * CORES / (CORES + EMPTY):,.0f} times, without the {EMPTY} empty places RANC simulates"
    )


if __name__ == "__main__":
    main()
