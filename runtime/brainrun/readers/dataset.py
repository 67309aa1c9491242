"""What data does a run read? For each role a data set, opened and checked in full before the first step.

A record's number counts within its role, from 0; a role whose end was given away to `part` keeps the records before.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.plan.schema import (
    CsvSource,
    DataSection,
    Field,
    IdxSource,
    InputFact,
    NpySource,
    NpzSource,
    PartSource,
    Slice,
    SyntheticSource,
)
from brainrun.readers.arrays import open_npy, open_npz
from brainrun.readers.fields import Bound, BoundLabels, BoundNumbers, bind, label_names, takes_labels
from brainrun.readers.idx import open_idx
from brainrun.readers.records import Column
from brainrun.readers.staging import Shelf
from brainrun.readers.synthetic import open_synthetic
from brainrun.readers.tables import Use, open_csv
from brainrun.readers.transforms import AugmentKey


@dataclass(frozen=True, slots=True)
class Dataset:
    """The samples of one role: `count` of them, from record `first` of its source on."""

    role: str
    count: int
    shuffle: bool
    first: int
    inputs: Mapping[str, Bound]

    def fill(
        self,
        input: str,
        indices: NDArray[np.int64],
        out: NDArray[Any],
        features: Slice,
        augment_key: AugmentKey | None = None,
    ) -> None:
        """Write features of these samples as lanes: `out[⌈n/16⌉][features][16]`, lanes beyond n zero.

        Class labels go to `out[⌈n/16⌉][16]`, whatever `features` says. Without a key, nothing is random.
        DataError where the role has no such input.
        """
        records = indices + self.first
        match self.inputs.get(input):
            case BoundLabels() as labels:
                labels.fill(records, out)
            case BoundNumbers() as numbers:
                numbers.fill(records, out, features, augment_key)
            case None:
                raise DataError(f"gives nothing to input '{input}'", where=f"data {self.role}")


def open_datasets(
    sections: Sequence[DataSection], data_folder: Path, inputs: tuple[InputFact, ...]
) -> Mapping[str, Dataset]:
    """Open the data of every role; DataError for the first thing found wrong with any of it."""
    facts = {fact.name: fact for fact in inputs}
    for section in sections:
        _check_bindings(section, facts)
    owners: Mapping[str, str] = {section.role: _owner(section, sections) for section in sections}
    sources: Mapping[str, Mapping[str, Column]] = {
        section.role: _open(section, data_folder, inputs, _wanted(section.role, sections, owners, facts))
        for section in sections
        if not isinstance(section.source, PartSource)
    }
    columns: Mapping[str, Mapping[str, Column]] = {section.role: sources[owners[section.role]] for section in sections}
    ranges = _ranges(sections, {role: _count(role, opened) for role, opened in sources.items()})
    names = {name: _names(sections, columns, fact) for name, fact in facts.items()}
    return {
        section.role: Dataset(
            role=section.role,
            count=ranges[section.role].stop - ranges[section.role].start,
            shuffle=section.shuffle,
            first=ranges[section.role].start,
            inputs={
                binding.input: bind(
                    binding,
                    facts[binding.input],
                    columns[section.role][binding.field],
                    names[binding.input],
                    ranges[section.role],
                )
                for binding in section.fields
            },
        )
        for section in sections
    }


def _names(
    sections: Sequence[DataSection], columns: Mapping[str, Mapping[str, Column]], fact: InputFact
) -> tuple[str, ...]:
    """The classes of an input whose labels are words: those of all roles together, so that all number them alike."""
    return label_names(
        columns[section.role][binding.field]
        for section in sections
        for binding in section.fields
        if binding.input == fact.name and takes_labels(binding, fact)
    )


def _check_bindings(section: DataSection, facts: Mapping[str, InputFact]) -> None:
    bound = {binding.input for binding in section.fields}
    for name in sorted(bound - set(facts)):
        raise DataError(f"names '{name}', which is no input of the network", where=f"data {section.role}")
    if section.role != "predict":
        for name in facts:
            if name not in bound:
                raise DataError(
                    f"gives nothing to input '{name}'", where=f"data {section.role}", remedy=f"add {name} = FIELD"
                )


def _owner(section: DataSection, sections: Sequence[DataSection]) -> str:
    """The role whose source holds this section's records."""
    of_role = {other.role: other for other in sections}
    seen = [section.role]
    current = section
    while isinstance(current.source, PartSource):
        role = current.source.role
        if role not in of_role:
            raise DataError(f"part({role}, …) needs a section data {role}", where=f"data {section.role}")
        current = next(other for other in sections if other.role == role)
        if current.role in seen:
            raise DataError("is a part of itself", where=f"data {section.role}")
        seen.append(current.role)
    return current.role


