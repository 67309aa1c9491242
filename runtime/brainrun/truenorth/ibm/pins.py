"""Which spikes do IBM's binary files hold, `.sfcp`? Those of connectors, pin by pin, coming in or going out.

A header of text, which byte ff ends: on line 1 an object with `encoding` CONNPIN, and then one with

    ioMapFile   the map of the connectors, beside this file; may be empty
    connectors  a list of ID, name, csize (pins), bpp (bits of a pin's number: 8, 16 or 32), delayMode (1: each spike
                has its own delay), and perhaps defaultDestinationDelay

Then blocks, all numbers with their greatest byte first. A block is the mark fe fc fe fc, its tick as uint32, eight zero
bytes, and records: ID and count as uint16, `count` pins, and `count` bytes of delays where delayMode is 1. A block of
tick ffffffff ends the file. Files that come out have a block for every tick, empty ones included.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.truenorth.graph import InputPort
from brainrun.truenorth.ibm.spikes import Head, arrivals, contents
from brainrun.truenorth.limits import DELAYS
from brainrun.truenorth.simulate import Arrivals

MARK = b"\xfe\xfc\xfe\xfc"
END = 2**32 - 1
"""The tick of the block that ends a file."""

ENCODING = "CONNPIN"
BLOCK = struct.Struct(">4sI8s")
RECORD = struct.Struct(">HH")
TYPES = {8: ">u1", 16: ">u2", 32: ">u4"}
"""How a pin's number is stored, by its bits."""


class PinRow(msgspec.Struct, frozen=True):
    """What a header says of a connector."""

    number: int = msgspec.field(name="ID")
    size: int = msgspec.field(name="csize")
    bits: int = msgspec.field(name="bpp")
    name: str = ""
    delay_mode: int = msgspec.field(name="delayMode", default=0)
    delay: int = msgspec.field(name="defaultDestinationDelay", default=DELAYS[0])


class _Header(msgspec.Struct):
    rows: list[PinRow] = msgspec.field(name="connectors")
    map_file: str = msgspec.field(name="ioMapFile", default="")


@dataclass(frozen=True, slots=True, eq=False)
class PinSpikes:
    """Spikes of connectors, as a file has them: arrays with one entry a spike, in the order of ticks.

    `rows` are places in `connectors`, and `ticks_written` is one more than the last block's tick.
    """

    connectors: tuple[PinRow, ...]
    map_file: str
    ticks: NDArray[np.int64]
    rows: NDArray[np.int64]
    pins: NDArray[np.int64]
    delays: NDArray[np.int64]
    ticks_written: int


def read_pins(path: Path) -> PinSpikes:
    """The spikes of a file; DataError with the byte at which it is broken."""
    content = contents(path)
    header, at = _header(path, content)
    row_of = {row.number: place for place, row in enumerate(header.rows)}
    found: list[NDArray[np.int64]] = []
    last = -1
    while True:
        if len(content) - at < BLOCK.size:
            raise _fault(path, at, "the file ends without a block of tick ffffffff", remedy="fetch it again")
        mark, tick, zeros = BLOCK.unpack_from(content, at)
        if mark != MARK:
            raise _fault(path, at, f"a block should begin with {MARK.hex(' ')}, not {mark.hex(' ')}")
        if any(zeros):
            raise _fault(path, at + 8, f"eight bytes should be zero, and are {zeros.hex(' ')}")
        at += BLOCK.size
        if tick == END:
            break
        if tick < last:
            raise _fault(path, at - BLOCK.size, f"a block of tick {tick} follows one of tick {last}")
        last = tick
        while content[at : at + len(MARK)] not in (MARK, b""):
            record, at = _record(path, content, at, header.rows, row_of)
            found.append(np.column_stack((np.full(len(record), tick), record)))
    if at != len(content):
        raise _fault(path, at, f"{len(content) - at} bytes follow the block of tick ffffffff")
    table = np.concatenate(found) if found else np.empty((0, 4), np.int64)
    ticks, places, pins, delays = table.T
    return PinSpikes(tuple(header.rows), header.map_file, ticks, places, pins, delays, last + 1)


