"""What do all pages have in common? One file that loads nothing: style, sections, facts as JSON, scripts that draw.

Text from a plan reaches a page in three ways only: escaped in the title, escaped in the plain report for browsers
without scripts, and in the JSON, from which the scripts set it as text, never as markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

PACKAGE = "brainc.report"

File = tuple[str, str]
"""A package, and the name of a file in it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What fills a page. `kind` says in the title what it is of; scripts run in their order; `plain` is for browsers
    that run none."""

    title: str
    kind: str
    styles: tuple[File, ...]
    sections: File
    scripts: tuple[File, ...]
    facts: Mapping[str, Any]
    plain: str


def written(page: Page) -> str:
    """The page as HTML."""
    facts = json.dumps(page.facts, ensure_ascii=False, separators=(",", ":"))
    return Template(_text((PACKAGE, "shell.html"))).substitute(
        title=escape(page.title),
        kind=page.kind,
        style=_together(page.styles),
        sections=_text(page.sections),
        script=_together(page.scripts),
        facts=script_safe(facts),
        plain=escape(page.plain),
    )


def script_safe(text: str) -> str:
    """JSON that may stand in a `script` element: nothing in it can end the element or begin a comment."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _together(pieces: Iterable[File]) -> str:
    return "\n".join(map(_text, pieces))


def _text(file: File) -> str:
    package, name = file
    return files(package).joinpath(name).read_text(encoding="utf-8")
