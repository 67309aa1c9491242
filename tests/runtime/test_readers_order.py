"""Order: every sample once, alike on every mesh, and another order each epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers

from brainrun.errors import DataError
from brainrun.readers.order import (
    evaluation_batches,
    evaluation_share,
    permutation,
    training_batches,
    training_indices,
    unshuffled,
)


@given(count=integers(1, 500), seed=integers(0, 2**64 - 1), epoch=integers(0, 1000))
def test_a_permutation_holds_every_sample_once(count, seed, epoch):
    assert sorted(permutation(seed, epoch, count).tolist()) == list(range(count))


def test_a_permutation_is_the_same_each_time_and_another_for_other_keys():
    base = permutation(7, 1, 1000)
    np.testing.assert_array_equal(base, permutation(7, 1, 1000))
    for other in (permutation(8, 1, 1000), permutation(7, 2, 1000), unshuffled(1000)):
        assert (base == other).mean() < 0.02


def test_all_orders_of_four_samples_are_equally_likely():
    drawn = np.stack([permutation(seed, 0, 4) for seed in range(4800)])
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(counts) == 24
    assert np.square(counts - 200.0).sum() / 200.0 < 49.7  # χ² of 23 degrees of freedom, p = 0.001


@given(count=integers(1, 300), batch=integers(1, 64), cut=integers(0, 64))
def test_evaluation_shows_every_sample_once_whatever_the_batch_and_the_ranks(count, batch, cut):
    cut = min(cut, batch)
    seen = np.zeros(count)
    for number in range(evaluation_batches(count, batch)):
        for first, samples in ((0, cut), (cut, batch - cut)):
            share = evaluation_share(count, batch, number, first, samples)
            assert len(share.indices) == len(share.weights) == samples
            np.add.at(seen, share.indices, share.weights)
    assert (seen == 1).all()


def test_what_is_past_the_last_sample_is_sample_zero_of_weight_zero():
    share = evaluation_share(10, 8, 1, 0, 8)
    assert share.indices.tolist() == [8, 9, 0, 0, 0, 0, 0, 0]
    assert share.weights.tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


@given(count=integers(1, 300), batch=integers(1, 64), cut=integers(0, 64))
def test_training_takes_full_batches_in_order(count, batch, cut):
    if count < batch:
        return
    cut = min(cut, batch)
    order = permutation(3, 1, count)
    parts = [
        training_indices(order, batch, number, first, samples)
        for number in range(training_batches(count, batch))
        for first, samples in ((0, cut), (cut, batch - cut))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), order[: count // batch * batch])


def test_a_batch_larger_than_the_data_is_an_error():
    with pytest.raises(DataError) as caught:
        training_batches(100, 128)
    assert str(caught.value) == "data train: there are 100 samples, but a batch takes 128: use batch = 100 or less"
