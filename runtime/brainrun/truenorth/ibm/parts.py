"""What stands in the libraries of IBM's model files? Crossbars by name, and neuron types by number.

Where a field of a neuron type is missing, the default of the class NeuronGeneral holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from brainrun.truenorth.graph import U8, Neuron, Reset
from brainrun.truenorth.ibm.document import Document, Step, one_of, quoted
from brainrun.truenorth.limits import (
    AXONS,
    GREATEST_POTENTIAL,
    GREATEST_RESET_EXPONENT,
    GREATEST_THRESHOLD,
    GREATEST_WEIGHT,
    LEAST_POTENTIAL,
    NEURONS,
    RANDOM_BITS,
    TYPES,
)

NEURON_CLASS = "NeuronGeneral"

_AXON_TYPES = {f"S{number}": number for number in range(TYPES)}
_ROW_BYTES = NEURONS // 8
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)).reshape(256, 8), axis=1, bitorder="little")[:, 0]
"""Each byte with its bits in the opposite order: IBM's first neuron is the most significant bit, ours the least."""

_BYTES = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_NUMBERED = re.compile(r"N([0-9A-Fa-f]{1,8})")


@dataclass(frozen=True, slots=True)
class Part:
    """Where in a document we are."""

    document: Document
    steps: tuple[Step, ...]
    occurrence: int | None = None

    def __truediv__(self, step: Step) -> Part:
        return Part(self.document, (*self.steps, step), self.occurrence)

    def fail(self, what: str, remedy: str = "") -> NoReturn:
        """Raise the DataError that names this place."""
        raise self.document.fault(what, *self.steps, occurrence=self.occurrence, remedy=remedy)


def mapping(part: Part, value: object) -> Mapping[str, object]:
    """The value, an object."""
    return value if isinstance(value, dict) else part.fail(f"is {quoted(value)}, not an object")


def entries(part: Part, value: object) -> Sequence[object]:
    """The value, a list."""
    return value if isinstance(value, list) else part.fail(f"is {quoted(value)}, not a list")


def field(part: Part, content: Mapping[str, object], name: str) -> object:
    """The value of a field that must be there."""
    return content[name] if name in content else part.fail(f"has no '{name}'")


def word(part: Part, value: object) -> str:
    """The value, a string."""
    return value if isinstance(value, str) else part.fail(f"is {quoted(value)}, not a name in quotes")


def whole(part: Part, value: object, numbers: Sequence[int]) -> int:
    """The value, a whole number in this range."""
    if isinstance(value, int) and not isinstance(value, bool) and value in numbers:
        return value
    part.fail(f"is {quoted(value)}, not a whole number in {numbers[0]} … {numbers[-1]}")


@dataclass(frozen=True, slots=True, eq=False)
class Crossbar:
    """`types[axon]`, and `bits[axon, neuron / 8]` in the order of `Core.crossbar`."""

    types: bytes
    bits: U8


def crossbar(part: Part, content: Mapping[str, object]) -> Crossbar:
    """The crossbar whose rows these are, one an axon: a type S0 … S3 and a bit a neuron in hexadecimal bytes."""
    rows = entries(part / "rows", field(part, content, "rows"))
    if len(rows) != AXONS:
        (part / "rows").fail(f"has {len(rows)} rows, not {AXONS}")
    types, synapses = [], []
    for number, row in enumerate(rows):
        try:
            types.append(_AXON_TYPES[row["type"]])  # type: ignore[index]  # caught below
            synapses.append(bytes.fromhex(row["synapses"]))  # type: ignore[index]  # caught below
        except (KeyError, TypeError, ValueError):
            _fail_row(part / "rows" / number, row)
        if len(synapses[-1]) != _ROW_BYTES:
            (part / "rows" / number / "synapses").fail(f"has {len(synapses[-1])} bytes, not {_ROW_BYTES}")
    bits = np.frombuffer(b"".join(synapses), np.uint8).reshape(AXONS, _ROW_BYTES)
    return Crossbar(bytes(types), _REVERSED[bits])


def _fail_row(part: Part, row: object) -> NoReturn:
    content = mapping(part, row)
    axon_type = field(part, content, "type")
    if not isinstance(axon_type, str) or axon_type not in _AXON_TYPES:
        (part / "type").fail(f"is {quoted(axon_type)}, not {one_of(tuple(_AXON_TYPES))}")
    synapses = word(part / "synapses", field(part, content, "synapses"))
    wrong = next(byte for byte in synapses.split() if not _BYTES.fullmatch(byte))
    (part / "synapses").fail(f"{quoted(wrong)} is no byte in hexadecimal")


