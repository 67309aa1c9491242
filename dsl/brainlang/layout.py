"""How the words of one statement stand on a line: blanks, brackets, and where a long one is broken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from brainlang.tokens import Piece

WIDTH = 100  # columns
INDENT = 4

_OPENERS = ("LPAR", "LSQB")
_CLOSERS = ("RPAR", "RSQB")
_TIGHT = frozenset(("SLASH", "FLOOR", "PERCENT", "POWER"))
_BINARY = _TIGHT | {"PLUS", "MINUS", "STAR", "EQUALS", "UNEQUAL", "LESS", "AT_MOST", "MORE", "AT_LEAST"}
_WORDS_BEFORE_VALUES = frozenset(("if", "else", "and", "or", "not", "for", "return"))


@dataclass(frozen=True, slots=True)
class Element:
    """What stands between two commas of a bracket: comment lines before it, its parts, a comment behind it."""

    above: tuple[str, ...]
    parts: tuple["Part", ...]
    behind: str


@dataclass(frozen=True, slots=True)
class Bracket:
    """`(…)` or `[…]`. `commas` where a comma may follow the last element: not in the parentheses of arithmetic."""

    opener: Piece
    elements: tuple[Element, ...]
    closer: Piece
    commas: bool


Part = Piece | Bracket


def bracketed(pieces: Sequence[Piece]) -> tuple[Part, ...]:
    """The pieces of a statement with each bracket and what it holds as one part. Line ends may be among the pieces."""
    parts, _ = _parts(pieces, 0, frozenset())
    return parts


def _parts(pieces: Sequence[Piece], place: int, ends: frozenset[str]) -> tuple[tuple[Part, ...], int]:
    """Parts from `place` up to a piece whose kind is in `ends`, and the place of that piece."""
    parts: list[Part] = []
    while place < len(pieces) and pieces[place].kind not in ends:
        piece = pieces[place]
        if piece.kind in _OPENERS:
            called = bool(parts) and _is_callee(parts[-1])
            bracket, place = _bracket(pieces, place, commas=called or piece.kind == "LSQB")
            parts.append(bracket)
        else:
            parts.append(piece)
            place += 1
    return tuple(parts), place


def _bracket(pieces: Sequence[Piece], start: int, *, commas: bool) -> tuple[Bracket, int]:
    """The bracket that opens at `start`, and the place behind it."""
    elements: list[Element] = []
    above: list[str] = []
    below: list[str] = []
    behind = ""
    place = start + 1
    ends = frozenset((*_CLOSERS, "COMMA", "COMMENT", "NEWLINE"))
    parts: list[Part] = []
    while True:
        found, place = _parts(pieces, place, ends)
        parts += found
        piece = pieces[place]
        place += 1
        if piece.kind == "COMMENT":
            on_own_line = pieces[place - 2].kind == "NEWLINE"
            if parts and on_own_line:
                below.append(piece.text)
            elif parts:
                behind = _joined(behind, piece.text)
            elif not on_own_line and elements and not above:
                last = elements[-1]
                elements[-1] = Element(last.above, last.parts, _joined(last.behind, piece.text))
            else:
                above.append(piece.text)
        elif piece.kind == "COMMA" or piece.kind in _CLOSERS:
            if parts:
                elements.append(Element(tuple(above), tuple(parts), behind))
                above, below, parts, behind = below, [], [], ""
            if piece.kind in _CLOSERS:
                if above:
                    elements.append(Element(tuple(above), (), ""))
                return Bracket(pieces[start], tuple(elements), piece, commas), place


def _joined(first: str, second: str) -> str:
    return f"{first} {second}" if first else second


def flat(parts: Sequence[Part], *, inside: bool = False) -> str:
    """The parts on one line. Inside brackets a product has no blanks around its sign."""
    text = ""
    before: Part | None = None
    previous: Part | None = None
    for part in parts:
        if previous is not None and _blank_between(before, previous, part, inside=inside):
            text += " "
        text += part.text if isinstance(part, Piece) else _flat_bracket(part)
        before, previous = previous, part
    return text


def _flat_bracket(bracket: Bracket) -> str:
    inner = ", ".join(flat(element.parts, inside=True) for element in bracket.elements if element.parts)
    return f"{bracket.opener.text}{inner}{bracket.closer.text}"


def _kind(part: Part | None) -> str:
    if part is None:
        return ""
    return part.kind if isinstance(part, Piece) else part.opener.kind


def _is_callee(part: Part) -> bool:
    return isinstance(part, Piece) and part.kind in ("NAME", "DOTTED") and part.text not in _WORDS_BEFORE_VALUES


def _is_sign(before: Part | None, sign: Part) -> bool:
    """Whether `+` or `-` stands before its only operand."""
    if _kind(sign) not in ("PLUS", "MINUS"):
        return False
    if isinstance(before, Piece) and before.text in _WORDS_BEFORE_VALUES:
        return True
    return before is None or _kind(before) in _BINARY | {"EQUAL", "BAR", "COMMA"}


def _blank_between(before: Part | None, left: Part, right: Part, *, inside: bool) -> bool:
    """Whether a blank stands between two neighbours; `before` stands before `left`."""
    kinds = (_kind(left), _kind(right))
    if _is_sign(before, left) or kinds[1] == "COLON":
        return False
    if kinds[1] in _OPENERS and isinstance(right, Bracket) and _is_callee(left):
        return False
    if any(kind in _TIGHT for kind in kinds) or (inside and "STAR" in kinds):
        return False
    return not (inside and "EQUAL" in kinds)


def broken(parts: Sequence[Part], indent: int, start: int, *, inside: bool = False, room: int = 0) -> list[str]:
    """The parts as lines, the first of which begins at column `start` and lacks its margin; `room` columns follow it.

    Brackets that hold a comment are opened, one element a line; where the line is too long, so is the widest bracket.
    """
    line = flat(parts, inside=inside)
    opened = {place for place, part in enumerate(parts) if _has_comment(part)}
    if not opened and start + len(line) + room > WIDTH:
        wide = [place for place, part in enumerate(parts) if isinstance(part, Bracket) and part.elements]
        opened = {max(wide, key=lambda place: len(flat(parts[place : place + 1])))} if wide else set()
    if not opened:
        return [line]
    lines = [""]
    for place, part in enumerate(parts):
        if place > 0 and _blank_between(parts[place - 2] if place > 1 else None, parts[place - 1], part, inside=inside):
            lines[-1] += " "
        if isinstance(part, Bracket) and place in opened:
            lines[-1] += part.opener.text
            lines += _element_lines(part, indent + INDENT)
            lines.append(" " * indent + part.closer.text)
        else:
            lines[-1] += flat([part], inside=inside)
    return lines


def _element_lines(bracket: Bracket, indent: int) -> Iterator[str]:
    margin = " " * indent
    for element in bracket.elements:
        yield from (margin + comment for comment in element.above)
        if not element.parts:
            continue
        comma = "," if bracket.commas else ""
        lines = broken(element.parts, indent, indent, inside=True, room=len(comma))
        lines[0] = margin + lines[0]
        lines[-1] += comma + (f"  {element.behind}" if element.behind else "")
        yield from lines


def _has_comment(part: Part) -> bool:
    return isinstance(part, Bracket) and any(
        element.above or element.behind or any(map(_has_comment, element.parts)) for element in part.elements
    )
