"""Ask PyTorch for the numbers of every case: `python -m tests.conformance.make_reference`, in the repository's root.

Needs the extra `torch`. Run it after a case was added or changed, and commit `reference.npz`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .case import BATCH, Array, Case
from .cases import CASES
from .network import compiled
from .optimizers import NETWORK, OPTIMIZER_CASES, STEPS, OptimizerCase
from .reference import save


def tensors(values: Mapping[str, Array]) -> dict[str, Any]:
    """Copies of the arrays as tensors; those of numbers ask for a gradient, running statistics do not."""
    made = {name: torch.tensor(np.array(array)) for name, array in values.items()}
    for name, tensor in made.items():
        tensor.requires_grad_(tensor.is_floating_point() and ".running_" not in name)
    return made


def objective(case: Case, y: Any, values: Mapping[str, Any]) -> Any:
    """The case's loss of `y`."""
    if case.loss is not None:
        return case.loss(functional, y, values)
    return functional.mse_loss(y.flatten(1), values["target"].flatten(1))


def outcome(case: Case) -> dict[str, Array]:
    """What PyTorch makes of a case, by `case/mode/name`: `y`, the objective, all gradients, and running statistics."""
    given = compiled(case).values
    found: dict[str, Array] = {}
    for mode in ("train", "evaluate"):
        values = tensors(given)
        y = case.torch(functional, values, mode)
        loss = objective(case, y, values)
        found[f"{case.name}/{mode}/y"] = y.detach().numpy()
        found[f"{case.name}/{mode}/objective"] = loss.detach().numpy()
        if mode == "train":
            loss.backward()
            for name, tensor in values.items():
                if tensor.grad is not None:
                    found[f"{case.name}/gradient/{name}"] = tensor.grad.numpy()
                elif ".running_" in name:
                    found[f"{case.name}/after/{name}"] = tensor.numpy()
    return found


def trained(case: OptimizerCase) -> dict[str, Array]:
    """The network's parameters after STEPS steps on one mini-batch, by `optimizer/case/name`."""
    values = tensors(compiled(NETWORK).values)
    parameters = {name: tensor for name, tensor in values.items() if "dense" in name}
    optimizer = getattr(torch.optim, case.torch)(parameters.values(), **case.arguments)
    for _ in range(STEPS):
        optimizer.zero_grad()
        objective(NETWORK, NETWORK.torch(functional, values, "train"), values).backward()
        optimizer.step()
    return {f"optimizer/{case.name}/{name}": tensor.detach().numpy() for name, tensor in parameters.items()}


def trained_through_copies(case: OptimizerCase, hysteresis: float) -> dict[str, Array]:
    """The same for trinary weights: autograd sees copy + (weight − copy), of which the second part is a constant."""
    values = tensors(compiled(NETWORK, hysteresis=hysteresis).values)
    weights = {name: values[name].detach() for name in values if f"{name}.hidden" in values}
    copies = {name: values[f"{name}.hidden"] for name in weights}
    moved = {name: tensor for name, tensor in values.items() if "dense" in name and name not in weights}
    optimizer = getattr(torch.optim, case.torch)(moved.values(), **case.arguments)
    for _ in range(STEPS):
        optimizer.zero_grad()
        seen = {name: copy + (weights[name] - copy).detach() for name, copy in copies.items()}
        objective(NETWORK, NETWORK.torch(functional, values | seen, "train"), values).backward()
        optimizer.step()
        with torch.no_grad():
            for name, copy in copies.items():
                copy.clamp_(-1.0, 1.0)
                least, most = (copy - hysteresis).round(), (copy + hysteresis).round()
                weights[name] = weights[name].clamp(least, most)
    found = {**moved, **weights}
    return {f"optimizer/{case.name}/{name}": tensor.detach().numpy() for name, tensor in found.items()}


def references() -> dict[str, Array]:
    """Everything, by name; batches are of BATCH samples and all numbers float64."""
    found: dict[str, Array] = {}
    for case in CASES:
        found |= outcome(case)
    for optimizer_case in OPTIMIZER_CASES:
        if optimizer_case.hysteresis is None:
            found |= trained(optimizer_case)
        else:
            found |= trained_through_copies(optimizer_case, optimizer_case.hysteresis)
    assert all(len(array) == BATCH for name, array in found.items() if name.endswith("/y"))
    return found


if __name__ == "__main__":
    save(references())
