"""Where does everything a rank computes with lie? In one zeroed, page-aligned block, at the places the plan states."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import RunError
from brainrun.plan.schema import Buffer, Lanes, Panels, Plain, RankProgram
from brainrun.plan.storage import NUMPY_TYPES, fill_panels, from_panels, stored_elements, stored_shape


class Arena:
    """The rank's memory. It has state: the numbers in it. Views of it live as long as anything refers to them."""

    def __init__(self, program: RankProgram) -> None:
        try:
            # Private, as Linux by default has huge pages for no shared memory.
            block = mmap.mmap(-1, max(program.arena_bytes, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError as error:
            raise RunError(
                f"a rank of program {program.name} needs {program.arena_bytes:,} bytes: {error.strerror}",
                remedy="start fewer ranks a node, or compile for more model ranks",
            ) from None
        if hasattr(mmap, "MADV_HUGEPAGE"):
            block.madvise(mmap.MADV_HUGEPAGE)
        self._memory: NDArray[np.uint8] = np.frombuffer(block, np.uint8)
        self._buffers: Mapping[str, Buffer] = {buffer.name: buffer for buffer in program.buffers}
        self._first = int(self._memory.ctypes.data)

    def address(self, name: str) -> int:
        """Where the buffer begins."""
        return self._first + self._buffers[name].offset

    def view(self, name: str) -> NDArray[Any]:
        """The buffer as it lies in memory: padded, row-major, writable."""
        buffer = self._buffers[name]
        kind = np.dtype(NUMPY_TYPES[buffer.dtype])
        end = buffer.offset + stored_elements(buffer.storage) * kind.itemsize
        return self._memory[buffer.offset : end].view(kind).reshape(stored_shape(buffer.storage))

    def put(self, name: str, values: NDArray[np.float32]) -> None:
        """Write an array into a buffer of a weight's storage, whatever that is."""
        match self._buffers[name].storage:
            case Panels(outputs=outputs, inputs=inputs):
                fill_panels(values.reshape(outputs, inputs), self.view(name))
            case Plain():
                view = self.view(name)
                view[...] = values.reshape(view.shape)
            case Lanes():
                raise ValueError(f"{name} holds samples, not a weight")

    def get(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The inverse of `put`: a copy of the buffer as an array of this shape."""
        match self._buffers[name].storage:
            case Panels(inputs=inputs):
                return from_panels(self.view(name), inputs).reshape(shape)
            case Plain():
                return np.array(self.view(name), np.float32).reshape(shape)
            case Lanes():
                raise ValueError(f"{name} holds samples, not a weight")
