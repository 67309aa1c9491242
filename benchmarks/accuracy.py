"""Does a network learn as well when its gradients are made small? Test accuracy under each scheme, beside `sum`.

    python benchmarks/accuracy.py [--networks mlp lenet] [--replicas 2 4] [--seeds 1 2 3] [--epochs N]
                                  [--schemes sum onebit "[adaptive(density=1/64) for dense, sum]" …]
                                  [--set momentum=0.9] [--results FILE] [--write PAGE]

Trains networks/fashion_NETWORK.brain on Fashion-MNIST (`--data-dir`) with every scheme, number of replicas and seed,
for equal epochs, and prints a table: the last epoch's test accuracy as the mean over the seeds ± their standard
deviation, the difference from `sum` in points with the standard error of the seeds' differences, and what a rank sent
in a step, on average, warm-up included. Half-way the rate falls to a tenth, lest the noise of the last steps hide what
is asked. `--epochs` trains for another while than the files say, and `--set` gives the networks another `rate` or
`momentum`. The network `digits` is the example of that name, for trying the command out. `--write` puts the table into
a page's place `accuracy`.

Results are kept in `--results` as they come: what is there is not trained again. Take another file after a change.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

from brainc.reductions.table import names
from brainc.report.schemes import placed

HERE = Path(__file__).parent
FASHION = Path("/usr/share/datasets/fashion-mnist")
NETWORKS: Mapping[str, Path] = {
    "mlp": HERE / "networks" / "fashion_mlp.brain",
    "lenet": HERE / "networks" / "fashion_lenet.brain",
    "digits": HERE.parent / "examples" / "digits.brain",
}
NUMBERS: Mapping[str, str] = {
    "adaptive": "adaptive(density=1/64)",
    "golomb": "golomb(density=1/1000)",
    "lowrank": "lowrank(rank=8)",
}
"""The numbers with which a scheme that takes some is tried."""

TAUS: Mapping[str, float] = {"mlp": 0.005, "lenet": 0.01, "digits": 0.01}
"""How large an entry is worth sending differs from network to network."""


@dataclass(frozen=True)
class Run:
    """What is trained; `epochs` is how long, None for what the network's file says.

    settings: what `--set` gave, as `name=value` with spaces between.
    """

    network: str
    replicas: int
    scheme: str
    seed: int
    epochs: int | None = None
    settings: str = ""


@dataclass(frozen=True)
class Result:
    """What came of it: the test accuracy after the last epoch, and the bytes a rank sent in a step, on average."""

    accuracy: float
    bytes_a_step: float


class Results:
    """All results so far, and the file that has them. State: grows with each `add`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.of_run: dict[Run, Result] = {}
        if path.exists():
            for entry in json.loads(path.read_text(encoding="utf-8")):
                self.of_run[Run(**entry["run"])] = Result(**entry["result"])

    def add(self, run: Run, result: Result) -> None:
        """Keep one more; the file is whole at any time."""
        self.of_run[run] = result
        entries = [{"run": asdict(run), "result": asdict(result)} for run, result in self.of_run.items()]
        written = self.path.with_name(f"{self.path.name}.new")
        written.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
        os.replace(written, self.path)


def schemes(network: str) -> list[str]:
    """All that the language has, as a user writes them for this network."""
    numbers = {**NUMBERS, "threshold": f"threshold(tau={TAUS[network]:g})"}
    return [numbers.get(name, name) for name in names()]


def trained(run: Run, folder: Path, data: Path) -> Result:
    """Compile and train. Raises CalledProcessError where one of the two commands fails."""
    plan, report = folder / "net.plan", folder / "run.json"
    compiling = [str(NETWORKS[run.network]), "-o", str(plan), "--data", str(run.replicas), "--model", "1"]
    compiling += ["--reduce", run.scheme]
    if run.network != "digits":
        compiling += ["--data-dir", str(data)]
    for setting in run.settings.split():
        compiling += ["--set", setting]
    _run("brainc", "compile", *compiling)
    training = [str(plan), "--seed", str(run.seed), "--run-dir", str(folder / "run")]
    if run.epochs is not None:
        training += ["--epochs", str(run.epochs)]
    _run("brainrun", *training, "--json", str(report), "--quiet")
    found = json.loads(report.read_text(encoding="utf-8"))
    return Result(found["epochs"][-1]["test"]["accuracy"], statistics.mean(found["bytes_sent"]) / found["steps"])


