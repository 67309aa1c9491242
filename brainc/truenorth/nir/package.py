"""Where does the package `nir` come in? It reads and writes the files, and is imported only when one is wanted."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from brainrun.errors import RunError


def package() -> ModuleType:
    """The package `nir`. RunError: it is not installed."""
    try:
        import nir
    except ImportError:
        remedy = "pip install 'brainc[nir]'"
        raise RunError("NIR graphs need the package nir, which is not installed", remedy=remedy) from None
    module: ModuleType = nir
    return module


def read_graph(path: Path) -> Any:
    """The graph in a file, its types not checked. RunError: it cannot be read, or is something else."""
    nir = package()
    where = str(path)
    if not path.exists():
        raise RunError("there is no such file", where=where)
    try:
        return nir.read(path, type_check=False)
    except OSError as error:
        raise RunError(f"is no HDF5 file that can be read: {error}", where=where) from None
    # This is how the package says that something is missing, unknown to it, or of another form.
    except (KeyError, AssertionError, AttributeError, TypeError, ValueError) as error:
        said = f": {error}" if str(error) else ""
        what = f"is no graph that the package nir {nir.version} can read{said}"
        raise RunError(what, where=where, remedy="write it with nir.write of that version or before") from None


def write_graph(path: Path, graph: Any) -> None:
    """The file of a graph; the same graph gives the same bytes. RunError: it cannot be written."""
    try:
        package().write(path, graph)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror or error}", where=str(path)) from None
