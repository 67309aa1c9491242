"""How does a plan's kernel become an address? Its object is taken from the cache, or compiled into it, and loaded.

The ranks of a node divide the kernels that are missing among themselves (`compile_missing`), wait for each other, and
then each loads all of them (`load`). What compiles is a process of its own: a run whose kernels are cached never
imports Numba, and Numba's settings stay where they belong.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec

from brainrun.errors import PlanError, RunError
from brainrun.native import Loader
from brainrun.processor import Processor

_COMPILER_FILES = ("native.py", "numba_kernels.py", "kernel_prelude.py")
_KERNELS_WORTH_A_PROCESS = 4


@dataclass(frozen=True, slots=True)
class KernelSource:
    """A kernel before it is compiled: the text of its file, and the path that messages call it by."""

    name: str
    language: Literal["numba", "llvm"]
    text: str
    path: str


class CompileOrder(msgspec.Struct, frozen=True):
    """What a compiling process is told: kernels in the order of their keys, and the folder to put objects into."""

    cache: str
    processor_name: str
    processor_features: str
    kernels: tuple[tuple[str, KernelSource], ...]


class CompileReply(msgspec.Struct, frozen=True):
    """What a compiling process answers: the kernels that have no object, each with the reason."""

    failures: tuple[tuple[str, str], ...]


# ---- the cache -------------------------------------------------------------------------------------------------------


class Cache:
    """A folder of objects, one a kernel and processor, each behind the SHA-256 of its bytes.

    Entries are written whole or not at all; one that is damaged counts as missing. `shared`: the node's other ranks use
    the same folder.
    """

    def __init__(self, folder: Path, *, shared: bool = True) -> None:
        self.folder = folder
        self.shared = shared

    def path(self, key: str) -> Path:
        """Where the object of this key lies, if it is there."""
        return self.folder / f"{key}.o"

    def read(self, key: str) -> bytes | None:
        """The object, or None where it is missing or damaged."""
        try:
            content = self.path(key).read_bytes()
        except OSError:
            return None
        digest, object_file = content[:32], content[32:]
        return object_file if hashlib.sha256(object_file).digest() == digest else None

    def write(self, key: str, object_file: bytes) -> None:
        """Put an object there; whoever reads meanwhile sees the old one or the new one."""
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=f"{key[:16]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(object_file).digest() + object_file)
            os.replace(temporary, self.path(key))
        except BaseException:  # an interrupt, too, leaves no temporary file
            Path(temporary).unlink(missing_ok=True)
            raise


def open_cache(wanted: Path) -> tuple[Cache, str]:
    """The cache in this folder, or one in the node's temporary folder and a warning where it cannot be written."""
    reason = _unwritable(wanted)
    if not reason:
        return Cache(wanted), ""
    fallback = Path(tempfile.gettempdir()) / f"brainc-{os.getuid()}"
    shared = not _unwritable(fallback) and _private(fallback)
    if not shared:
        fallback = Path(tempfile.mkdtemp(prefix="brainc-"))
    return Cache(fallback, shared=shared), f"kernel cache {wanted} cannot be written ({reason}): using {fallback}"


def cache_folder(environment: Mapping[str, str]) -> Path:
    """$BRAINC_CACHE, or ~/.cache/brainc."""
    named = environment.get("BRAINC_CACHE", "")
    return Path(named) if named else Path(environment.get("HOME") or tempfile.gettempdir()) / ".cache" / "brainc"


def _unwritable(folder: Path) -> str:
    """Why nothing can be written there, or nothing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _private(folder: Path) -> bool:
    """Objects are run: a folder that others may have made or may write to is not to be trusted."""
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o022


def key(source: KernelSource, processor: Processor) -> str:
    """The name of a kernel's object: SHA-256 of everything that decides its bytes."""
    parts = (
        source.language,
        source.name,
        source.text,
        processor.name,
        processor.features,
        _compiler(),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def _compiler() -> str:
    """What compiles: the versions of LLVM's and Numba's packages, and our own files that steer them."""
    here = Path(__file__).parent
    own = hashlib.sha256(b"\0".join((here / name).read_bytes() for name in _COMPILER_FILES)).hexdigest()
    return f"llvmlite {version('llvmlite')}, numba {version('numba')}, {own}"


# ---- compiling and loading -------------------------------------------------------------------------------------------


def compile_missing(
    sources: Sequence[KernelSource], processor: Processor, cache: Cache, *, member: int, members: int, processes: int
) -> None:
    """Compile member's share of the kernels that the cache lacks, with up to so many processes at a time.

    The members are the first ranks of the node; the others have no share. Kernels are dealt out before the cache is
    asked, as members ask it at different moments. A cache that is this process's own must have them all. PlanError
    names the kernels that cannot be compiled.
    """
    keyed = sorted({key(source, processor): source for source in sources}.items())
    dealt = keyed
    if cache.shared:
        dealt = keyed[member::members] if member < members else []
    share = [(name, source) for name, source in dealt if cache.read(name) is None]
    if not share:
        return
    count = max(1, min(processes, len(share) // _KERNELS_WORTH_A_PROCESS))
    workers = [_start_compiler(share[part::count], processor, cache) for part in range(count)]
    failures = [failure for worker, order in workers for failure in _finish_compiler(worker, order)]
    if failures:
        path, reason = failures[0]
        more = f" ({len(failures) - 1} more)" if len(failures) > 1 else ""
        raise PlanError(f"cannot be compiled: {reason}{more}", where=path)


def load(sources: Sequence[KernelSource], processor: Processor, cache: Cache, loader: Loader) -> dict[str, int]:
    """The address of each kernel by its name. RunError where an object is missing or cannot be loaded."""
    addresses = {}
    for source in sources:
        object_file = cache.read(key(source, processor))
        if object_file is None:
            raise RunError("its object is not in the kernel cache", where=source.path, remedy=f"check {cache.folder}")
        try:
            addresses[source.name] = loader.address(object_file, source.name)
        except RuntimeError as error:
            raise PlanError(f"cannot be loaded: {error}", where=source.path) from error
    return addresses


def _start_compiler(
    share: Sequence[tuple[str, KernelSource]], processor: Processor, cache: Cache
) -> tuple[subprocess.Popen[bytes], bytes]:
    order = CompileOrder(str(cache.folder), processor.name, processor.features, tuple(share))
    # Settings meant for other programs (NUMBA_DISABLE_JIT, …) would change the code under the same key.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    worker = subprocess.Popen(
        [sys.executable, "-m", "brainrun.compile_kernels"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    return worker, msgspec.json.encode(order)


def _finish_compiler(worker: subprocess.Popen[bytes], order: bytes) -> tuple[tuple[str, str], ...]:
    answer, complaints = worker.communicate(order)
    if worker.returncode != 0:
        last = complaints.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise RunError(f"the kernel compiler ended with status {worker.returncode}: {last[0]}")
    return msgspec.json.decode(answer, type=CompileReply).failures
