"""Which network does a model file of IBM's Corelet toolchain hold? Its cores, as a `CoreGraph`.

The file is an object with `model`, libraries `crossbarTypes` and `neuronTypes`, and one `core` for each core. It
places no cores: they stand in the order of their numbers. Spikes that leave the network go to pin `256 bank + axon`,
where their target core is −32 − bank; connectors give pins names (`maps.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainrun.truenorth.graph import FIRST_OUTPUT, NO_NEURON, NOWHERE, U8, Core, CoreGraph, Neuron, row_major
from brainrun.truenorth.ibm.document import Document, quoted, read_document
from brainrun.truenorth.ibm.parts import (
    NEURON_CLASS,
    Crossbar,
    Part,
    crossbar,
    entries,
    field,
    library,
    mapping,
    neuron_types,
    whole,
    word,
)
from brainrun.truenorth.ibm.runs import EntryError, expanded
from brainrun.truenorth.limits import AXONS, CHIP_SIDE, DELAYS, NEURONS

OUTSIDE = -32
"""The target core of the first bank of pins outside; −33 is that of the second, and so on."""

BANKS = 2**16
"""Banks outside at most (*ours*)."""

NOWHERES = (-1, -2)
"""Target cores of neurons whose spikes nobody receives; the toolchain writes −2 in rows that it has laid out."""

_CLASSES = {"neuronclass": NEURON_CLASS, "crossbarclass": "CrossbarBinary", "crossbarSize": NEURONS}
_NAMES_OF_RANC = {"cores", "packets"}
_LISTS = ("dendrites", "types", "destCores", "destAxons", "destDelays")


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """A core as its file has it; `lists[list, entry]` in the order of `_LISTS`."""

    part: Part
    number: int
    lists: NDArray[np.int64]
    crossbar: Crossbar | str


def read_model(path: Path, *, seed: int = 0) -> CoreGraph:
    """The network of a model file; DataError with line and name where it is broken."""
    document = read_document(path)
    model: Mapping[str, object] | None = None
    crossbars: dict[str, Crossbar] | None = None
    neurons: dict[int, Neuron] | None = None
    cores: list[_Written] = []
    names = set()
    for name, value in document.members():
        part = Part(document, (name,))
        names.add(name)
        match name:
            case "model" if model is None:
                model = _checked(part, mapping(part, value))
            case "crossbarTypes" if crossbars is None:
                crossbars = library(document, value)
            case "neuronTypes" if neurons is None:
                neurons = neuron_types(document, value)
            case "core":
                cores.append(_core(Part(document, (name,), len(cores)), value))
            case "model" | "crossbarTypes" | "neuronTypes":
                Part(document, (name,), 1).fail("stands for the second time")
    if model is None or neurons is None:
        missing = "model" if model is None else "neuronTypes"
        remedy = "networks of RANC's run with --ranc" if names >= _NAMES_OF_RANC else ""
        raise document.fault(f"has no '{missing}', and so is no model of IBM's Corelet toolchain", remedy=remedy)
    ordered = _in_order(document, cores, model)
    return _graph(ordered, crossbars or {}, neurons, seed)


def _checked(part: Part, model: Mapping[str, object]) -> Mapping[str, object]:
    whole(part / "coreCount", field(part, model, "coreCount"), range(1, 2**31))
    for name, known in _CLASSES.items():
        if model.get(name, known) != known:
            (part / name).fail(f"is {quoted(model[name])}; only {quoted(known)} is known")
    return model


def _core(part: Part, value: object) -> _Written:
    content = mapping(part, value)
    number = whole(part / "id", field(part, content, "id"), range(2**31))
    if content.get("timeScaleExponent", 0) != 0:
        (part / "timeScaleExponent").fail(f"is {quoted(content['timeScaleExponent'])}; only 0 is known")
    bar = mapping(part / "crossbar", field(part, content, "crossbar"))
    return _Written(
        part,
        number,
        _lists(part / "neurons", mapping(part / "neurons", field(part, content, "neurons"))),
        word(part / "crossbar" / "name", bar["name"]) if "name" in bar else crossbar(part / "crossbar", bar),
    )


def _lists(part: Part, neurons: Mapping[str, object]) -> NDArray[np.int64]:
    found = []
    for name in _LISTS:
        try:
            found.append(expanded(entries(part / name, field(part, neurons, name)), NEURONS))
        except EntryError as error:
            (part / name / error.entry).fail(error.what)
        if len(found[-1]) != len(found[0]):
            (part / name).fail(f"stands for {len(found[-1])} numbers, but 'dendrites' for {len(found[0])}")
    dendrites = found[0]
    for place in np.flatnonzero((dendrites < 0) | (dendrites >= NEURONS))[:1]:
        (part / "dendrites").fail(f"{dendrites[place]} is not in 0 … {NEURONS - 1}")
    counts = np.bincount(dendrites, minlength=NEURONS)
    for dendrite in np.flatnonzero(counts > 1)[:1]:
        (part / "dendrites").fail(f"{dendrite} stands {counts[dendrite]} times")
    return np.stack(found)


def _in_order(document: Document, cores: Sequence[_Written], model: Mapping[str, object]) -> list[_Written]:
    count = model["coreCount"]
    if len(cores) != count:
        raise document.fault(f"is {count}, but there are {len(cores)} cores", "model", "coreCount")
    by_number: dict[int, _Written] = {}
    for core in cores:
        if core.number >= len(cores):
            (core.part / "id").fail(f"is {core.number}, not in 0 … {len(cores) - 1}")
        if by_number.setdefault(core.number, core) is not core:
            (core.part / "id").fail(f"{core.number} is the number of an earlier core, too")
    return [by_number[number] for number in range(len(cores))]


def _graph(
    written: Sequence[_Written], crossbars: Mapping[str, Crossbar], neurons: Mapping[int, Neuron], seed: int
) -> CoreGraph:
    places = {number: place for place, number in enumerate(neurons)}
    if len(places) >= NO_NEURON:
        library_part = Part(written[0].part.document, ("neuronTypes",))
        library_part.fail(f"has {len(places)} types, more than {NO_NEURON - 1}")
    positions = row_major(len(written))
    reached: dict[tuple[int, bytes], bytes] = {}
    cores = []
    for core, (x, y) in zip(written, positions, strict=True):
        kinds, target_cores, target_axons, delays = _neurons(core, places, len(written))
        bar = _named(core, crossbars)
        there = np.packbits(kinds != NO_NEURON, bitorder="little")
        key = id(bar), there.tobytes()
        if key not in reached:
            reached[key] = (bar.bits & there).tobytes()
        arrays = kinds.tobytes(), target_cores.tobytes(), target_axons.tobytes(), delays.tobytes()
        cores.append(Core(x, y, bar.types, reached[key], *arrays))
    chips = -(-len(cores) // CHIP_SIDE**2)
    return CoreGraph(tuple(neurons.values()), tuple(cores), chips=(chips, 1), seed=seed)


def _named(core: _Written, crossbars: Mapping[str, Crossbar]) -> Crossbar:
    if isinstance(core.crossbar, Crossbar):
        return core.crossbar
    if core.crossbar not in crossbars:
        (core.part / "crossbar" / "name").fail(f"{quoted(core.crossbar)} is not among the 'crossbarTypes'")
    return crossbars[core.crossbar]


def _neurons(
    core: _Written, places: Mapping[int, int], count: int
) -> tuple[NDArray[np.uint16], NDArray[np.int32], NDArray[np.uint16], U8]:
    """Kinds, target cores, target axons and delays of a core's neurons."""
    lists = core.lists[:, core.lists[1] != 0]
    dendrites, types, target_cores, target_axons, delays = lists
    outside, inside = target_cores <= OUTSIDE, target_cores >= 0
    sent = outside | inside

    def refuse(wrong: NDArray[np.bool_], name: str, what: str) -> None:
        for place in np.flatnonzero(wrong)[:1]:
            number = lists[_LISTS.index(name), place]
            (core.part / "neurons" / name).fail(f"{number} at dendrite {dendrites[place]} {what}")

    known = np.array(sorted(places), np.int64)
    refuse(~np.isin(types, known), "types", "is not the number of one of the 'neuronTypes', nor 0 for no neuron")
    refuse(target_cores >= count, "destCores", f"is not in 0 … {count - 1}")
    refuse(
        ~sent & ~np.isin(target_cores, NOWHERES) | (target_cores <= OUTSIDE - BANKS),
        "destCores",
        f"is no core, not nowhere (-1, -2), and not outside ({OUTSIDE} … {OUTSIDE - BANKS + 1})",
    )
    refuse(sent & ((target_axons < 0) | (target_axons >= AXONS)), "destAxons", f"is not in 0 … {AXONS - 1}")
    refuse(sent & ~np.isin(delays, DELAYS), "destDelays", f"is not in {DELAYS[0]} … {DELAYS[-1]}")

    kinds = np.full(NEURONS, NO_NEURON, np.uint16)
    kinds[dendrites] = np.array([places[number] for number in known.tolist()], np.uint16)[np.searchsorted(known, types)]
    cores_of = np.full(NEURONS, NOWHERE, np.int32)
    cores_of[dendrites] = np.where(outside, target_cores - OUTSIDE + FIRST_OUTPUT, np.maximum(target_cores, NOWHERE))
    axons_of = np.zeros(NEURONS, np.uint16)
    axons_of[dendrites] = np.where(sent, target_axons, 0)
    delays_of = np.full(NEURONS, DELAYS[0], np.uint8)
    delays_of[dendrites] = np.where(sent, delays, DELAYS[0])
    return kinds, cores_of, axons_of, delays_of
