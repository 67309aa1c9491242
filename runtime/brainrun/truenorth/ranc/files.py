"""How are RANC's files read? As typed values; whatever is missing or strange is named by its place in the JSON.

The form is that of RANC's simulator (https://github.com/UA-RCL/RANC, simulator/README.md). What it does not read, we do
not either: further fields are left alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from brainrun.errors import DataError

MOST_TYPES = 256
"""Axon types at most, as they are kept in bytes."""

MOST_SLOTS = 256
"""Values of `destination_tick` at most, as delays are kept in bytes."""

Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Bit: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1)]
Pair: TypeAlias = tuple[Whole, Whole]


class Config(msgspec.Struct, frozen=True):
    """RANC's configuration: sizes, and how potentials are reset. Traces are none of our business."""

    num_neurons: Natural
    num_axons: Natural
    num_cores_x: Natural
    num_cores_y: Natural
    num_weights: Annotated[int, msgspec.Meta(ge=1, le=MOST_TYPES)]
    max_tick_offset: Annotated[int, msgspec.Meta(ge=1, le=MOST_SLOTS)]
    neuron_reset_type: Bit
    """0: below the negative threshold. 1: at it, too."""


class NeuronEntry(msgspec.Struct, frozen=True, gc=False):
    """A neuron as it stands in the file."""

    reset_potential: Whole
    weights: list[Whole]
    leak: Whole
    positive_threshold: Whole
    negative_threshold: Whole
    destination_core_offset: Pair
    destination_axon: Whole
    destination_tick: Whole
    current_potential: Whole
    reset_mode: Bit
    """0: to the reset potential. 1: by the threshold."""


class CoreEntry(msgspec.Struct, frozen=True, gc=False):
    """A core as it stands in the file."""

    coordinates: Pair
    axons: list[Count]
    neurons: list[NeuronEntry]
    connections: msgspec.Raw
    """A row of 0 and 1 a neuron; nearly all of the file, and read by `connections.py`."""


class PacketEntry(msgspec.Struct, frozen=True, gc=False):
    """A spike from outside as it stands in the file."""

    destination_core: Pair
    destination_axon: Whole
    destination_tick: Whole


class OutputBus(msgspec.Struct, frozen=True):
    """Where spikes leave, in a core's stead."""

    coordinates: Pair
    num_outputs: Count


class NetworkFile(msgspec.Struct, frozen=True):
    """The whole file."""

    packets: list[list[PacketEntry]]
    output_bus: OutputBus
    cores: list[CoreEntry]


Content = TypeVar("Content")

_REMEDIES = {
    "num_neurons": "give the number of neurons a core may have",
    "num_axons": "give the number of axons of a core",
    "num_cores_x": "give the number of cores in x, the output bus included",
    "num_cores_y": "give the number of cores in y, the output bus included",
    "num_weights": f"give the number of axon types, 1 to {MOST_TYPES}",
    "max_tick_offset": f"give the number of values that destination_tick may have, 1 to {MOST_SLOTS}",
    "neuron_reset_type": "give 0 to reset below the negative threshold, or 1 to reset at it, too",
    "packets": "give an array with an array of packets for each tick; [] where there are none",
    "output_bus": 'give {"coordinates": [x, y], "num_outputs": …}',
    "num_outputs": "give the number of outputs",
    "cores": "give an array of cores",
    "coordinates": "give [x, y], two whole numbers",
    "axons": "give an array with the type of each axon, a whole number from 0 on",
    "neurons": "give an array of neurons",
    "connections": "give an array with a row for each neuron, of 0 or 1 for each axon",
    "reset_potential": "give a whole number of 32 bits",
    "weights": "give an array of whole numbers, one for each axon type",
    "leak": "give a whole number of 32 bits, 0 for none",
    "positive_threshold": "give the potential at which the neuron fires, a whole number of 32 bits",
    "negative_threshold": "give the potential below which it is reset, a whole number of 32 bits",
    "destination_core_offset": "give [dx, dy], the steps to the core that the spikes go to",
    "destination_core": "give [x, y], the core that the spike goes to",
    "destination_axon": "give the axon, or the output, that the spikes go to",
    "destination_tick": "give the ticks that spikes wait, 0 for none",
    "current_potential": "give the potential before the first tick, a whole number of 32 bits",
    "reset_mode": "give 0 to reset to the reset potential, or 1 to subtract the threshold",
}
_WORDS = {
    "int": "a whole number",
    "float": "a number with a fraction",
    "str": "text",
    "bool": "a truth value",
    "null": "null",
    "array": "an array",
    "object": "an object",
}
_PLACED = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>\w+)`")
_OTHER = re.compile(r"Expected `(?P<wanted>\w+)`, got `(?P<got>\w+)`")
_BOUND = re.compile(r"Expected `int` (?P<sign>[<>]=) (?P<bound>-?\d+)")
_LENGTH = re.compile(r"Expected `array` of length (?P<length>\d+)")


def content_of(path: Path) -> bytes:
    """The file's bytes; DataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from None


def decoded(path: Path, content: bytes | msgspec.Raw, kind: type[Content], *, inside: str = "") -> Content:
    """The value that stands in the file, at the place `inside`; DataError where it is not of this kind."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise _strange(path, str(error), inside) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"is not JSON ({error})", where=str(path), remedy="write it anew") from None
    except RecursionError:
        raise DataError("holds arrays in arrays without end", where=str(path), remedy="write it anew") from None


def fault(path: Path, place: str, what: str, remedy: str = "") -> DataError:
    """An error at this place in the JSON; the remedy is the field's own, where none is given."""
    return DataError(what, where=f"{path}, {place}" if place else str(path), remedy=remedy or _remedy(place))


def _strange(path: Path, message: str, inside: str) -> DataError:
    """What msgspec found, in words, with the place where it found it."""
    parts = _PLACED.fullmatch(message)
    assert parts is not None
    what, place = parts["what"], parts["place"] or ""
    place = inside + place if place.startswith("[") else ".".join(part for part in (inside, place) if part)
    if match := _MISSING.fullmatch(what):
        place = f"{place}.{match['name']}" if place else match["name"]
        return fault(path, place, "is missing")
    if match := _OTHER.fullmatch(what):
        return fault(path, place, f"is {_WORDS[match['got']]}, not {_WORDS[match['wanted']]}")
    if match := _BOUND.fullmatch(what):
        word = "less" if match["sign"] == ">=" else "greater"
        return fault(path, place, f"is {word} than {match['bound']}")
    if match := _LENGTH.fullmatch(what):
        return fault(path, place, f"does not hold {match['length']} numbers")
    return fault(path, place, f"is not as RANC has it ({what})")


def _remedy(place: str) -> str:
    """What belongs at a place, or at the next place above it of which that is known."""
    for name in reversed(re.findall(r"[a-z_]+", place)):
        if name in _REMEDIES:
            return _REMEDIES[name]
    return "RANC's simulator/README.md says what such a file holds"
