"""The one layout of a `.brain` file: indentation, blanks, aligned `=`, aligned pipes, one blank line at most."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from brainlang.diagnostics import BrainError
from brainlang.layout import INDENT, WIDTH, Bracket, Part, bracketed, broken, flat
from brainlang.parse import parse
from brainlang.source import Source
from brainlang.tokens import Piece, pieces_of

WIDEST_PIPE_MARGIN = 48  # columns; a pipe that begins further right continues below its statement's value


@dataclass(slots=True)
class Row:
    """One line of a statement as its author broke it: a part of a pipe, or comments only. State: grows while read."""

    pieces: list[Piece] = field(default_factory=list)
    comment: str = ""


@dataclass(slots=True)
class Entry:
    """A statement, a `… {`, a `}` or a comment on a line of its own. State: grows while it is read."""

    depth: int
    blank_before: bool
    rows: list[Row]

    @property
    def first_piece(self) -> Piece | None:
        """The first word or sign, None for a comment."""
        return next((piece for row in self.rows for piece in row.pieces), None)

    @property
    def opens(self) -> bool:
        """Whether this is `… {`."""
        return any(piece.kind == "LBRACE" for row in self.rows for piece in row.pieces)

    @property
    def closes(self) -> bool:
        """Whether this is `}`."""
        return self.first_piece is not None and self.first_piece.kind == "RBRACE"


def format_source(text: str, path: str = "net.brain") -> str:
    """The text in the one layout: it says the same and keeps every comment. Raises BrainError if it cannot be read."""
    source = Source(path, text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    _, diagnostics = parse(source)
    if diagnostics:
        raise BrainError(diagnostics)
    pieces, _ = pieces_of(source)
    entries = _spaced(_Entries(pieces).entries())
    lines = [line for run in _runs(entries) for line in _run_lines(run)]
    return "\n".join(lines) + "\n" if lines else ""


class _Entries:
    """Cuts the pieces into entries. State: the entry that is being read."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self.done: list[Entry] = []
        self.current: Entry | None = None
        self.depth = 0
        self.brackets = 0
        self.newlines = 0

    def entries(self) -> list[Entry]:
        """All entries of the file."""
        for place, piece in enumerate(self.pieces):
            if self.brackets:
                self._within_brackets(piece)
            elif piece.kind == "NEWLINE":
                self._end_of_line(place)
            elif piece.kind == "COMMENT":
                self._comment(piece)
            else:
                self._word(piece)
        self._finish()
        return self.done

    def _within_brackets(self, piece: Piece) -> None:
        assert self.current is not None
        self.current.rows[-1].pieces.append(piece)
        self.brackets += (piece.kind in ("LPAR", "LSQB")) - (piece.kind in ("RPAR", "RSQB"))

    def _end_of_line(self, place: int) -> None:
        self.newlines += 1
        following = (piece.kind for piece in self.pieces[place:] if piece.kind not in ("NEWLINE", "COMMENT"))
        if self.current is not None and next(following, "") != "BAR":
            self._finish()
            self.newlines = 1

    def _comment(self, piece: Piece) -> None:
        if self.current is not None and self.newlines == 0:
            self.current.rows[-1].comment = piece.text
        elif self.current is not None:
            self.current.rows.append(Row(comment=piece.text))
            self.newlines = 0
        elif self.newlines == 0 and self.done:
            self.done[-1].rows[-1].comment = piece.text
        else:
            self._begin()
            assert self.current is not None
            self.current.rows[-1].comment = piece.text
            self._finish()

    def _word(self, piece: Piece) -> None:
        if piece.kind == "RBRACE":
            self._finish()
            self.depth -= 1
        if self.current is None:
            self._begin()
        elif piece.kind == "BAR" and self.newlines:
            self.current.rows.append(Row())
        self.newlines = 0
        assert self.current is not None
        self.current.rows[-1].pieces.append(piece)
        if piece.kind in ("LBRACE", "RBRACE"):
            self._finish()
            self.depth += piece.kind == "LBRACE"
        self.brackets += piece.kind in ("LPAR", "LSQB")

    def _begin(self) -> None:
        self.current = Entry(self.depth, self.newlines > 1 and bool(self.done), [Row()])

    def _finish(self) -> None:
        if self.current is not None:
            self.done.append(self.current)
            self.newlines = 0
        self.current = None


