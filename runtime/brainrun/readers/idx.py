"""What do Yann LeCun's idx files hold? An array of records, plain or gzipped, behind a header that is checked in full.

Header: two zero bytes, a type code, the number of axes, then each axis' length as a big-endian 32-bit integer.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from brainrun.errors import DataError
from brainrun.plan.schema import IdxSource
from brainrun.readers.records import Column, array_records
from brainrun.readers.staging import Shelf

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_LARGEST_RATIO = 1100  # Deflate makes data at most 1,032 times smaller: a header that claims more is broken.
_PIECE = 1 << 20  # A gzip file is read through a buffer as large as what is asked for: not the whole at once.


def open_idx(source: IdxSource, shelf: Shelf) -> Mapping[str, Column]:
    """Fields `images` and `labels`, which have equally many records; an empty file name leaves its field out."""
    arrays = {
        name: (path, read_idx(path))
        for name, file in (("images", source.images), ("labels", source.labels))
        if file
        for path in (shelf.find(file),)
    }
    if "labels" in arrays:
        path, labels = arrays["labels"]
        if labels.ndim != 1:
            raise DataError(
                f"labels have one axis, but this file has {labels.ndim}: {_lengths(labels.shape)}",
                where=str(path),
                remedy="labels= and images= may be the wrong way round",
            )
        if "images" in arrays and len(arrays["images"][1]) != len(labels):
            other, images = arrays["images"]
            raise DataError(
                f"{len(labels)} labels do not match the {len(images)} images of {other}",
                where=str(path),
                remedy="the two files must be of the same set",
            )
    return {name: array_records(str(path), array) for name, (path, array) in arrays.items()}


def read_idx(path: Path) -> NDArray[Any]:
    """The file's array in its own type: mapped where the file is plain, decompressed into memory where gzipped."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                return _read_stream(stream, path)
        with open(path, "rb") as stream:
            return _map(stream, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"is not a whole gzip file ({error})", where=str(path), remedy="fetch it again") from error
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from error


def _read_stream(stream: gzip.GzipFile, path: Path) -> NDArray[Any]:
    kind, shape = _header(stream, path)
    expected = math.prod(shape) * kind.itemsize
    if expected > _LARGEST_RATIO * path.stat().st_size:
        _check_length(len(stream.read()), expected, shape, path)
    array = np.empty(shape, kind)
    octets = array.reshape(-1).view(np.uint8)
    filled = 0
    while filled < len(octets) and (read := stream.readinto(octets[filled : filled + _PIECE].data)):
        filled += read
    surplus = 0
    while more := len(stream.read(_PIECE)):
        surplus += more
    _check_length(filled + surplus, array.nbytes, shape, path)
    return array


def _map(stream: BinaryIO, path: Path) -> NDArray[Any]:
    kind, shape = _header(stream, path)
    offset = stream.tell()
    expected = math.prod(shape) * kind.itemsize
    _check_length(path.stat().st_size - offset, expected, shape, path)
    if expected == 0:
        return np.empty(shape, kind)
    return np.memmap(stream, dtype=kind, mode="r", offset=offset, shape=shape)


def _header(stream: BinaryIO | gzip.GzipFile, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if magic[:2] == b"\x1f\x8b":
        raise DataError("is gzipped, but its name does not end in .gz", where=str(path), remedy="rename it")
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise DataError(
            f"is not an idx file; it begins with {magic.hex(' ') or 'nothing'} instead of 00 00, a type code "
            f"({', '.join(f'{code:02x}' for code in _TYPES)}), and the number of axes",
            where=str(path),
        )
    lengths = stream.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise DataError(f"ends within its header of {magic[3]} axes", where=str(path), remedy="fetch it again")
    return np.dtype(_TYPES[magic[2]]), struct.unpack(f">{magic[3]}I", lengths)


def _check_length(found: int, expected: int, shape: tuple[int, ...], path: Path) -> None:
    if found == expected:
        return
    record = max(1, expected // shape[0]) if shape[0] else 1
    what = (
        f"ends within record {found // record}"
        if found < expected
        else f"has {found - expected} bytes after its last record"
    )
    raise DataError(
        f"{what}; its header says {_lengths(shape)}, {expected} bytes, and {found} bytes follow it",
        where=str(path),
        remedy="fetch it again",
    )


def _lengths(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
