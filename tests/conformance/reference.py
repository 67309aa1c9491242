"""PyTorch's numbers for the cases, kept in one file so that machines without PyTorch can compare with them.

The file is one vector of float64 with the names and shapes of its parts: a few hundred small arrays of their own would
be mostly headers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from .case import Array

FILE = Path(__file__).with_name("reference.npz")


def save(arrays: Mapping[str, Array], file: Path = FILE) -> None:
    """Write the arrays, in the order of their names."""
    shapes = {name: list(arrays[name].shape) for name in sorted(arrays)}
    numbers = np.concatenate([np.asarray(arrays[name], np.float64).reshape(-1) for name in shapes])
    np.savez_compressed(file, numbers=numbers, shapes=np.array(json.dumps(shapes)))


def load(file: Path = FILE) -> dict[str, Array]:
    """The arrays by name."""
    with np.load(file, allow_pickle=False) as stored:
        numbers, shapes = stored["numbers"], json.loads(str(stored["shapes"]))
    found: dict[str, Array] = {}
    start = 0
    for name, shape in shapes.items():
        found[name] = numbers[start : start + prod(shape)].reshape(shape)
        start += prod(shape)
    return found
