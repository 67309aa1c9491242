"""What does a table hold? Columns of numbers or words under a header, from `.csv`, `.tsv` and `.txt`, plain or gzipped.

NumPy's parser reads the columns that are wanted; only where it stumbles is the table read again, word by word, to name
the line and column at fault.
"""

from __future__ import annotations

import csv
import gzip
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.plan.schema import CsvSource
from brainrun.readers.records import Column, TextColumn, array_records
from brainrun.readers.staging import Shelf

Use: TypeAlias = Literal["numbers", "labels"]


@dataclass(frozen=True, slots=True)
class Table:
    """A table's file, how its words are parted, and the names of its columns."""

    path: Path
    delimiter: str
    names: tuple[str, ...]

    def index_of(self, name: str) -> int:
        """The place of the column of this name; DataError where there is none, or more than one."""
        match self.names.count(name):
            case 1:
                return self.names.index(name)
            case 0:
                raise DataError(
                    f"has no column '{name}'", where=str(self.path), remedy=f"its columns are {self._columns()}"
                )
            case several:
                raise DataError(f"has {several} columns named '{name}'", where=str(self.path), remedy="rename them")

    def _columns(self) -> str:
        shown = ", ".join(self.names[:8])
        return f"{shown}, … ({len(self.names)} in all)" if len(self.names) > 8 else shown


def open_csv(source: CsvSource, shelf: Shelf, wanted: Mapping[str, Use]) -> Mapping[str, Column]:
    """The wanted fields: `features` and `label` as the source groups them, or a column by its own name."""
    path = shelf.find(source.file)
    table = _header(path, source.delimiter)
    columns: dict[str, Column] = {}
    for field, use in wanted.items():
        where = f"{path}, field '{field}'"
        if field == "features":
            columns[field] = array_records(where, _numbers(table, _feature_columns(table, source)))
            continue
        name = source.label if field == "label" and source.label else field
        index = table.index_of(name)
        if use == "numbers":
            columns[field] = array_records(where, _numbers(table, (index,))[:, 0])
        else:
            columns[field] = _labels(where, _words(table, index))
    return columns


def _header(path: Path, delimiter: str) -> Table:
    with _text(path) as stream:
        line = stream.readline()
        parted = delimiter or _delimiter_of(path, line)
        stream.seek(0)
        names = next(csv.reader(stream, delimiter=parted), [])
    if not names:
        raise DataError("is empty; a table begins with the names of its columns", where=str(path))
    if all(_is_number(name) for name in names) and not _are_distinct_whole_numbers(names):
        raise DataError(
            "has no header; its first line holds numbers only",
            where=str(path),
            remedy="begin it with a line of column names",
        )
    return Table(path, parted, tuple(name.strip() for name in names))


def _delimiter_of(path: Path, line: str) -> str:
    match Path(path.stem).suffix if path.suffix == ".gz" else path.suffix:
        case ".csv":
            return ","
        case ".tsv":
            return "\t"
        case _:
            return max("\t,; ", key=line.count)


def _feature_columns(table: Table, source: CsvSource) -> tuple[int, ...]:
    if not source.features:
        label = table.index_of(source.label) if source.label else -1
        return tuple(index for index in range(len(table.names)) if index != label)
    chosen: list[int] = []
    for name in source.features:
        first, colon, last = name.partition(":")
        if name in table.names or not colon:
            chosen.append(table.index_of(name))
            continue
        start, stop = table.index_of(first), table.index_of(last)
        if stop < start:
            raise DataError(
                f"column '{last}' stands before column '{first}'",
                where=str(table.path),
                remedy=f'write "{last}:{first}"',
            )
        chosen.extend(range(start, stop + 1))
    return tuple(chosen)


def _numbers(table: Table, columns: Sequence[int]) -> NDArray[np.float32]:
    """`numbers[record, column]`, all finite."""
    with _text(table.path) as stream:
        next(csv.reader(stream, delimiter=table.delimiter))
        try:
            with warnings.catch_warnings(category=UserWarning, action="ignore"):  # A table without records warns.
                numbers = np.loadtxt(
                    stream,
                    dtype=np.float32,
                    comments=None,
                    delimiter=table.delimiter,
                    quotechar='"',
                    usecols=columns,
                    ndmin=2,
                )
        except ValueError as error:
            raise _first_fault(table, columns, str(error)) from error
    if not numbers.size:
        raise _no_records(table)
    if not np.isfinite(numbers).all():
        raise _first_fault(table, columns, "holds a number that is not finite")
    return numbers


def _words(table: Table, column: int) -> NDArray[np.str_]:
    words = [row[column].strip() for _, row in _rows(table)]
    if not words:
        raise _no_records(table)
    for number, word in enumerate(words):
        if not word:
            line = next(line for place, (line, _) in enumerate(_rows(table)) if place == number)
            raise DataError("is empty", where=_place(table, line, column), remedy="every record needs a label")
    return np.array(words)


def _labels(where: str, words: NDArray[np.str_]) -> Column:
    """Whole numbers stay what they are; anything else is a word."""
    try:
        return array_records(where, words.astype(np.int64))
    except (ValueError, OverflowError):
        return TextColumn(where, words)


def _rows(table: Table) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it ends on; DataError where one has too few or too many words."""
    with _text(table.path) as stream:
        reader = csv.reader(stream, delimiter=table.delimiter)
        next(reader)
        for row in reader:
            if not row:
                continue
            if len(row) != len(table.names):
                raise DataError(
                    f"has {len(row)} words where the header has {len(table.names)}",
                    where=f"{table.path}, line {reader.line_num}",
                )
            yield reader.line_num, row


def _first_fault(table: Table, columns: Sequence[int], otherwise: str) -> DataError:
    """The first word of these columns that is not a finite number."""
    for line, row in _rows(table):
        for column in columns:
            if not _is_number(row[column]):
                what = f"holds '{row[column]}', not a number" if row[column].strip() else "is empty"
                return DataError(
                    what,
                    where=_place(table, line, column),
                    remedy="correct the table, or leave the column out of features=",
                )
    return DataError(f"cannot be read as a table ({otherwise})", where=str(table.path))


def _are_distinct_whole_numbers(names: Sequence[str]) -> bool:
    """Columns may be called 0, 1, 2, …, as pandas calls them; a record in the header's place seldom looks like that."""
    return len(set(names)) == len(names) and all(name.strip().isdecimal() for name in names)


def _is_number(word: str) -> bool:
    try:
        return "_" not in word and abs(float(word)) <= float(np.finfo(np.float32).max)
    except ValueError:
        return False


def _place(table: Table, line: int, column: int) -> str:
    return f"{table.path}, line {line}, column '{table.names[column]}'"


def _no_records(table: Table) -> DataError:
    return DataError("has a header but no records", where=str(table.path))


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """The file's text; what goes wrong in reading it is a DataError."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as stream:
                yield stream
        else:
            with open(path, encoding="utf-8-sig", newline="") as stream:
                yield stream
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8 text", where=str(path), remedy="save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"cannot be read as a table ({error})", where=str(path)) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"is not a whole gzip file ({error})", where=str(path), remedy="fetch it again") from error
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from error
