"""How does a plan lie on disk? A folder with `plan.json` and the files it names, written whole or not at all.

The same plan gives the same bytes: keys sorted, no times, no absolute paths, so that `diff -r` compares two plans.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec

from brainrun.errors import PlanError
from brainrun.plan.cores import CorePlan
from brainrun.plan.schema import VERSION, File, Plan

_DOCUMENT = "plan.json"


Document = TypeVar("Document", Plan, CorePlan)


class _Header(msgspec.Struct, frozen=True):
    """What any version of a plan says first."""

    schema: int
    made_by: str
    target: str


def encoded(plan: Plan | CorePlan) -> bytes:
    """The text of `plan.json`: sorted keys, two blanks a level, a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(plan, order="sorted"), indent=2) + b"\n"


def with_files(plan: Document, files: Mapping[str, str | bytes]) -> Document:
    """The plan with an entry for each of these files (path within the folder, text or bytes) and its hash."""
    entries = tuple(File(path, _digest(_content(file))) for path, file in sorted(files.items()))
    return msgspec.structs.replace(plan, files=entries)


def write_plan(folder: Path, plan: Document, files: Mapping[str, str | bytes]) -> Document:
    """Write the plan and its files as this folder, in place of the plan that was there; the plan as written.

    Whoever looks sees the old plan, none, or the new one. PlanError: something else lies there, or nothing can be
    written.
    """
    plan = with_files(plan, files)
    if folder.exists() and not _replaceable(folder):
        raise PlanError("exists and is not a plan", where=str(folder), remedy="choose another name with -o")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise PlanError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    try:
        for path, content in [*((path, _content(file)) for path, file in files.items()), (_DOCUMENT, encoded(plan))]:
            place = building / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        building.chmod(0o777 & ~_umask())
        _put_in_place(building, folder)
    except OSError as error:
        raise PlanError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return plan


def target_of(folder: Path) -> str:
    """What the plan in this folder runs on. PlanError: there is none, it is of another version, or it is damaged."""
    return _header(*_document(folder)).target


def read_plan(folder: Path) -> tuple[Plan, dict[str, str]]:
    """The plan for ranks in this folder and the texts of its files, verified.

    PlanError: there is none, it is of another version or for another target, it is damaged (with the place), or a file
    is not the one that was planned.
    """
    plan = _decoded(folder, "cpu", Plan)
    return plan, {file.path: _verified(folder, file).decode() for file in plan.files}


def read_core_plan(folder: Path) -> tuple[CorePlan, dict[str, bytes]]:
    """The plan for neurosynaptic cores in this folder and its files, verified. PlanError as above."""
    plan = _decoded(folder, "truenorth", CorePlan)
    return plan, {file.path: _verified(folder, file) for file in plan.files}


def require_ranks(plan: Plan, ranks: int, folder: Path) -> None:
    """PlanError unless the plan is for so many ranks."""
    wanted = plan.mesh.data * plan.mesh.model
    if ranks != wanted:
        raise PlanError(
            f"is for {wanted} ranks (data {plan.mesh.data} × model {plan.mesh.model}), but {ranks} were started",
            where=str(folder),
            remedy=f"start {wanted}, or compile again for {ranks}",
        )


def _document(folder: Path) -> tuple[bytes, Path]:
    document = folder / _DOCUMENT
    try:
        return document.read_bytes(), document
    except FileNotFoundError:
        what = "is not a plan: it has no plan.json" if folder.is_dir() else "does not exist"
        raise PlanError(what, where=str(folder), remedy="make one with brainc compile") from None
    except OSError as error:
        raise PlanError(f"cannot be read: {error.strerror}", where=str(folder)) from error


def _header(content: bytes, document: Path) -> _Header:
    try:
        header = msgspec.json.decode(content, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"is damaged: {error}", where=str(document), remedy="compile it again") from None
    if header.schema != VERSION:
        raise PlanError(
            f"is in format {header.schema} (made by {header.made_by}), and this brainrun reads format {VERSION}",
            where=str(document),
            remedy="compile it again, or run it with the version that made it",
        )
    return header


def _decoded(folder: Path, target: str, kind: type[Document]) -> Document:
    content, document = _document(folder)
    header = _header(content, document)
    if header.target != target:
        raise PlanError(f"is for target {header.target}, and one for {target} is wanted", where=str(document))
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise PlanError(f"is damaged: {error}", where=str(document), remedy="compile it again") from None


def _verified(folder: Path, file: File) -> bytes:
    place = folder / file.path
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts:
        raise PlanError(f"lists a file outside itself: {file.path}", where=str(folder))
    try:
        content = place.read_bytes()
    except OSError as error:
        raise PlanError(f"cannot be read: {error.strerror}", where=str(place), remedy="compile it again") from None
    if _digest(content) != file.sha256:
        raise PlanError(
            "is not the file that was planned (its SHA-256 differs)", where=str(place), remedy="compile again"
        )
    return content


def _content(file: str | bytes) -> bytes:
    return file.encode() if isinstance(file, str) else file


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _replaceable(folder: Path) -> bool:
    return folder.is_dir() and ((folder / _DOCUMENT).is_file() or not any(folder.iterdir()))


def _put_in_place(building: Path, folder: Path) -> None:
    if not folder.exists():
        building.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    folder.rename(aside)
    try:
        building.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
