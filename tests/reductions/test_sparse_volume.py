"""How many times fewer bytes than plain sums do sparse schemes send of a network's gradients?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from brainc.ir.sharded import slices
from brainc.reductions.table import METHODS
from tests.reductions.calling import Laid, encode, like, panels, plain

LAYERS = [(784, 1024), (1024, 1024), (1024, 1024), (1024, 10)]
"""Inputs and outputs of the layers of a perceptron; each has a bias."""
STEPS = 3
HEADER_BYTES = 4
"""Of each part of a message, whatever the scheme."""


def gradients(step: int) -> Iterator[Laid]:
    """Gradients with columns and rows of different sizes, as units differ in how much they matter."""
    generator = np.random.default_rng(step)
    for inputs, outputs in LAYERS:
        size = np.exp(generator.standard_normal(outputs, np.float32))
        weights = generator.standard_normal((inputs, outputs), np.float32) * size
        yield panels(weights * np.exp(generator.standard_normal((inputs, 1), np.float32)))
        yield plain(size[:, np.newaxis])


@pytest.mark.parametrize("members", [2, 4])
@pytest.mark.parametrize(("name", "density", "at_least"), [("adaptive", 1 / 64, 80), ("golomb", 1 / 1000, 800)])
def test_a_perceptron_sends_so_many_times_fewer_bytes_than_its_floats(
    name: str, density: float, at_least: float, members: int
) -> None:
    method, numbers = METHODS[name], (density,)
    errors: list[Laid] = []
    floats = encoded = 0
    for step in range(STEPS):
        for part, gradient in enumerate(gradients(step)):
            if step == 0:
                errors.append(like(gradient, 0.0))
            # Terms on their way to their owner; the sum on its way back is encoded alike.
            # Biases are sent as the floats they are where the method says so.
            if gradient.matrix.columns == 1 and method.sums_vectors:
                floats, encoded = floats + 4 * gradient.matrix.rows, encoded + 4 * gradient.matrix.rows
                continue
            for owned in slices(gradient.matrix.columns, members):
                columns = (owned.start, owned.stop)
                seed = (step * len(LAYERS) * 2 + part) * members + owned.start
                sent = encode(method, gradient, errors[part], numbers=numbers, columns=columns, seed=seed)
                encoded += HEADER_BYTES + len(sent.payload)
                floats += HEADER_BYTES + 4 * gradient.matrix.rows * (owned.stop - owned.start)
    assert floats / encoded >= at_least
