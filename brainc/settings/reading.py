"""How is a setting read? Keys that exist, functions that exist, and values of the kind they should be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from brainc.graph.arguments import bind_arguments, convert, match_arguments
from brainc.ir.graph import ArgumentValue
from brainc.operators.operator import Argument, Refusal
from brainlang import program as language
from brainlang.diagnostics import Report, listed, nearest
from brainlang.fold import described
from brainlang.program import Apply, Name, Setting
from brainlang.source import Span


def known_settings(
    report: Report, where: str, settings: Sequence[Setting], built: Collection[str], to_come: Collection[str]
) -> Mapping[str, Setting]:
    """The settings of a section by key; keys that are not built or do not exist are reported and left out.

    `where` says what a key is: `key of train`.
    """
    for setting in settings:
        check_word(report, where, setting.key, setting.key_span, (built, to_come))
    return {setting.key: setting for setting in settings if setting.key in built}


def check_word(
    report: Report, what: str, word: str, span: Span, words: tuple[Collection[str], Collection[str]]
) -> bool:
    """Whether `word` is among the built words; one that is only in the language, or nowhere, is reported."""
    built, to_come = words
    if word in built:
        return True
    if word in to_come:
        report.add(span, f"{what} '{word}' is in the language but not built yet", f"there {listed_are(built)}")
    else:
        remedy = nearest(word, [*built, *to_come]) or f"there {listed_are(built)}"
        report.add(span, f"there is no {what} '{word}'", remedy)
    return False


def listed_are(words: Collection[str]) -> str:
    """`is a`, `are a and b`."""
    return f"{'is' if len(words) == 1 else 'are'} {listed(list(words), 'and')}"


def read_value(report: Report, argument: Argument, value: language.Value) -> ArgumentValue | Refusal:
    """The value as one of the argument's kind; a Refusal, already reported, where it is of another."""
    try:
        return convert(argument, value)
    except Refusal as refusal:
        report.add(value.span, refusal.message, refusal.remedy)
        return refusal


def as_call(value: language.Value) -> Apply | None:
    """A function with its arguments, where the value is one; a bare name is a function without arguments."""
    match value:
        case Apply():
            return value
        case Name(identifier=word):
            return Apply(word, (), (), value.span)
        case _:
            return None


def choose(
    report: Report, what: str, value: language.Value, words: tuple[Collection[str], Collection[str]]
) -> Apply | None:
    """The value as a call of one of the built functions of this kind, or None, which is reported."""
    call = as_call(value)
    if call is None:
        report.add(
            value.span,
            f"expected {'an' if what[0] in 'aeiou' else 'a'} {what}, and this is {described(value)}",
            f"there {listed_are(words[0])}",
        )
        return None
    return call if check_word(report, what, call.function, function_span(call), words) else None


def function_span(call: Apply) -> Span:
    """The function's name in a call."""
    return Span(call.span.source, call.span.start, call.span.start + len(call.function))


def read_arguments(report: Report, call: Apply, arguments: Sequence[Argument]) -> Mapping[str, ArgumentValue] | None:
    """The arguments of a call by name, given or by default, or None where one is wrong, which is reported."""
    given = match_arguments(report, call.function, call.span, (call.positional, call.named), arguments)
    bound = None if given is None else bind_arguments(report, call.function, given, arguments)
    return None if bound is None else dict(bound)


def whole(value: ArgumentValue) -> int:
    """An argument that its kind makes a whole number."""
    assert isinstance(value, int)
    return value


def real(value: ArgumentValue) -> float:
    """An argument that its kind makes a number."""
    assert isinstance(value, (int, float))
    return float(value)


def word_of(value: ArgumentValue) -> str:
    """An argument that its kind makes a text."""
    assert isinstance(value, str)
    return value
