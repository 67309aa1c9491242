"""Who imports whom: the three packages' walls, the one importer of MPI, and what a compute node does without."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "brainlang": ROOT / "dsl" / "brainlang",
    "brainrun": ROOT / "runtime" / "brainrun",
    "brainc": ROOT / "brainc",
}
FORBIDDEN = {
    "brainlang": ("brainrun", "brainc", "mpi4py", "numpy"),
    "brainrun": ("brainlang", "brainc", "lark", "networkx"),
    "brainc": ("mpi4py",),
}
MESH = FOLDERS["brainrun"] / "mesh.py"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of everything a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)


@pytest.mark.parametrize("package", FOLDERS)
def test_a_package_imports_nothing_from_behind_its_walls(package: str) -> None:
    through = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted(FOLDERS[package].rglob("*.py"))
        for line, name in imports(path)
        if name.partition(".")[0] in FORBIDDEN[package]
    ]
    assert through == []


def test_only_the_mesh_imports_mpi() -> None:
    importers = {
        path
        for folder in FOLDERS.values()
        for path in folder.rglob("*.py")
        if any("MPI" in n for _, n in imports(path))
    }
    assert importers == {MESH}


def test_brainrun_loads_neither_compiler_nor_language_nor_their_packages() -> None:
    show = "import sys, brainrun.cli, brainrun.run; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    assert {"brainrun", "numpy", "msgspec"} <= set(loaded)
    assert not {"brainc", "brainlang", "lark", "networkx", "numba"} & set(loaded)
