"""Which spikes do IBM's text files hold, `.sfti` and `.sfci`? One a line, each with its tick, core and axon.

Line 1 says who wrote the file, line 2 the version of its form and how many ticks a spike takes to its axon:

    {"class":"SpikeWriter","encoding":"TEXT","nscsVersion":"1.4.0"}
    {"version":"sfti1.0","defaultDestinationDelay":1}
    {"spike":{"srcTime":0,"destCore":0,"destAxon":2}}

A spike is integrated in tick `srcTime` + `defaultDestinationDelay`. The connectors' binary form is in `pins.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.truenorth.limits import AXONS, DELAYS
from brainrun.truenorth.simulate import Arrivals

LAST_TICK = 2**32 - 2
"""The greatest tick that a file can name."""


class Head(msgspec.Struct):
    """The first line of all spike files."""

    encoding: str


class _Form(msgspec.Struct):
    version: str
    delay: int = msgspec.field(name="defaultDestinationDelay", default=DELAYS[0])


class _Spike(msgspec.Struct, forbid_unknown_fields=True):
    tick: int = msgspec.field(name="srcTime")
    core: int = msgspec.field(name="destCore")
    axon: int = msgspec.field(name="destAxon")


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    spike: _Spike


Header = TypeVar("Header", Head, _Form)


def read_spikes(path: Path, cores: int) -> Arrivals:
    """When which axon of one of these cores is integrated; DataError with the line where the file is broken."""
    lines = contents(path).splitlines()
    head = _header_line(lines, 1, Head, path)
    if head.encoding != "TEXT":
        raise _fault(path, 1, f"encoding is '{head.encoding}', not 'TEXT'")
    form = _header_line(lines, 2, _Form, path)
    if form.delay not in DELAYS:
        raise _fault(path, 2, f"defaultDestinationDelay is {form.delay}, not in {DELAYS[0]} … {DELAYS[-1]}")
    decoder = msgspec.json.Decoder(_Line)
    table = []
    for number, line in enumerate(lines[2:], start=3):
        if not line.strip():
            continue
        try:
            spike = decoder.decode(line).spike
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _fault(path, number, f"is no spike ({error})") from None
        if not 0 <= spike.tick <= LAST_TICK:
            raise _fault(path, number, f"srcTime is {spike.tick}, not in 0 … {LAST_TICK}")
        if not 0 <= spike.core < cores:
            raise _fault(path, number, f"destCore is {spike.core}, and the model has cores 0 … {cores - 1}")
        if not 0 <= spike.axon < AXONS:
            raise _fault(path, number, f"destAxon is {spike.axon}, not in 0 … {AXONS - 1}")
        table.append((spike.tick, spike.core, spike.axon))
    return arrivals(np.array(table, np.int64).reshape(-1, 3) + np.array([form.delay, 0, 0]))


def arrivals(table: NDArray[np.int64]) -> Arrivals:
    """The rows `tick, core, axon` in the order of ticks."""
    table = table[np.argsort(table[:, 0], kind="stable")]
    return Arrivals(table[:, 0].copy(), table[:, 1].astype(np.int32), table[:, 2].astype(np.int32))


def contents(path: Path) -> bytes:
    """The file's bytes; DataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from None


def _header_line(lines: list[bytes], number: int, of: type[Header], path: Path) -> Header:
    if len(lines) < number:
        raise _fault(path, number, "is not there, and should hold an object of the header")
    try:
        return msgspec.json.decode(lines[number - 1], type=of)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _fault(path, number, f"is no line of the header ({error})") from None


def _fault(path: Path, line: int, what: str) -> DataError:
    return DataError(what, where=f"{path}, line {line}")
