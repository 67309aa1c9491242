"""What is wrong, where, and what would help: the one place that words a message for the terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from brainlang.source import Span


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake of the user: the place, what is wrong in the user's terms, and the remedy ("" if none)."""

    span: Span
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        """`net.brain:9:31: error: …`, the source line, the underline, and `help: …`; a blank line is not shown."""
        lines = [f"{self.span.path}:{self.span.line}:{self.span.column}: error: {self.message}"]
        if self.span.source.line_text(self.span.line).strip():
            lines.append(self.span.excerpt())
        if self.remedy:
            lines.append(f"help: {self.remedy}")
        return "\n".join(lines)


class BrainError(Exception):
    """The user's input is at fault. Holds every diagnostic found, in file order, each once."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = in_file_order(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        """All diagnostics as text, a blank line between two."""
        return "\n\n".join(map(str, self.diagnostics))


class Report:
    """Collects what is found on the way; its state is that list. At the end `settle` raises it, if there is any."""

    def __init__(self, diagnostics: Iterable[Diagnostic] = ()) -> None:
        self.diagnostics = list(diagnostics)

    def add(self, span: Span, message: str, remedy: str = "") -> None:
        """Keep one more mistake and go on."""
        self.diagnostics.append(Diagnostic(span, message, remedy))

    def settle(self) -> None:
        """Raises BrainError if anything was found."""
        if self.diagnostics:
            raise BrainError(self.diagnostics)

    def stop(self, span: Span, message: str, remedy: str = "") -> NoReturn:
        """Raises BrainError at once: going on would take too long or find nothing sensible."""
        self.add(span, message, remedy)
        raise BrainError(self.diagnostics)


def in_file_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics by file, in the order the files first appear, then by place; repeated ones dropped."""
    distinct = list(dict.fromkeys(diagnostics))
    rank_of_path: dict[str, int] = {}
    for diagnostic in distinct:
        rank_of_path.setdefault(diagnostic.span.path, len(rank_of_path))
    return tuple(sorted(distinct, key=lambda d: (rank_of_path[d.span.path], d.span.start, d.span.end)))


def nearest(word: str, choices: Iterable[str]) -> str:
    """The remedy `did you mean 'maxpool'?` for a word that is close to one of the choices, else ""."""
    close = get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def listed(words: Sequence[str], joined_by: str = "or") -> str:
    """Words as a person lists them: `a`, `a or b`, `a, b or c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joined_by} {words[-1]}"


def counted(count: int, noun: str) -> str:
    """`1 argument`, `2 arguments`, `no arguments`."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
