"""How were the digits made? From scikit-learn's copy of the UCI set, split by class and written as gzipped idx files.

Usage: pip install scikit-learn; python make_digits.py [FOLDER]      (FOLDER is digits/ beside this file by default)
"""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

TEST_PER_CLASS = 50


def split(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Record numbers for training and for testing, each in file order.

    Of every class, 50 records at even distances through the file are for testing: the file goes writer by writer, so
    both parts hold every writer's hand.
    """
    test: list[int] = []
    for digit in range(10):
        records = np.flatnonzero(labels == digit)
        test.extend(records[np.arange(TEST_PER_CLASS) * len(records) // TEST_PER_CLASS].tolist())
    chosen = np.zeros(len(labels), bool)
    chosen[test] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write unsigned bytes as a gzipped idx file; the same array always gives the same bytes."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), 9, mtime=0))


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "digits"
    folder.mkdir(exist_ok=True)
    digits = load_digits()
    for name, records in zip(("train", "test"), split(digits.target), strict=True):
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", digits.images[records].astype(np.uint8))
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", digits.target[records].astype(np.uint8))


if __name__ == "__main__":
    main()
