"""PyTorch's training speed on one of the benchmark networks; run by an interpreter that has PyTorch.

    python benchmarks/torch_peer.py lenet --threads 1 --seconds 4

prints samples/s: the median over windows of a quarter of a second, after a warm-up.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

BATCH = 128
BATCHES = 16
WINDOW_SECONDS = 0.25


def mlp() -> nn.Module:
    """784-1024-1024-1024-10."""
    sizes = (784, 1024, 1024, 1024)
    hidden = [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(1024, 10))


def lenet() -> nn.Module:
    """20 and 50 filters of 5 × 5, dense 500, dense 10."""
    first = (nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))


def autoencoder() -> nn.Module:
    """784-512-256-64-256-512-784."""
    sizes = (784, 512, 256, 64, 256, 512)
    hidden = [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(512, 784), nn.Sigmoid())


NETWORKS: dict[str, Callable[[], nn.Module]] = {"mlp": mlp, "lenet": lenet, "autoencoder": autoencoder}


def main() -> None:
    """Measure, and print one number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = NETWORKS[arguments.network]()
    images, labels = torch.rand(BATCHES, BATCH, 1, 28, 28), torch.randint(0, 10, (BATCHES, BATCH))
    labelled = arguments.network != "autoencoder"
    parameters = model.parameters()
    optimizer = torch.optim.SGD(parameters, 0.01, 0.9) if labelled else torch.optim.Adam(parameters, 1e-3)

    def step(number: int) -> None:
        image, label = images[number % BATCHES], labels[number % BATCHES]
        optimizer.zero_grad(set_to_none=True)
        made = model(image)
        loss = functional.cross_entropy(made, label) if labelled else functional.mse_loss(made, image.flatten(1))
        loss.backward()
        optimizer.step()

    for number in range(8):
        step(number)
    rates: list[float] = []
    end = time.perf_counter() + arguments.seconds
    while time.perf_counter() < end:
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < WINDOW_SECONDS:
            step(steps)
            steps += 1
        rates.append(steps * BATCH / (time.perf_counter() - began))
    print(statistics.median(rates))


if __name__ == "__main__":
    main()
