"""Random numbers: the published vectors, and independence of how a tensor is cut."""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest

from brainrun.philox import INITIAL_STEP, block, initial_values, keep_mask, normal, stream_of, uniform
from brainrun.plan.schema import Constant, Drawn, Initial, Normal, Parameter, Rounded, Slice, Uniform

KNOWN_ANSWERS = [
    # Random123's kat_vectors, "philox4x32 10": counter, key, result.
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def parameter(shape: tuple[int, ...], initial: Initial) -> Parameter:
    return Parameter(name="hidden.dense.weight", shape=shape, initial=initial, trained=True, buffer="w", state=())


def whole(shape: tuple[int, ...]) -> tuple[Slice, ...]:
    return tuple(Slice(start=0, stop=length) for length in shape)


def scalar_philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Philox4x32-10 as the paper writes it, on Python's integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return tuple(c)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_blocks_equal_the_published_vectors(counter, key, expected):
    low, high, stream, step = counter
    assert expected == tuple(int(word) for word in block(key[0] | key[1] << 32, stream, step, high, low))


def test_a_vector_of_counters_gives_each_counter_s_block():
    low = np.array([0, 1, 5, 2**32 - 1])
    words = block(7, 11, 13, 17, low)
    assert all(word.dtype == np.uint32 for word in words)
    for place, counter in enumerate(low):
        assert scalar_philox((int(counter), 17, 11, 13), (7, 0)) == tuple(int(word[place]) for word in words)


def test_uniform_is_the_top_24_bits():
    words = np.array([0, 255, 256, 0xFFFFFFFF], np.uint32)
    assert uniform(words).tolist() == [0.0, 0.0, 2.0**-24, 1.0 - 2.0**-24]


def test_normal_is_box_and_muller_s_formula():
    words = np.stack(block(3, 5, 7, 0, np.arange(50)), axis=-1)
    draws = normal(words)
    for row, pair in itertools.product(range(50), range(2)):
        first, second = (int(word) for word in words[row, 2 * pair : 2 * pair + 2])
        radius = math.sqrt(-2 * math.log((first + 1) / 2**32))
        angle = 2 * math.pi * second / 2**32
        assert draws[row, 2 * pair] == pytest.approx(radius * math.cos(angle), rel=1e-6, abs=1e-7)
        assert draws[row, 2 * pair + 1] == pytest.approx(radius * math.sin(angle), rel=1e-6, abs=1e-7)


def test_normal_draws_have_mean_zero_and_deviation_one():
    draws = initial_values(parameter((400, 500), Normal(deviation=1.0)), whole((400, 500)), seed=1)
    assert abs(float(draws.mean())) < 0.01
    assert abs(float(draws.std()) - 1.0) < 0.01
    assert abs(float((draws < 1.0).mean()) - 0.8413) < 0.005


def test_element_i_of_a_parameter_is_word_i_of_its_stream():
    values = initial_values(parameter((5, 7), Uniform(bound=0.5)), whole((5, 7)), seed=2**40 + 9)
    for i in (0, 3, 4, 17, 34):
        counter = (i // 4, 0, stream_of("hidden.dense.weight"), INITIAL_STEP)
        word = scalar_philox(counter, (9, 2**8))[i % 4]
        assert values.reshape(-1)[i] == np.float32(((word >> 8) * 2.0**-24 * 2 - 1) * 0.5)


def test_uniform_values_stay_below_the_bound():
    values = initial_values(parameter((300, 300), Uniform(bound=0.037)), whole((300, 300)), seed=1)
    assert values.min() >= np.float32(-0.037)
    assert values.max() < np.float32(0.037)
    assert abs(float(values.mean())) < 3e-4


@pytest.mark.parametrize("drawn", [Uniform(bound=1.0), Normal(deviation=0.5), Constant(value=-0.5)])
def test_rounded_values_are_nearest_to_those_of_the_parameter_that_they_are_of(drawn: Drawn) -> None:
    of = msgspec.structs.replace(parameter((40, 30), drawn), name="hidden.dense.weight.hidden")
    values = initial_values(of, whole((40, 30)), seed=4)
    rounded = initial_values(parameter((40, 30), Rounded(of=of.name, drawn=drawn)), whole((40, 30)), seed=4)
    np.testing.assert_array_equal(rounded, np.rint(values).clip(-1, 1))
    assert rounded.dtype == np.float32


@pytest.mark.parametrize(
    "initial", [Uniform(bound=0.3), Normal(deviation=2.0), Constant(value=1.5), Rounded("copy", Uniform(1.0))]
)
@pytest.mark.parametrize("shape", [(13,), (6, 11), (5, 3, 7), (4, 3, 5, 5), (2, 1), (1, 1, 9), ()])
def test_a_box_equals_that_box_of_the_whole(initial, shape):
    full = initial_values(parameter(shape, initial), whole(shape), seed=4)
    halves = [[Slice(start=0, stop=n), Slice(start=0, stop=n // 2), Slice(start=n // 2, stop=n)] for n in shape]
    for box in itertools.product(*halves):
        expected = full[tuple(slice(part.start, part.stop) for part in box)]
        np.testing.assert_array_equal(expected, initial_values(parameter(shape, initial), box, seed=4))


def test_long_and_many_runs_equal_the_whole():
    shape = (300, 1000)
    full = initial_values(parameter(shape, Uniform(bound=1.0)), whole(shape), seed=4)
    rows = (Slice(start=17, stop=290), Slice(start=0, stop=1000))
    columns = (Slice(start=0, stop=300), Slice(start=333, stop=667))
    np.testing.assert_array_equal(full[17:290], initial_values(parameter(shape, Uniform(bound=1.0)), rows, seed=4))
    np.testing.assert_array_equal(full[:, 333:667], initial_values(parameter(shape, Uniform(bound=1.0)), columns, 4))


def test_an_empty_box_has_no_elements():
    box = (Slice(start=2, stop=2), Slice(start=0, stop=3))
    assert initial_values(parameter((4, 3), Uniform(bound=1.0)), box, seed=4).shape == (0, 3)


def test_names_seeds_and_steps_give_different_numbers():
    base = block(1, stream_of("a"), 1, 0, np.arange(100))[0]
    for other in (
        block(2, stream_of("a"), 1, 0, np.arange(100))[0],
        block(1, stream_of("b"), 1, 0, np.arange(100))[0],
        block(1, stream_of("a"), 2, 0, np.arange(100))[0],
        block(1, stream_of("a"), 1, 1, np.arange(100))[0],
    ):
        assert np.count_nonzero(base == other) == 0


def test_the_keep_mask_of_a_part_is_that_part_of_the_mask():
    samples, features = np.arange(64), np.arange(50)
    mask = keep_mask(1, 2, 3, samples, features, 0.75)
    np.testing.assert_array_equal(mask[16:32, 7:29], keep_mask(1, 2, 3, samples[16:32], features[7:29], 0.75))
    assert abs(float(mask.mean()) - 0.75) < 0.03


def test_the_keep_mask_reads_the_word_of_its_sample_and_feature():
    mask = keep_mask(9, 8, 7, np.array([33]), np.arange(12), 0.5)
    for feature in range(12):
        word = scalar_philox((feature // 4, 33, 8, 7), (9, 0))[feature % 4]
        assert mask[0, feature] == ((word >> 8) * 2.0**-24 < 0.5)
