"""How does a core graph lie in a file? As numbers that anyone can read back, without pickle.

All numbers are little-endian. In order:

| bytes | what |
| --- | --- |
| 8 | `BRNCORES` |
| 4 | the format's version, uint32 |
| 4 | n, the length of the header, uint32 |
| n | the header, JSON: `neurons` (a table of parameters), `cores` (for each x, y, origin and its crossbar's place among the distinct ones), `inputs`, `outputs`, `chips`, `seed`, `crossbars` (how many distinct ones) |
| 256 · cores | axon types, uint8 |
| 512 · cores | the neurons' places in the table, uint16, 65535 for none |
| 1024 · cores | target cores, int32 |
| 512 · cores | target axons or pins, uint16 |
| 256 · cores | delays, uint8 |
| 8192 · crossbars | distinct crossbars: 256 rows of 32 bytes; bit j % 8 of byte j // 8 is neuron j |

The same graph gives the same bytes.
"""  # noqa: E501 - a table's row is one line

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from brainrun.errors import PlanError
from brainrun.truenorth.graph import Core, CoreGraph, InputPort, Neuron, OutputPort
from brainrun.truenorth.limits import AXONS, NEURONS

MAGIC = b"BRNCORES"
VERSION = 1

_CROSSBAR_BYTES = AXONS * NEURONS // 8
_COLUMNS: tuple[tuple[Callable[[Core], bytes], int], ...] = (
    (lambda core: core.types_bytes, AXONS),
    (lambda core: core.kinds_bytes, 2 * NEURONS),
    (lambda core: core.target_cores_bytes, 4 * NEURONS),
    (lambda core: core.target_axons_bytes, 2 * NEURONS),
    (lambda core: core.delays_bytes, NEURONS),
)
"""What every core has one of, and its size in bytes."""


class _Place(msgspec.Struct, frozen=True):
    x: int
    y: int
    origin: str
    crossbar: int


class _Header(msgspec.Struct, frozen=True):
    neurons: tuple[Neuron, ...]
    cores: tuple[_Place, ...]
    inputs: tuple[InputPort, ...]
    outputs: tuple[OutputPort, ...]
    chips: tuple[int, int]
    seed: int
    crossbars: int


def encoded(graph: CoreGraph) -> bytes:
    """The bytes of the file; the graph breaks no rule."""
    crossbars: dict[bytes, int] = {}
    places = tuple(
        _Place(core.x, core.y, core.origin, crossbars.setdefault(core.crossbar_bytes, len(crossbars)))
        for core in graph.cores
    )
    header = msgspec.json.encode(
        _Header(graph.neurons, places, graph.inputs, graph.outputs, graph.chips, graph.seed, len(crossbars))
    )
    numbers = np.array([VERSION, len(header)], "<u4").tobytes()
    columns = [column(core) for column, _ in _COLUMNS for core in graph.cores]
    return b"".join([MAGIC, numbers, header, *columns, *crossbars])


def decoded(content: bytes, where: str) -> CoreGraph:
    """The graph of a file's bytes. PlanError: it is no such file, of another version, or damaged; `where` names it."""
    if content[:8] != MAGIC:
        raise PlanError("is not a file of cores", where=where)
    version, length = (int(number) for number in np.frombuffer(content[8:16].ljust(8, b"\0"), "<u4"))
    if version != VERSION:
        raise PlanError(f"is in format {version}, and this brainrun reads format {VERSION}", where=where)
    try:
        header = msgspec.json.decode(content[16 : 16 + length], type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"is damaged: {error}", where=where, remedy="compile it again") from None
    count, begin = len(header.cores), 16 + length
    wanted = begin + count * sum(size for _, size in _COLUMNS) + header.crossbars * _CROSSBAR_BYTES
    if len(content) != wanted:
        raise PlanError(
            f"is damaged: it has {len(content)} bytes and says that it has {wanted}",
            where=where,
            remedy="compile it again",
        )
    columns = []
    for _, size in _COLUMNS:
        columns.append([content[begin + n * size : begin + (n + 1) * size] for n in range(count)])
        begin += count * size
    crossbars = [content[begin + n * _CROSSBAR_BYTES :][:_CROSSBAR_BYTES] for n in range(header.crossbars)]
    if any(not 0 <= place.crossbar < header.crossbars for place in header.cores):
        raise PlanError("is damaged: a core names a crossbar that is not there", where=where)
    cores = tuple(
        Core(place.x, place.y, types, crossbars[place.crossbar], kinds, targets, axons, delays, place.origin)
        for place, types, kinds, targets, axons, delays in zip(header.cores, *columns, strict=True)
    )
    return CoreGraph(header.neurons, cores, header.inputs, header.outputs, header.chips, header.seed)


def read_cores(path: Path) -> CoreGraph:
    """The core graph in this file. PlanError where it cannot be read or is damaged."""
    try:
        return decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise PlanError(f"cannot be read: {error.strerror}", where=str(path)) from error
