"""How is a Numba kernel written down? A text builder, and the frame of arguments, imports and name around a body.

Everything that the convention of `brainrun.kernel_prelude` asks of a kernel's file stands here; the modules beside this
one write loops.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from brainc.ir.kernel import KernelText

ElementType: TypeAlias = Literal["f32", "i32", "i64"]

LANES = 16
WIDTH = 116
"""Columns of a line, as in every other file of this project."""

_TYPES = {"f32", "f64", "i32", "i64", "u64"}
_FUNCTIONS = {"erf", "exp", "log", "log1p", "logistic", "maximum", "minimum", "philox", "sqrt", "tanh", "uniform"}
PRELUDE = frozenset(_TYPES | _FUNCTIONS | {"local"})
"""The names that generated code takes from `brainrun.kernel_prelude`."""


class LoopDefect(Exception):
    """A kernel was asked for that the emitter cannot write: a defect of the compiler, not of the network."""


@dataclass(frozen=True, slots=True)
class Array:
    """An argument of the generated function: a buffer seen as a row-major array of constant shape."""

    name: str
    element: ElementType
    shape: tuple[int, ...]

    @property
    def annotated(self) -> str:
        """`x: f32[8, 20, 16]`."""
        return f"{self.name}: {self.element}[{', '.join(map(str, self.shape))}]"


class Body:
    """The lines of a function's body, written from top to bottom."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 1

    def write(self, *lines: str) -> None:
        """Add lines at the present depth."""
        self.lines += ["    " * self._depth + line for line in lines]

    @contextmanager
    def under(self, *headers: str) -> Iterator[None]:
        """Nest what follows under `headers`, each one level deeper than the one before."""
        for header in headers:
            self.write(header)
            self._depth += 1
        yield
        self._depth -= len(headers)


def loops(axes: Sequence[tuple[str, int]]) -> list[str]:
    """The headers of nested loops over whole axes, given as (name, length)."""
    return [f"for {name} in range({length}):" for name, length in axes]


LANE_LOOP = f"for lane in range({LANES}):"


@dataclass(frozen=True, slots=True)
class Function:
    """A generated function but for its name: `form` and `shape` are what the name says of it, before the hash."""

    form: str
    shape: tuple[int, ...]
    heading: str
    """The first sentence of the docstring: what is computed."""
    remarks: tuple[str, ...]
    """Further lines of the docstring."""
    arguments: tuple[Array, ...]
    body: tuple[str, ...]
    extent: int
    chainable: bool
    integers: tuple[int, ...] = ()
    """Where not empty, the function's last argument is `integers`."""


def finished(function: Function) -> KernelText:
    """The kernel's file. Its name ends in the first digits of the SHA-256 of everything but the name."""
    arguments = function.arguments
    if function.integers:
        arguments = (*arguments, Array("integers", "i64", (len(function.integers),)))
    body = "\n".join(function.body)
    annotations = [argument.annotated for argument in arguments]
    words = set(re.findall(r"\w+", body + " ".join(annotations)))
    form = "_".join((function.form, *(["x".join(map(str, function.shape))] if function.shape else [])))
    docstring = "\n".join((*_wrapped(function.heading), "", *function.remarks)).strip()
    content = "\n".join((docstring, *annotations, body))
    name = f"{form}_{hashlib.sha256(content.encode()).hexdigest()[:10]}"
    text = "\n".join(
        (
            f'"""{docstring}' + ("\n" if function.remarks else "") + '"""',
            "",
            "from __future__ import annotations",
            "",
            *(["import math", ""] if "math" in words else []),
            f"from brainrun.kernel_prelude import {', '.join(sorted(words & PRELUDE))}",
            "",
            "",
            _signature(name, annotations),
            body,
            "",
        )
    )
    return KernelText(name, "numba", text, function.extent, function.chainable, function.integers)


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, WIDTH - 4, break_long_words=False, break_on_hyphens=False)


def _signature(name: str, annotations: Sequence[str]) -> str:
    line = f"def {name}({', '.join(annotations)}, begin, end):"
    if len(line) <= WIDTH:
        return line
    return "\n".join((f"def {name}(", *(f"    {each}," for each in annotations), "    begin,", "    end,", "):"))
