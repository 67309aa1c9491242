"""How fast are neurosynaptic cores simulated? A full chip, a sweep of firing rates, one of sizes, and a board of chips.

    python benchmarks/truenorth.py [--sweeps chip rates cores board] [--rounds 5] [--seconds 1]
                                   [--results FILE] [--write docs/truenorth.md] [--plot docs/truenorth_rates.svg]

The networks are random: each neuron has 128 synapses on average, of weights 1 and -1 in equal parts, and sends its
spikes to an axon of any core, 1 to 15 ticks later. A leak of 1 and a threshold of 1,000 ÷ rate make it fire, each
neuron from a phase of its own; at 0 Hz there is no leak. Thresholds may have random bits, which makes every core draw
256 numbers a tick. All neurons have parameters of the same few kinds, as those of trained networks do, so that they
take little memory; crossbars, potentials and targets are each core's own.

Prints Markdown tables with ticks/s as the median and the best over the rounds; the mean rate and the synaptic events
(active axons × the synapses on them) are counted, not set. `--write` puts them into the page's place of each sweep, and
`--plot` draws the sweep of rates (with the extra `plots`). Results are kept in `--results` as they come: what is there
is not measured again. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from brainc.report.schemes import placed
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.graph import Core, CoreGraph, Neuron
from brainrun.truenorth.limits import AXONS, CHIP_SIDE, DELAYS, NEURONS, SECONDS_PER_TICK
from brainrun.truenorth.simulate import Simulator

CHIP = CHIP_SIDE * CHIP_SIDE
BOARD_SIDE = 4
RATE = 20.0
RANDOM_BITS = 4
"""Of thresholds, in networks that have random ones: at 20 Hz they vary from 50 to 65."""

WARM_UP_TICKS = 2 * len(DELAYS)


@dataclass(frozen=True)
class Case:
    """A network, and with how many threads it runs. rate: in Hz, what the leak makes of a neuron without input."""

    cores: int
    rate: float
    random_bits: int
    threads: int


@dataclass(frozen=True)
class Result:
    """What came of it; `rate` in Hz and `events` a neuron and tick as counted, `ready_seconds` till the first tick."""

    ticks_per_second: float
    best: float
    rate: float
    events: float
    ready_seconds: float


def network(cores: int, rate: float, random_bits: int, seed: int = 1) -> CoreGraph:
    """A random network whose neurons fire so often by their leak alone, with 128 synapses each on average."""
    numbers = np.random.default_rng(seed)
    period = round(1 / (SECONDS_PER_TICK * rate)) if rate else 1
    kinds = tuple(
        Neuron(
            (1, -1, 1, -1),
            period,
            floor=20,
            leak=1 if rate else 0,
            saturates_at_floor=True,
            threshold_bits=random_bits,
            potential=phase,
        )
        for phase in range(period)
    )
    side = CHIP_SIDE * (BOARD_SIDE if cores > CHIP else 1)
    types = (np.arange(AXONS) % 2).astype(np.uint8).tobytes()
    made = tuple(
        Core(
            x=number % side,
            y=number // side,
            types_bytes=types,
            crossbar_bytes=numbers.bytes(AXONS * NEURONS // 8),
            kinds_bytes=numbers.integers(0, period, NEURONS, np.uint16).tobytes(),
            target_cores_bytes=numbers.integers(0, cores, NEURONS, np.int32).tobytes(),
            target_axons_bytes=numbers.permutation(AXONS).astype(np.uint16).tobytes(),
            delays_bytes=numbers.integers(DELAYS.start, DELAYS.stop, NEURONS, np.uint8).tobytes(),
        )
        for number in range(cores)
    )
    chips = side // CHIP_SIDE
    return CoreGraph(kinds, made, chips=(chips, chips), seed=seed)


def measured(cases: Sequence[Case], rounds: int, seconds: float) -> Iterator[tuple[Case, Result]]:
    """Cases of one network, with as many ticks a round as take so long."""
    first = cases[0]
    whole = circuit(network(first.cores, first.rate, first.random_bits))
    for case in cases:
        began = perf_counter()
        with Simulator(whole, threads=case.threads) as simulator:
            ready = perf_counter() - began
            probe = simulator.run(WARM_UP_TICKS)
            ticks = max(10, round(seconds * WARM_UP_TICKS / probe.seconds))
            outcomes = [simulator.run(ticks) for _ in range(rounds)]
        speeds = [ticks / outcome.seconds for outcome in outcomes]
        neuron_ticks = case.cores * NEURONS * ticks * rounds
        yield (
            case,
            Result(
                statistics.median(speeds),
                max(speeds),
                sum(outcome.spikes for outcome in outcomes) / (neuron_ticks * SECONDS_PER_TICK),
                sum(outcome.synaptic_events for outcome in outcomes) / neuron_ticks,
                ready,
            ),
        )


SWEEPS: Mapping[str, tuple[Case, ...]] = {
    "chip": tuple(Case(CHIP, RATE, bits, threads) for bits in (0, RANDOM_BITS) for threads in (1, 2)),
    "rates": tuple(Case(CHIP, rate, 0, 2) for rate in (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)),
    "cores": tuple(Case(cores, RATE, 0, threads) for cores in (1, 16, 256, 1024, CHIP) for threads in (1, 2)),
    "board": tuple(
        Case(CHIP * BOARD_SIDE**2, RATE, bits, threads) for bits, threads in ((0, 1), (0, 2), (RANDOM_BITS, 2))
    ),
}
"""What is measured; cases of one network stand one after the other."""


def table(cases: Sequence[Case], results: Mapping[Case, Result]) -> str:
    """Results as Markdown, a row a case."""
    head = ["cores", "thresholds", "threads", "mean rate", "events a neuron and tick", "ms a tick"]
    head += ["ticks/s, median", "ticks/s, best", "events/s", "ready in"]
    rows = [head, ["--:", "---", *["--:"] * (len(head) - 2)]]
    for case in cases:
        if case not in results:
            continue
        found = results[case]
        rows.append(
            [
                f"{case.cores:,}",
                "random" if case.random_bits else "fixed",
                f"{case.threads}",
                f"{found.rate:.1f} Hz",
                f"{found.events:.2f}",
                f"{1e3 / found.ticks_per_second:.3g}",
                f"{found.ticks_per_second:,.0f}",
                f"{found.best:,.0f}",
                f"{found.events * case.cores * NEURONS * found.ticks_per_second / 1e9:.2f} · 10⁹",
                f"{found.ready_seconds:.1f} s",
            ]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def plot(path: Path, results: Mapping[Case, Result]) -> None:
    """Draw milliseconds a tick by mean rate, both by powers of ten. SystemExit: there is nothing to draw it with."""
    try:
        import matplotlib
    except ImportError:
        raise SystemExit("--plot needs matplotlib, which is not installed: pip install 'brainc[plots]'") from None
    from matplotlib.figure import Figure

    matplotlib.rcParams.update({"svg.hashsalt": "brainc", "svg.fonttype": "none", "font.family": "sans-serif"})
    found = [results[case] for case in SWEEPS["rates"] if case in results]
    silent = [1e3 / result.ticks_per_second for result in found if not result.rate]
    busy = [(result.rate, 1e3 / result.ticks_per_second) for result in found if result.rate]
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.loglog(*zip(*busy, strict=True), marker="o", color="#1f6fb2", label="a chip of 4,096 cores, simulated")
    for milliseconds in silent:
        axes.axhline(milliseconds, color="#1f6fb2", linestyle=":", label="the same at 0 Hz")
    axes.axhline(1e3 * SECONDS_PER_TICK, color="#666666", linestyle="--", label="the chip itself")
    axes.set(xlabel="mean rate of the neurons, Hz", ylabel="ms a tick")
    axes.grid(visible=True, which="major", color="#dddddd")
    axes.legend(frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None})


def kept(path: Path) -> dict[Case, Result]:
    """What the file has."""
    if not path.exists():
        return {}
    entries = json.loads(path.read_text(encoding="utf-8"))
    return {Case(**entry["case"]): Result(**entry["result"]) for entry in entries}


def keep(path: Path, results: Mapping[Case, Result]) -> None:
    """Write the file; it is whole at any time."""
    entries = [{"case": asdict(case), "result": asdict(result)} for case, result in results.items()]
    written = path.with_name(f"{path.name}.new")
    written.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    os.replace(written, path)


def networks_of(cases: Sequence[Case]) -> list[list[Case]]:
    """The cases, those of one network together."""
    found: dict[tuple[int, float, int], list[Case]] = {}
    for case in cases:
        found.setdefault((case.cores, case.rate, case.random_bits), []).append(case)
    return list(found.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all that is asked for and not in the results yet, and print the tables."""
    asked = _parser().parse_args(arguments)
    results = kept(asked.results)
    for sweep in asked.sweeps:
        missing = [case for case in SWEEPS[sweep] if case not in results]
        for cases in networks_of(missing):
            for case, result in measured(cases, asked.rounds, asked.seconds):
                results[case] = result
                keep(asked.results, results)
                print(f"{sweep}: {case}: {result.ticks_per_second:,.0f} ticks/s", file=sys.stderr, flush=True)
    for sweep in asked.sweeps:
        text = table(SWEEPS[sweep], results)
        print(f"{sweep}\n\n{text}")
        if asked.write is not None:
            page = asked.write.read_text(encoding="utf-8")
            asked.write.write_text(placed(page, f"speed of {sweep}", text), encoding="utf-8")
    if asked.plot is not None:
        plot(asked.plot, results)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", nargs="+", choices=SWEEPS, default=list(SWEEPS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="a round, about")
    parser.add_argument("--results", type=Path, metavar="FILE", default=Path("truenorth.json"))
    parser.add_argument("--write", type=Path, metavar="PAGE")
    parser.add_argument("--plot", type=Path, metavar="SVG")
    return parser


if __name__ == "__main__":
    sys.exit(main())
