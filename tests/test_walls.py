"""Who may import whom: the walls between the packages and between the compiler's rooms, read off the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "brainlang": ROOT / "dsl" / "brainlang",
    "brainrun": ROOT / "runtime" / "brainrun",
    "brainc": ROOT / "brainc",
}

ORDER = (
    ("codegen.llvm.writer",),
    ("ir",),
    ("evaluate",),
    ("tensor.builder",),
    ("operators",),
    ("graph", "tensor", "machine"),
    ("reductions",),
    ("partition", "schedule"),
    ("codegen", "truenorth"),
    ("report", "graph.draw", "settings"),
    ("pipeline",),
    ("export",),
    ("commands",),
    ("cli",),
)
"""The rooms of `brainc`, ground floor first: a module imports from its own floor and those below it.

`tensor/builder.py` stands below the operators, which lower themselves with it; the rest of `tensor/` stands above them.
`codegen/llvm/writer.py` knows nothing but LLVM's text, and reduction schemes write their kernels with it.
`graph/draw.py` is a picture, and stands with the reports, whose way of laying out boxes it uses.
"""

INSIDE_FUNCTIONS = {
    "brainc.commands": "brainc fmt in an editor must not wait for NumPy, networkx and LLVM",
    "brainc.truenorth.nir.package": "only NIR graphs need the package nir, an extra",
    "brainrun.cli": "a plan runs without the simulator of cores, and starts sooner",
    "brainrun.checkpoint": "a run that loads no weights does without safetensors, and starts sooner",
    "brainrun.compile_kernels": "kernels in LLVM IR do without Numba, which takes most of a second to import",
    "brainrun.open_world": "a run of one rank needs no MPI",
    "brainrun.mpi_world": "importing MPI initialises it",
}
"""Modules that import inside functions, and why."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import: by whom, of what, on which line, and whether inside a function or for type checking only."""

    by: str
    of: str
    line: int
    inside: bool
    typing: bool


def modules() -> dict[str, Path]:
    """Every module of the three packages by its import name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join((package, *(part for part in parts if part != "__init__")))] = path
    return found


MODULES = modules()


def _imports(by: str, node: ast.AST, inside: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                yield from (Import(by, name.name, child.lineno, inside, typing) for name in names)
            case ast.ImportFrom(module=module, names=names, level=0) if module:
                for name in names:
                    of = f"{module}.{name.name}"
                    yield Import(
                        by, of if of in MODULES or module == "mpi4py" else module, child.lineno, inside, typing
                    )
            case ast.ImportFrom(level=level):
                raise AssertionError(f"{by}:{child.lineno} imports relatively, by {level} dots")
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from _imports(by, child, True, typing)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _imports(by, child, inside, True)
            case _:
                yield from _imports(by, child, inside, typing)


IMPORTS = [
    found
    for name, path in MODULES.items()
    for found in _imports(name, ast.parse(path.read_text(encoding="utf-8")), False, False)
]


def of_package(name: str) -> str:
    return name.split(".")[0]


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("brainlang", {"brainrun", "brainc", "numpy", "networkx", "numba", "llvmlite", "mpi4py", "msgspec"}),
        ("brainrun", {"brainlang", "brainc", "lark", "networkx"}),
        ("brainc", {"mpi4py"}),
    ],
)
def test_a_package_knows_nothing_of_those_above_it(package: str, forbidden: set[str]) -> None:
    through = [
        f"{found.by}:{found.line} imports {found.of}"
        for found in IMPORTS
        if of_package(found.by) == package and of_package(found.of) in forbidden
    ]
    assert through == []


def test_one_module_alone_speaks_mpi() -> None:
    speakers = {found.by for found in IMPORTS if of_package(found.of) == "mpi4py"}
    assert speakers == {"brainrun.mpi_world"}


def floor(module: str) -> int:
    """The floor of the most specific entry of ORDER that the module belongs to."""
    inside = module.removeprefix("brainc.")
    fits = [
        (len(room), number)
        for number, rooms in enumerate(ORDER)
        for room in rooms
        if inside == room or inside.startswith(f"{room}.")
    ]
    assert fits, f"{module} stands on no floor: add its room to ORDER"
    return max(fits)[1]


def test_the_compiler_s_rooms_stand_on_those_below_them() -> None:
    climbing = [
        f"{found.by}:{found.line} imports {found.of}"
        for found in IMPORTS
        if of_package(found.by) == "brainc" != found.by
        and found.of.startswith("brainc.")
        and not found.typing
        and floor(found.of) > floor(found.by)
    ]
    assert climbing == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    drawn: networkx.DiGraph[str] = networkx.DiGraph()
    drawn.add_edges_from((found.by, found.of) for found in IMPORTS if found.of in MODULES and not found.typing)
    assert list(networkx.simple_cycles(drawn)) == []


def test_imports_inside_functions_are_those_with_a_reason() -> None:
    hidden = {found.by for found in IMPORTS if found.inside}
    assert sorted(hidden - set(INSIDE_FUNCTIONS)) == []


def test_every_reason_for_an_import_inside_a_function_is_needed() -> None:
    hidden = {found.by for found in IMPORTS if found.inside}
    assert sorted(set(INSIDE_FUNCTIONS) - hidden) == []
