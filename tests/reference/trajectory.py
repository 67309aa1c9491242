"""What is a reference trajectory? Losses of the first steps of a real network, and how far each parameter went.

Samples and first weights are the same on both sides: the samples from a seeded generator, the weights from the streams
that the runtime draws them from, with the bounds of PyTorch's own default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from brainrun.philox import initial_values
from brainrun.plan.schema import Parameter, Slice, Uniform

Array: TypeAlias = npt.NDArray[Any]

NETWORKS = ("mlp", "lenet", "autoencoder")
HERE = Path(__file__).parent
STEPS, BATCH, SEED = 20, 32, 7
SAMPLES = 5 * BATCH


def samples() -> tuple[Array, Array]:
    """Images `[SAMPLES, 1, 28, 28]` in [0, 1], a blurred blot for each class with noise on it, and their labels."""
    random = np.random.default_rng(0)
    coarse = random.random((10, 7, 7))
    blots = coarse.repeat(4, axis=1).repeat(4, axis=2)
    labels = random.integers(0, 10, SAMPLES)
    images = 0.7 * blots[labels] + 0.3 * random.random((SAMPLES, 28, 28))
    return images[:, None].astype(np.float32), labels.astype(np.int64)


def first_value(name: str, shape: tuple[int, ...], fan_in: int) -> Array:
    """The parameter's first value: uniform within ±1/√fan_in, from the stream of its name."""
    parameter = Parameter(name, shape, Uniform(1 / math.sqrt(fan_in)), True, "", ())
    return initial_values(parameter, tuple(Slice(0, length) for length in shape), SEED)


def way(before: Array, after: Array) -> dict[str, float]:
    """How far a parameter went: the length of its change, and the change's part in a fixed direction."""
    change = (after.astype(np.float64) - before.astype(np.float64)).reshape(-1)
    return {"length": float(np.linalg.norm(change)), "part": float(change @ np.cos(np.arange(change.size)))}


def write_samples(folder: Path) -> None:
    """The samples as the networks' data sections name them."""
    images, labels = samples()
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)


Trajectory: TypeAlias = Mapping[str, Any]
"""`loss_by_step`, and `parameters`: by name its `shape`, `fan_in`, and the `way` it went."""
