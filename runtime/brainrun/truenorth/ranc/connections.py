"""How is a crossbar read? As text, because most of a network's file is `0, 1, 0, …`, and NumPy reads that at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainrun.truenorth.ranc.files import Bit, decoded, fault

_BLANKS = b" \t\r\n"


def read_connections(path: Path, place: str, text: bytes, axons: int) -> NDArray[np.uint8]:
    """`[rows, axons]` of 0 and 1 from a JSON array of arrays, which may be shorter; DataError where it is not that.

    The text is JSON already: of an array with no other signs in it but 0, 1, commas and brackets, only depth and length
    of its rows, and numbers of several digits, are open.
    """
    compact = text.translate(None, _BLANKS)
    if compact == b"[]":
        return np.zeros((0, axons), np.uint8)
    if compact.startswith(b"[[") and compact.endswith(b"]]"):
        whole = b"0" + b",0" * (axons - 1)
        rows = [row + whole[len(row) :] for row in compact[2:-2].split(b"],[")]
        if all(len(row) == len(whole) for row in rows):
            signs = np.frombuffer(b",".join(rows) + b",", np.uint8).reshape(len(rows), axons, 2)
            values = signs[:, :, 0] - np.uint8(ord("0"))
            if (signs[:, :, 1] == ord(",")).all() and (values <= 1).all():
                return values
    return _number_by_number(path, place, text, axons)


def _number_by_number(path: Path, place: str, text: bytes, axons: int) -> NDArray[np.uint8]:
    """The same where a row is too long or holds another sign than 0 or 1, to name the first such place."""
    rows = decoded(path, text, list[list[Bit]], inside=place)
    values = np.zeros((len(rows), axons), np.uint8)
    for number, row in enumerate(rows):
        if len(row) > axons:
            raise fault(
                path,
                f"{place}[{number}]",
                f"holds {len(row)} numbers, and a core has {axons} axons",
                "shorten it, or raise num_axons in the configuration",
            )
        values[number, : len(row)] = row
    return values
