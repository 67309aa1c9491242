"""What is a conformance case? A small network around one operator, and the same arithmetic in PyTorch's own words."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Values: TypeAlias = Mapping[str, Any]
"""PyTorch tensors by the name that brainc has for them."""
Mode: TypeAlias = Literal["train", "evaluate"]
Formula: TypeAlias = Callable[[Any, Values, Mode], Any]

BATCH = 3
SEED = 11
STEP = 4
"""Seed and step of dropout's masks."""


@dataclass(frozen=True, slots=True)
class Class:
    """An input of type `class[count]`."""

    count: int


@dataclass(frozen=True, slots=True)
class Case:
    """A network of one statement `y = …` or more, its inputs by per-sample shape, and PyTorch's formula for `y`.

    `torch(F, v, mode)`: the tensor `y` in the mode, of values `v`, with `F` the module `torch.nn.functional`. Where the
    case has a loss of its own, `loss(F, y, v)` is its value; else the loss is the mean squared error against `target`.
    `low` and `high` bound the inputs' values. A case with a `surrogate` has gradients that are no slopes of the
    objective: they are what the operator's record states, as the formula in PyTorch's words does.
    """

    name: str
    operator: str
    inputs: Mapping[str, tuple[int, ...] | Class]
    body: str
    torch: Formula
    loss: Callable[[Any, Any, Values], Any] | None = None
    terms: str = "loss objective = mean_squared_error(y, target)"
    low: float = -1.0
    high: float = 1.0
    surrogate: bool = False

    @property
    def text(self) -> str:
        """The whole `.brain` file."""
        types = {
            name: f"class[{t.count}]" if isinstance(t, Class) else f"f32{list(t)}" for name, t in self.inputs.items()
        }
        lines = [*(f"input {name}: {written}" for name, written in types.items()), *self.body.strip().splitlines()]
        lines += [*self.terms.strip().splitlines(), "output y = y"]
        return "network case {\n" + "".join(f"    {line.strip()}\n" for line in lines) + "}\n"

    def random(self) -> np.random.Generator:
        """Numbers that only depend on the case's name."""
        return np.random.default_rng(zlib.crc32(self.name.encode()))


def drawn(case: Case, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """An array for every input of the case and for the parameters of these shapes.

    Parameters lie in [−1, 1), running variances in [0.5, 1.5), and the weight of each sample is 1/BATCH.
    """
    random = case.random()
    values: dict[str, Array] = {"sample_weight": np.full(BATCH, 1 / BATCH)}
    for name, kind in case.inputs.items():
        if isinstance(kind, Class):
            values[name] = random.integers(0, kind.count, BATCH)
        else:
            values[name] = random.uniform(case.low, case.high, (BATCH, *kind))
    for name in sorted(shapes):
        low, high = (0.5, 1.5) if name.endswith(".running_var") else (-1.0, 1.0)
        values[name] = random.uniform(low, high, shapes[name])
    return values
