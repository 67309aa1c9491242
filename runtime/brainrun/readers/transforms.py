"""What happens to a sample between its file and the network? The transforms of its field, one after the other.

Values are float32 `values[n, features]`, flat, with the shape of one sample beside them. Random transforms draw from
(seed, epoch, sample number), so that a sample is changed alike on every mesh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import assert_never

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from brainrun import philox
from brainrun.errors import DataError
from brainrun.philox import block, stream_of
from brainrun.plan.schema import (
    Cast,
    Normalize,
    OneHot,
    RandomAffine,
    RandomCrop,
    RandomElastic,
    RandomFlip,
    Rescale,
    Standardize,
    Transform,
)
from brainrun.readers.warps import affine, elastic, resampled


@dataclass(frozen=True, slots=True)
class AugmentKey:
    """What the random transforms of one training epoch are drawn from."""

    seed: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Draws:
    """The random transforms of these samples of one input; `key` is None outside training, where nothing is random."""

    input: str
    samples: NDArray[np.int64]
    key: AugmentKey | None


def is_pointwise(transforms: Sequence[Transform]) -> bool:
    """Whether each feature's value depends on that feature alone and on nothing of its place."""
    return all(
        isinstance(transform, Rescale | Cast) or (isinstance(transform, Normalize) and len(transform.mean) == 1)
        for transform in transforms
    )


def transformed_shape(transforms: Sequence[Transform], shape: tuple[int, ...], where: str) -> tuple[int, ...]:
    """The shape of a sample after the transforms; DataError where one does not fit what it is given."""
    for transform in transforms:
        match transform:
            case Normalize(mean=mean) if len(mean) > 1 and (not shape or shape[0] != len(mean)):
                raise DataError(
                    f"normalize has {len(mean)} means, but its samples are {_text(shape)}",
                    where=where,
                    remedy=f"give one mean and deviation, or {shape[0] if shape else 1}, one a channel",
                )
            case RandomFlip() if not shape:
                raise DataError("random_flip mirrors images, but its samples are single numbers", where=where)
            case RandomAffine() | RandomElastic() if len(shape) < 2:
                raise DataError(f"{_name(transform)} changes images, but its samples are {_text(shape)}", where=where)
            case RandomCrop(size=size, pad=pad):
                if len(shape) < 2 or min(shape[-2:]) + 2 * pad < size:
                    raise DataError(
                        f"random_crop({size}, pad={pad}) does not fit into samples of {_text(shape)}",
                        where=where,
                        remedy=f"crop at most {min(shape[-2:]) + 2 * pad}" if len(shape) > 1 else "crop images only",
                    )
                shape = (*shape[:-2], size, size)
            case OneHot():
                raise DataError("one_hot takes class labels; nothing may come before it", where=where)
            case Rescale() | Standardize() | Cast() | Normalize() | RandomFlip() | RandomAffine() | RandomElastic():
                pass
            case _:
                assert_never(transform)
    return shape


def transformed(
    values: NDArray[np.float32], transforms: Sequence[Transform], shape: tuple[int, ...], draws: Draws
) -> NDArray[np.float32]:
    """The values after all transforms; those given may be overwritten. `shape` is a sample's before the first one."""
    for place, transform in enumerate(transforms):
        match transform:
            case Rescale(factor=factor):
                values *= np.float32(factor)
            case Normalize(mean=mean, deviation=deviation):
                by_channel = values.reshape(len(values), len(mean), -1)
                by_channel -= np.array(mean, np.float32)[:, None]
                by_channel /= np.array(deviation, np.float32)[:, None]
            case Standardize():
                values = _standardized(values)
            case RandomFlip():
                values = _flipped(values, shape, draws, place)
            case RandomCrop(size=size):
                values = _cropped(values, shape, transform, draws, place)
                shape = (*shape[:-2], size, size)
            case RandomAffine() | RandomElastic():
                values = _warped(values, shape, transform, draws, place)
            case Cast(kind=kind):
                values = cast_values(values, kind)
            case OneHot():
                raise ValueError("one_hot is a kind of records, not a step on values")
            case _:
                assert_never(transform)
    return values


