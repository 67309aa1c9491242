"""Codes of numbers: as many spikes as the number says, where they should be, and drawn alike by all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainrun.plan.cores import Code, EncoderFact
from brainrun.truenorth.codes import Window, spikes_of


def encoded(code: Code, values: np.ndarray, ticks: int, seed: int = 3, first: int = 0) -> np.ndarray:
    """`[ticks, samples, elements]`."""
    encoder, samples = EncoderFact("code", "x", code, 0.5), np.arange(first, first + len(values))
    return np.stack([spikes_of(encoder, values, samples, tick, Window(ticks, seed)) for tick in range(ticks)])


def test_a_threshold_is_the_same_in_every_tick() -> None:
    values = np.array([[0.49999, 0.5, 0.51, -3, 7]], np.float32)
    assert np.array_equal(encoded("threshold", values, 3)[:, 0], [[0, 1, 1, 0, 1]] * 3)


def test_given_spikes_are_those_of_each_tick_in_turn() -> None:
    values = np.array([[0.49999, 0.5, 1.0, 0.0, -1.0, 7.0]], np.float32)
    assert np.array_equal(encoded("given", values, 3)[:, 0], [[0, 1], [1, 0], [0, 1]])
    assert np.array_equal(encoded("given", values, 1), encoded("threshold", values, 1))


@given(value=st.floats(-1, 2, width=32), ticks=st.integers(1, 40))
def test_a_rate_is_that_share_of_the_ticks_as_evenly_as_can_be(value: float, ticks: int) -> None:
    spikes = encoded("rate", np.array([[value]], np.float32), ticks)[:, 0, 0]
    count = int(spikes.sum())
    assert abs(count - min(max(value, 0), 1) * ticks) <= 0.5 + 1e-5
    # Evenly: after k ticks there are count · k / ticks spikes, rounded down.
    assert np.array_equal(np.cumsum(spikes), np.arange(1, ticks + 1) * count // ticks)


def test_halves_are_rounded_up() -> None:
    values = np.array([[0.5, 0.25, 0.75, 0.124]], np.float32)
    assert encoded("rate", values, 1).sum(axis=0).tolist() == [[1, 0, 1, 0]]
    assert encoded("rate", values, 2).sum(axis=0).tolist() == [[1, 1, 2, 0]]


def test_by_chance_there_are_about_as_many_as_the_number_says_and_each_tick_is_another() -> None:
    values = np.tile(np.linspace(-0.25, 1.25, 7, dtype=np.float32), (500, 1))
    spikes = encoded("stochastic", values, 8)
    # 4,000 draws an element: a standard deviation of at most 0.008.
    np.testing.assert_allclose(spikes.mean(axis=(0, 1)), np.clip(values[0], 0, 1), atol=0.04)
    assert set(spikes[:, :, 0].reshape(-1)) == {False}
    assert set(spikes[:, :, -1].reshape(-1)) == {True}
    between = spikes[:, :, 2:5].astype(float)
    for other in (between[1:], np.roll(between, 1, axis=1)[1:], np.roll(between, 1, axis=2)[1:]):
        assert abs(np.mean((between[:-1] - between.mean((0, 1))) * (other - other.mean((0, 1))))) < 0.01


def test_a_part_of_the_samples_is_drawn_as_all_are() -> None:
    values = np.random.default_rng(0).random((40, 9), np.float32)
    whole = encoded("stochastic", values, 4)
    assert np.array_equal(whole[:, 13:], encoded("stochastic", values[13:], 4, first=13))
    assert not np.array_equal(whole, encoded("stochastic", values, 4, seed=4))


@pytest.mark.parametrize("code", ["rate", "stochastic"])
def test_names_tell_the_draws_of_encoders_apart_and_nothing_else_does(code: Code) -> None:
    values = np.full((20, 10), 0.5, np.float32)
    window, samples = Window(2, 1), np.arange(20)
    one, other = (spikes_of(EncoderFact(name, "x", code, 0.0), values, samples, 0, window) for name in ("a", "b"))
    assert np.array_equal(one, other) == (code == "rate")
