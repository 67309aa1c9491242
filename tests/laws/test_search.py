"""On any small graph the search finds what trying every assignment finds."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import prod
from random import Random

import pytest

from brainc.ir.graph import LayerGraph
from brainc.machine.description import GENERIC
from brainc.partition.choices import choices
from brainc.partition.search import runner_up, search
from brainrun.plan.schema import Mesh

from .networks import graph

# Latency, bandwidth and speed traded against each other, so that each of the splits is sometimes worth it.
MACHINES = (
    GENERIC,
    replace(GENERIC, flops=1e9, memory_bandwidth=1e9, link_latency=1e-5, link_bandwidth=1e8),
    replace(GENERIC, flops=1e8, memory_bandwidth=1e10, link_latency=1e-9, link_bandwidth=1e9),
)
MOST = 1500


def network(random: Random) -> LayerGraph:
    """Dense layers that read each other, some through sums and activations: chains, diamonds and cliques."""
    lines = ["input x: f32[6]", "input t: f32[6]"]
    names = ["x"]
    for index in range(random.randint(2, 4)):
        one, other = random.choice(names), random.choice(names)
        lines.append(
            random.choice(
                (
                    f"n{index} = dense({one}, 6)",
                    f"n{index} = dense({one}, 6) + {other}" if len(names) > 1 else f"n{index} = dense({one}, 6)",
                    f"n{index} = relu({one})",
                )
            )
        )
        names.append(f"n{index}")
    lines.append(f"loss objective = mean_squared_error({names[-1]}, t)")
    return graph("\n".join(lines))


@pytest.mark.parametrize("seed", range(24))
def test_the_search_is_as_good_as_trying_everything(seed: int) -> None:
    random = Random(seed)
    made, mesh, machine = network(random), Mesh(random.choice((1, 2)), random.choice((2, 3))), random.choice(MACHINES)
    options = {node.name: choices(node, made, batch=6, ranks=mesh.model) for node in made.nodes}
    while prod(map(len, options.values())) > MOST:
        widest = max(options, key=lambda name: len(options[name]))
        options[widest] = tuple(random.sample(options[widest], len(options[widest]) - 1))
    best = search(made, options, batch=12, mesh=mesh, machine=machine)
    tried = [
        search(made, {name: (choice,) for name, choice in zip(options, picked, strict=True)},
               batch=12, mesh=mesh, machine=machine)
        for picked in product(*options.values())
    ]  # fmt: skip
    assert best.seconds == pytest.approx(min(each.seconds for each in tried), rel=1e-12)
    assert best.seconds == pytest.approx(next(each.seconds for each in tried if each.choices == best.choices))


@pytest.mark.parametrize("seed", range(6))
def test_the_runner_up_splits_a_layer_with_parameters_otherwise_and_is_the_best_that_does(seed: int) -> None:
    made, mesh = network(Random(seed)), Mesh(1, 2)
    options = {node.name: choices(node, made, batch=6, ranks=2) for node in made.nodes}
    best = search(made, options, batch=6, mesh=mesh, machine=GENERIC)
    second = runner_up(made, options, best, batch=6, mesh=mesh, machine=GENERIC)
    weighted = [node.name for node in made.nodes if node.weights]
    if not weighted:
        assert second is None
        return
    assert second is not None
    assert second.seconds >= best.seconds
    assert any(dict(second.splits)[name] != dict(best.splits)[name] for name in weighted)
