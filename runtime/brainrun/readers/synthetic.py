"""What data is there without data? Deterministic samples of any type, whose classes can be learnt.

Every sample belongs to a hidden class; a feature is half its class's own level and half noise, each a random byte, so
it lies in [0, 1) (0 … 254 where the input holds bytes, 0 or 1 where it holds integers). A class label is the hidden
class itself. Noise and classes are functions of (seed, input, sample, feature), levels of (input, class, feature): sets
of different seeds have different samples of the same classes, so that one can train and another test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainrun.philox import block, stream_of
from brainrun.plan.schema import InputFact, Slice, SyntheticSource
from brainrun.readers.records import Column, array_records

_CLASSES_WITHOUT_LABELS = 10
_BYTES_A_BLOCK = 16
_NOISE, _LEVEL = 0, 1
"""The counter's step: rows of noise are samples, rows of levels are classes."""
_LEVEL_SEED = 0


@dataclass(frozen=True, slots=True)
class SyntheticRecords:
    """The samples of one network input, made when they are read."""

    where: str
    input: InputFact
    count: int
    seed: int
    classes: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.input.shape

    def read(self, indices: NDArray[np.int64], features: Slice) -> NDArray[Any]:
        classes = hidden_classes(self.seed, self.classes, indices)
        present, place = np.unique(classes, return_inverse=True)
        noise = self._bytes(self.seed, _NOISE, indices, features)
        levels = self._bytes(_LEVEL_SEED, _LEVEL, present, features)
        values = (levels >> 1)[place] + (noise >> 1)
        match self.input.kind:
            case "u8":
                return values
            case "i32":
                return (values >> 7).astype(np.int32)
            case _:
                return values * np.float32(1 / 256)

    def _bytes(self, seed: int, step: int, rows: NDArray[np.int64], features: Slice) -> NDArray[np.uint8]:
        """`bytes[row, features]`: sixteen of each block, word by word, low byte first."""
        first, last = features.start // _BYTES_A_BLOCK, -(-features.stop // _BYTES_A_BLOCK)
        stream = stream_of(f"synthetic.{self.input.name}")
        words = np.stack(block(seed, stream, step, rows[:, None], np.arange(first, last)), axis=-1)
        flat = words.astype("<u4", copy=False).view(np.uint8).reshape(len(rows), -1)
        skipped = first * _BYTES_A_BLOCK
        return flat[:, features.start - skipped : features.stop - skipped]


def open_synthetic(source: SyntheticSource, inputs: tuple[InputFact, ...]) -> Mapping[str, Column]:
    """A field of each network input's name."""
    classes = max((fact.classes for fact in inputs if fact.kind == "class"), default=_CLASSES_WITHOUT_LABELS)
    everyone = np.arange(source.count, dtype=np.int64)
    columns: dict[str, Column] = {}
    for fact in inputs:
        where = f"synthetic(count={source.count}), field '{fact.name}'"
        if fact.kind == "class":
            columns[fact.name] = array_records(where, hidden_classes(source.seed, classes, everyone) % fact.classes)
        else:
            columns[fact.name] = SyntheticRecords(where, fact, source.count, source.seed, classes)
    return columns


def hidden_classes(seed: int, classes: int, samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class of each sample, uniform on 0 … classes − 1."""
    words = block(seed, stream_of("synthetic.class"), 0, samples >> 32, samples)[0]
    return (words.astype(np.int64) * classes) >> 32