def library(document: Document, value: object) -> dict[str, Crossbar]:
    """The crossbars of `crossbarTypes` by name."""
    found: dict[str, Crossbar] = {}
    part = Part(document, ("crossbarTypes",))
    for number, entry in enumerate(entries(part, value)):
        here = part / number
        content = mapping(here, entry)
        name = word(here / "name", field(here, content, "name"))
        if name in found:
            (here / "name").fail(f"{quoted(name)} is the name of an earlier crossbar, too")
        found[name] = crossbar(here / "crossbar", mapping(here / "crossbar", field(here, content, "crossbar")))
    return found


@dataclass(frozen=True, slots=True)
class _Whole:
    default: int
    range: range


@dataclass(frozen=True, slots=True)
class _Sign:
    default: int


@dataclass(frozen=True, slots=True)
class _Truth:
    default: bool = False


_FIELDS: Mapping[str, _Whole | _Sign | _Truth] = {
    **{f"sigma{number}": _Sign(1) for number in range(TYPES)},
    **{f"s{number}": _Whole(0, range(GREATEST_WEIGHT + 1)) for number in range(TYPES)},
    **{f"b{number}": _Truth() for number in range(TYPES)},
    "sigma_lambda": _Sign(-1),
    "lambda": _Whole(0, range(GREATEST_WEIGHT + 1)),
    "c_lambda": _Truth(),
    "epsilon": _Truth(),
    "alpha": _Whole(256, range(GREATEST_THRESHOLD + 1)),
    "beta": _Whole(0, range(GREATEST_THRESHOLD + 1)),
    "TM": _Whole(0, range(RANDOM_BITS + 1)),
    "gamma": _Whole(0, range(len(Reset))),
    "kappa": _Truth(),
    "sigma_VR": _Sign(1),
    "VR": _Whole(1, range(GREATEST_RESET_EXPONENT + 1)),
    "V": _Whole(0, range(LEAST_POTENTIAL, GREATEST_POTENTIAL + 1)),
}


def neuron_types(document: Document, value: object) -> dict[int, Neuron]:
    """The neurons of `neuronTypes` by number: that in the name, N and hexadecimal digits, and never 0."""
    found: dict[int, Neuron] = {}
    part = Part(document, ("neuronTypes",))
    for place, entry in enumerate(entries(part, value)):
        here = part / place
        content = mapping(here, entry)
        name = word(here / "name", field(here, content, "name"))
        numbered = _NUMBERED.fullmatch(name)
        number = int(numbered[1], 16) if numbered else 0
        if not number:
            (here / "name").fail(f"is {quoted(name)}, not N and a hexadecimal number above 0, as N0000001F")
        if number in found:
            (here / "name").fail(f"{quoted(name)} is the name of an earlier neuron type, too")
        if content.get("class", NEURON_CLASS) != NEURON_CLASS:
            (here / "class").fail(f"is {quoted(content['class'])}; only {NEURON_CLASS} is known")
        found[number] = _neuron(here, content)
    return found


def _neuron(part: Part, content: Mapping[str, object]) -> Neuron:
    for name in content:
        if name not in _FIELDS and name not in ("name", "class"):
            (part / name).fail(f"{NEURON_CLASS} has no such field")
    value = {name: _value(part / name, content[name], kind) if name in content else kind.default
             for name, kind in _FIELDS.items()}  # fmt: skip
    s0, s1, s2, s3 = (value[f"sigma{number}"] * value[f"s{number}"] for number in range(TYPES))
    b0, b1, b2, b3 = (bool(value[f"b{number}"]) for number in range(TYPES))
    return Neuron(
        weights=(s0, s1, s2, s3),
        stochastic_weights=(b0, b1, b2, b3),
        leak=value["sigma_lambda"] * value["lambda"],
        stochastic_leak=bool(value["c_lambda"]),
        leak_reversal=bool(value["epsilon"]),
        threshold=value["alpha"],
        floor=value["beta"],
        threshold_bits=value["TM"],
        reset=Reset(value["gamma"]),
        saturates_at_floor=bool(value["kappa"]),
        reset_potential=value["sigma_VR"] * (2 ** value["VR"] - 1),
        potential=value["V"],
    )


def _value(part: Part, value: object, kind: _Whole | _Sign | _Truth) -> int:
    match kind:
        case _Whole():
            return whole(part, value, kind.range)
        case _Sign():
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) == 1:
                return value
            part.fail(f"is {quoted(value)}, not 1 or -1")
        case _Truth():
            return int(value) if isinstance(value, bool) else part.fail(f"is {quoted(value)}, not true or false")