def cast_values(values: NDArray[np.float32], kind: str) -> NDArray[np.float32]:
    """The values as that number type would hold them, as float32: rounded to nearest, or towards zero to integers."""
    match kind:
        case "f16":
            return values.astype(np.float16).astype(np.float32)
        case "bf16":
            bits = values.view(np.uint32)
            rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
            return (rounded & np.uint32(0xFFFF0000)).view(np.float32)
        case "i32":
            return np.trunc(values)
        case "u8":
            return np.clip(np.trunc(values), 0.0, 255.0)
        case _:
            return values


def _standardized(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each sample to mean zero and deviation one; a sample of equal values becomes zeros."""
    centred: NDArray[np.float64] = values - values.mean(axis=1, dtype=np.float64, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axis=1, keepdims=True))
    centred /= np.where(deviation > 0.0, deviation, 1.0)
    return centred.astype(np.float32)


def _flipped(values: NDArray[np.float32], shape: tuple[int, ...], draws: Draws, place: int) -> NDArray[np.float32]:
    if draws.key is None:
        return values
    mirrored = _words(draws, draws.key, place)[0] >> np.uint32(31) == 1
    rows = values.reshape(len(values), -1, shape[-1])
    rows[mirrored] = rows[mirrored, :, ::-1]
    return values


def _cropped(
    values: NDArray[np.float32], shape: tuple[int, ...], crop: RandomCrop, draws: Draws, place: int
) -> NDArray[np.float32]:
    height, width = (length + 2 * crop.pad for length in shape[-2:])
    planes = prod(shape[:-2])
    padded = np.zeros((len(values), planes, height, width), np.float32)
    padded[:, :, crop.pad : height - crop.pad, crop.pad : width - crop.pad] = values.reshape(-1, planes, *shape[-2:])
    rows, columns = height - crop.size + 1, width - crop.size + 1
    if draws.key is None:
        top, left = (np.full(len(values), (choices - 1) // 2) for choices in (rows, columns))
    else:
        words = _words(draws, draws.key, place)
        top, left = (
            (word.astype(np.int64) * choices) >> 32 for word, choices in zip(words, (rows, columns), strict=False)
        )
    windows = sliding_window_view(padded, (crop.size, crop.size), axis=(2, 3))
    cropped: NDArray[np.float32] = windows[np.arange(len(values)), :, top, left].reshape(len(values), -1)
    return cropped


def _warped(
    values: NDArray[np.float32], shape: tuple[int, ...], warp: RandomAffine | RandomElastic, draws: Draws, place: int
) -> NDArray[np.float32]:
    if draws.key is None:
        return values
    height, width = shape[-2:]
    match warp:
        case RandomAffine():
            rows, columns = affine(warp, _evenly(draws, draws.key, place, 5), height, width)
        case RandomElastic(grid=grid):
            rows, columns = elastic(warp, _evenly(draws, draws.key, place, 2 * grid * grid), height, width)
        case _:
            assert_never(warp)
    return resampled(values.reshape(len(values), -1, height, width), rows, columns).reshape(values.shape)


def _evenly(draws: Draws, key: AugmentKey, place: int, count: int) -> NDArray[np.float32]:
    """`drawn[sample, count]` from -1 to 1, each evenly."""
    stream = stream_of(f"{draws.input}.transform.{place}")
    drawn = philox.draws(key.seed, stream, key.epoch, draws.samples, np.arange(count))
    return drawn * np.float32(2.0) - np.float32(1.0)


def _words(draws: Draws, key: AugmentKey, place: int) -> tuple[NDArray[np.uint32], ...]:
    stream = stream_of(f"{draws.input}.transform.{place}")
    return block(key.seed, stream, key.epoch, draws.samples >> 32, draws.samples)


def _name(transform: Transform) -> str:
    return str(transform.__struct_config__.tag)


def _text(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"
