"""The `.brain` language: from a file to a Program, or to every mistake in it."""

from brainlang.diagnostics import BrainError, Diagnostic, nearest
from brainlang.format import format_source
from brainlang.load import load_program, parse_program
from brainlang.program import Program
from brainlang.source import Source, Span

__all__ = [
    "BrainError",
    "Diagnostic",
    "Program",
    "Source",
    "Span",
    "format_source",
    "load_program",
    "nearest",
    "parse_program",
]
