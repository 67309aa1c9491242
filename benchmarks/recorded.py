"""Does the simulator of cores fire as IBM's did? Models of the Corelet toolchain, against the spikes that it recorded.

    python benchmarks/recorded.py FOLDER [--threads T]

Looks in the folder, and in those below it, for recordings `NAME_outputSpikesN.sfcp`. Beside each, `NAME.json` is the
model, `NAME_outMap.bin` its map, and spikes come in by `NAME_inputSpikes` or `NAME_spikes`, ending in .sfti, .sfci or
.sfcp (`NAME_inpMap.bin` is the map of the last); each file of them is a run. Prints a line a run: cores, ticks, spikes
recorded, and whether ours are the same spikes in the same ticks, or the first that differs. The exit status is 0 where
all are equal, 1 where one is not or a file is broken, and 2 where there are no recordings.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from brainrun.errors import RunError
from brainrun.truenorth.circuit import circuit
from brainrun.truenorth.ibm.load import load
from brainrun.truenorth.ibm.outgoing import spikes_of_ports
from brainrun.truenorth.ibm.pins import PinSpikes, read_pins
from brainrun.truenorth.options import CoreRun
from brainrun.truenorth.simulate import Simulator

_RECORDING = re.compile(r"(.+)_outputSpikes\d*\.sfcp")
_INPUTS = tuple(
    f"{stem}{suffix}" for stem in ("_inputSpikes", "_spikes") for suffix in (".sfti", ".sfci", ".sfcp")
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A model, spikes that come in, and the recording of those that went out."""

    model: Path
    spikes: Path
    recording: Path


def cases(folder: Path) -> Iterator[Case]:
    """The cases in a folder and those below it, by name."""
    for recording in sorted(folder.rglob("*.sfcp")):
        found = _RECORDING.fullmatch(recording.name)
        if found is None:
            continue
        for ending in _INPUTS:
            spikes = recording.with_name(found[1] + ending)
            if spikes.exists():
                yield Case(recording.with_name(f"{found[1]}.json"), spikes, recording)


def spikes_of(spikes: PinSpikes) -> list[tuple[int, int, int]]:
    """Tick, connector and pin of each spike, in this order."""
    return sorted(zip(spikes.ticks.tolist(), spikes.rows.tolist(), spikes.pins.tolist(), strict=True))


def difference(ours: PinSpikes, recorded: PinSpikes) -> str:
    """The first spike in which the two differ, in words; empty where they are equal."""
    for our, their in itertools.zip_longest(spikes_of(ours), spikes_of(recorded)):
        if our != their:
            ours_first = their is None or (our is not None and our < their)
            tick, connector, pin = our if ours_first else their
            which = "ours is not recorded" if ours_first else "the recorded one is not ours"
            return f"differs in tick {tick} at connector {connector}, pin {pin}: {which}"
    return ""


def outcome(case: Case, threads: int) -> tuple[bool, str]:
    """Whether our spikes are those recorded, and the line that says so."""
    recorded = read_pins(case.recording)
    asked = CoreRun(case.model, recorded.ticks_written, spikes=case.spikes, threads=threads)
    loaded = load(asked)
    with Simulator(circuit(loaded.graph), threads=threads) as simulator:
        ran = simulator.run(asked.ticks, loaded.arrivals)
    differs = difference(spikes_of_ports(ran.departures, loaded.graph, asked.ticks), recorded)
    size = f"{len(loaded.graph.cores):,} cores, {asked.ticks:,} ticks, {len(recorded.ticks):,} recorded spikes"
    return not differs, f"{case.spikes}: {size}: {differs or 'equal'}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare all cases of the folder; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=1, metavar="T")
    asked = parser.parse_args(arguments)
    statuses = []
    for case in cases(asked.folder):
        try:
            equal, line = outcome(case, asked.threads)
        except RunError as error:
            equal, line = False, f"{case.spikes}: cannot be run: {error}"
        print(line, flush=True)
        statuses.append(0 if equal else 1)
    if not statuses:
        parser.error(f"{asked.folder} holds no recording NAME_outputSpikesN.sfcp with spikes that come in beside it")
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main())
