"""The digits that come with the examples are what their README says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainrun.readers.idx import read_idx

DIGITS = Path(__file__).parents[2] / "examples" / "data" / "digits"


@pytest.mark.parametrize(("part", "count"), [("train", 1297), ("test", 500)])
def test_each_part_has_its_images_and_labels(part, count):
    images = read_idx(DIGITS / f"{part}-images-idx3-ubyte.gz")
    labels = read_idx(DIGITS / f"{part}-labels-idx1-ubyte.gz")
    assert images.shape == (count, 8, 8)
    assert (images.min(), images.max()) == (0, 16)
    assert labels.shape == (count,)
    assert np.bincount(labels, minlength=10).min() >= (50 if part == "test" else 120)


def test_no_image_is_in_both_parts():
    parts = [read_idx(DIGITS / f"{part}-images-idx3-ubyte.gz") for part in ("train", "test")]
    train, test = ({image.tobytes() for image in part} for part in parts)
    assert not train & test
