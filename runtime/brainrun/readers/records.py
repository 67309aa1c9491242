"""What does a source give? Fields: numbered records of one shape each, or a column of text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainrun.plan.schema import Slice


class Records(Protocol):
    """`count` records of one shape, read by number."""

    @property
    def where(self) -> str:
        """The file (and field) that messages name."""

    @property
    def count(self) -> int: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one record."""

    def read(self, indices: NDArray[np.int64], features: Slice) -> NDArray[Any]:
        """`values[n, features]` of these records, their features counted flat; never a view of the source."""


@dataclass(frozen=True, slots=True)
class ArrayRecords:
    """Records in memory or in a mapped file: `values[record, flat feature]`."""

    where: str
    shape: tuple[int, ...]
    values: NDArray[Any] = field(repr=False)

    @property
    def count(self) -> int:
        return len(self.values)

    def read(self, indices: NDArray[np.int64], features: Slice) -> NDArray[Any]:
        if features.stop - features.start < self.values.shape[1]:
            return self.values[indices, features.start : features.stop]
        # `take` is twice as fast as indexing, but copies the whole array first where it is not as C has it.
        return self.values.take(indices, axis=0) if self.values.flags.carray else self.values[indices]


def array_records(where: str, array: NDArray[Any]) -> ArrayRecords:
    """An array `[record, …]` as records; a mapped file stays mapped."""
    flat = np.asarray(array).reshape(len(array), -1) if array.size else np.empty((len(array), 0), array.dtype)
    return ArrayRecords(where, tuple(array.shape[1:]), flat)


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of words, which can only be class labels: `words[record]`."""

    where: str
    words: NDArray[np.str_] = field(repr=False)

    @property
    def count(self) -> int:
        return len(self.words)


@dataclass(frozen=True, slots=True)
class OneHotRecords:
    """Class labels as vectors of zeros and a one; `codes[record]` lie in 0 … classes − 1."""

    where: str
    codes: NDArray[np.int32] = field(repr=False)
    classes: int

    @property
    def count(self) -> int:
        return len(self.codes)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.classes,)

    def read(self, indices: NDArray[np.int64], features: Slice) -> NDArray[Any]:
        vectors: NDArray[np.bool_] = self.codes[indices, None] == np.arange(features.start, features.stop)
        return vectors.astype(np.float32)


Column: TypeAlias = Records | TextColumn
