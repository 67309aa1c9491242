"""What a text says, as a syntax tree; and if it is no `.brain` file, every statement that is wrong and why."""

from collections.abc import Sequence, Set
from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from brainlang import syntax
from brainlang.diagnostics import Diagnostic
from brainlang.expected import explain
from brainlang.source import Source, Span
from brainlang.tokens import Piece, pieces_of, statement_pieces
from brainlang.tree import TreeBuilder

TOP_WORDS = ("let", "use", "block", "network", "data", "train", "parallel", "truenorth")
BODY_WORDS = ("input", "loss", "metric", "output", "return")
KEYWORDS = frozenset((*TOP_WORDS, *BODY_WORDS, "if", "else", "true", "false", "none"))
# Words that are signs where a sign can stand, and otherwise names like any other.
SIGN_WORDS = frozenset(("and", "or", "not", "for"))


@cache
def grammar(start: str = "start") -> Lark:
    """The parser of grammar.lark, built once in a process."""
    text = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", lexer="basic", start=start, keep_all_tokens=True)


def parse(source: Source) -> tuple[syntax.FileTree, tuple[Diagnostic, ...]]:
    """The tree of all statements that could be read, and a diagnostic for each mistake of form."""
    pieces, diagnostics = pieces_of(source)
    pieces, bracket_diagnostics = statement_pieces(source, pieces)
    reader = _Reader(source, pieces, [*diagnostics, *bracket_diagnostics])
    builder = TreeBuilder(source, reader.diagnostics)
    return builder.transform(reader.read()), tuple(reader.diagnostics)


def parse_expression(source: Source) -> tuple[syntax.Expression | None, tuple[Diagnostic, ...]]:
    """The expression that a text on the command line is, or None and why it is none."""
    words = source.text.split("\n")
    pieces, diagnostics = pieces_of(source)
    if diagnostics or len(words) > 1:
        return None, diagnostics or (Diagnostic(Span(source, 0, 0), "a value is one line", ""),)
    # A constant is read as a file of one `let`, its name being empty and before the text.
    head = (Piece("NAME", "let", 0, 0), Piece("NAME", "value", 0, 0), Piece("EQUAL", "=", 0, 0))
    pieces, diagnostics = statement_pieces(source, pieces)
    reader = _Reader(source, (*head, *pieces), list(diagnostics))
    tree = TreeBuilder(source, reader.diagnostics).transform(reader.read())
    match tree.statements:
        case (syntax.Let(value=value),) if not reader.diagnostics:
            return value, ()
    return None, tuple(reader.diagnostics)


