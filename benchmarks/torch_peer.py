"""PyTorch's training speed on one of the benchmark networks; run by an interpreter that has PyTorch.

    python benchmarks/torch_peer.py lenet --threads 1 --seconds 4

prints samples/s: the median over windows of a quarter of a second, after a warm-up. Where RANK, WORLD_SIZE, MASTER_ADDR
and MASTER_PORT stand in the environment, as torchrun sets them, it is one process of DistributedDataParallel over gloo:
the batch is split, `--steps` says how many steps all of them do, and rank 0 prints.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn import functional

BATCHES = 16
WARM_UP = 8
WARM_UP_OF_RANKS = 5
WINDOW_SECONDS = 0.25


def chain(*sizes: int) -> list[nn.Module]:
    """Dense layers of these sizes with a relu between each two."""
    layers = [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
    return layers[:-1]


def mlp() -> nn.Module:
    """784-1024-1024-1024-10."""
    return nn.Sequential(nn.Flatten(), *chain(784, 1024, 1024, 1024, 10))


def lenet() -> nn.Module:
    """20 and 50 filters of 5 × 5, dense 500, dense 10."""
    first = (nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))


def autoencoder() -> nn.Module:
    """784-512-256-64-256-512-784."""
    return nn.Sequential(nn.Flatten(), *chain(784, 512, 256, 64, 256, 512, 784), nn.Sigmoid())


def wide() -> nn.Module:
    """4096-8192-8192-4096."""
    return nn.Sequential(*chain(4096, 8192, 8192, 4096))


Parameters = list[nn.Parameter]


@dataclass(frozen=True)
class Network:
    """A network as the benchmarks train it; `task` says what its output is compared with."""

    build: Callable[[], nn.Module]
    batch: int
    sample: tuple[int, ...]
    task: str
    optimizer: Callable[[Parameters], torch.optim.Optimizer]


def momentum(parameters: Parameters) -> torch.optim.Optimizer:
    """SGD with momentum 0.9."""
    return torch.optim.SGD(parameters, 0.01, 0.9)


NETWORKS = {
    "mlp": Network(mlp, 128, (1, 28, 28), "classes", momentum),
    "lenet": Network(lenet, 128, (1, 28, 28), "classes", momentum),
    "autoencoder": Network(autoencoder, 128, (1, 28, 28), "input", lambda p: torch.optim.Adam(p, 1e-3)),
    "wide": Network(wide, 256, (4096,), "numbers", lambda p: torch.optim.SGD(p, 0.01)),
}


def stepper(network: Network, model: nn.Module, samples: int) -> Callable[[int], None]:
    """What trains the model a step on batches of so many samples, given the step's number."""
    inputs = torch.rand(BATCHES, samples, *network.sample)
    labels, numbers = torch.randint(0, 10, (BATCHES, samples)), torch.rand(samples, *network.sample)
    optimizer = network.optimizer(list(model.parameters()))

    def step(number: int) -> None:
        given = inputs[number % BATCHES]
        optimizer.zero_grad(set_to_none=True)
        made = model(given)
        match network.task:
            case "classes":
                loss = functional.cross_entropy(made, labels[number % BATCHES])
            case "input":
                loss = functional.mse_loss(made, given.flatten(1))
            case _:
                loss = functional.mse_loss(made, numbers)
        loss.backward()
        optimizer.step()

    return step


def for_seconds(step: Callable[[int], None], batch: int, seconds: float) -> float:
    """Samples a second of as many steps as fit."""
    for number in range(WARM_UP):
        step(number)
    rates: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < WINDOW_SECONDS:
            step(steps)
            steps += 1
        rates.append(steps * batch / (time.perf_counter() - began))
    return statistics.median(rates)


def for_steps(step: Callable[[int], None], batch: int, steps: int) -> float:
    """Samples a second of so many steps, the same number on all ranks."""
    for number in range(WARM_UP_OF_RANKS):
        step(number)
    rates: list[float] = []
    first = began = time.perf_counter()
    done = 0
    for number in range(steps):
        step(number)
        done += 1
        now = time.perf_counter()
        if now - began >= WINDOW_SECONDS:
            rates.append(done * batch / (now - began))
            began, done = now, 0
    return statistics.median(rates) if rates else steps * batch / (time.perf_counter() - first)


def of_rank(network: Network, hook: str, steps: int) -> float:
    """Samples a second of all ranks together, this process being one of them."""
    distributed.init_process_group("gloo")
    model = nn.parallel.DistributedDataParallel(network.build(), gradient_as_bucket_view=True)
    if hook == "fp16":
        model.register_comm_hook(None, default_hooks.fp16_compress_hook)
    rate = for_steps(stepper(network, model, network.batch // distributed.get_world_size()), network.batch, steps)
    distributed.barrier()
    distributed.destroy_process_group()  # gloo's threads, left running, may end the interpreter with them
    return rate


def main() -> None:
    """Measure, and print one number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=100, help="how many, where there are several ranks")
    parser.add_argument("--hook", choices=("none", "fp16"), default="none", help="how DDP sends gradients")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    network = NETWORKS[arguments.network]
    if "WORLD_SIZE" in os.environ:
        rate = of_rank(network, arguments.hook, arguments.steps)
    else:
        rate = for_seconds(stepper(network, network.build(), network.batch), network.batch, arguments.seconds)
    if os.environ.get("RANK", "0") == "0":
        print(rate)


if __name__ == "__main__":
    main()
