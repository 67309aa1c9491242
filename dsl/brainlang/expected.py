"""What a reader expected where the grammar was broken, in the user's words."""

from collections.abc import Sequence, Set

from brainlang.diagnostics import listed, nearest
from brainlang.tokens import SIGNS, Piece

EXPRESSION = frozenset(("NAME", "NUMBER", "TEXT", "LPAR", "LSQB", "MINUS"))
ORDERINGS = frozenset(("EQUALS", "UNEQUAL", "LESS", "AT_MOST", "MORE", "AT_LEAST"))
OPERATORS = ORDERINGS | {"PLUS", "MINUS", "STAR", "SLASH", "FLOOR", "PERCENT", "POWER", "AND", "OR", "IF"}
SECTIONS = frozenset(("NETWORK", "BLOCK", "DATA", "TRAIN", "PARALLEL", "TRUENORTH", "USE"))
STATEMENTS_OF_NETWORKS = frozenset(("INPUT", "LOSS", "METRIC", "OUTPUT"))
WORDS = ("NAME", "NUMBER", "TEXT", "DOTTED")
SIGN_OF = {kind: sign for sign, kind in SIGNS.items()}

Fault = tuple[str, str]  # message and remedy


def explain(pieces: Sequence[Piece], began: int, place: int, accepted: Set[str]) -> Fault:
    """The message and remedy for the piece at `place`, in a statement that began at `began`."""
    fault = (
        _misplaced_statement(pieces, began, place, accepted)
        or _broken_header(pieces, began, place, accepted)
        or _broken_expression(pieces, began, place, accepted)
    )
    return fault or (f"{_named(pieces[place])} cannot stand here: expected {_expectation(accepted)}", "")


def _misplaced_statement(pieces: Sequence[Piece], began: int, place: int, accepted: Set[str]) -> Fault | None:
    """A statement where its kind does not belong: in another section, at the top, or after a missing brace."""
    first = pieces[began]
    word = first.text.upper()
    here = pieces[place]
    at_top = "NETWORK" in accepted
    match first.kind:
        case "RBRACE" if place == began:
            return "this '}' closes nothing", "remove it, or add the '{' it belongs to"
        case "NAME" if at_top and place == began and word in STATEMENTS_OF_NETWORKS:
            return f"'{first.text}' belongs inside 'network name {{ … }}'", ""
        case "NAME" if at_top and place == began and first.text == "return":
            return "'return' belongs inside 'block name(…) { … }'", ""
        case "DOTTED" if place == began:
            return f"'{first.text}' begins no statement", "a name that is given has no dots"
        case "NAME" if at_top and place == began:
            remedy = nearest(first.text, [section.lower() for section in (*SECTIONS, "LET")])
            if pieces[place + 1].kind == "EQUAL":
                remedy = f"a constant is written let {first.text} = …"
            return (
                f"'{first.text}' begins no statement",
                remedy or "a file holds let, use, block, network, data, train, parallel and truenorth",
            )
    if first.kind != "NAME" or place != began + 1 or "EQUAL" not in accepted or here.kind == "NEWLINE":
        return None
    if word in SECTIONS and here.kind in ("NAME", "LBRACE", "TEXT"):
        return f"'{first.text}' cannot stand inside '{{ … }}'", "is a '}' missing above?"
    if first.text == "return":
        return "'return' belongs inside 'block name(…) { … }'", "a network's result is written output name = …"
    if word in STATEMENTS_OF_NETWORKS and here.kind == "NAME":
        return f"'{first.text}' belongs inside 'network name {{ … }}'", ""
    if first.text == "let":
        return "'let' cannot stand in this section", "constants are defined at the top, in a block or in a network"
    if here.kind in ("NAME", "DOTTED"):
        words = nearest(first.text, ["input", "loss", "metric", "output", "let", "return", "place"])
        return f"'{here.text}' cannot follow '{first.text}'", words or f"write {first.text} = …"
    return None


