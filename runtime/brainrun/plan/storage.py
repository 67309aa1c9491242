"""How many elements does a buffer's storage take, and how is an array laid out in it?"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from brainrun.plan.schema import LANES, DType, Lanes, Panels, Plain, Storage

NUMPY_TYPES: Mapping[DType, type[np.float32] | type[np.int32] | type[np.int64]] = {
    "f32": np.float32,
    "i32": np.int32,
    "i64": np.int64,
}


def stored_shape(storage: Storage) -> tuple[int, ...]:
    """The shape of the array as it lies in memory, row-major."""
    match storage:
        case Lanes(samples=samples, features=features):
            return (-(-samples // LANES), *features, LANES)
        case Panels(outputs=outputs, inputs=inputs):
            return (-(-inputs // LANES), outputs, LANES)
        case Plain(shape=shape):
            return shape
        case _:
            assert_never(storage)


def stored_elements(storage: Storage) -> int:
    """How many elements the storage takes, padding included."""
    return prod(stored_shape(storage))


def stored_bytes(dtype: DType, storage: Storage) -> int:
    """How many bytes the storage takes, padding included."""
    return stored_elements(storage) * np.dtype(NUMPY_TYPES[dtype]).itemsize


def fill_panels(matrix: NDArray[np.float32], panels: NDArray[np.float32]) -> None:
    """Write `matrix[outputs, inputs]` into `panels[⌈inputs/16⌉, outputs, 16]`, zero beyond the last input."""
    outputs, inputs = matrix.shape
    full, rest = divmod(inputs, LANES)
    panels[:full] = matrix[:, : full * LANES].reshape(outputs, full, LANES).transpose(1, 0, 2)
    if rest:
        panels[full, :, :rest] = matrix[:, full * LANES :]
        panels[full, :, rest:] = 0


def to_panels(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """`matrix[outputs, inputs]` as `[⌈inputs/16⌉, outputs, 16]`, zero beyond the last input."""
    outputs, inputs = matrix.shape
    panels = np.empty((-(-inputs // LANES), outputs, LANES), matrix.dtype)
    fill_panels(matrix, panels)
    return panels


def from_panels(panels: NDArray[np.float32], inputs: int) -> NDArray[np.float32]:
    """The inverse of `to_panels`."""
    blocks, outputs, lanes = panels.shape
    return np.ascontiguousarray(panels.transpose(1, 0, 2).reshape(outputs, blocks * lanes)[:, :inputs])
