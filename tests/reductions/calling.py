"""Compiles the kernels of a reduction scheme and calls them on NumPy arrays through a table of segments.

    laid = panels(values)                            # values[rows, columns] as the weights of a dense layer lie
    sent = encode(METHOD, laid, error, numbers=(…))  # the columns of a segment as a message
    decode(METHOD, sent.payload, other, add=True)    # into the same columns of another gradient

Whatever the kernels must not touch is checked on every call: what lies beyond the payload's bound, the entries of
other columns, and what lies between the columns; scratch begins as garbage.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from brainc.reductions.scheme import Method, Numbers
from brainrun.native import Loader, object_code, parse
from brainrun.plan import segments
from brainrun.plan.schema import Matrix
from brainrun.processor import this_processor

LANES = 16
GUARD = 192
"""Bytes before and after everything a kernel may write, which must stay as they are."""
_GUARD_BYTE = 0xA5

Kernel = Callable[[int, int, int], None]
_LOADER = Loader()


@dataclass(frozen=True)
class Laid:
    """A matrix in memory: `places[i, c]` is where entry i of column c lies in `floats`.

    Lanes that pad the storage hold what they were made with; the kernels leave it, or put 0 there.
    """

    matrix: Matrix
    floats: NDArray[np.float32]
    places: NDArray[np.int64]
    beyond: float

    @property
    def values(self) -> NDArray[np.float32]:
        """A copy of the entries, `[rows, columns]`."""
        return self.floats[self.places]

    @property
    def padding(self) -> NDArray[np.float32]:
        """What lies in the buffer beside the entries."""
        rest = np.ones(self.floats.size, bool)
        rest[self.places] = False
        return self.floats[rest]

    def padding_is_sound(self) -> bool:
        """Whether all padding is as it was made, or 0."""
        rest = self.padding
        kept = np.isnan(rest) if np.isnan(self.beyond) else rest == np.float32(self.beyond)
        return bool(np.all(kept | (rest == 0)))


@dataclass(frozen=True)
class Sent:
    """What an encoder gave: the payload, and whether it called the values strange."""

    payload: bytes
    strange: bool


def panels(values: NDArray[np.float32], beyond: float = np.nan) -> Laid:
    """`values[rows, columns]` as dense weights lie: `[⌈rows/16⌉][columns][16]`."""
    rows, columns = values.shape
    blocks = -(-rows // LANES)
    row, column = np.indices((rows, columns))
    places = (row // LANES) * LANES * columns + column * LANES + row % LANES
    return _laid(values, Matrix(rows, columns, LANES, LANES * columns), places, blocks * columns * LANES, beyond)


def plain(values: NDArray[np.float32], beyond: float = np.nan) -> Laid:
    """`values[rows, columns]` as filters and biases lie: a column after the other, padded to 64 bytes at the end."""
    rows, columns = values.shape
    row, column = np.indices((rows, columns))
    size = -(-rows * columns // LANES) * LANES
    return _laid(values, Matrix(rows, columns, rows, LANES), column * rows + row, size, beyond)


def flat(values: NDArray[np.float32], beyond: float = 0.0) -> Laid:
    """`values[n]` as schemes see them for which columns do not matter: columns of sixteen, the last one padded.

    The padding counts as data, so that a scheme which sends everything sends it too.
    """
    columns = -(-values.size // LANES)
    padded = np.full(columns * LANES, beyond, np.float32)
    padded[: values.size] = values.ravel()
    row, column = np.indices((LANES, columns))
    matrix = Matrix(LANES, columns, LANES, LANES)
    return _laid(padded.reshape(columns, LANES).T, matrix, column * LANES + row, padded.size, beyond)


def like(laid: Laid, values: NDArray[np.float32] | float) -> Laid:
    """Other values in the same storage."""
    wanted = np.broadcast_to(np.asarray(values, np.float32), laid.places.shape)
    return _laid(wanted, laid.matrix, laid.places, laid.floats.size, laid.beyond)


def encode(
    method: Method,
    gradient: Laid,
    error: Laid | None = None,
    *,
    numbers: Numbers = (),
    columns: tuple[int, int] | None = None,
    seed: int = 1,
    velocity: Laid | None = None,
) -> Sent:
    """Encode the columns `[first, last)`, all where none are named; the error takes what was not sent."""
    first, last = columns or (0, gradient.matrix.columns)
    bound = method.bound(gradient.matrix, last - first, numbers)
    assert bound % 4 == 0
    # A payload begins where the one before ends, so at any multiple of 4.
    payload = _guarded(bound, offset=4)
    scratch = _guarded(method.scratch(replace(gradient.matrix, columns=last - first), numbers), offset=0)
    table = _table(gradient, error, first, last, payload, bound, numbers)
    table[segments.SEED], table[segments.SCRATCH] = seed, _address(scratch)
    table[segments.LENGTH] = table[segments.STRANGE] = -1
    if velocity is not None:
        table[segments.VELOCITY] = velocity.floats.ctypes.data + 4 * first * gradient.matrix.column_stride
    gradient_before = gradient.floats.copy()
    untouched = error and np.delete(error.values, np.s_[first:last], axis=1)
    _call(method, "encode", table)
    length, strange = int(table[segments.LENGTH]), int(table[segments.STRANGE])
    assert strange in (0, 1)
    assert 0 <= length <= bound
    assert length % 4 == 0
    assert _guards_hold(payload)
    assert _guards_hold(scratch)
    np.testing.assert_array_equal(gradient.floats, gradient_before)
    if error is not None:
        np.testing.assert_array_equal(np.delete(error.values, np.s_[first:last], axis=1), untouched)
        assert error.padding_is_sound()
    return Sent(_inside(payload)[:length].tobytes(), bool(strange))


def decode(
    method: Method,
    payload: bytes,
    gradient: Laid,
    *,
    add: bool,
    numbers: Numbers = (),
    columns: tuple[int, int] | None = None,
) -> bool:
    """Decode a payload into the columns `[first, last)`; whether the decoder called it strange."""
    first, last = columns or (0, gradient.matrix.columns)
    message = _guarded(len(payload), offset=4)
    _inside(message)[...] = np.frombuffer(payload, np.uint8)
    bound = method.bound(gradient.matrix, last - first, numbers)
    table = _table(gradient, None, first, last, message, bound, numbers)
    table[segments.LENGTH], table[segments.ADD] = len(payload), int(add)
    untouched = np.delete(gradient.values, np.s_[first:last], axis=1)
    _call(method, "decode", table)
    assert _inside(message).tobytes() == payload
    np.testing.assert_array_equal(np.delete(gradient.values, np.s_[first:last], axis=1), untouched)
    assert gradient.padding_is_sound()
    return bool(table[segments.STRANGE])


@lru_cache(maxsize=64)
def compiled(method: Method, direction: str) -> Kernel:
    """The method's kernel `encode` or `decode`, for this machine: `kernel(operands, begin, end)`."""
    name = f"{method.name}_{direction}"
    text = method.encode(name) if direction == "encode" else method.decode(name)
    address = _LOADER.address(object_code(parse(text), this_processor()), name)
    return kernel_at(address)


