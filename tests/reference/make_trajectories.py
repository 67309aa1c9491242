"""Train the reference networks in PyTorch: `python -m tests.reference.make_trajectories`, in the repository's root.

Needs the extra `torch`. Everything is float64 from the float32 weights that brainc starts with, so what differs from
brainc's run is the rounding of float32. Writes `trajectories.json`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from brainrun.philox import keep_mask

from .trajectory import BATCH, HERE, NETWORKS, SAMPLES, SEED, STEPS, Trajectory, first_value, samples, way


class Dropout(nn.Module):
    """Dropout with the masks that the runtime draws for a layer of this name; `step` counts from 0."""

    def __init__(self, layer: str, drop: float) -> None:
        super().__init__()
        self.stream, self.keep, self.step = zlib.crc32(layer.encode()), 1.0 - drop, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x · mask / keep, of x[b, f]."""
        kept = keep_mask(SEED, self.stream, self.step, np.arange(len(x)), np.arange(x.shape[1]), self.keep)
        self.step += 1
        return x * torch.tensor(kept / self.keep)


def network(name: str) -> tuple[nn.Sequential, list[str], Callable[..., torch.optim.Optimizer]]:
    """The modules in PyTorch's words, the names that brainc has for those with parameters, and the optimiser."""
    match name:
        case "mlp":
            wide = [nn.Flatten(), nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU()]
            modules = [*wide, nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)]
            names = ["hidden.dense1", "hidden.dense2", "hidden.dense3", "logits.dense"]
            return nn.Sequential(*modules), names, lambda p: torch.optim.SGD(p, lr=0.1)
        case "lenet":
            modules = [nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)]
            modules += [nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
            modules += [nn.Linear(800, 500), nn.ReLU(), Dropout("hidden.dropout", 0.5), nn.Linear(500, 10)]
            names = ["features.conv1", "features.conv2", "hidden.dense", "logits.dense"]
            return nn.Sequential(*modules), names, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)
        case "autoencoder":
            sizes = (784, 512, 256, 64, 256, 512, 784)
            modules = [nn.Flatten()]
            for inputs, units in pairwise(sizes):
                modules += [nn.Linear(inputs, units), nn.ReLU()]
            modules[-1] = nn.Sigmoid()
            names = [f"{statement}.dense{place}" for statement in ("encoded", "decoded") for place in (1, 2, 3)]
            return nn.Sequential(*modules), names, lambda p: torch.optim.Adam(p, lr=0.001)
        case _:
            raise ValueError(name)


def trajectory(name: str) -> Trajectory:
    """STEPS steps over the samples in their order, from brainc's first weights."""
    model, names, make_optimizer = network(name)
    model.double()
    with_parameters = [module for module in model if list(module.parameters())]
    first: dict[str, Any] = {}
    for layer, module in zip(names, with_parameters, strict=True):
        fan_in = module.weight[0].numel()
        for part, tensor in module.named_parameters():
            first[f"{layer}.{part}"] = value = first_value(f"{layer}.{part}", tuple(tensor.shape), fan_in)
            tensor.data = torch.tensor(value, dtype=torch.float64)
    optimizer = make_optimizer(model.parameters())
    images, labels = (torch.tensor(array) for array in samples())
    losses: list[float] = []
    for step in range(STEPS):
        start = step * BATCH % SAMPLES
        image, label = images[start : start + BATCH].double(), labels[start : start + BATCH]
        y = model(image)
        loss = functional.mse_loss(y, image.flatten(1)) if name == "autoencoder" else functional.cross_entropy(y, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    ways = {}
    for layer, module in zip(names, with_parameters, strict=True):
        for part, tensor in module.named_parameters():
            full, fan_in = f"{layer}.{part}", module.weight[0].numel()
            went = way(first[full], tensor.detach().numpy())
            ways[full] = {"shape": list(tensor.shape), "fan_in": fan_in, "way": went}
    return {"loss_by_step": losses, "parameters": ways}


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = {name: trajectory(name) for name in NETWORKS}
    (HERE / "trajectories.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
