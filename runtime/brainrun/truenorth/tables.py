"""What do cores read and write, in the form the kernel wants? Tables in which everything equal is stored once.

A core's descriptor names its rows of parameters, its masks, its crossbar and its axons' types. Cores that share them,
as those of a repeated filter do, read the same memory, which then stays in cache however many cores there are.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from brainrun.truenorth.bounds import fit_narrow
from brainrun.truenorth.circuit import NEVER, Circuit, Kinds
from brainrun.truenorth.kernel.shape import Field, Flag, Mask, Shape, Variant
from brainrun.truenorth.lfsr import first_places, sequence
from brainrun.truenorth.memory import Item, aligned
from brainrun.truenorth.share import Share
from brainrun.truenorth.targets import Targets

_WORD_AXONS = 64

_CORES_AT_ONCE = 1024
"""Cores whose parameters are laid out as arrays before equal ones are found."""


class _Rows(Generic[Item]):
    """A table of distinct blocks of rows, each named by the place of its first row."""

    def __init__(self, length: int, dtype: type[Item]) -> None:
        self._length = length
        self._dtype = dtype
        self._known: dict[bytes, int] = {}
        self._blocks: list[NDArray[Item]] = []
        self._count = 0

    def places(self, blocks: NDArray[Any]) -> list[int]:
        """The place of each of `blocks[blocks, …]`, whose rows stand one after the other."""
        content = np.ascontiguousarray(blocks, self._dtype).reshape(len(blocks), -1, self._length)
        return [self._place(block) for block in content]

    def table(self) -> NDArray[Item]:
        """All rows."""
        table = aligned(max(1, self._count) * self._length, self._dtype)
        if self._blocks:
            np.concatenate(self._blocks, out=table.reshape(-1, self._length))
        return table

    def _place(self, block: NDArray[Item]) -> int:
        key = _digest(block)
        place = self._known.get(key)
        if place is None:
            place = self._known[key] = self._count
            self._blocks.append(block.copy())
            self._count += len(block)
        return place


class Tables:
    """What cores read and write, in the form the kernel wants, with everything equal stored once."""

    def __init__(self, circuit: Circuit, share: Share, *, shared: bool) -> None:
        cores, neurons = circuit.cores, circuit.neurons
        self._circuit = circuit
        variants, flags = _variants(circuit)
        self.shape = _shape(circuit, variants, shared=shared, posts=share.members > 1)
        axons = self.shape.axons
        self._narrow: NDArray[np.bool_] = np.isin(variants, (Variant.NARROW, Variant.NARROW_RANDOM))
        self.descriptors = aligned(cores * Field.WORDS, np.uint32)
        descriptors = self.descriptors.reshape(cores, Field.WORDS)
        descriptors[:, Field.VARIANT] = variants
        descriptors[:, Field.FLAGS] = flags
        used = np.where(self._narrow, np.cumsum(self._narrow), np.cumsum(~self._narrow))
        descriptors[:, Field.POTENTIAL] = used - 1
        self.rows_16, self.rows_32, self.masks = self._parameters(descriptors)
        types = _Rows(axons, np.uint8)
        descriptors[:, Field.TYPES] = types.places(_padded(circuit.axon_types, axons))
        self.types = types.table()
        places, firsts = _crossbars(circuit)
        descriptors[:, Field.CROSSBAR] = places
        self.crossbars = aligned(len(firsts) * axons * neurons // 8, np.uint8)
        distinct = self.crossbars.reshape(len(firsts), axons, neurons // 8)
        for place, core in enumerate(firsts):
            distinct[place, : circuit.axons] = circuit.crossbar[core]
        self.potentials_16 = aligned(max(1, int(self._narrow.sum())) * neurons, np.int16)
        self.potentials_32 = aligned(max(1, int((~self._narrow).sum())) * neurons, np.int32)
        self.wakes = aligned(cores, np.int64)
        """From which tick on each core must be computed."""
        self.settled = aligned(cores, np.int64)
        """The tick before which each core's potentials are up to date."""
        self.quiet = aligned(cores, np.int64)
        """For how many ticks no spike has come to each core, as far as it matters for naps.

        Of these arrays, which threads write, a group of cores has whole cache lines.
        """
        self.targets = Targets(circuit, self.shape, share)
        self.places = first_places(circuit.seed, share.cores)
        self.sequence = np.concatenate([sequence(), sequence()[:neurons]])
        self.core_spikes = aligned(cores, np.int64)
        self.core_events = aligned(cores, np.int64)
        self.restart(np.arange(cores), 0)

    def restart(self, cores: NDArray[np.int64], tick: int) -> None:
        """Give the neurons of these cores the potentials that they begin with, as of this tick."""
        circuit = self._circuit
        rows = self.descriptors.reshape(circuit.cores, Field.WORDS)[:, Field.POTENTIAL]
        for narrow, table in ((True, self.potentials_16), (False, self.potentials_32)):
            some = cores[self._narrow[cores] == narrow]
            table.reshape(-1, circuit.neurons)[rows[some]] = circuit.kinds.potential[circuit.neuron_kinds[some]]
        self.wakes[cores] = self.settled[cores] = tick
        self.quiet[cores] = 0

    def potentials(self, tick: int) -> NDArray[np.int32]:
        """`[cores, neurons]` before this tick, those of cores that nap included."""
        circuit = self._circuit
        found = np.empty((circuit.cores, circuit.neurons), np.int32)
        for which, table in ((self._narrow, self.potentials_16), (~self._narrow, self.potentials_32)):
            count = int(np.count_nonzero(which))
            found[which] = table[: count * circuit.neurons].reshape(count, circuit.neurons)
        descriptors = self.descriptors.reshape(circuit.cores, Field.WORDS)
        napping = np.flatnonzero((descriptors[:, Field.VARIANT] == Variant.NARROW) & (self.settled < tick))
        rows = self.rows_16.reshape(-1, circuit.neurons)
        leak, threshold, floor = (
            rows[descriptors[napping, field]].astype(np.int64) for field in (Field.LEAK, Field.THRESHOLD, Field.FLOOR)
        )
        leaked = found[napping] + leak
        inside = (leaked < threshold) & (leaked >= floor)
        found[napping] += np.where(inside, leak * (tick - self.settled[napping])[:, None], 0).astype(np.int32)
        return found

    def place_of(self, core: int, neuron: int) -> tuple[int, int]:
        """Where a neuron's potential lies, and how many bytes it has."""
        table = self.potentials_16 if self._narrow[core] else self.potentials_32
        row = int(self.descriptors[core * Field.WORDS + Field.POTENTIAL])
        return table.ctypes.data + (row * self._circuit.neurons + neuron) * table.itemsize, table.itemsize

    def _parameters(
        self, descriptors: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int16], NDArray[np.int32], NDArray[np.uint8]]:
        """The rows and masks of all cores, as their neurons' kinds decide them, and their places in the descriptors."""
        kinds, neurons = self._circuit.kinds, self._circuit.neurons
        rows_16, rows_32 = _Rows(neurons, np.int16), _Rows(neurons, np.int32)
        of_width: dict[bool, _Rows[Any]] = {True: rows_16, False: rows_32}
        masks = _Rows(neurons // 8, np.uint8)
        of_kinds = _masks_of_kinds(kinds)
        for narrow, rows in of_width.items():
            least, greatest = (-(2**15), 2**15 - 1) if narrow else (-NEVER, NEVER)
            fields = {
                Field.WEIGHTS: kinds.weights,
                Field.LEAK: kinds.leak,
                Field.THRESHOLD: np.minimum(kinds.threshold, greatest),
                Field.FLOOR: np.maximum(kinds.floor, least),
                Field.FIRED_ADDS: np.clip(kinds.fired_adds, least, greatest),
                Field.FLOORED_ADDS: np.clip(kinds.floored_adds, least, greatest),
                Field.THRESHOLD_MASK: kinds.threshold_mask,
            }
            cores = np.flatnonzero(self._narrow == narrow)
            for start in range(0, len(cores), _CORES_AT_ONCE):
                some = cores[start : start + _CORES_AT_ONCE]
                named = self._circuit.neuron_kinds[some]
                for field, values in fields.items():
                    # [cores, neurons], or [cores, neurons, types] with the neurons last.
                    descriptors[some, field] = rows.places(np.moveaxis(values[named], 1, -1))
                bits = np.packbits(np.moveaxis(of_kinds[named], 1, -1), axis=2, bitorder="little")
                descriptors[some, Field.MASKS] = masks.places(bits)
        return rows_16.table(), rows_32.table(), masks.table()


def _masks_of_kinds(kinds: Kinds) -> NDArray[np.bool_]:
    """`[kinds, masks]`, in the order of `Mask`."""
    masks = {
        Mask.FIRED_KEEPS: kinds.fired_keeps,
        Mask.FLOORED_KEEPS: kinds.floored_keeps,
        Mask.FLOOR_MOVES: kinds.floor_moves,
        Mask.FIRED_MOVES: kinds.fired_moves,
        Mask.FLOORED_MOVES: kinds.floored_moves,
        Mask.REVERSAL: kinds.leak_reversal,
        Mask.STOCHASTIC_LEAK: kinds.stochastic_leak,
    }
    return np.column_stack([*(values for _, values in sorted(masks.items())), kinds.stochastic_weights])


def _variants(circuit: Circuit) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`[cores]` each: how a core is computed, and what it draws."""
    kinds, named = circuit.kinds, circuit.neuron_kinds
    draws_leak = kinds.stochastic_leak[named].any(axis=1)
    draws_threshold = (kinds.threshold_mask[named] > 0).any(axis=1)
    draws_weights = kinds.stochastic_weights[named].any(axis=(1, 2))
    narrow = np.where(draws_threshold, Variant.NARROW_RANDOM.value, Variant.NARROW.value)
    variants = np.where(fit_narrow(circuit), narrow, Variant.WIDE.value)
    variants[draws_leak | draws_weights] = Variant.SCALAR
    flags = np.where(draws_leak, Flag.DRAWS_LEAK.value, 0) + np.where(draws_threshold, Flag.DRAWS_THRESHOLD.value, 0)
    return variants.astype(np.int64), flags.astype(np.int64)


def _shape(circuit: Circuit, variants: NDArray[np.int64], *, shared: bool, posts: bool) -> Shape:
    """What the code for this circuit depends on."""
    return Shape(
        axons=-(-circuit.axons // _WORD_AXONS) * _WORD_AXONS,
        neurons=circuit.neurons,
        types=circuit.types,
        slots=circuit.slots,
        saturates=circuit.potential_bits < 32,
        shared=shared,
        posts=posts,
        variants=tuple(Variant(value) for value in np.unique(variants).tolist()),
    )


def _crossbars(circuit: Circuit) -> tuple[list[int], list[int]]:
    """For each core the place of its crossbar among the distinct ones, and for each of those a core that has it."""
    known: dict[bytes, int] = {}
    firsts: list[int] = []
    places = []
    for core, crossbar in enumerate(circuit.crossbar):
        place = known.setdefault(_digest(np.ascontiguousarray(crossbar)), len(firsts))
        if place == len(firsts):
            firsts.append(core)
        places.append(place)
    return places, firsts


def _digest(content: NDArray[Any]) -> bytes:
    """What stands for the content: no two that differ were ever found to have the same."""
    return blake2b(content.data, digest_size=20).digest()


def _padded(rows: NDArray[np.uint8], axons: int) -> NDArray[np.uint8]:
    """`[cores, axons]`: the same with zeros up to so many axons."""
    return np.pad(rows, ((0, 0), (0, axons - rows.shape[1])))