def _record(
    path: Path, content: bytes, at: int, rows: Sequence[PinRow], row_of: Mapping[int, int]
) -> tuple[NDArray[np.int64], int]:
    """Row, pin and delay of each spike of the record here, and where it ends."""
    start = at
    if len(content) - at < RECORD.size:
        raise _fault(path, start, "the file ends within a record", remedy="fetch it again")
    number, count = RECORD.unpack_from(content, at)
    at += RECORD.size
    if number not in row_of:
        raise _fault(path, start, f"connector {number} is not in the header")
    row = rows[row_of[number]]
    end_of_pins = at + count * row.bits // 8
    end = end_of_pins + (count if row.delay_mode else 0)
    if end > len(content):
        raise _fault(path, start, f"the file ends within the {count} spikes of a record", remedy="fetch it again")
    pins = np.frombuffer(content, TYPES[row.bits], count, at).astype(np.int64)
    for place in np.flatnonzero(pins >= row.size)[:1]:
        where = at + int(place) * row.bits // 8
        raise _fault(path, where, f"connector {number} has pins 0 … {row.size - 1}, and no pin {pins[place]}")
    delays = np.full(count, row.delay, np.int64)
    if row.delay_mode:
        delays = np.frombuffer(content, np.uint8, count, end_of_pins).astype(np.int64)
        for place in np.flatnonzero(~np.isin(delays, DELAYS))[:1]:
            what = f"delay {delays[place]} is not in {DELAYS[0]} … {DELAYS[-1]}"
            raise _fault(path, end_of_pins + int(place), what)
    return np.column_stack((np.full(count, row_of[number]), pins, delays)), end


def _header(path: Path, content: bytes) -> tuple[_Header, int]:
    length = content.find(b"\xff")
    if length < 0:
        raise DataError("has no byte ff that ends a header", where=str(path), remedy="text goes by .sfti or .sfci")
    first, _, rest = content[:length].partition(b"\n")
    try:
        head = msgspec.json.decode(first, type=Head)
        header = msgspec.json.decode(rest, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"is not understood ({error})", where=f"{path}, header") from None
    if head.encoding != ENCODING:
        raise DataError(f"encoding is '{head.encoding}', not '{ENCODING}'", where=f"{path}, header")
    numbers = [row.number for row in header.rows]
    for row in header.rows:
        where = f"{path}, header, connector {row.number}"
        if numbers.count(row.number) > 1 or not 0 <= row.number < 2**16:
            raise DataError("ID should be a number of 16 bits that no other connector has", where=where)
        if row.bits not in TYPES:
            raise DataError(f"bpp is {row.bits}, not 8, 16 or 32", where=where)
        if not 0 < row.size <= 2**row.bits:
            raise DataError(f"csize is {row.size}, not in 1 … 2^{row.bits}, for bpp is {row.bits}", where=where)
        if row.delay_mode not in (0, 1):
            raise DataError(f"delayMode is {row.delay_mode}, not 0 or 1", where=where)
        if row.delay not in DELAYS:
            what = f"defaultDestinationDelay is {row.delay}, not in {DELAYS[0]} … {DELAYS[-1]}"
            raise DataError(what, where=where)
    return header, length + 1


def arrivals_through(spikes: PinSpikes, ports: Sequence[InputPort], path: Path) -> Arrivals:
    """When which axon is integrated, where connector k of the file leads through port k of the graph."""
    if len(spikes.connectors) != len(ports):
        raise DataError(f"has {len(spikes.connectors)} connectors, but the input map {len(ports)}", where=str(path))
    table = np.empty((len(spikes.ticks), 3), np.int64)
    table[:, 0] = spikes.ticks + spikes.delays
    for row, (connector, port) in enumerate(zip(spikes.connectors, ports, strict=True)):
        if connector.size != len(port.cores):
            what = f"has {connector.size} pins, but in the input map {len(port.cores)} ('{port.name}')"
            raise DataError(what, where=f"{path}, header, connector {connector.number}")
        mine = spikes.rows == row
        table[mine, 1] = np.array(port.cores)[spikes.pins[mine]]
        table[mine, 2] = np.array(port.axons)[spikes.pins[mine]]
    return arrivals(table)


def _fault(path: Path, at: int, what: str, *, remedy: str = "") -> DataError:
    return DataError(what, where=f"{path}, byte {at}", remedy=remedy)
