"""What do NumPy's files hold? `.npy`, mapped and read record by record, and `.npz`, read once; never pickles."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.plan.schema import NpySource, NpzSource
from brainrun.readers.records import Column, TextColumn, array_records
from brainrun.readers.staging import Shelf


def open_npy(source: NpySource, shelf: Shelf) -> Mapping[str, Column]:
    """One field a file."""
    columns: dict[str, Column] = {}
    for name, file in source.files:
        path = shelf.find(file)
        columns[name] = _column(str(path), _map_npy(path))
    return columns


def open_npz(source: NpzSource, shelf: Shelf, wanted: Iterable[str]) -> Mapping[str, Column]:
    """The wanted arrays of the file that it has; where one is missing, DataError lists what there is."""
    path = shelf.find(source.file)
    try:
        with np.load(path, mmap_mode=None, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError("is one array, not an archive of arrays", where=str(path), remedy="use npy(…)")
            missing = [name for name in wanted if name not in archive.files]
            if missing:
                raise DataError(
                    f"has no array '{missing[0]}'; it has {', '.join(archive.files) or 'none'}", where=str(path)
                )
            return {name: _column(f"{path}, array '{name}'", archive[name]) for name in wanted}
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, OSError) as error:
        raise _unreadable(path, error) from error


def _map_npy(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise DataError("is an archive of arrays, not one array", where=str(path), remedy="use npz(…)")
    return array


def _column(where: str, array: NDArray[Any]) -> Column:
    if array.ndim == 0:
        raise DataError("is a single number, not an array of records", where=where)
    if array.dtype.kind == "U" and array.ndim == 1:
        return TextColumn(where, array)
    if array.dtype.kind not in "buif":
        raise DataError(f"holds {array.dtype}, not numbers", where=where, remedy="save real numbers")
    return array_records(where, array)


def _unreadable(path: Path, error: Exception) -> DataError:
    if "allow_pickle" in str(error) or "Python objects" in str(error):
        return DataError(
            "holds Python objects, which are not read from files", where=str(path), remedy="save plain numbers"
        )
    return DataError(f"is not a whole NumPy file ({error})", where=str(path), remedy="write it again")
