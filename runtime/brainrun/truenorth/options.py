"""What may be asked of a network on cores? The command line of `brainrun MODEL.json`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from brainrun.truenorth.limits import NEURONS

SUFFIX = ".json"
"""That of a core network's file; `brainrun` takes all other files for plans."""

OUTPUT_SUFFIXES = (".csv", ".sfcp")
PIN_SUFFIX = ".sfcp"
RASTER_SUFFIXES = (".csv", ".npy")
TRACE_SUFFIXES = (".csv",)

_OWN = ("spikes", "ticks", "output", "input_map", "output_map", "raster", "trace", "trace_output")
_TRACED = re.compile(r"(\d+):(\d+)(?:-(\d+))?")
_SHARED = ("plan", "ranks", "json", "quiet", "threads", "seed", "pipes", "show_live")


@dataclass(frozen=True, slots=True)
class CoreRun:
    """What a run of a core network is asked to do."""

    model: Path
    ticks: int
    spikes: Path | None = None
    output: Path | None = None
    input_map: Path | None = None
    output_map: Path | None = None
    raster: Path | None = None
    traced: tuple[tuple[int, int], ...] = ()
    """Neurons whose potentials are wanted, each a core and a neuron of it."""
    trace_output: Path | None = None
    json: Path | None = None
    threads: int | None = None
    """As many as the rank has cores where nothing is said."""
    seed: int = 0
    quiet: bool = False


def add_core_options(parser: argparse.ArgumentParser, positive: Callable[[str], int]) -> None:
    """Give the parser of `brainrun` the options that are for core networks alone."""
    add = parser.add_argument_group("networks on TrueNorth cores (model.json)").add_argument
    add("--spikes", type=Path, metavar="FILE", help="spikes that come in: IBM's .sfti, .sfci or .sfcp")
    add("--ticks", type=positive, metavar="N", help="simulate so many ticks")
    add(
        "--output",
        type=Path,
        metavar="FILE",
        help="write spikes that go out: .csv (tick,connector,pin), or IBM's .sfcp",
    )
    add("--input-map", type=Path, metavar="FILE", help="connectors of .sfcp spikes (default: model_inpMap.bin)")
    add("--output-map", type=Path, metavar="FILE", help="connectors of the output (default: model_outMap.bin)")
    add("--raster", type=Path, metavar="FILE", help="write every neuron's spikes: .csv or .npy (tick,core,neuron)")
    add(
        "--trace",
        type=_traced,
        metavar="C:N[-M][,…]",
        help="follow the potentials of these neurons: N (to M) of core C, …",
    )
    add("--trace-output", type=Path, metavar="FILE", help="where to write them, a line a tick (.csv)")


def core_run(asked: argparse.Namespace, parser: argparse.ArgumentParser) -> CoreRun:
    """The run that is asked for; wrong usage ends in the parser's error."""
    for name, value in vars(asked).items():
        if name not in (*_OWN, *_SHARED) and value != parser.get_default(name):
            parser.error(f"{_option(name)} is for plans, and {asked.plan} is a network on cores")
    if asked.ticks is None:
        parser.error(f"--ticks is missing: for how long should {asked.plan} run?")
    for name, suffixes in (
        ("output", OUTPUT_SUFFIXES),
        ("raster", RASTER_SUFFIXES),
        ("trace_output", TRACE_SUFFIXES),
    ):
        path = getattr(asked, name)
        if path is not None and path.suffix not in suffixes:
            parser.error(f"{_option(name)} {path} should end in {' or '.join(suffixes)}")
    if (asked.trace is None) != (asked.trace_output is None):
        parser.error("--trace says which neurons, and --trace-output where to: give both")
    if asked.input_map is not None and (asked.spikes is None or asked.spikes.suffix != PIN_SUFFIX):
        parser.error("--input-map is for spikes of connectors: --spikes FILE.sfcp")
    return CoreRun(
        model=asked.plan,
        ticks=asked.ticks,
        spikes=asked.spikes,
        output=asked.output,
        input_map=asked.input_map,
        output_map=asked.output_map,
        raster=asked.raster,
        traced=asked.trace or (),
        trace_output=asked.trace_output,
        json=asked.json,
        threads=asked.threads,
        seed=asked.seed or 0,
        quiet=asked.quiet,
    )


def refuse_core_options(asked: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End in the parser's error where a plan is given options of core networks."""
    for name in _OWN:
        if getattr(asked, name) is not None:
            parser.error(f"{_option(name)} is for networks on cores ({SUFFIX}), and not for {asked.plan}")


def _traced(text: str) -> tuple[tuple[int, int], ...]:
    """The neurons that `0:3,2:0-255` names."""
    found: list[tuple[int, int]] = []
    for word in text.split(","):
        read = _TRACED.fullmatch(word)
        if read is None:
            raise argparse.ArgumentTypeError(f"'{word}' is not CORE:NEURON or CORE:FIRST-LAST")
        core, first, last = (int(number) for number in (read[1], read[2], read[3] or read[2]))
        if not first <= last < NEURONS:
            raise argparse.ArgumentTypeError(f"'{word}': a core's neurons are 0 … {NEURONS - 1}, in this order")
        found += [(core, neuron) for neuron in range(first, last + 1)]
    return tuple(found)


def _option(name: str) -> str:
    return "-n" if name == "ranks" else f"--{name.replace('_', '-')}"
