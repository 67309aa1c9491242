"""How are spikes that leave a network written? As lines `tick,connector,pin`, or as a binary file of IBM's, `.sfcp`."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from brainrun.truenorth.graph import FIRST_OUTPUT, PINS_PER_BANK, CoreGraph
from brainrun.truenorth.ibm.pins import BLOCK, ENCODING, END, MARK, RECORD, TYPES, PinRow, PinSpikes
from brainrun.truenorth.limits import DELAYS
from brainrun.truenorth.simulate import Departures

MOST_IN_RECORD = 2**16 - 1
"""Spikes in one record of a binary file: what its count can say."""


def spikes_of_ports(departures: Departures, graph: CoreGraph, ticks: int, map_file: str = "") -> PinSpikes:
    """The spikes by tick, port and pin in the run's `ticks`; all pins are one port's where the graph names none.

    Each spike has the delay of its neuron, so that another network can read the file as its input.
    """
    outputs, delays = _outputs(graph)
    delay_of = _Table(outputs, delays)
    if graph.outputs:
        lengths = [len(port.pins) for port in graph.outputs]
        named = np.concatenate([np.array(port.pins, np.int64) for port in graph.outputs])
        row_of = _Table(named, np.repeat(np.arange(len(lengths)), lengths))
        pin_of = _Table(named, np.concatenate([np.arange(length) for length in lengths]))
        rows = tuple(_row(number, len(port.pins), port.name) for number, port in enumerate(graph.outputs))
    else:
        row_of, pin_of = _Table(outputs, outputs * 0), _Table(outputs, outputs)
        rows = (_row(0, int(outputs.max(initial=0)) + 1, ""),)
    here = row_of.has(departures.pins)
    when, which = departures.ticks[here], departures.pins[here]
    row, pin = row_of(which), pin_of(which)
    order = np.lexsort((pin, row, when))
    return PinSpikes(rows, map_file, when[order], row[order], pin[order], delay_of(which)[order], ticks)


class _Table:
    """A value for each of some numbers, looked up many at a time."""

    def __init__(self, numbers: NDArray[np.int64], values: NDArray[np.int64]) -> None:
        self._numbers, first = np.unique(numbers, return_index=True)
        self._values = values[first]

    def has(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of them have a value."""
        return np.isin(numbers, self._numbers)

    def __call__(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The values of numbers that all have one."""
        return self._values[np.searchsorted(self._numbers, numbers)]


def _outputs(graph: CoreGraph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of all output pins that neurons send to, and the delays of these neurons."""
    targets = np.array([core.target_cores for core in graph.cores], np.int64)
    leaves = targets <= FIRST_OUTPUT
    pins = np.array([core.target_axons for core in graph.cores], np.int64)
    delays = np.array([core.delays for core in graph.cores], np.int64)
    return ((FIRST_OUTPUT - targets) * PINS_PER_BANK + pins)[leaves], delays[leaves]


def _row(number: int, size: int, name: str) -> PinRow:
    bits = next(bits for bits in TYPES if size <= 2**bits)
    return PinRow(number, size, bits, name, delay_mode=1)


def lines(spikes: PinSpikes) -> bytes:
    """A line `tick,connector,pin` a spike, by tick, connector and pin."""
    numbers = np.array([row.number for row in spikes.connectors], np.int64)[spikes.rows]
    table = zip(spikes.ticks.tolist(), numbers.tolist(), spikes.pins.tolist(), strict=True)
    return "".join(f"{tick},{number},{pin}\n" for tick, number, pin in table).encode()


def encoded_pins(spikes: PinSpikes) -> bytes:
    """The bytes of a file that holds these spikes."""
    rows = [
        {
            "ID": row.number,
            "name": row.name,
            "csize": row.size,
            "bpp": row.bits,
            "delayMode": row.delay_mode,
            "defaultDestinationDelay": row.delay,
        }
        for row in spikes.connectors
    ]
    header = {
        "maxBlockSize": 1024,
        "lastTimeStamp": 0,
        "monotonicTimeStamp": 1,
        "ioMapFile": spikes.map_file,
        "buildKey64": "",
        "defaultDestinationDelay": DELAYS[0],
        "connectors": rows,
    }
    head = {"class": "SpikeWriter", "encoding": ENCODING, "nscsVersion": "1.4.0"}
    pieces = [msgspec.json.encode(head), b"\n", msgspec.json.format(msgspec.json.encode(header), indent=3), b"\n\xff"]
    first_of_tick = np.searchsorted(spikes.ticks, np.arange(spikes.ticks_written + 1))
    for tick in range(spikes.ticks_written):
        pieces.append(BLOCK.pack(MARK, tick, bytes(8)))
        here = slice(first_of_tick[tick], first_of_tick[tick + 1])
        for place in np.unique(spikes.rows[here]):
            mine = spikes.rows[here] == place
            pieces += _records(spikes.connectors[place], spikes.pins[here][mine], spikes.delays[here][mine])
    pieces.append(BLOCK.pack(MARK, END, bytes(8)))
    return b"".join(pieces)


def _records(row: PinRow, pins: NDArray[np.int64], delays: NDArray[np.int64]) -> list[bytes]:
    pieces = []
    for first in range(0, len(pins), MOST_IN_RECORD):
        part = pins[first : first + MOST_IN_RECORD]
        pieces += [RECORD.pack(row.number, len(part)), part.astype(TYPES[row.bits]).tobytes()]
        if row.delay_mode:
            pieces.append(delays[first : first + MOST_IN_RECORD].astype(np.uint8).tobytes())
    return pieces
