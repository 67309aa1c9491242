"""What has been measured so far? A JSON file that grows with each measurement, and from which a later run goes on."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median

import msgspec


class LinkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it is: bytes a second each way and seconds a message between two ranks of MPI, as measured.

    `burst` is in bytes; `control` is TCP's congestion control.
    """

    rate: str
    burst: int
    control: str
    bytes_per_second: float
    latency_seconds: float


class Result(msgspec.Struct, kw_only=True):
    """A contender on a network and a link: samples/s of each round, or in `note` why there is none.

    `bytes_a_step` is what each host put on its link in a step; `counted` what a rank sends by its own count;
    `predicted` the seconds of a step as foretold.
    """

    link: str
    network: str
    contender: str
    batch: int
    rates: list[float] = []
    bytes_a_step: list[float] = []
    counted: int | None = None
    predicted: float = 0.0
    note: str = ""

    @property
    def samples_per_second(self) -> float:
        """The median over the rounds; 0 where there are none."""
        return median(self.rates) if self.rates else 0.0


class Record(msgspec.Struct):
    """All of it."""

    links: dict[str, LinkFacts] = {}
    results: list[Result] = []

    def find(self, link: str, network: str, contender: str) -> Result | None:
        """What there is of a contender."""
        for result in self.results:
            if (result.link, result.network, result.contender) == (link, network, contender):
                return result
        return None

    def rate(self, link: str, network: str, contender: str) -> float:
        """A contender's samples/s; 0 where it has none."""
        result = self.find(link, network, contender)
        return result.samples_per_second if result else 0.0

    def put(self, result: Result) -> None:
        """Take a result in, in place of an earlier one of the same contender."""
        before = self.find(result.link, result.network, result.contender)
        if before is not None:
            self.results[self.results.index(before)] = result
        else:
            self.results.append(result)


def read(path: Path | None) -> Record:
    """The record in a file; an empty one where there is no such file."""
    if path is None or not path.exists():
        return Record()
    return msgspec.json.decode(path.read_bytes(), type=Record)


def write(record: Record, path: Path | None) -> None:
    """Put the record in the file, whole or not at all."""
    if path is None:
        return
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    os.replace(beside, path)
