"""Where does everything lie? Offsets in one arena, so that what is needed at the same time never overlaps.

Parameters, optimiser state and the numbers the runtime sets come first and stay. Behind them each procedure plans its
own tensors by their lifetimes: the largest first, each at the lowest place that is free throughout its life (Pisarchyk
& Lee 2020, greedy by size).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A buffer of so many bytes that is needed from step `first` to step `last`, both included."""

    name: str
    bytes: int
    first: int
    last: int


def aligned(size: int) -> int:
    """The size rounded up to whole cache lines."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def lifetimes(touched: Iterable[Iterable[str]], sizes: Mapping[str, int], kept: Iterable[str]) -> tuple[Lifetime, ...]:
    """From the names each step touches, in order; the names `kept` live to the end."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    step = -1
    for step, names in enumerate(touched):
        for name in names:
            first.setdefault(name, step)
            last[name] = step
    for name in kept:
        last[name] = step
        first.setdefault(name, 0)
    return tuple(Lifetime(name, sizes[name], first[name], last[name]) for name in first)


def place(lives: Iterable[Lifetime]) -> tuple[dict[str, int], int]:
    """An offset for each buffer, and the bytes needed in all."""
    placed: list[tuple[int, Lifetime]] = []
    total = 0
    for life in sorted(lives, key=lambda life: (-life.bytes, life.first, life.name)):
        offset = 0
        for start, other in placed:
            if other.first > life.last or other.last < life.first:
                continue
            if start - offset >= aligned(life.bytes):
                break
            offset = max(offset, start + aligned(other.bytes))
        placed.append((offset, life))
        placed.sort(key=lambda entry: entry[0])
        total = max(total, offset + aligned(life.bytes))
    return {life.name: offset for offset, life in placed}, total
