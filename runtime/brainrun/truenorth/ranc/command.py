"""`brainrun net.json --ranc config.json`: run a network of RANC's, and write the rows that RANC would write."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from os import environ
from pathlib import Path

import msgspec

from brainrun.errors import RunError
from brainrun.kernels import cache_folder
from brainrun.truenorth.ranc.files import Config, NetworkFile, content_of, decoded
from brainrun.truenorth.ranc.network import circuit_of, grid_of
from brainrun.truenorth.ranc.packets import input_of
from brainrun.truenorth.ranc.rows import Marks, row_texts
from brainrun.truenorth.simulate import Outcome, Simulator

_EXAMPLE = """example:
  brainrun net.json --ranc config.json --ticks 1000 --output rows.txt --json run.json

exit status: 0 fine, 1 the input is at fault, 2 wrong usage
"""


def speaks_ranc(arguments: Sequence[str]) -> bool:
    """Whether a command line is meant for `run_ranc`."""
    return any(word == "--ranc" or word.startswith("--ranc=") for word in arguments)


def run_ranc(arguments: Sequence[str]) -> int:
    """Parse a command line that has `--ranc`, and run; the exit status. RunError where the files are at fault."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.network.suffix != ".json":
        parser.error(f"--ranc runs a network in a .json file, not {asked.network}")
    config = decoded(asked.ranc, content_of(asked.ranc), Config)
    network = decoded(asked.network, content_of(asked.network), NetworkFile)
    grid = grid_of(asked.network, network, config)
    circuit = circuit_of(network, grid)
    given = input_of(network.packets, grid, asked.ticks)
    with Simulator(circuit, threads=asked.threads, cache=cache_folder(environ)) as simulator:
        outcome = simulator.run(asked.ticks, given.arrivals)
    # A row shows what the bus held before its tick: the spikes of the tick before.
    sent = Marks(outcome.departures.ticks + 1, outcome.departures.pins)
    _write(asked.output, row_texts(asked.ticks, grid.outputs, (given.marks, sent)))
    if asked.json is not None:
        content = msgspec.json.format(msgspec.json.encode(_report(asked.ticks, outcome)), indent=1)
        _write(asked.json, (content, b"\n"))
    if not asked.quiet:
        speed = _speed(asked.ticks, outcome)
        print(f"{asked.ticks:,} ticks, {outcome.spikes:,} spikes, {speed:,.0f} ticks/s: {asked.output}")
    return 0


def _report(ticks: int, outcome: Outcome) -> dict[str, float]:
    return {
        "ticks": ticks,
        "ticks_per_second": _speed(ticks, outcome),
        "seconds": outcome.seconds,
        "spikes": outcome.spikes,
        "synaptic_events": outcome.synaptic_events,
    }


def _speed(ticks: int, outcome: Outcome) -> float:
    return ticks / max(outcome.seconds, 1e-9)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    try:
        with open(path, "wb") as stream:
            stream.writelines(pieces)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="brainrun",
        description="Run a network in RANC's JSON, and write its output bus as RANC does: a row of 0 and 1 a tick.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("network", type=Path, metavar="net.json", help="RANC's network, with packets, output_bus and cores")
    add("--ranc", type=Path, required=True, metavar="CONFIG", help="RANC's configuration")
    add("--ticks", type=_positive, required=True, metavar="N", help="how many ticks to run")
    add("--output", type=Path, required=True, metavar="FILE", help="where the rows go")
    add("--json", type=Path, metavar="FILE", help="write speed and spikes as one JSON object")
    add("--threads", type=_positive, default=1, metavar="T", help="threads (default: 1)")
    add("--quiet", action="store_true", help="print errors only")
    return parser


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value
