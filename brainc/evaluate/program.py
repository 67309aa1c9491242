"""What should the numbers be? The tensor program in float64 NumPy, one equation a line, for every kernel to agree with.

Nothing here is fast and everything is plain: arrays are whole and row-major, a window is a tensor of zeros and ones, a
sum is a sum. What the compiler makes of a program is right where it agrees with this.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, assert_never

import numpy as np
import numpy.typing as npt

from brainc.evaluate.along import along
from brainc.evaluate.pooling import pool, pool_gradient
from brainc.ir import expression as ex
from brainc.ir.tensor import (
    Along,
    Concatenate,
    Contract,
    Draw,
    Map,
    Operation,
    Pool,
    PoolGradient,
    Reduce,
    Slice,
    Update,
    View,
    Window,
    lengths,
    operands_of,
    results_of,
)
from brainrun import philox

Array: TypeAlias = npt.NDArray[Any]

LARGEST_INTERMEDIATE = 2**27
"""The most elements of what is computed on the way to a sum of products: one gibibyte."""


def evaluate(
    operations: Sequence[Operation],
    values: Mapping[str, npt.ArrayLike],
    *,
    seed: int = 0,
    step: int = 0,
    first_sample: int = 0,
) -> dict[str, Array]:
    """Every value by name once the operations are done in order; an update's targets have their new values.

    `values` gives the inputs, parameters, state and scalars: integers stay integers, all else becomes float64.
    `seed`, `step` and `first_sample` (the place of sample 0 in the global mini-batch) key the random draws.
    Raises ValueError where a result does not have the shape that the program says.
    """
    known = {name: _exact(value) for name, value in values.items()}
    for operation in operations:
        results = _results(operation, known, seed=seed, step=step, first_sample=first_sample)
        for value, result in zip(results_of(operation), results, strict=True):
            if result.shape != value.shape:
                raise ValueError(
                    f"{value.name} of layer {operation.origin.layer} has shape {result.shape}, not {value.shape}"
                )
            known[value.name] = result
    return known


def _exact(value: npt.ArrayLike) -> Array:
    array = np.asarray(value)
    return array.astype(np.int64 if array.dtype.kind in "iub" else np.float64)


def _results(
    operation: Operation, known: Mapping[str, Array], *, seed: int, step: int, first_sample: int
) -> tuple[Array, ...]:
    operands = [known[value.name] for value in operands_of(operation)]
    match operation:
        case Contract():
            return (_contract(operation, *operands),)
        case Map(result=result, letters=letters, expression=expression):
            spread = [_spread(a, own, letters[0]) for a, own in zip(operands, letters[1:], strict=True)]
            return (_float(ex.evaluate(expression, spread), result.shape),)
        case Reduce():
            return (_reduce(operation, operands),)
        case Along(function=function):
            return (along(function, operands),)
        case Pool(kind=kind, size=size, stride=stride, pad=pad):
            return (pool(operands[0], kind, size, stride, pad),)
        case PoolGradient(result=result, kind=kind, size=size, stride=stride, pad=pad):
            source = operands[0] if kind == "max" else np.zeros(result.shape)
            return (pool_gradient(source, operands[-1], kind, size, stride, pad),)
        case View(result=result):
            return (operands[0].reshape(result.shape),)
        case Concatenate(axis=axis):
            return (np.concatenate(operands, axis),)
        case Slice(result=result, axis=axis, start=start):
            return (operands[0].take(range(start, start + result.shape[axis]), axis),)
        case Draw():
            return (_draw(operation, seed=seed, step=step, first_sample=first_sample),)
        case Update(targets=targets, expressions=expressions):
            return tuple(_float(ex.evaluate(e, operands), t.shape) for e, t in zip(expressions, targets, strict=True))
        case _:
            assert_never(operation)


def _float(value: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    return np.array(np.broadcast_to(np.asarray(value, np.float64), shape))


def _spread(array: Array, own: str, letters: str) -> Array:
    """The array with its axes in the order of `letters`, and an axis of length 1 for each letter it lacks."""
    ordered = array.transpose([own.index(letter) for letter in letters if letter in own])
    return ordered.reshape([array.shape[own.index(letter)] if letter in own else 1 for letter in letters])


def selection(window: Window, length: Mapping[str, int]) -> Array:
    """`D[position, output, tap]`: 1 where `position = stride · output + dilation · tap − pad`, else 0."""
    position, output, tap = np.ogrid[: length[window.position], : length[window.output], : length[window.tap]]
    return np.asarray(position == window.stride * output + window.dilation * tap - window.pad, np.float64)


def _contract(operation: Contract, left: Array, right: Array) -> Array:
    """`Σ left · right · ΠD`: the same line for a product and its gradients, as only the result changes its place."""
    result, *letters = operation.letters
    factors = [left, right]
    for window in operation.windows:
        factors.append(selection(window, lengths(operation)))
        letters.append(window.position + window.output + window.tap)
    # Unless told that it may, einsum makes nothing larger than its operands, and then loops over all letters at once.
    return np.asarray(np.einsum(_subscripts(letters, result), *factors, optimize=("optimal", LARGEST_INTERMEDIATE)))


def _subscripts(letters: Sequence[str], result: str) -> str:
    """The line as `einsum` takes it, which knows the letters of the alphabet only."""
    known = dict.fromkeys("".join((*letters, result)))
    plain = str.maketrans(dict(zip(known, string.ascii_letters, strict=False)))
    return f"{','.join(letters)}->{result}".translate(plain)


def _reduce(operation: Reduce, operands: Sequence[Array]) -> Array:
    length = lengths(operation)
    kept = operation.letters[0]
    summed = "".join(letter for letter in length if letter not in kept)
    spread = [_spread(a, own, kept + summed) for a, own in zip(operands, operation.letters[1:], strict=True)]
    terms = _float(ex.evaluate(operation.expression, spread), tuple(length[letter] for letter in kept + summed))
    return np.asarray(terms.sum(axis=tuple(range(len(kept), terms.ndim))))


def _draw(operation: Draw, *, seed: int, step: int, first_sample: int) -> Array:
    result = operation.result
    sample, feature = operation.first
    samples = first_sample + sample + np.arange(result.shape[0])
    features = feature + np.arange(np.prod(result.shape[1:], dtype=np.int64))
    kept = philox.keep_mask(seed, operation.stream, step, samples, features, operation.keep)
    return np.where(kept, 1 / operation.keep, 0.0).reshape(result.shape)