def _broken_header(pieces: Sequence[Piece], began: int, place: int, accepted: Set[str]) -> Fault | None:
    """What is wrong between a statement's first word and its `=` or `{`."""
    keyword, here = pieces[began].text, pieces[place]
    if place == began:
        return None
    before = pieces[place - 1]
    if keyword in ("metric", "loss", "output", "input", "let") and place == began + 1 and here.kind == "EQUAL":
        return f"'{keyword}' is a keyword and needs a name", f"write {keyword} name = …, or choose another name"
    if accepted <= {"NAME"} or (keyword == "block" and "NAME" in accepted and "RPAR" in accepted):
        what = {"block": "a block's name or parameter", "data": "a role", "input": "a name or a type"}
        wanted = what.get(keyword, "a name")
        if here.kind == "DOTTED":
            return f"'{here.text}' has a dot: expected {wanted}", "only layers' names are dotted"
        if keyword == "data" and place == began + 1:
            return "'data' needs a role", "write data train { … }, or validate, test, predict"
        return f"expected {wanted}, not {_named(here)}", ""
    if here.kind == "NEWLINE" and accepted == {"LBRACE"}:
        return f"'{keyword}' needs its '{{' on the same line", f"write {keyword} … {{"
    if here.kind == "LBRACE" and keyword == "block" and before.kind == "NAME":
        return "a block needs its parameters", f"write block {before.text}(x) {{"
    return None


def _broken_expression(pieces: Sequence[Piece], began: int, place: int, accepted: Set[str]) -> Fault | None:
    """What is wrong in a value."""
    here, before = pieces[place], pieces[place - 1] if place > began else pieces[place]
    if here.kind == "EQUAL" and accepted & OPERATORS:
        return "'=' cannot stand inside an expression", "equality is written '=='; an argument's name is a single word"
    if here.text == "for" and "EQUAL" not in accepted:
        return "'for' stands inside a list only", "write [value for layer]"
    if before.kind == "BAR" and "NAME" in accepted:
        return f"after '|' comes a layer, not {_named(here)}", "write x | relu, or x | conv(20, kernel=5)"
    if here.kind in OPERATORS and "BAR" in accepted and not accepted & {"PLUS"}:
        return f"{_named(here)} cannot follow a pipe's stage", "put the pipe in parentheses: (x | relu) + y"
    if here.text == "else" or ("ELSE" in accepted and here.kind == "NEWLINE"):
        return "a choice is written a if condition else b", ""
    if here.kind in WORDS and before.kind in (*WORDS, "RPAR"):
        return f"{_named(here)} cannot follow {_named(before)}: expected {_expectation(accepted)}", ""
    return None


def _named(piece: Piece) -> str:
    """A piece as the user sees it."""
    match piece.kind:
        case "NEWLINE":
            return "the end of the line"
        case "$END":
            return "the end of the file"
        case "TEXT":
            return f"the text {piece.text}"
        case _:
            return f"'{piece.text}'"


def _expectation(accepted: Set[str]) -> str:
    """What may stand here, in words: `an expression`, `',' or ')'`."""
    rest = set(accepted) - ({"$END", "RBRACE"} if "NEWLINE" in accepted else {"$END"})
    words = []
    if rest >= EXPRESSION - {"LSQB"}:
        words.append("an expression")
        rest -= EXPRESSION | {"PLUS", "NOT", "TRUE", "FALSE", "NONE", "DOTTED"}
    if len(rest & OPERATORS) > 2:
        words.append("an operator")
        rest -= OPERATORS
    if rest & SECTIONS:
        words.append("a section")
        rest -= SECTIONS | {"LET"}
    plain = {
        "NAME": "a name",
        "DOTTED": "a dotted name",
        "NUMBER": "a number",
        "TEXT": "a text in quotes",
        "NEWLINE": "the end of the line",
    }
    words += sorted(plain.get(kind) or f"'{SIGN_OF.get(kind, kind.lower())}'" for kind in rest)
    return listed(words)
