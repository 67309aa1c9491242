"""Where is a data file? Under the data folder, or in the node-local copy of it that the ranks of a node share."""

from __future__ import annotations

import fcntl
import os
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

from brainrun.errors import DataError


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the files of one data section lie: `folder`, and a node-local `cache` folder or None."""

    folder: Path
    cache: Path | None

    def find(self, name: str) -> Path:
        """The file to read for this name, copied to the cache first where there is one; DataError if it is missing."""
        path = self.folder / name
        if not path.is_file():
            raise DataError("there is no such file", where=str(path), remedy=_remedy(path))
        return path if self.cache is None else _staged(path, self.cache)


def _remedy(path: Path) -> str:
    twin = path.with_suffix("") if path.suffix == ".gz" else path.with_name(path.name + ".gz")
    if twin.is_file():
        return f"did you mean '{twin.name}'?"
    return "relative paths start at --data-dir DIR, or else at the folder of the .brain file"


def _staged(path: Path, cache: Path) -> Path:
    """The copy of a file in the cache, made by whichever rank of the node comes first while the others wait for it.

    The copy's name holds what tells one version of the file from another: its path, size and time of change.
    """
    try:
        facts = path.stat()
        key = zlib.crc32(f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}".encode())
        copy = cache / f"{key:08x}-{path.name}"
        cache.mkdir(parents=True, exist_ok=True)
        with open(cache / f"{copy.name}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not copy.exists():
                partial = cache / f"{copy.name}.{os.getpid()}.partial"
                shutil.copyfile(path, partial)
                os.replace(partial, copy)
    except OSError as error:
        raise DataError(
            f"cannot be staged in '{cache}' ({error.strerror})",
            where=str(path),
            remedy="let `cache` name a folder on this node with room for the data, or leave it out",
        ) from error
    return copy
