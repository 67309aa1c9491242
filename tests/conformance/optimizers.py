"""Every optimiser of the table with settings, beside PyTorch's words for the same, on one small network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .case import Case, Class
from .cases import cross_entropy

STEPS = 5

NETWORK = Case(
    "the network that optimisers are tried on",
    "dense",
    {"x": (5,), "label": Class(3)},
    """h = x | dense(4) | tanh
    y = h | dense(3)""",
    lambda F, v, _mode: F.linear(
        F.linear(v["x"], v["h.dense.weight"], v["h.dense.bias"]).tanh(), v["y.dense.weight"], v["y.dense.bias"]
    ),
    loss=cross_entropy,
    terms="loss objective = cross_entropy(y, label)",
)


@dataclass(frozen=True, slots=True)
class OptimizerCase:
    """An optimiser of brainc, and the class of `torch.optim` with the arguments that make it the same.

    With a `hysteresis` the network's weights are trinary, and the optimiser moves their hidden copies.
    """

    name: str
    optimizer: str
    settings: Mapping[str, float]
    torch: str
    arguments: Mapping[str, Any]
    hysteresis: float | None = None


ADAM = {"rate": 0.05, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
OPTIMIZER_CASES = (
    OptimizerCase("sgd", "sgd", {"rate": 0.3}, "SGD", {"lr": 0.3}),
    OptimizerCase("momentum", "momentum", {"rate": 0.1, "momentum": 0.9}, "SGD", {"lr": 0.1, "momentum": 0.9}),
    OptimizerCase("momentum, little", "momentum", {"rate": 0.3, "momentum": 0.2}, "SGD", {"lr": 0.3, "momentum": 0.2}),
    OptimizerCase("adam", "adam", ADAM, "Adam", {"lr": 0.05}),
    OptimizerCase(
        "adam, other moments and a large epsilon",
        "adam",
        {"rate": 0.1, "beta1": 0.7, "beta2": 0.9, "epsilon": 0.1},
        "Adam",
        {"lr": 0.1, "betas": (0.7, 0.9), "eps": 0.1},
    ),
    OptimizerCase("trinary, sgd", "sgd", {"rate": 0.5}, "SGD", {"lr": 0.5}, hysteresis=0.1),
    OptimizerCase(
        "trinary, momentum",
        "momentum",
        {"rate": 0.5, "momentum": 0.5},
        "SGD",
        {"lr": 0.5, "momentum": 0.5},
        hysteresis=0.25,
    ),
    OptimizerCase("trinary, adam", "adam", {**ADAM, "rate": 0.3}, "Adam", {"lr": 0.3}, hysteresis=0.0),
)