def _spaced(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with the blank lines they shall have: none inside the braces' edges, one around sections."""
    for before, entry in pairwise(entries):
        if before.opens or entry.closes:
            entry.blank_before = False
        elif entry.depth == 0 and (before.closes or (entry.opens and before.first_piece is not None)):
            entry.blank_before = True
    return list(entries)


def _runs(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Neighbouring entries of one kind, with comment lines among them: their `=` stand below one another."""
    run: list[Entry] = []
    kind = ""
    for entry in entries:
        own = _alignment(entry)
        if run and (entry.blank_before or (own and kind and own != kind) or own == "none" or kind == "none"):
            yield run
            run, kind = [], ""
        run.append(entry)
        kind = own or kind
    if run:
        yield run


def _alignment(entry: Entry) -> str:
    """With which entries this one is aligned: `none` with no other, "" (a comment) with any."""
    first = entry.first_piece
    if first is None:
        return ""
    if entry.opens or entry.closes or not _has_value(entry):
        return "none"
    plain = _left(entry)[1:2] == () or first.text not in ("let", "place", "loss", "metric", "output")
    if plain:
        return "plain"
    return first.text if first.text in ("let", "place") else "result"


def _has_value(entry: Entry) -> bool:
    return any(isinstance(part, Piece) and part.kind == "EQUAL" for part in bracketed(entry.rows[0].pieces))


def _left(entry: Entry) -> tuple[Part, ...]:
    """What stands before the `=`."""
    parts = bracketed(entry.rows[0].pieces)
    equal = next(place for place, part in enumerate(parts) if isinstance(part, Piece) and part.kind == "EQUAL")
    return parts[:equal]


def _run_lines(run: Sequence[Entry]) -> Iterator[str]:
    statements = [entry for entry in run if _alignment(entry) not in ("", "none")]
    keyword_width = max((len(_keyword(entry)) for entry in statements), default=0)
    lefts = [_left_text(entry, keyword_width) for entry in statements]
    width = max(map(len, lefts), default=0)
    for entry in run:
        if entry.blank_before:
            yield ""
        margin = " " * (INDENT * entry.depth)
        if entry.first_piece is None:
            yield margin + entry.rows[0].comment
        elif _alignment(entry) == "none":
            yield from _statement_lines(entry, margin, len(margin))
        else:
            head = f"{margin}{_left_text(entry, keyword_width):<{width}} = "
            yield from _statement_lines(entry, head, len(head))


def _keyword(entry: Entry) -> str:
    return flat(_left(entry)[:1]) if _alignment(entry) == "result" else ""


def _left_text(entry: Entry, keyword_width: int) -> str:
    left = _left(entry)
    if _alignment(entry) == "result":
        return f"{flat(left[:1]):<{keyword_width}} {flat(left[1:])}"
    return flat(left)


def _statement_lines(entry: Entry, head: str, start: int) -> Iterator[str]:
    """The lines of a statement: `head`, then the value, its pipes below one another."""
    aligned = _alignment(entry) != "none"
    indent = INDENT * entry.depth
    pipe_column = start
    for number, row in enumerate(entry.rows):
        parts = bracketed(row.pieces)
        if number == 0:
            value = parts[len(_left(entry)) + 1 :] if aligned else parts
            rows = _filled(value, start, None)
            pipe_column = _pipe_column(rows[0], start)
            if len(rows) > 1:
                rows = _filled(value, start, pipe_column)
        else:
            rows = _filled(parts, pipe_column, pipe_column)
        lines: list[str] = []
        for place, row_parts in enumerate(rows):
            first = number == 0 and place == 0
            column = start if first else pipe_column
            row_lines = broken(row_parts, indent if first else pipe_column, column)
            lines.append((head if first else " " * pipe_column) + row_lines[0])
            lines += row_lines[1:]
        comment = f"  {row.comment}" if row.pieces and row.comment else row.comment
        yield from lines[:-1]
        yield (lines[-1] + comment).rstrip() if row.pieces else " " * pipe_column + row.comment


def _pipe_column(parts: Sequence[Part], start: int) -> int:
    """The column below which the pipe goes on: that of its first `|`, if that is not too far right."""
    for place, part in enumerate(parts):
        if isinstance(part, Piece) and part.kind == "BAR":
            line = flat(parts[:place])
            column = start + len(line) + (1 if line else 0)
            held = any(isinstance(p, Bracket) and len(broken([p], 0, 0)) > 1 for p in parts)
            return column if column <= WIDEST_PIPE_MARGIN and not held else start
    return start


def _filled(parts: Sequence[Part], start: int, column: int | None) -> list[tuple[Part, ...]]:
    """The parts of a row, cut before a `|` wherever the line would be too long; later lines begin at `column`."""
    stages = [tuple(group) for _, group in groupby(parts, key=StageCounter())]
    rows: list[tuple[Part, ...]] = []
    for stage in stages:
        begin = start if len(rows) <= 1 or column is None else column
        if rows and begin + len(flat((*rows[-1], *stage))) <= WIDTH:
            rows[-1] = (*rows[-1], *stage)
        else:
            rows.append(stage)
    return rows or [()]


class StageCounter:
    """Numbers a row's parts by the stage of the pipe they belong to. State: the stages so far."""

    def __init__(self) -> None:
        self.stage = 0

    def __call__(self, part: Part) -> int:
        self.stage += isinstance(part, Piece) and part.kind == "BAR"
        return self.stage
