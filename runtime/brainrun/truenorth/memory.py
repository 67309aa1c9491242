"""Where do a simulator's tables lie? In zeroed memory that starts a cache line, or a huge page where it is large."""

from __future__ import annotations

import mmap
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from brainrun.truenorth.kernel.shape import LINE_BYTES

_HUGE_PAGE = 2**21

Item = TypeVar("Item", bound=np.generic)


def aligned(size: int, dtype: type[Item]) -> NDArray[Item]:
    """An array of zeros that starts a cache line, or a huge page if it is large."""
    count = size * np.dtype(dtype).itemsize
    if count < _HUGE_PAGE // 2:
        storage, alignment = np.zeros(count + LINE_BYTES, np.uint8), LINE_BYTES
    else:
        # Private, as Linux by default has huge pages for no shared memory.
        block = mmap.mmap(-1, count + 2 * _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            block.madvise(mmap.MADV_HUGEPAGE)
        storage, alignment = np.frombuffer(block, np.uint8), _HUGE_PAGE
    first = -storage.ctypes.data % alignment
    return storage[first : first + count].view(dtype)