def _run(program: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", f"{program}.cli", *arguments], check=True, capture_output=True, text=True)


def table(results: Mapping[Run, Result]) -> str:
    """The results in Markdown, a row for each network, number of replicas and scheme."""
    lines = [
        "| network | replicas | scheme | seeds | test accuracy | difference from `sum` | bytes a step | `sum` ÷ |",
        "| --- | --: | --- | --: | --: | --: | --: | --: |",
    ]
    for kind in dict.fromkeys(replace(run, seed=0) for run in results):
        network, replicas, scheme = kind.network, kind.replicas, kind.scheme
        own, plain = (
            {run.seed: result for run, result in results.items() if replace(run, seed=0) == each}
            for each in (kind, replace(kind, scheme="sum"))
        )
        sent = statistics.mean(result.bytes_a_step for result in own.values())
        ratio = statistics.mean(result.bytes_a_step for result in plain.values()) / sent if plain else None
        accuracy = _mean([100 * result.accuracy for result in own.values()], statistics.stdev)
        seeds = [seed for seed in own if seed in plain] if scheme != "sum" else []
        pairs = [100 * (own[seed].accuracy - plain[seed].accuracy) for seed in seeds]
        lines.append(
            f"| {network} | {replicas} | `{scheme}` | {len(own)} | {accuracy} % | {_mean(pairs, _standard_error, '+')} "
            f"| {sent:,.0f} | {'' if ratio is None else f'{ratio:.1f}'} |"
        )
    return "\n".join(lines) + "\n"


def _mean(values: Sequence[float], spread: Callable[[Sequence[float]], float], sign: str = "") -> str:
    """The mean ± the spread, where there are several."""
    if not values:
        return ""
    mean = f"{statistics.mean(values):{sign}.2f}"
    return f"{mean} ± {spread(values):.2f}" if len(values) > 1 else mean


def _standard_error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values))


def main() -> int:
    """Train all that is asked for and not in the results yet, and print the table; 1 where a run failed."""
    asked = _parser().parse_args()
    results = Results(asked.results)
    wanted = [
        Run(network, replicas, scheme, seed, asked.epochs, " ".join(asked.set))
        for network, replicas in itertools.product(asked.networks, asked.replicas)
        for scheme, seed in itertools.product(asked.schemes or schemes(network), asked.seeds)
    ]
    failed = 0
    for number, run in enumerate(wanted, 1):
        if run in results.of_run:
            continue
        began = perf_counter()
        try:
            with tempfile.TemporaryDirectory() as name:
                result = trained(run, Path(name), asked.data_dir)
        except subprocess.CalledProcessError as error:
            failed += 1
            said = f"failed\n{error.stderr.rstrip()}"
        else:
            results.add(run, result)
            said = f"{100 * result.accuracy:.2f} %, {result.bytes_a_step:,.0f} bytes a step"
        what = f"{run.network} × {run.replicas}, {run.scheme}, seed {run.seed}"
        print(f"{number}/{len(wanted)} {what}: {said} ({perf_counter() - began:.0f} s)", file=sys.stderr, flush=True)
    text = table({run: results.of_run[run] for run in wanted if run in results.of_run})
    print(text, end="")
    if asked.write is not None:
        page = asked.write.read_text(encoding="utf-8")
        asked.write.write_text(placed(page, "accuracy", text), encoding="utf-8")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["mlp", "lenet"])
    parser.add_argument("--replicas", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--schemes", nargs="+", metavar="SCHEME", help=f"default: {', '.join(schemes('mlp'))}")
    parser.add_argument("--epochs", type=int, help="otherwise as the networks' files say")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="constants of the networks")
    parser.add_argument("--data-dir", type=Path, default=FASHION)
    parser.add_argument("--results", type=Path, metavar="FILE", default=Path("accuracy.json"))
    parser.add_argument("--write", type=Path, metavar="PAGE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
