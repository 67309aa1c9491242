"""Which reduction schemes are there? The part of docs/reductions.md that is written from their records.

A page has places to be written into, each between two comments, `<!-- NAME: begin -->` and `<!-- NAME: end -->`. Its
schemes are written by `pytest --update-golden`, the rest of its places by the benchmarks that it names.
"""

from __future__ import annotations

from collections.abc import Iterator

from brainc.graph.arguments import WANTED, argument_text
from brainc.ir.scheme import Scheme
from brainc.operators.operator import Argument, Required
from brainc.reductions.parts import matrix_of
from brainc.reductions.scheme import Factorisation, Method
from brainc.reductions.table import FACTORISATIONS, METHODS, scheme_text
from brainrun.plan.schema import LANES, Panels, Plain, Storage

EXAMPLES: tuple[tuple[str, Storage], ...] = (
    ("`dense`, 1,024 inputs, 1,024 outputs", Panels(1024, 1024)),
    ("`conv`, 20 to 50 channels, 5 × 5", Plain((50, 20, 5, 5))),
    ("a bias of 1,024", Plain((1024,))),
)
"""Gradients to show the sizes of messages with."""

NUMBERS = {"tau": 0.001}
"""What those examples give for arguments without a default."""


def placed(page: str, place: str, text: str) -> str:
    """The page with this text in the place of that name. Raises ValueError where the page has no such place."""
    begin, end = f"<!-- {place}: begin -->\n", f"<!-- {place}: end -->"
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no place '{place}': it stands between {begin.strip()} and {end}")
    return f"{head}{begin}{text}{end}{tail}"


def schemes_text() -> str:
    """Every scheme with its arguments, and what each makes of the examples, in Markdown."""
    told = (*map(_scheme, METHODS.values()), *map(_factorisation, FACTORISATIONS.values()))
    return "\n".join([*told, *_sizes()]) + "\n"


def _scheme(method: Method) -> str:
    lines = [f"### {method.name}\n", f"{method.summary}{f' {method.source}.' if method.source else ''}\n"]
    lines += map(_argument, method.arguments)
    kept = "what it does not send is kept for later steps" if method.keeps_error else "all of it is sent at once"
    seen = "column by column, one for each output or filter" if method.by_column else "without regard to its shape"
    lines.append(f"- A gradient is seen {seen}; {kept}.")
    if method.corrects_momentum:
        lines.append("- With the optimiser `momentum`, velocities are summed instead of gradients.")
    if first := method.warmup(_example(method).numbers):
        numbers = ", ".join(scheme_text(Scheme(method.name, each)) for each in first)
        lines.append(f"- Its first epochs, one after the other, are `{numbers}`.")
    return "\n".join([*lines, ""])


def _factorisation(scheme: Factorisation) -> str:
    return "\n".join(
        [
            f"### {scheme.name}\n",
            f"{scheme.summary} {scheme.source}.\n",
            *map(_argument, scheme.arguments),
            "- A gradient is seen column by column, one for each output or filter; both factors are summed as they"
            " are, and what their product does not say is kept for later steps.",
            "- Tensors of one axis, and those whose factors would take half their bytes or more, are summed as they"
            " are.",
            "",
        ]
    )


def _argument(argument: Argument) -> str:
    match argument.default:
        case Required():
            default = "it must be given"
        case value:
            default = f"`{argument_text(value)}` by default"
    return f"- `{argument.name}`, {WANTED[argument.kind]}; {default}: {argument.summary}."


def _sizes() -> Iterator[str]:
    """A table of message sizes, as the plan predicts and bounds them."""
    yield "### Sizes\n"
    yield "The bytes of a gradient as one message: as the plan predicts them, and as many as there can be.\n"
    yield "| gradient | scheme | predicted | at most | float32 ÷ predicted |\n| --- | --- | --: | --: | --: |"
    for what, storage in EXAMPLES:
        for method in METHODS.values():
            scheme = _example(method)
            matrix = matrix_of(storage, by_column=method.by_column)
            predicted = method.expected(matrix, matrix.columns, scheme.numbers)
            stages = (scheme.numbers, *method.warmup(scheme.numbers))
            bound = max(method.bound(matrix, matrix.columns, numbers) for numbers in stages)
            plain = 4 * matrix.rows * matrix.columns
            yield f"| {what} | `{scheme_text(scheme)}` | {predicted:,.0f} | {bound:,} | {plain / predicted:.1f} |"
        for record in FACTORISATIONS.values():
            scheme, matrix = _example(record), matrix_of(storage, by_column=True)
            if record.pays(matrix.rows, matrix.columns, scheme.numbers):
                vectors = 4 * LANES * record.rank(scheme.numbers)
                sent = vectors * (-(-matrix.rows // LANES) + -(-matrix.columns // LANES))
                ratio = 4 * matrix.rows * matrix.columns / sent
                yield f"| {what} | `{scheme_text(scheme)}` | {sent:,} | {sent:,} | {ratio:.1f} |"


def _example(method: Method | Factorisation) -> Scheme:
    """The scheme with its defaults, and the examples' numbers for what has none."""
    numbers = []
    for argument in method.arguments:
        number = NUMBERS[argument.name] if isinstance(argument.default, Required) else argument.default
        assert isinstance(number, (int, float))
        numbers.append(float(number))
    return Scheme(method.name, tuple(numbers))
