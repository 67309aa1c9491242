"""Which value does each argument of a call have? Binding by place and by name, kinds, defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from brainc.ir.graph import ArgumentValue
from brainc.operators.operator import Argument, Kind, Refusal, Required
from brainlang import program as language
from brainlang.diagnostics import Report, counted, listed, nearest
from brainlang.fold import described
from brainlang.program import Apply, Boolean, ListOf, Name, Nothing, Number, Text
from brainlang.source import Span

WANTED: Mapping[Kind, str] = {
    "count": "a whole number above 0",
    "index": "a whole number from 0",
    "size": "a whole number above 0, or a list of them, one for each axis",
    "number": "a number",
    "magnitude": "a number from 0",
    "positive": "a number above 0",
    "fraction": "a number from 0 and below 1",
    "share": "a number above 0 and at most 1",
    "truth": "true or false",
    "shape": "a list of whole numbers above 0",
    "axes": "a list of whole numbers from 0",
    "padding": 'a whole number from 0, a list of them, or "same"',
    "initialiser": "he, glorot, lecun, normal(deviation) or constant(value)",
    "text": "a text in quotes",
}
"""What an argument of each kind takes, in words."""

WITHIN: Mapping[Kind, Callable[[float], bool]] = {
    "number": lambda _: True,
    "magnitude": lambda number: number >= 0,
    "positive": lambda number: number > 0,
    "fraction": lambda number: 0 <= number < 1,
    "share": lambda number: 0 < number <= 1,
}
"""Which numbers an argument takes, of the kinds that are numbers, whole or not."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value that the file gives for an argument, and the place to underline when it is wrong."""

    value: language.Value
    span: Span


def match_arguments(
    report: Report,
    who: str,
    span: Span,
    given: tuple[Sequence[language.Value], Sequence[language.Argument]],
    arguments: Sequence[Argument],
) -> Mapping[str, Given] | None:
    """The given values by argument name, or None where the call does not suit the arguments, which is reported.

    `who` is the operator or setting in the user's words, `span` where it stands; `given` are the positional and the
    named values.
    """
    positional, named = given
    found_before = len(report.diagnostics)
    names = [argument.name for argument in arguments]
    found = {name: Given(value, value.span) for name, value in zip(names, positional, strict=False)}
    if len(positional) > len(names):
        takes = f"takes at most {counted(len(names), 'argument')}" if names else "takes no arguments"
        extra = positional[len(names)].span.to(positional[-1].span)
        report.add(
            extra,
            f"{who} {takes}, and {len(positional)} {'is' if len(positional) == 1 else 'are'} given",
            f"write {signature(who, arguments)}",
        )
    for argument in named:
        if argument.name not in names:
            remedy = nearest(argument.name, names) or f"write {signature(who, arguments)}"
            report.add(argument.span, f"{who} has no argument '{argument.name}'", remedy)
        elif argument.name in found:
            report.add(argument.span, f"{who} is given '{argument.name}' twice", "leave one of the two out")
        else:
            found[argument.name] = Given(argument.value, argument.value.span)
    missing = [
        f"'{argument.name}'"
        for argument in arguments
        if isinstance(argument.default, Required) and argument.name not in found
    ]
    # A misspelt name makes an argument unknown and another missing: one mistake, told once.
    if missing and len(report.diagnostics) == found_before:
        report.add(span, f"{who} needs {listed(missing, 'and')}", f"write {signature(who, arguments)}")
    return found if len(report.diagnostics) == found_before else None


def bind_arguments(
    report: Report, who: str, given: Mapping[str, Given], arguments: Sequence[Argument]
) -> tuple[tuple[str, ArgumentValue], ...] | None:
    """Every argument's value, given or by default, in the record's order; None where a kind is wrong (reported)."""
    values: dict[str, ArgumentValue] = {}
    sound = True
    for argument in arguments:
        if argument.name in given:
            place = given[argument.name]
            try:
                values[argument.name] = convert(argument, place.value)
            except Refusal as refusal:
                report.add(place.span, f"{who}: {refusal.message}", refusal.remedy)
                sound = False
        elif not isinstance(argument.default, Required):
            values[argument.name] = argument.default
    if not sound:
        return None
    return tuple((name, _resolved(value, values)) for name, value in values.items())


def _resolved(value: ArgumentValue, values: Mapping[str, ArgumentValue]) -> ArgumentValue:
    """The value itself, or that of the argument a default such as `"=size"` names."""
    return values[value[1:]] if isinstance(value, str) and value[:1] == "=" and value[1:] in values else value


def convert(argument: Argument, value: language.Value) -> ArgumentValue:
    """The value as one of the argument's kind. Raises Refusal where it is of another kind."""
    match argument.kind, value:
        case _, Nothing() if argument.default is None:
            return None
        case (("count" | "size"), Number(value=int(number))) if number > 0:
            return number
        case (("index" | "padding"), Number(value=int(number))) if number >= 0:
            return number
        case kind, Number(value=number) if kind in WITHIN and WITHIN[kind](number):
            return number
        case "truth", Boolean(value=truth):
            return truth
        case (("size" | "shape" | "axes" | "padding"), ListOf(items=items)) if items:
            return _whole_numbers(argument, items)
        case "padding", Text(value="same"):
            return "same"
        case "initialiser", Name(identifier=word):
            return word
        case "initialiser", Apply(function=word, positional=(Number(value=number),), named=()):
            return f"{word}({number})"
        case (("initialiser" | "text"), Text(value=text)):
            return text
    raise Refusal(
        f"{argument.name} must be {WANTED[argument.kind]}, and this is {described(value)}",
        remedy=_hint(argument, value),
    )


def _whole_numbers(argument: Argument, items: Sequence[language.Value]) -> tuple[int, ...]:
    least = 0 if argument.kind in ("axes", "padding") else 1
    numbers = []
    for item in items:
        match item:
            case Number(value=int(number)) if number >= least:
                numbers.append(number)
            case _:
                raise Refusal(
                    f"{argument.name} must be {WANTED[argument.kind]}, and its list holds {described(item)}",
                    remedy=_hint(argument, item),
                )
    return tuple(numbers)


def _hint(argument: Argument, value: language.Value) -> str:
    """What a value of the wrong kind was probably meant to be."""
    match value:
        case Number(value=float(number)) if number.is_integer():
            return f"write {int(number)}; whole numbers are divided with //"
        case Name(identifier=word) if argument.kind in ("text", "padding"):
            return f'a text is written in quotes: "{word}"'
        case _:
            return ""


def signature(who: str, arguments: Sequence[Argument]) -> str:
    """The call with all its arguments: `maxpool(size, stride=size, pad=0)`."""
    return f"{who}({', '.join(map(_parameter, arguments))})" if arguments else who


def _parameter(argument: Argument) -> str:
    match argument.default:
        case Required():
            return argument.name
        case str(text) if text.startswith("="):
            return f"{argument.name}={text[1:]}"
        case str(text):
            return f'{argument.name}="{text}"'
        case other:
            return f"{argument.name}={argument_text(other)}"


def argument_text(value: ArgumentValue) -> str:
    """The value as the language writes it, texts without their quotes."""
    match value:
        case None:
            return "none"
        case bool(truth):
            return "true" if truth else "false"
        case tuple(numbers):
            return f"[{', '.join(map(str, numbers))}]"
        case other:
            return str(other)