def _wanted(
    owner: str, sections: Sequence[DataSection], owners: Mapping[str, str], facts: Mapping[str, InputFact]
) -> Mapping[str, Use]:
    """The fields that the sections of this source read, and whether as labels or as numbers."""
    bindings = [binding for section in sections if owners[section.role] == owner for binding in section.fields]
    return {binding.field: _use(binding, facts) for binding in bindings}


def _use(binding: Field, facts: Mapping[str, InputFact]) -> Use:
    return "labels" if takes_labels(binding, facts[binding.input]) else "numbers"


def _open(
    section: DataSection, folder: Path, inputs: tuple[InputFact, ...], wanted: Mapping[str, Use]
) -> Mapping[str, Column]:
    shelf = Shelf(folder, Path(section.cache) if section.cache else None)
    match section.source:
        case IdxSource() as source:
            columns = open_idx(source, shelf)
        case NpySource() as source:
            columns = open_npy(source, shelf)
        case NpzSource() as source:
            columns = open_npz(source, shelf, wanted)
        case CsvSource() as source:
            columns = open_csv(source, shelf, wanted)
        case SyntheticSource() as source:
            columns = open_synthetic(source, inputs)
        case PartSource():
            raise ValueError("a part has no source of its own")
        case _:
            assert_never(section.source)
    for field in wanted:
        if field not in columns:
            near = difflib.get_close_matches(field, columns, n=1)
            raise DataError(
                f"has no field '{field}'",
                where=f"data {section.role}",
                remedy=f"did you mean '{near[0]}'?" if near else f"its fields are {', '.join(columns)}",
            )
    return columns


def _count(role: str, columns: Mapping[str, Column]) -> int:
    counts = {name: column.count for name, column in columns.items()}
    if len(set(counts.values())) > 1:
        text = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise DataError(f"the fields differ in their number of records ({text})", where=f"data {role}")
    count = next(iter(counts.values()), 0)
    if count == 0:
        raise DataError("there are no records", where=f"data {role}")
    return count


def _ranges(sections: Sequence[DataSection], counts: Mapping[str, int]) -> Mapping[str, Slice]:
    """The records of each role: parts are cut off the end of what they are parts of, in the order of the sections."""
    ranges = {role: Slice(start=0, stop=count) for role, count in counts.items()}
    sizes = dict(counts)
    waiting = [(section.role, section.source) for section in sections if isinstance(section.source, PartSource)]
    while waiting:
        place = next(place for place, (_, part) in enumerate(waiting) if part.role in ranges)
        role, part = waiting.pop(place)
        whole, taken = ranges[part.role], round(part.share * sizes[part.role])
        if not 0 < taken < whole.stop - whole.start:
            raise DataError(
                f"part({part.role}, {part.share:g}) takes {taken} of the {whole.stop - whole.start} samples left",
                where=f"data {role}",
                remedy="both must keep at least one",
            )
        ranges[part.role] = Slice(start=whole.start, stop=whole.stop - taken)
        ranges[role] = Slice(start=whole.stop - taken, stop=whole.stop)
        sizes[role] = taken
    return ranges
