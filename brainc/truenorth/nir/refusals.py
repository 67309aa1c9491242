"""What of NIR has no counterpart among units on cores, and what would help?"""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """A node has no counterpart: what is wrong, and what would help."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(what)


_DECAYS = (
    "its potential loses a share of itself in every tick, and a core's leak is one number",
    "use an IF or a Threshold, and train the network with it",
)

_INTEGRATES = ("it gives numbers that last, and cores send spikes", "use an IF, or read the spikes before it")

OTHERS: Mapping[str, tuple[str, str]] = {
    "LIF": _DECAYS,
    "CubaLIF": _DECAYS,
    "I": _INTEGRATES,
    "LI": _INTEGRATES,
    "CubaLI": _INTEGRATES,
    "Delay": ("all that a layer reads arrives in the same tick", "take it out"),
    "Scale": ("cores do not multiply", "multiply the weights, or divide the thresholds behind it"),
    "Conv1d": ("cores see images", "write it as a Conv2d with a kernel of height 1"),
    "NIRGraph": ("it is a graph of its own", "put its nodes into the graph that holds it"),
}
"""Nodes by their type: why not, and the remedy."""

MEANS = "use Input, Output, Linear, Affine, Conv2d, SumPool2d, AvgPool2d, Flatten, Threshold and IF"
"""What to use instead of a node that nobody has heard of."""
