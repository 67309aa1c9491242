"""How does a field feed a network input? Bound to it once, with every check, then read batch by batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.plan.schema import Cast, Field, InputFact, OneHot, Slice, Transform
from brainrun.readers.lanes import fill_lanes
from brainrun.readers.records import Column, OneHotRecords, Records, TextColumn
from brainrun.readers.transforms import AugmentKey, Draws, is_pointwise, transformed, transformed_shape


@dataclass(frozen=True, slots=True)
class BoundLabels:
    """A class input and its labels, all within its classes: `codes[record]`."""

    codes: NDArray[np.int32] = field(repr=False)

    def fill(self, indices: NDArray[np.int64], out: NDArray[Any]) -> None:
        """Write the labels of these records as lanes `[⌈n/16⌉][16]`."""
        fill_lanes(self.codes[indices, None], out)


@dataclass(frozen=True, slots=True)
class BoundNumbers:
    """A numeric input, the records it is made from, and what is done to them; `shape` is a record's before that."""

    input: InputFact
    records: Records
    transforms: tuple[Transform, ...]
    shape: tuple[int, ...]

    def fill(
        self, indices: NDArray[np.int64], out: NDArray[Any], features: Slice, augment_key: AugmentKey | None
    ) -> None:
        """Write these records' features, transformed, as lanes `[⌈n/16⌉][features][16]`."""
        everything = Slice(start=0, stop=prod(self.shape))
        pointwise = is_pointwise(self.transforms)
        values = self.records.read(indices, features if pointwise else everything)
        values = values.astype(np.float32, copy=False)
        values = transformed(values, self.transforms, self.shape, Draws(self.input.name, indices, augment_key))
        fill_lanes(values if pointwise else values[:, features.start : features.stop], out)


Bound: TypeAlias = BoundLabels | BoundNumbers


def takes_labels(binding: Field, fact: InputFact) -> bool:
    """Whether this binding reads class labels, as numbers or words."""
    return fact.kind == "class" or any(isinstance(transform, OneHot) for transform in binding.transforms)


def label_names(columns: Iterable[Column]) -> tuple[str, ...]:
    """The classes that the columns' words name, sorted; empty where the labels are numbers in all of them."""
    columns = tuple(columns)
    texts = [column for column in columns if isinstance(column, TextColumn)]
    for column in columns if texts else ():
        if not isinstance(column, TextColumn):
            raise DataError(
                f"has whole numbers for labels, but {texts[0].where} has words",
                where=column.where,
                remedy="label all data sets alike",
            )
    return tuple(sorted({str(word) for column in texts for word in np.unique(column.words)}))


def bind(binding: Field, fact: InputFact, column: Column, names: tuple[str, ...], own: Slice) -> Bound:
    """Bind a column to an input; `names` are the classes where labels are words, `own` the records that are used."""
    if takes_labels(binding, fact):
        return _bind_labels(binding, fact, column, names, own)
    if isinstance(column, TextColumn):
        raise DataError(
            f"holds words, but input '{fact.name}' is {_type(fact)}",
            where=column.where,
            remedy="words can only be class labels",
        )
    return _bind_numbers(fact, column, binding.transforms)


def _bind_labels(binding: Field, fact: InputFact, column: Column, names: tuple[str, ...], own: Slice) -> Bound:
    transforms = tuple(transform for transform in binding.transforms if not isinstance(transform, Cast))
    if fact.kind == "class":
        if transforms:
            raise DataError(
                f"input '{fact.name}' is {_type(fact)}, whose labels cannot be transformed",
                where=column.where,
                remedy=f"leave {fact.name} = {binding.field} as it is",
            )
        return BoundLabels(_codes(fact.classes, fact, column, names, own))
    match transforms:
        case (OneHot(classes=classes), *rest):
            codes = _codes(classes, fact, column, names, own)
            return _bind_numbers(fact, OneHotRecords(column.where, codes, classes), tuple(rest))
        case _:
            raise DataError("one_hot takes class labels; nothing may come before it", where=column.where)


def _bind_numbers(fact: InputFact, records: Records, transforms: tuple[Transform, ...]) -> Bound:
    shape = fact.shape if prod(fact.shape) == prod(records.shape) else records.shape
    after = transformed_shape(transforms, shape, records.where)
    if prod(after) != prod(fact.shape):
        raise DataError(
            f"a sample of {list(after)} does not fit input '{fact.name}', which is {_type(fact)}",
            where=records.where,
            remedy=f"declare f32{list(after)}, or choose a field of {prod(fact.shape)} elements",
        )
    return BoundNumbers(fact, records, transforms, shape)


def _codes(classes: int, fact: InputFact, column: Column, names: tuple[str, ...], own: Slice) -> NDArray[np.int32]:
    """`codes[record]`, those of the records in `own` checked to lie in 0 … classes − 1."""
    if isinstance(column, TextColumn):
        if len(names) > classes:
            raise DataError(
                f"names {len(names)} classes ({', '.join(names[:8])}{', …' if len(names) > 8 else ''}), "
                f"but input '{fact.name}' has {classes}",
                where=column.where,
                remedy=f"declare {len(names)} classes",
            )
        return np.searchsorted(np.array(names), column.words).astype(np.int32)
    if prod(column.shape) != 1:
        raise DataError(
            f"a record of {list(column.shape)} is not a label; input '{fact.name}' needs one number a sample",
            where=column.where,
        )
    values = column.read(np.arange(column.count, dtype=np.int64), Slice(start=0, stop=1))[:, 0]
    used = values[own.start : own.stop]
    wrong = np.flatnonzero(~((used >= 0) & (used < classes)) | (used != np.trunc(used)))
    if len(wrong):
        record = own.start + int(wrong[0])
        raise DataError(
            f"record {record} has label {values[record]}, but input '{fact.name}' has the classes 0 … {classes - 1}",
            where=column.where,
            remedy="correct the file, or declare as many classes as it has",
        )
    return values.astype(np.int32)


def _type(fact: InputFact) -> str:
    return f"class[{fact.classes}]" if fact.kind == "class" else f"{fact.kind}{list(fact.shape)}"
