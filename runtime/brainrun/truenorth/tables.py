"""What do cores read and write, in the form the kernel wants? Tables in which everything equal is stored once.

A core's descriptor names its rows of parameters, its masks, its crossbar and its axons' types. Cores that share them,
as those of a repeated filter do, read the same memory, which then stays in cache however many cores there are.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from brainrun.truenorth.bounds import fit_narrow
from brainrun.truenorth.circuit import NEVER, Circuit
from brainrun.truenorth.kernel.shape import NOT_DELIVERED, Field, Flag, Mask, Variant
from brainrun.truenorth.lfsr import first_places, sequence

_CACHE_LINE = 64

Item = TypeVar("Item", bound=np.generic)


def aligned(size: int, dtype: type[Item]) -> NDArray[Item]:
    """An array of zeros that starts a cache line."""
    item = np.dtype(dtype).itemsize
    storage = np.zeros(size * item + _CACHE_LINE, np.uint8)
    first = -storage.ctypes.data % _CACHE_LINE
    return storage[first : first + size * item].view(dtype)


class _Rows(Generic[Item]):
    """A table of distinct rows, each named by its place."""

    def __init__(self, length: int, dtype: type[Item]) -> None:
        self._length = length
        self._dtype = dtype
        self._place: dict[bytes, int] = {}
        self._blocks: list[NDArray[Item]] = []
        self._count = 0

    def place(self, rows: NDArray[Any]) -> int:
        """The place of the first of these rows, which stand one after the other."""
        content = np.ascontiguousarray(rows, self._dtype)
        key = content.tobytes()
        if key not in self._place:
            self._place[key] = self._count
            self._blocks.append(content.reshape(-1, self._length))
            self._count += len(self._blocks[-1])
        return self._place[key]

    def table(self) -> NDArray[Item]:
        """All rows."""
        table = aligned(max(1, self._count) * self._length, self._dtype)
        for block, first in zip(self._blocks, self._place.values(), strict=True):
            table[first * self._length : (first + len(block)) * self._length] = block.reshape(-1)
        return table


class Tables:
    """What cores read and write, in the form the kernel wants, with everything equal stored once."""

    def __init__(self, circuit: Circuit, axons: int) -> None:
        cores, neurons = circuit.cores, circuit.neurons
        narrow = fit_narrow(circuit)
        wide_rows, narrow_rows = _Rows(neurons, np.int32), _Rows(neurons, np.int16)
        masks, crossbars = _Rows(neurons // 8, np.uint8), _Rows(axons * neurons // 8, np.uint8)
        types = _Rows(axons, np.uint8)
        self.descriptors = aligned(cores * Field.WORDS, np.uint32)
        descriptors = self.descriptors.reshape(cores, Field.WORDS)
        self._circuit = circuit
        self._narrow = np.zeros(cores, bool)
        self._known: dict[tuple[bytes, bool], dict[Field, int]] = {}
        used = {False: 0, True: 0}
        for core in range(cores):
            named = circuit.neuron_kinds[core]
            variant, flags = _variant(circuit, named, bool(narrow[core]))
            fits = variant in (Variant.NARROW, Variant.NARROW_RANDOM)
            self._narrow[core] = fits
            fields = self._fields(named, fits, narrow_rows if fits else wide_rows, masks)
            fields |= {
                Field.VARIANT: variant,
                Field.FLAGS: flags,
                Field.POTENTIAL: used[fits],
                Field.CROSSBAR: crossbars.place(_padded(circuit.crossbar[core], axons)),
                Field.TYPES: types.place(_padded(circuit.axon_types[core], axons)),
            }
            used[fits] += 1
            for field, value in fields.items():
                descriptors[core, field] = value
        self.variants = tuple(Variant(value) for value in sorted(set(descriptors[:, Field.VARIANT].tolist())))
        self.rows_16, self.rows_32 = narrow_rows.table(), wide_rows.table()
        self.masks, self.crossbars, self.types = masks.table(), crossbars.table(), types.table()
        self.potentials_16 = aligned(max(1, used[True]) * neurons, np.int16)
        self.potentials_32 = aligned(max(1, used[False]) * neurons, np.int32)
        first = circuit.kinds.potential[circuit.neuron_kinds]
        self.potentials_16[: used[True] * neurons] = first[self._narrow].reshape(-1)
        self.potentials_32[: used[False] * neurons] = first[~self._narrow].reshape(-1)
        self.awake = np.ones(cores, np.uint8)
        self.targets = _targets(circuit, axons)
        self.places = first_places(circuit.seed, cores)
        self.sequence = np.concatenate([sequence(), sequence()[:neurons]])
        self.core_spikes = np.zeros(cores, np.int64)
        self.core_events = np.zeros(cores, np.int64)

    def potentials(self) -> NDArray[np.int32]:
        """`[cores, neurons]`."""
        circuit = self._circuit
        found = np.empty((circuit.cores, circuit.neurons), np.int32)
        for which, table in ((self._narrow, self.potentials_16), (~self._narrow, self.potentials_32)):
            count = int(np.count_nonzero(which))
            found[which] = table[: count * circuit.neurons].reshape(count, circuit.neurons)
        return found

    def _fields(
        self, named: NDArray[np.int32], narrow: bool, rows: _Rows[Any], masks: _Rows[np.uint8]
    ) -> dict[Field, int]:
        """Rows and masks of a core, as its neurons' kinds decide them."""
        key = (named.tobytes(), narrow)
        if key not in self._known:
            kinds = self._circuit.kinds
            least, greatest = (-(2**15), 2**15 - 1) if narrow else (-NEVER, NEVER)
            self._known[key] = {
                Field.WEIGHTS: rows.place(kinds.weights[named].T),
                Field.LEAK: rows.place(kinds.leak[named]),
                Field.THRESHOLD: rows.place(np.minimum(kinds.threshold[named], greatest)),
                Field.FLOOR: rows.place(np.maximum(kinds.floor[named], least)),
                Field.FIRED_ADDS: rows.place(np.clip(kinds.fired_adds[named], least, greatest)),
                Field.FLOORED_ADDS: rows.place(np.clip(kinds.floored_adds[named], least, greatest)),
                Field.THRESHOLD_MASK: rows.place(kinds.threshold_mask[named]),
                Field.MASKS: masks.place(_core_masks(self._circuit, named)),
            }
        return dict(self._known[key])


