"""Which reduction schemes are there? All of them, by name; one more is one more file and one more line here."""

from __future__ import annotations

from brainc.ir.scheme import Scheme
from brainc.reductions.adaptive import ADAPTIVE
from brainc.reductions.golomb import GOLOMB
from brainc.reductions.onebit import ONEBIT
from brainc.reductions.scheme import Method
from brainc.reductions.sum import SUM_METHOD
from brainc.reductions.threshold import THRESHOLD

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        SUM_METHOD,
        ONEBIT,
        THRESHOLD,
        ADAPTIVE,
        GOLOMB,
    )
}  # fmt: skip


def scheme_text(scheme: Scheme) -> str:
    """The scheme as a user writes it: `sum`, `adaptive(density=0.015625)`."""
    arguments = METHODS[scheme.method].arguments
    given = (
        f"{argument.name}={_number_text(number)}" for argument, number in zip(arguments, scheme.numbers, strict=True)
    )
    return f"{scheme.method}({', '.join(given)})" if arguments else scheme.method


def _number_text(number: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(number).removesuffix(".0")
