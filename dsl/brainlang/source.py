"""Which text is meant, and where in it: sources, spans, lines and columns, excerpts."""

from bisect import bisect_right
from dataclasses import dataclass, field

WIDEST_EXCERPT = 160  # columns; a longer line is shown around the span only


@dataclass(frozen=True, slots=True)
class Source:
    """One text a user wrote: a file, or a value given on the command line. Lines end with a newline character only."""

    path: str
    text: str = field(repr=False)
    line_starts: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        starts = [0]
        place = self.text.find("\n")
        while place >= 0:
            starts.append(place + 1)
            place = self.text.find("\n", place + 1)
        object.__setattr__(self, "line_starts", tuple(starts))

    def line_of(self, offset: int) -> int:
        """The line that holds the character at `offset`, counting from 1."""
        return bisect_right(self.line_starts, offset)

    def line_text(self, line: int) -> str:
        """The text of a line, counting from 1, without its newline."""
        start = self.line_starts[line - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start` … `end` (exclusive) of a source."""

    source: Source
    start: int
    end: int

    @property
    def path(self) -> str:
        """The path of the file, as the user gave it."""
        return self.source.path

    @property
    def line(self) -> int:
        """The line of the first character, counting from 1."""
        return self.source.line_of(self.start)

    @property
    def column(self) -> int:
        """The column of the first character, in characters, counting from 1."""
        return self.start - self.source.line_starts[self.line - 1] + 1

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    def to(self, other: "Span") -> "Span":
        """The span from the beginning of this one to the end of a later one in the same source."""
        return Span(self.source, self.start, other.end)

    def excerpt(self) -> str:
        """The source line, and below it the span's part of that line underlined: two lines of text."""
        line = self.source.line_text(self.line)
        begin = self.column - 1
        end = max(begin + 1, min(begin + self.end - self.start, len(line)))
        if len(line) > WIDEST_EXCERPT:
            cut = max(0, begin - WIDEST_EXCERPT // 2)
            line, begin = line[cut : cut + WIDEST_EXCERPT], begin - cut
            end = min(end - cut, WIDEST_EXCERPT)
        shown = "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line)
        # A tab stays a tab below itself, so that the underline stands where the terminal puts the words.
        margin = "".join("\t" if c == "\t" else " " for c in shown[:begin])
        return f"  {shown}".rstrip() + f"\n  {margin}{'^' * max(1, end - begin)}"