def _core_masks(circuit: Circuit, named: NDArray[np.int32]) -> NDArray[np.uint8]:
    """`[masks, neurons / 8]`, in the order of `Mask`."""
    kinds = circuit.kinds
    of_neurons = {
        Mask.FIRED_KEEPS: kinds.fired_keeps,
        Mask.FLOORED_KEEPS: kinds.floored_keeps,
        Mask.FLOOR_MOVES: kinds.floor_moves,
        Mask.FIRED_MOVES: kinds.fired_moves,
        Mask.FLOORED_MOVES: kinds.floored_moves,
        Mask.REVERSAL: kinds.leak_reversal,
        Mask.STOCHASTIC_LEAK: kinds.stochastic_leak,
    }
    bits = [values[named] for _, values in sorted(of_neurons.items())]
    bits += list(kinds.stochastic_weights[named].T)
    return np.packbits(np.array(bits), axis=1, bitorder="little")


def _variant(circuit: Circuit, named: NDArray[np.int32], narrow: bool) -> tuple[Variant, int]:
    """How a core is computed, and what it draws."""
    kinds = circuit.kinds
    present = np.unique(named)
    draws_leak = bool(kinds.stochastic_leak[present].any())
    draws_threshold = bool((kinds.threshold_mask[present] > 0).any())
    flags = draws_leak * Flag.DRAWS_LEAK + draws_threshold * Flag.DRAWS_THRESHOLD
    if draws_leak or kinds.stochastic_weights[present].any():
        return Variant.SCALAR, flags
    if narrow:
        return (Variant.NARROW_RANDOM if draws_threshold else Variant.NARROW), flags
    return Variant.WIDE, flags


def _targets(circuit: Circuit, axons: int) -> NDArray[np.uint64]:
    """`[cores * neurons]`: (axon's number among all axons, or output's) · 2⁸ + delay, delay 0 for an output."""
    inside, out = circuit.target_cores >= 0, circuit.target_cores == -2
    number = np.where(inside, circuit.target_cores.astype(np.uint64) * np.uint64(axons), np.uint64(0))
    number += circuit.target_axons.astype(np.uint64)
    target = number << np.uint64(8) | np.where(inside, circuit.delays, 0).astype(np.uint64)
    return np.where(inside | out, target, np.uint64(NOT_DELIVERED)).reshape(-1)


def _padded(rows: NDArray[np.uint8], axons: int) -> NDArray[np.uint8]:
    """The same with rows of zeros up to so many axons."""
    return np.concatenate([rows, np.zeros((axons - len(rows), *rows.shape[1:]), np.uint8)])
