"""Damaged `.brain` texts: what a slip of the hand, an editor or a disk makes of a good file."""

import re
from random import Random

from hypothesis import strategies

_WORD = re.compile(r'[\w.]+|"[^"\n]*"|[^\w\s]|\s+')
_NUMBERS = ("0", "-1", "1", "3", "7", "64", "1e9", "0.5", "1/0", "99999999999999999999", "2**70")


def _flip_characters(text: str, random: Random) -> str:
    characters = list(text)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(characters))
        characters[place] = chr(ord(characters[place]) ^ (1 << random.randrange(8)))
    return "".join(characters)


def _delete_words(text: str, random: Random) -> str:
    words = _WORD.findall(text)
    for _ in range(min(random.randint(1, 3), len(words) - 1)):
        del words[random.randrange(len(words))]
    return "".join(words)


def _repeat_word(text: str, random: Random) -> str:
    words = _WORD.findall(text)
    place = random.randrange(len(words))
    return "".join((*words[:place], words[place] * random.randint(2, 5), *words[place + 1 :]))


def _swap_words(text: str, random: Random) -> str:
    words = _WORD.findall(text)
    a, b = random.randrange(len(words)), random.randrange(len(words))
    words[a], words[b] = words[b], words[a]
    return "".join(words)


def _shuffle_lines(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True)
    start = random.randrange(len(lines))
    part = lines[start : start + random.randint(2, 6)]
    random.shuffle(part)
    return "".join((*lines[:start], *part, *lines[start + len(part) :]))


def _drop_line(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True)
    if len(lines) > 1:
        del lines[random.randrange(len(lines))]
    return "".join(lines)


def _change_number(text: str, random: Random) -> str:
    found = list(re.finditer(r"\b[0-9][0-9.]*\b", text))
    if not found:
        return text
    chosen = random.choice(found)
    return text[: chosen.start()] + random.choice(_NUMBERS) + text[chosen.end() :]


def _cut(text: str, random: Random) -> str:
    return text[: random.randrange(len(text))]


MUTATIONS = (
    _flip_characters,
    _delete_words,
    _repeat_word,
    _swap_words,
    _shuffle_lines,
    _drop_line,
    _change_number,
    _cut,
)


def mutated(text: str, random: Random) -> str:
    """The text with one to three injuries, drawn from `random`."""
    for _ in range(random.randint(1, 3)):
        if text:
            text = random.choice(MUTATIONS)(text, random)
    return text


def mutants(*texts: str) -> strategies.SearchStrategy[str]:
    """Damaged versions of the texts, for Hypothesis."""
    return strategies.builds(
        lambda text, seed: mutated(text, Random(seed)), strategies.sampled_from(texts), strategies.integers(0, 2**32)
    )
