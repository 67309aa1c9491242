"""Warps: where a pixel comes from equals the plain formulas, and doing nothing changes nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from brainrun.plan.schema import RandomAffine, RandomElastic
from brainrun.readers.warps import affine, elastic, resampled

IMAGES = np.random.default_rng(0).normal(size=(3, 2, 7, 5)).astype(np.float32)


def moved(warp: RandomAffine, *draws: float, images: np.ndarray) -> np.ndarray:
    """The images under one affine warp by these draws: angle, down, right, factor, shear."""
    given = np.zeros((len(images), 5), np.float32)
    given[:, : len(draws)] = draws
    return resampled(images, *affine(warp, given, *images.shape[-2:]))


def plain_resampled(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """One plane, pixel by pixel: every pixel of the image counts by how near it is, up to one pixel away."""
    result = np.zeros(rows.shape)
    for place in np.ndindex(rows.shape):
        for row, column in np.ndindex(image.shape):
            share = max(0.0, 1 - abs(rows[place] - row)) * max(0.0, 1 - abs(columns[place] - column))
            result[place] += share * image[row, column]
    return result


def test_resampling_weighs_the_four_pixels_around():
    random = np.random.default_rng(1)
    rows, columns = (random.uniform(-3, 9, (3, 7, 5)).astype(np.float32) for _ in range(2))
    result = resampled(IMAGES, rows, columns)
    assert result.dtype == np.float32
    for sample, plane in np.ndindex(3, 2):
        expected = plain_resampled(IMAGES[sample, plane], rows[sample], columns[sample])
        np.testing.assert_allclose(result[sample, plane], expected, atol=2e-6)


def test_draws_of_zero_change_nothing():
    np.testing.assert_array_equal(moved(RandomAffine(30.0, 4.0, 0.5, 20.0), images=IMAGES), IMAGES)
    still = elastic(RandomElastic(3.0, 4), np.zeros((3, 32), np.float32), 7, 5)
    np.testing.assert_array_equal(resampled(IMAGES, *still), IMAGES)


def test_whole_pixels_and_right_angles_are_exact():
    down_right = moved(RandomAffine(0.0, 2.0, 0.0, 0.0), 0.0, 1.0, -0.5, images=IMAGES)
    expected = np.zeros_like(IMAGES)
    expected[..., 2:, :-1] = IMAGES[..., :-2, 1:]
    np.testing.assert_array_equal(down_right, expected)
    square = IMAGES[..., :5, :]
    turned = moved(RandomAffine(90.0, 0.0, 0.0, 0.0), 1.0, images=square)
    np.testing.assert_allclose(turned, np.rot90(square, axes=(-2, -1)), atol=1e-5)


def test_a_dot_goes_where_the_forward_map_says():
    """Turned, sheared, resized and moved, in this order: the map itself goes back, which this never does."""
    size, dot, middle = 41, np.array([13.0, 25.0]), 20.0
    row, column = np.mgrid[:size, :size]
    image = np.exp(-((row - dot[0]) ** 2 + (column - dot[1]) ** 2) / 8.0).astype(np.float32)[None, None]
    warp, (angle, down, right, factor, shear) = RandomAffine(40.0, 5.0, 0.4, 30.0), (0.7, -0.4, 0.8, 0.5, -0.6)
    result = moved(warp, angle, down, right, factor, shear, images=image)[0, 0].astype(np.float64)
    turn, slant = math.radians(40.0 * angle), math.tan(math.radians(30.0 * shear))
    turning = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    shearing = np.array([[1.0, 0.0], [slant, 1.0]])
    expected = (1 + 0.4 * factor) * (shearing @ turning @ (dot - middle)) + middle + 5.0 * np.array([down, right])
    found = np.array([(row * result).sum(), (column * result).sum()]) / result.sum()
    np.testing.assert_allclose(found, expected, atol=0.05)


@pytest.mark.parametrize(("grid", "height", "width"), [(1, 6, 9), (2, 5, 5), (4, 28, 28), (9, 4, 6)])
def test_an_elastic_map_moves_no_further_than_its_points(grid, height, width):
    warp, draws = RandomElastic(2.5, grid), np.random.default_rng(2).uniform(-1, 1, (5, 2 * grid * grid))
    rows, columns = elastic(warp, draws.astype(np.float32), height, width)
    assert np.abs(rows - np.arange(height)[:, None]).max() <= 2.5
    assert np.abs(columns - np.arange(width)[None, :]).max() <= 2.5
    same = np.repeat(np.array([[0.4, -1.0]], np.float32), grid * grid, axis=1)
    rows, columns = elastic(warp, same, height, width)
    np.testing.assert_allclose(rows[0], np.arange(height)[:, None] + np.ones(width), atol=1e-5)
    np.testing.assert_allclose(columns[0], np.arange(width)[None, :] - 2.5 * np.ones((height, 1)), atol=1e-5)


def test_an_elastic_map_is_smooth_across_the_grid():
    """A cubic B-spline has two steady derivatives: its second differences on a fine image never jump."""
    draws = np.random.default_rng(3).uniform(-1, 1, (1, 32)).astype(np.float32)
    rows, _ = elastic(RandomElastic(20.0, 4), draws, 301, 301)
    bends = np.diff(rows[0].astype(np.float64), n=2, axis=0)
    assert np.abs(np.diff(bends, axis=0)).max() < 0.1 * np.abs(bends).max()
