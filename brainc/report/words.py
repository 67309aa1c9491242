"""How are quantities and groups of ranks written for a reader?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from brainrun.plan.schema import Slice

BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
DECIMAL = ("", "k", "M", "G", "T", "P", "E")


def three_digits(value: float) -> str:
    """A number not below zero to three significant digits, without an exponent; whole from one hundred on."""
    if value == 0 or value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.9995 else f"{value:.3g}"


def bytes_text(count: int) -> str:
    """A number of bytes in the binary unit that leaves fewer than four digits before the point."""
    value, unit = float(count), 0
    while value >= 1023.5 and unit < len(BINARY) - 1:
        value, unit = value / 1024, unit + 1
    return f"{count:,} B" if unit == 0 else f"{three_digits(value)} {BINARY[unit]}"


def flops_text(count: float) -> str:
    """A number of arithmetic operations in FLOP, kFLOP, MFLOP …"""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(DECIMAL) - 1:
        value, unit = value / 1000, unit + 1
    return f"{three_digits(value)} {DECIMAL[unit]}FLOP"


def seconds_text(seconds: float) -> str:
    """A stretch of time in ns, µs, ms or s."""
    for unit, size in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)):
        if seconds < 999.5 * size:
            return f"{three_digits(seconds / size)} {unit}"
    return f"{three_digits(seconds)} s"


def share_text(share: float) -> str:
    """A fraction in per cent: one digit after the point below ten, none above."""
    per_cent = 100 * share
    return f"{per_cent:.1f} %" if 0.05 <= per_cent < 9.95 else f"{per_cent:.0f} %"


def ratio_text(ratio: float) -> str:
    """How many times more one is than another: `30.1×`."""
    return f"{three_digits(ratio)}×"


def shape_text(shape: Sequence[int]) -> str:
    """A shape as `20×24×24`; a single number has the shape `scalar`."""
    return "×".join(map(str, shape)) if shape else "scalar"


def slices_text(slices: Sequence[Slice]) -> str:
    """The part of a tensor that these slices cut out, as NumPy writes it: `[0:250, 0:800]`."""
    return "[" + ", ".join(f"{part.start}:{part.stop}" for part in slices) + "]"


def ranks_text(ranks: Iterable[int]) -> str:
    """Ranks in order, runs and what recurs drawn together: `ranks 0–3`, `ranks 1, 3 … 63`, `ranks 0–1, 4–5 … 12–13`."""
    runs = _runs(sorted(set(ranks)))
    words = [str(first) if first == last else f"{first}–{last}" for first, last in runs]
    if len(runs) == 1 and runs[0][0] == runs[0][1]:
        return f"rank {words[0]}"
    parts: list[str] = []
    at = 0
    while at < len(runs):
        alike = _alike(runs[at:])
        parts += [words[at], f"{words[at + 1]} … {words[at + alike - 1]}"] if alike > 3 else words[at : at + alike]
        at += alike
    return "ranks " + ", ".join(parts)


def _runs(ordered: Sequence[int]) -> list[tuple[int, int]]:
    """The first and last of each stretch of numbers that follow one another."""
    runs: list[tuple[int, int]] = []
    for number in ordered:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _alike(runs: Sequence[tuple[int, int]]) -> int:
    """How many of the first runs have one length and follow each other at one distance."""
    count = 1
    while count < len(runs):
        moved = runs[count][0] - runs[count - 1][0]
        if moved != runs[1][0] - runs[0][0] or runs[count][1] - runs[count - 1][1] != moved:
            break
        count += 1
    return count


def printable(text: str) -> str:
    """The text with whatever a terminal would obey (control and unprintable characters) shown as `�`."""
    return "".join(character if character.isprintable() else "�" for character in text)


def joules_text(joules: float) -> str:
    """An energy in pJ, nJ, µJ, mJ or J."""
    for unit, size in (("pJ", 1e-12), ("nJ", 1e-9), ("µJ", 1e-6), ("mJ", 1e-3)):
        if joules < 999.5 * size:
            return f"{three_digits(joules / size)} {unit}"
    return f"{three_digits(joules)} J"


def counted(number: int, word: str) -> str:
    """How many, in words that agree: `1 core`, `2 cores`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
