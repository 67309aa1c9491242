"""Transforms: each equals its formula, and random ones depend on seed, epoch and sample alone."""

from __future__ import annotations

import numpy as np
import pytest

from brainrun.errors import DataError
from brainrun.plan.schema import (
    Cast,
    Normalize,
    RandomAffine,
    RandomCrop,
    RandomElastic,
    RandomFlip,
    Rescale,
    Standardize,
)
from brainrun.readers.transforms import AugmentKey, Draws, is_pointwise, transformed, transformed_shape

SHAPE = (3, 5, 4)
KEY = AugmentKey(seed=3, epoch=2)


def samples(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).normal(2.0, 3.0, (count, 60)).astype(np.float32)


def draws(numbers: np.ndarray, key: AugmentKey | None = KEY) -> Draws:
    return Draws("image", numbers, key)


def apply(*transforms, values=None, key: AugmentKey | None = KEY, numbers=None) -> np.ndarray:
    values = samples() if values is None else values
    numbers = np.arange(len(values)) if numbers is None else numbers
    return transformed(values.copy(), transforms, SHAPE, draws(numbers, key))


def test_rescale_multiplies():
    np.testing.assert_array_equal(samples() * np.float32(1 / 255), apply(Rescale(1 / 255)))


def test_normalize_takes_a_mean_and_deviation_a_channel():
    mean, deviation = (1.0, 2.0, 3.0), (0.5, 2.0, 4.0)
    expected = (samples().reshape(-1, *SHAPE) - np.reshape(mean, (3, 1, 1))) / np.reshape(deviation, (3, 1, 1))
    result = apply(Normalize(mean=mean, deviation=deviation))
    np.testing.assert_allclose(result.reshape(-1, *SHAPE), expected, rtol=1e-5, atol=1e-6)


def test_normalize_with_one_pair_is_for_all_channels():
    np.testing.assert_allclose(apply(Normalize((2.0,), (3.0,))), (samples() - 2) / 3, rtol=1e-5, atol=1e-6)


def test_standardize_gives_each_sample_mean_zero_and_deviation_one():
    values = samples()
    values[7] = 4.0
    result = apply(Standardize(), values=values)
    assert not result[7].any()
    others = np.delete(result, 7, axis=0).astype(np.float64)
    np.testing.assert_allclose(others.mean(axis=1), 0.0, atol=1e-6)
    np.testing.assert_allclose(others.std(axis=1), 1.0, atol=1e-6)


def test_cast_rounds_as_the_type_does():
    values = np.array([[1.00390625, -2.7, 300.2, 1 / 3]], np.float32)
    assert apply(Cast("f16"), values=values)[0].tolist() == values[0].astype(np.float16).tolist()
    assert apply(Cast("i32"), values=values)[0].tolist() == [1, -2, 300, 0]
    assert apply(Cast("u8"), values=values)[0].tolist() == [1, 0, 255, 0]
    assert apply(Cast("f32"), values=values)[0].tolist() == values[0].tolist()


def test_cast_to_bf16_keeps_eight_bits_rounded_to_even():
    values = np.array([[1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -(1 + 2**-7)]], np.float32)
    assert apply(Cast("bf16"), values=values)[0].tolist() == [1.0, 1 + 2**-6, 1 + 2**-7, -(1 + 2**-7)]


def test_random_flip_mirrors_half_of_the_samples_in_training_only():
    values = samples(400)
    result = apply(RandomFlip(), values=values)
    mirrored = values.reshape(-1, *SHAPE)[..., ::-1].reshape(400, -1)
    same, flipped = (result == values).all(axis=1), (result == mirrored).all(axis=1)
    assert (same ^ flipped).all()
    assert 150 < flipped.sum() < 250
    np.testing.assert_array_equal(values, apply(RandomFlip(), values=values, key=None))


def test_random_crop_is_a_window_of_the_padded_image():
    crop = RandomCrop(size=4, pad=1)
    values = samples(200)
    padded = np.pad(values.reshape(-1, *SHAPE), ((0, 0), (0, 0), (1, 1), (1, 1)))
    result = apply(crop, values=values).reshape(200, 3, 4, 4)
    seen = set()
    for place in range(200):
        found = [
            (top, left)
            for top in range(4)
            for left in range(3)
            if np.array_equal(result[place], padded[place, :, top : top + 4, left : left + 4])
        ]
        assert len(found) == 1
        seen.update(found)
    assert len(seen) == 12


def test_random_crop_is_the_middle_outside_training():
    result = apply(RandomCrop(size=3, pad=0), key=None).reshape(-1, 3, 3, 3)
    np.testing.assert_array_equal(result, samples().reshape(-1, *SHAPE)[:, :, 1:4, 0:3])


WARPS = (RandomAffine(rotate=20.0, shift=1.0, scale=0.1, shear=5.0), RandomElastic(shift=1.0, grid=3))


@pytest.mark.parametrize("warp", WARPS)
def test_warps_change_images_alike_in_all_channels_and_in_training_only(warp):
    values = np.tile(samples()[:, :20], 3)
    result = apply(warp, values=values).reshape(-1, *SHAPE)
    np.testing.assert_array_equal(result[:, 0], result[:, 1])
    assert not np.isclose(result[:, 0], values.reshape(-1, *SHAPE)[:, 0]).all(axis=(1, 2)).any()
    np.testing.assert_array_equal(values, apply(warp, values=values, key=None))


@pytest.mark.parametrize("transform", [RandomFlip(), RandomCrop(size=4, pad=2), *WARPS])
def test_random_transforms_depend_on_seed_epoch_and_sample_alone(transform):
    values, numbers = samples(64), np.arange(64)
    whole = apply(transform, values=values, numbers=numbers)
    picked = np.array([50, 3, 17])
    np.testing.assert_array_equal(whole[picked], apply(transform, values=values[picked], numbers=picked))
    for key in (AugmentKey(3, 3), AugmentKey(4, 2)):
        assert not np.array_equal(whole, apply(transform, values=values, key=key))


def test_shapes_follow_crops():
    assert transformed_shape((Rescale(2.0), RandomCrop(4, 0), RandomFlip()), (3, 6, 5), "") == (3, 4, 4)


@pytest.mark.parametrize(
    ("transform", "shape", "expected"),
    [
        (
            RandomCrop(8, 1),
            (3, 5, 6),
            r"d: random_crop\(8, pad=1\) does not fit .* \[3, 5, 6\]: .* most 7",
        ),
        (RandomCrop(8, 1), (30,), r"random_crop\(8, pad=1\) does not fit into samples of \[30\]: crop images only"),
        (RandomFlip(), (), "random_flip mirrors images, but its samples are single numbers"),
        (RandomElastic(1.0, 4), (30,), r"random_elastic changes images, but its samples are \[30\]"),
        (Normalize((1.0, 2.0), (1.0, 1.0)), (3, 2), r"normalize has 2 means, but its samples are \[3, 2\]: .* or 3"),
    ],
)
def test_a_transform_that_does_not_fit_is_an_error(transform, shape, expected):
    with pytest.raises(DataError, match=expected):
        transformed_shape((transform,), shape, "d")


def test_pointwise_transforms_are_those_that_may_see_a_slice_alone():
    assert is_pointwise((Rescale(2.0), Cast("f16"), Normalize((0.0,), (1.0,))))
    for transform in (Normalize((0.0, 1.0), (1.0, 1.0)), Standardize(), RandomFlip(), RandomCrop(2, 0), *WARPS):
        assert not is_pointwise((transform,))
