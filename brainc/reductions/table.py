"""Which reduction schemes are there? All of them, by name; one more is one more file and one more line here."""

from __future__ import annotations

from brainc.ir.scheme import Scheme
from brainc.reductions.adaptive import ADAPTIVE
from brainc.reductions.golomb import GOLOMB
from brainc.reductions.lowrank import LOWRANK
from brainc.reductions.onebit import ONEBIT
from brainc.reductions.scheme import Factorisation, Method
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
"""Those that encode columns."""

FACTORISATIONS: dict[str, Factorisation] = {LOWRANK.name: LOWRANK}
"""Those that send factors."""


def names() -> tuple[str, ...]:
    """What the language calls them."""
    return (*METHODS, *FACTORISATIONS)


def record_of(name: str) -> Method | Factorisation:
    """The scheme of this name. KeyError where there is none."""
    return METHODS.get(name) or FACTORISATIONS[name]


def method_of(scheme: Scheme) -> Method:
    """How tensors are sent under a scheme; factors are sent as they are."""
    return SUM_METHOD if scheme.method in FACTORISATIONS else METHODS[scheme.method]


def method_in(text: str) -> Method:
    """How tensors are sent under a scheme that is written so; see `scheme_text`."""
    name, _, _ = text.partition("(")
    return METHODS.get(name, SUM_METHOD)


def scheme_text(scheme: Scheme) -> str:
    """The scheme as a user writes it: `sum`, `adaptive(density=0.015625)`."""
    arguments = record_of(scheme.method).arguments
    given = (
        f"{argument.name}={_number_text(number)}" for argument, number in zip(arguments, scheme.numbers, strict=True)
    )
    return f"{scheme.method}({', '.join(given)})" if arguments else scheme.method


def _number_text(number: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(number).removesuffix(".0")
