"""What should the steps be that sum a gradient by its factors? In float64, as `brainc.ir.factoring` says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, assert_never

import numpy as np
import numpy.typing as npt

from brainc.ir.factoring import Factoring
from brainrun import philox

Array: TypeAlias = npt.NDArray[Any]

_NEGLIGIBLE = 1e-6
"""What is left of a vector's length when it is a combination of those before, but for float32's rounding."""


def factored(work: Factoring, given: Mapping[str, Array], *, seed: int, step: int) -> tuple[Array, ...]:
    """What the step writes, in the order of `written_by`, from the values that it reads, by name."""
    factors = work.factors
    shape = factors.gradient.shape
    match work.stage:
        case "prepare":
            return (_prepared(given[factors.right.name], factors.stream, seed, step),)
        case "left":
            v = given[factors.error.name] + given[factors.gradient.name]
            return given[factors.right.name] @ v.reshape(shape[0], -1), v
        case "orthonormalise":
            return (_orthonormal(given[factors.left.name]),)
        case "right":
            v = given[factors.error.name].reshape(shape[0], -1)
            right = given[factors.left.name] @ v.T
            return right, right
        case "rebuild":
            left = given[factors.left.name]
            everyone = given[factors.right.name].T @ left
            mine = given[factors.own.name].T @ left
            return everyone.reshape(shape), given[factors.error.name] - mine.reshape(shape)
        case _:
            assert_never(work.stage)


def _prepared(right: Array, stream: int, seed: int, step: int) -> Array:
    places = np.arange(right.shape[1])
    found = np.array(right, np.float64)
    for k, vector in enumerate(found):
        if not vector.any():
            words = np.stack(philox.block(seed, stream, step, k, places // 4), axis=-1)
            vector[:] = 2.0 * philox.uniform(words[places, places % 4]) - 1.0
        vector /= np.linalg.norm(vector)
    return found


def _orthonormal(left: Array) -> Array:
    found = np.array(left, np.float64)
    for k, vector in enumerate(found):
        before = np.linalg.norm(vector)
        for _ in range(2):
            for other in found[:k]:
                vector -= (vector @ other) * other
        after = np.linalg.norm(vector)
        vector *= 1.0 / after if after > _NEGLIGIBLE * before else 0.0
    return found