def kernel_at(address: int) -> Kernel:
    """The kernel whose machine code lies at this address."""
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


def call_table(kernel: Kernel, table: NDArray[np.int64]) -> None:
    """Call a kernel for all rows of a table of segments."""
    operands = (ctypes.c_void_p * 1)(table.ctypes.data)
    kernel(ctypes.addressof(operands), 0, table.size // segments.SEGMENT_WORDS)


def segment_words(
    matrix: Matrix, gradient: int, error: int, first: int, last: int, numbers: Numbers
) -> NDArray[np.int64]:
    """One row of a table, for buffers at these addresses and the columns `[first, last)`; payload words are 0."""
    table = np.zeros(segments.SEGMENT_WORDS, np.int64)
    begin = 4 * first * matrix.column_stride
    table[segments.GRADIENT], table[segments.ERROR] = gradient + begin, error + begin if error else 0
    table[segments.ROWS], table[segments.COLUMNS] = matrix.rows, last - first
    table[segments.COLUMN_STRIDE], table[segments.BLOCK_STRIDE] = matrix.column_stride, matrix.block_stride
    padded = (*numbers, 0.0, 0.0, 0.0)[:3]
    table[segments.PARAMETERS : segments.PARAMETERS + 3] = struct.unpack("=3q", struct.pack("=3d", *padded))
    return table


def aligned(size: int) -> NDArray[np.uint8]:
    """So many bytes of memory that begin at a multiple of 64."""
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]


def _laid(values: NDArray[np.float32], matrix: Matrix, places: NDArray[np.int64], size: int, beyond: float) -> Laid:
    floats = aligned(4 * size).view(np.float32)
    floats[...] = beyond
    floats[places] = values
    return Laid(matrix, floats, places, beyond)


def _table(
    gradient: Laid, error: Laid | None, first: int, last: int, payload: NDArray[np.uint8], bound: int, numbers: Numbers
) -> NDArray[np.int64]:
    error_address = error.floats.ctypes.data if error else 0
    table = segment_words(gradient.matrix, gradient.floats.ctypes.data, error_address, first, last, numbers)
    table[segments.PAYLOAD], table[segments.BOUND] = _address(payload), bound
    return table


def _call(method: Method, direction: str, table: NDArray[np.int64]) -> None:
    call_table(compiled(method, direction), table)


def _guarded(size: int, *, offset: int) -> NDArray[np.uint8]:
    """Memory for `size` bytes at a multiple of 64 plus `offset`, all of it set to the guards' byte."""
    memory = aligned(GUARD + offset + size + GUARD)[offset:]
    memory[...] = _GUARD_BYTE
    return memory


def _inside(memory: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return memory[GUARD : memory.size - GUARD]


def _address(memory: NDArray[np.uint8]) -> int:
    return int(memory.ctypes.data) + GUARD


def _guards_hold(memory: NDArray[np.uint8]) -> bool:
    return bool(np.all(memory[:GUARD] == _GUARD_BYTE) and np.all(memory[memory.size - GUARD :] == _GUARD_BYTE))
