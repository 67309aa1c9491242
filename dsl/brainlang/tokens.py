"""Which words and signs a text is made of, and which of its line ends end a statement."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from brainlang.diagnostics import Diagnostic
from brainlang.source import Source, Span

DEEPEST_BRACKETS = 64

# The signs of the language and the grammar's names for them; the longer ones stand first.
SIGNS = {
    "**": "POWER", "//": "FLOOR", "==": "EQUALS", "!=": "UNEQUAL", "<=": "AT_MOST", ">=": "AT_LEAST",
    "+": "PLUS", "-": "MINUS", "*": "STAR", "/": "SLASH", "%": "PERCENT", "<": "LESS", ">": "MORE",
    "=": "EQUAL", "|": "BAR", ",": "COMMA", ":": "COLON",
    "(": "LPAR", ")": "RPAR", "[": "LSQB", "]": "RSQB", "{": "LBRACE", "}": "RBRACE",
}  # fmt: skip
CLOSER_OF = {"LPAR": "RPAR", "LSQB": "RSQB"}
ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\t": "\t"}

_PIECE = re.compile(
    r"(?P<SPACE>[ \t]+)|(?P<COMMENT>#[^\n]*)|(?P<NEWLINE>\n)"
    r"|(?P<NAME>[^\W\d]\w*(?:\.\w+)*)"
    r"|(?P<NUMBER>\.?[0-9](?:[eE][+-]?[0-9]|[\w.])*)"
    r'|(?P<TEXT>"(?:[^"\\\n]|\\[^\n])*"?)'
    rf"|(?P<SIGN>{'|'.join(map(re.escape, SIGNS))})"
    r"|(?P<BAD>.)"
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ESCAPE = re.compile(r"\\.")


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, sign, comment or line end: its kind (the grammar's name for it, COMMENT or BAD), text and place."""

    kind: str
    text: str
    start: int
    end: int


def pieces_of(source: Source) -> tuple[tuple[Piece, ...], tuple[Diagnostic, ...]]:
    """Everything in the text but blanks, and what cannot be a part of any file.

    Every line end is a piece; `statement_pieces` leaves those that end a statement. What is wrong has kind BAD.
    """
    pieces: list[Piece] = []
    diagnostics: list[Diagnostic] = []
    for match in _PIECE.finditer(source.text):
        kind, text = match.lastgroup or "BAD", match.group()
        if kind == "SPACE":
            continue
        if kind == "SIGN":
            kind = SIGNS[text]
        fault = _fault(kind, text)
        if fault is not None:
            diagnostics.append(Diagnostic(Span(source, match.start(), match.end()), *fault))
            kind = "BAD"
        elif kind == "NAME" and "." in text:
            kind = "DOTTED"
        pieces.append(Piece(kind, text, match.start(), match.end()))
    return tuple(pieces), tuple(diagnostics)


def _fault(kind: str, text: str) -> tuple[str, str] | None:
    """The message and remedy for a piece that no file can hold, None where it is sound."""
    match kind:
        case "BAD":
            return _bad_character(text)
        case "NAME" if not all(part.isidentifier() for part in text.split(".") if not part.isdecimal()):
            return f"'{text}' is not a name", "a name is a letter or '_', then letters, digits and '_'"
        case "NUMBER" if not _NUMBER.fullmatch(text):
            return f"'{text}' is neither a number nor a name", _number_remedy(text)
        case "TEXT" if len(text) < 2 or not _closed(text):
            return "this text is never closed", "end it with '\"' on the same line"
        case "TEXT":
            unknown = [escape for escape in _ESCAPE.findall(text) if escape not in ESCAPES]
            if unknown:
                return f"'{unknown[0]}' is not an escape", r"the escapes are \" \\ \n \t"
    return None


def _closed(text: str) -> bool:
    return _ESCAPE.sub("", text[1:]).endswith('"')


def _bad_character(character: str) -> tuple[str, str]:
    if not character.isprintable():
        return f"the character U+{ord(character):04X} cannot stand in a file", "is this a text file?"
    remedies = {
        "'": 'texts are written in double quotes: "…"',
        ";": "a statement ends with its line",
        "&": "write 'and'",
        "!": "write 'not'",
        "^": "a power is written '**'",
        ".": "a name and its field are written without blanks between them: name.field",
    }
    return f"the character '{character}' means nothing here", remedies.get(character, "")


def _number_remedy(text: str) -> str:
    for better in ("0" + text, text + "0", text.replace("_", "")):
        if _NUMBER.fullmatch(better):
            return f"write {better}"
    return "numbers are written 7, 0.05 or 1e-3; names begin with a letter or '_'"


def unescaped(text: str) -> str:
    """What a quoted text says: without its quotes, escapes resolved."""
    return _ESCAPE.sub(lambda match: ESCAPES[match.group()], text[1:-1])


def statement_pieces(source: Source, pieces: Iterable[Piece]) -> tuple[tuple[Piece, ...], tuple[Diagnostic, ...]]:
    """The pieces the grammar sees: no comments, and of the line ends only those that end a statement.

    A line end ends nothing inside `(`…`)` and `[`…`]`, and before a line that begins with `|`. A bracket that is never
    closed is reported, and line ends count again after it.
    """
    solid = [piece for piece in pieces if piece.kind != "COMMENT"]
    partner, diagnostics = _partners(source, solid)
    kept: list[Piece] = []
    inside_until = -1
    for place, piece in enumerate(solid):
        if piece.kind != "NEWLINE":
            inside_until = max(inside_until, partner.get(place, -1))
            if piece.kind == "BAR" and place > inside_until and kept and kept[-1].kind == "NEWLINE":
                kept.pop()
            kept.append(piece)
        elif place > inside_until and (not kept or kept[-1].kind != "NEWLINE"):
            kept.append(piece)
    return tuple(kept), diagnostics


def _partners(source: Source, pieces: list[Piece]) -> tuple[dict[int, int], tuple[Diagnostic, ...]]:
    """The place of the closing bracket of each opening one, and the brackets that have none or the wrong one."""
    partner: dict[int, int] = {}
    diagnostics: list[Diagnostic] = []
    open_places: list[int] = []

    def report(place: int, message: str, remedy: str) -> None:
        piece = pieces[place]
        diagnostics.append(Diagnostic(Span(source, piece.start, piece.end), message, remedy))

    def never_closed() -> None:
        for place in open_places:
            closer = ")" if pieces[place].text == "(" else "]"
            report(place, f"this '{pieces[place].text}' is never closed", f"add '{closer}'")
        open_places.clear()

    for place, piece in enumerate(pieces):
        match piece.kind:
            case "LPAR" | "LSQB":
                open_places.append(place)
                if len(open_places) == DEEPEST_BRACKETS + 1:
                    report(place, f"brackets are nested more than {DEEPEST_BRACKETS} deep", "name a part with a 'let'")
            case "RPAR" | "RSQB" if open_places and CLOSER_OF[pieces[open_places[-1]].kind] == piece.kind:
                partner[open_places.pop()] = place
            case "RPAR" | "RSQB" if open_places:
                opener = pieces[open_places.pop()].text
                report(place, f"'{piece.text}' closes '{opener}'", "brackets close in the order they were opened")
            case "RPAR" | "RSQB":
                report(place, f"this '{piece.text}' closes nothing", "remove it")
            case "LBRACE" | "RBRACE":
                never_closed()
    never_closed()
    return partner, tuple(diagnostics)
