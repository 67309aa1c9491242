"""How is IBM's dialect of JSON read? With comments and repeated names, and so that a fault is named by its line.

A model file is one object, in which `core` stands once for every core, and `/* … */` may stand between any two words.
Lines are sought only when something is wrong: until then positions cost nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from brainrun.errors import DataError

Step: TypeAlias = str | int
"""A name in an object, or a place in a list."""

_SPACE = re.compile(r"[ \t\r\n]*")
_NOT_A_NEWLINE = re.compile(r"[^\r\n]")


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in found if names.count(name) > 1)}' stands twice in one object")
    return found


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is no number of JSON's")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repetition, parse_constant=_no_constant)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text; comments are blank in it, so that every character stands where it stood."""

    path: Path
    text: str

    def members(self) -> Iterator[tuple[str, object]]:
        """The names of the outermost object with their values, in order; DataError where the text is not JSON."""
        start = _after_space(self.text, 0)
        if self.text[start : start + 1] != "{":
            raise self._not_json("an object should stand here: {", start)
        entries = _entries(self.text, start)
        while True:
            try:
                name, _, value = next(entries)
            except StopIteration as end:
                rest = _after_space(self.text, end.value)
                if rest != len(self.text):
                    raise self._not_json("something follows the object", rest) from None
                return
            except json.JSONDecodeError as error:
                raise self._not_json(error.msg, error.pos) from None
            yield str(name), value

    def fault(self, what: str, *steps: Step, occurrence: int | None = None, remedy: str = "") -> DataError:
        """What is wrong with the value to which these steps lead; the first is a name, here for the so-manieth time."""
        at = _after_space(self.text, 0)
        words = ""
        for number, step in enumerate(steps):
            at = _towards(self.text, at, step, (occurrence or 0) if number == 0 else 0)
            match step:
                case int():
                    words += f"[{step}]"
                case str():
                    words += f".{step}" if words else step
            if number == 0 and occurrence is not None:
                words += f"[{occurrence}]"
        place = f"{self.path}, line {self._line(at)}"
        return DataError(what, where=f"{place}, {words}" if words else place, remedy=remedy)

    def _not_json(self, what: str, at: int) -> DataError:
        return DataError(f"is not JSON: {what}", where=f"{self.path}, line {self._line(at)}")

    def _line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1


def read_document(path: Path) -> Document:
    """The file as text; DataError where it cannot be read, is not UTF-8, or has a comment without end."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except UnicodeDecodeError:
        raise DataError("is not UTF-8 text", where=str(path), remedy="save it as UTF-8") from None
    pieces = []
    done = 0
    while (start := _comment(text, done)) >= 0:
        end = text.find("*/", start + 2)
        if end < 0:
            line = text.count("\n", 0, start) + 1
            raise DataError("this comment has no end", where=f"{path}, line {line}", remedy="close it with */")
        pieces += [text[done:start], _NOT_A_NEWLINE.sub(" ", text[start : end + 2])]
        done = end + 2
    return Document(path, "".join((*pieces, text[done:])))


def _comment(text: str, start: int) -> int:
    """Where the next comment begins; −1 where none does. A string never goes over a line's end."""
    at = text.find("/*", start)
    while at >= 0:
        line = text[max(start, text.rfind("\n", 0, at) + 1) : at]
        if line.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 0:
            return at
        at = text.find("/*", at + 2)
    return -1


def _entries(text: str, at: int) -> Generator[tuple[Step, int, object], None, int]:
    """Each entry of the object or list here: its name or number, where its value starts, the value. Returns the end."""
    is_object = text[at] == "{"
    closing = "}" if is_object else "]"
    at = _after_space(text, at + 1)
    if text[at : at + 1] == closing:
        return at + 1
    number = 0
    while True:
        step: Step = number
        if is_object:
            if text[at : at + 1] != '"':
                raise json.JSONDecodeError("a name in double quotes should stand here", text, at)
            name, at = _decoded(text, at)
            step = str(name)
            at = _after_space(text, at)
            if text[at : at + 1] != ":":
                raise json.JSONDecodeError("a colon should stand here", text, at)
            at = _after_space(text, at + 1)
        start = at
        value, at = _decoded(text, start)
        yield step, start, value
        at = _after_space(text, at)
        if text[at : at + 1] == closing:
            return at + 1
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError(f"a comma or {closing} should stand here", text, at)
        at = _after_space(text, at + 1)
        number += 1


def _decoded(text: str, at: int) -> tuple[object, int]:
    """The value here, and where it ends."""
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise json.JSONDecodeError("lists lie too deep in one another", text, at) from None
    except ValueError as error:
        raise json.JSONDecodeError(str(error), text, at) from None


def _towards(text: str, at: int, step: Step, skipped: int) -> int:
    """Where the value of this entry starts; the same position where there is none."""
    if text[at : at + 1] not in ("{", "["):
        return at
    for found, start, _ in _entries(text, at):
        if found == step:
            if skipped == 0:
                return start
            skipped -= 1
    return at


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def quoted(value: object) -> str:
    """The value as JSON writes it, shortened, for messages."""
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= 40 else f"{words[:37]}…"


def one_of(words: Sequence[str]) -> str:
    """The words with commas and a last "or"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
