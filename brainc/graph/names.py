"""Which layer does a user mean by a name? Its full name, or the end of it where only one layer ends so."""

from __future__ import annotations

from collections.abc import Collection

from brainc.operators.operator import Refusal
from brainlang.diagnostics import listed, nearest

MOST_LISTED = 8


def find_layer(written: str, layers: Collection[str], where: str = "") -> str:
    """The layer of this full name, or the only one whose name ends in it. Raises Refusal; `where` is told there."""
    if written in layers:
        return written
    ending = sorted(layer for layer in layers if layer.endswith(f".{written}"))
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise Refusal(f"several layers are called '{written}'", remedy=f"write {listed(ending[:MOST_LISTED])}")
    raise Refusal(
        f"there is no layer '{written}'{where}",
        remedy=nearest(written, layers)
        or (f"there {'is' if len(layers) == 1 else 'are'} {layer_list(layers)}" if layers else ""),
    )


def layer_list(layers: Collection[str]) -> str:
    """The layers as a sentence lists them, the first few of many."""
    shown = list(layers)[:MOST_LISTED]
    return listed(shown, "and") if len(shown) == len(layers) else f"{', '.join(shown)}, …"
