"""Data for the small plan, and what training on them must give, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainrun.philox import initial_values
from brainrun.plan.schema import Plan, Slice
from brainrun.plan.store import write_plan
from brainrun.readers.order import permutation
from tests.runtime.small_plan import INPUTS, OUTPUTS, small_plan

COUNT = {"train": 70, "test": 33, "predict": 27}


def write_data(folder: Path) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Write x and t of each role as .npy; the arrays."""
    rng = np.random.default_rng(5)
    weight, bias = rng.normal(size=(OUTPUTS, INPUTS)), rng.normal(size=OUTPUTS)
    arrays = {}
    for role, count in COUNT.items():
        x = rng.normal(size=(count, INPUTS)).astype(np.float32)
        t = (x @ weight.T + bias + 0.1 * rng.normal(size=(count, OUTPUTS))).astype(np.float32)
        np.save(folder / f"{role}-x.npy", x)
        np.save(folder / f"{role}-t.npy", t)
        arrays[role] = (x, t)
    return arrays


def write_small(folder: Path, *, data: int = 1, model: int = 1, batch: int = 20, epochs: int = 2) -> Path:
    """The small plan and its data in a folder; the plan's path."""
    plan, files = small_plan(data=data, model=model, batch=batch, epochs=epochs)
    write_plan(folder / "net.plan", plan, files)
    write_data(folder / "net.plan")
    return folder / "net.plan"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a training must give."""

    losses: list[float]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    test: float


def reference(plan: Plan, folder: Path, *, seed: int = 7, shuffle: bool = True) -> Expected:
    """The same training in float64 with NumPy alone."""
    arrays = {r: [np.load(folder / f"{r}-{name}.npy").astype(np.float64) for name in "xt"] for r in ("train", "test")}
    x, t = arrays["train"]
    weight, bias = (
        initial_values(p, [Slice(0, length) for length in p.shape], seed).astype(np.float64) for p in plan.parameters
    )
    batch, losses = plan.training.batch, []
    for epoch in range(plan.training.epochs):
        order = permutation(seed, epoch, len(x)) if shuffle else np.arange(len(x))
        for number in range(len(x) // batch):
            chosen = order[number * batch : (number + 1) * batch]
            error = x[chosen] @ weight.T + bias - t[chosen]
            losses.append(float((error**2).mean()))
            gradient = 2 * error / error.size
            weight = weight - plan.training.rate * gradient.T @ x[chosen]
            bias = bias - plan.training.rate * gradient.sum(axis=0)
    x, t = arrays["test"]
    return Expected(losses, weight, bias, float(((x @ weight.T + bias - t) ** 2).mean()))