class _Reader:
    """Feeds pieces to lark's parser one by one; after a mistake goes back to where the statement began and skips it."""

    def __init__(self, source: Source, pieces: Sequence[Piece], diagnostics: list[Diagnostic]) -> None:
        end = len(source.text)
        self.source = source
        last_line: tuple[Piece, ...] = (
            () if pieces and pieces[-1].kind == "NEWLINE" else (Piece("NEWLINE", "", end, end),)
        )
        self.pieces: tuple[Piece, ...] = (*pieces, *last_line, Piece("$END", "", end, end))
        self.diagnostics = diagnostics
        self.reported = sorted(diagnostic.span.start for diagnostic in diagnostics)
        self.parser: InteractiveParser = grammar().parse_interactive()

    def read(self) -> Tree[Token]:
        """The whole file as lark's tree, without the statements that could not be read."""
        place = began = 0
        checkpoint = _copy(self.parser)
        result: Tree[Token] = Tree("start", [])
        while place < len(self.pieces):
            piece = self.pieces[place]
            try:
                result = self.parser.feed_token(self._token(place)) or result
            except UnexpectedToken:
                self._report(began, place, checkpoint)
                if piece.kind == "$END":
                    break
                self.parser = checkpoint
                place = began = self._after_mistake(began, place)
                checkpoint = _copy(self.parser)
                continue
            place += 1
            if piece.kind in ("NEWLINE", "LBRACE", "RBRACE"):
                began, checkpoint = place, _copy(self.parser)
        return result

    def _token(self, place: int) -> Token:
        piece = self.pieces[place]
        return Token(self._kind(place), piece.text, start_pos=piece.start, end_pos=piece.end)

    def _kind(self, place: int) -> str:
        """A word is a keyword where the grammar can take it and no `=` follows (`f(true=1)` names an argument)."""
        piece = self.pieces[place]
        if piece.kind != "NAME" or (piece.text not in KEYWORDS and piece.text not in SIGN_WORDS):
            return piece.kind
        kind = piece.text.upper()
        acceptable = _choices(self.parser)
        if kind not in acceptable:
            return "NAME"
        names_an_argument = self.pieces[place + 1].kind == "EQUAL" and self.pieces[place - 1].kind in ("LPAR", "COMMA")
        return "NAME" if names_an_argument and "NAME" in acceptable else kind

    def _report(self, began: int, place: int, checkpoint: InteractiveParser) -> None:
        """One diagnostic for the statement, unless one of its pieces or brackets has been reported already."""
        piece, end = self.pieces[place], self.pieces[place].end
        if piece.kind == "$END":
            self._report_open_brace()
            return
        first = self.pieces[began].start
        if any(first <= start <= end for start in self.reported):
            return
        # The parser that failed has already acted on the wrong piece, so what it accepts is found by reading again.
        self.parser = _copy(checkpoint)
        for good in range(began, place):
            self.parser.feed_token(self._token(good))
        message, remedy = explain(self.pieces, began, place, _accepted(self.parser))
        if piece.kind == "NEWLINE":
            before = self.pieces[place - 1] if place > began else piece
            span = Span(self.source, before.end, before.end)
        else:
            span = Span(self.source, piece.start, piece.end)
        self.diagnostics.append(Diagnostic(span, message, remedy))

    def _report_open_brace(self) -> None:
        """The file ends inside a `{ … }`: shown at the `{` that has no `}`."""
        open_braces: list[Piece] = []
        for piece in self.pieces:
            if piece.kind == "LBRACE":
                open_braces.append(piece)
            elif piece.kind == "RBRACE" and open_braces:
                open_braces.pop()
        for piece in open_braces:
            span = Span(self.source, piece.start, piece.end)
            self.diagnostics.append(Diagnostic(span, "this '{' is never closed", "add '}'"))

    def _after_mistake(self, began: int, mistake: int) -> int:
        """Where to read on: at the end of the statement that began at `began`, with all that it holds in braces.

        That place is always beyond `began`: a `}` there is either accepted, and ends the statement, or the mistake.
        """
        if self.pieces[mistake].kind == "RBRACE" and mistake == began:
            return mistake + 1
        depth, place = 0, began
        while self.pieces[place].kind != "$END":
            kind = self.pieces[place].kind
            if kind == "LBRACE":
                depth += 1
            elif kind == "RBRACE":
                if depth == 0:
                    return place
                depth -= 1
            elif kind == "NEWLINE" and depth == 0 and place >= mistake and self.pieces[place + 1].kind != "LBRACE":
                return place
            place += 1
        return place


# lark's interactive parser carries no types; these three say what it gives.


def _copy(parser: InteractiveParser) -> InteractiveParser:
    copied = parser.copy(deepcopy_values=False)  # type: ignore[no-untyped-call]  # lark has no types here
    assert isinstance(copied, InteractiveParser)
    return copied


def _choices(parser: InteractiveParser) -> Set[str]:
    """The kinds the parser has an action for: a superset of what it accepts, at no cost."""
    return frozenset(parser.choices())  # type: ignore[no-untyped-call]  # lark has no types here


def _accepted(parser: InteractiveParser) -> Set[str]:
    """The kinds with which a statement can go on."""
    return frozenset(parser.accepts())  # type: ignore[no-untyped-call]  # lark has no types here
