"""The reference evaluator against loops that spell out each definition."""

from collections.abc import Iterator
from itertools import product
from typing import Literal

import numpy as np
import pytest

from brainc.evaluate.program import evaluate
from brainc.ir import expression as ex
from brainc.ir.origin import Origin
from brainc.ir.tensor import (
    Along,
    AlongFunction,
    Concatenate,
    Contract,
    Draw,
    Map,
    Pool,
    PoolGradient,
    Reduce,
    Slice,
    Update,
    Value,
    View,
    Window,
)
from brainlang.source import Source, Span
from brainrun import philox

HERE = Origin("layer", Span(Source("net.brain", "layer\n"), 0, 5))
RANDOM = np.random.default_rng(5)


def value(name: str, *shape: int) -> Value:
    return Value(name, shape, samples=True)


def test_a_dense_layer_is_a_matrix_product() -> None:
    x, w = RANDOM.normal(size=(4, 5)), RANDOM.normal(size=(3, 5))
    dense = Contract(value("y", 4, 3), value("x", 4, 5), value("w", 3, 5), ("bo", "bi", "oi"), (), "forward", HERE)
    np.testing.assert_allclose(evaluate((dense,), {"x": x, "w": w})["y"], x @ w.T, rtol=1e-13)


def convolution(result: str, stride: int, dilation: int, pad: int) -> tuple[Contract, dict[str, np.ndarray]]:
    """One of the three forms of y[b,k,p] = Σ x[b,c,i] · w[k,c,r]; the result's own array holds its shape only."""
    taps, length = 3, 9
    outputs = (length + 2 * pad - dilation * (taps - 1) - 1) // stride + 1
    shapes = {"y": (2, 4, outputs), "x": (2, 3, length), "w": (4, 3, taps)}
    letters = {"y": "bkp", "x": "bci", "w": "kcr"}
    left, right = (name for name in ("y", "x", "w") if name != result)
    contract = Contract(
        value(result, *shapes[result]),
        value(left, *shapes[left]),
        value(right, *shapes[right]),
        (letters[result], letters[left], letters[right]),
        (Window("i", "p", "r", stride, dilation, pad),),
        "forward",
        HERE,
    )
    return contract, {name: RANDOM.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("result", ["y", "x", "w"])
@pytest.mark.parametrize(("stride", "dilation", "pad"), [(1, 1, 0), (2, 1, 1), (1, 2, 2), (3, 2, 4)])
def test_a_convolution_and_its_gradients_are_the_sum_over_their_window(
    result: str, stride: int, dilation: int, pad: int
) -> None:
    contract, arrays = convolution(result, stride, dilation, pad)
    y, x, w = arrays["y"], arrays["x"], arrays["w"]
    expected = np.zeros(arrays[result].shape)
    for b, k, c, p, r in product(*map(range, (2, 4, 3, y.shape[2], 3))):
        i = stride * p + dilation * r - pad
        if 0 <= i < x.shape[2]:
            match result:
                case "y":
                    expected[b, k, p] += x[b, c, i] * w[k, c, r]
                case "x":
                    expected[b, c, i] += y[b, k, p] * w[k, c, r]
                case "w":
                    expected[k, c, r] += y[b, k, p] * x[b, c, i]
    np.testing.assert_allclose(evaluate((contract,), arrays)[result], expected, rtol=1e-12, atol=1e-12)


def test_two_windows_choose_rows_and_columns_each_by_its_own_rule() -> None:
    x, w = RANDOM.normal(size=(1, 1, 5, 6)), RANDOM.normal(size=(1, 1, 2, 3))
    windows = (Window("i", "p", "r", 2, 1, 0), Window("j", "q", "s", 1, 2, 1))
    contract = Contract(
        value("y", 1, 1, 2, 4),
        value("x", 1, 1, 5, 6),
        value("w", 1, 1, 2, 3),
        ("bkpq", "bcij", "kcrs"),
        windows,
        "forward",
        HERE,
    )
    padded = np.pad(x[0, 0], ((0, 0), (1, 1)))
    expected = [[(padded[2 * p : 2 * p + 2, q : q + 5 : 2] * w[0, 0]).sum() for q in range(4)] for p in range(2)]
    np.testing.assert_allclose(evaluate((contract,), {"x": x, "w": w})["y"][0, 0], expected, rtol=1e-12)


def test_a_map_s_operand_is_the_same_along_letters_it_lacks() -> None:
    x, bias, factor = RANDOM.normal(size=(2, 3, 4)), RANDOM.normal(size=3), np.float64(2.0)
    shift = Map(
        value("y", 2, 3, 4),
        (value("x", 2, 3, 4), value("bias", 3), value("factor")),
        ("bcp", "bcp", "c", ""),
        ex.multiply(ex.add(ex.Operand(0), ex.Operand(1)), ex.Operand(2)),
        "forward",
        HERE,
    )
    known = evaluate((shift,), {"x": x, "bias": bias, "factor": factor})
    np.testing.assert_array_equal(known["y"], (x + bias[:, None]) * 2.0)


def test_a_map_reads_its_operands_by_their_letters_and_not_by_their_places() -> None:
    x = RANDOM.normal(size=(2, 3))
    transposed = Map(value("y", 3, 2), (value("x", 2, 3),), ("io", "oi"), ex.Operand(0), "forward", HERE)
    np.testing.assert_array_equal(evaluate((transposed,), {"x": x})["y"], x.T)


def test_a_map_of_constants_fills_its_result() -> None:
    ones = Map(value("y", 2, 3), (), ("bi",), ex.ONE, "backward", HERE)
    np.testing.assert_array_equal(evaluate((ones,), {})["y"], np.ones((2, 3)))


def test_a_reduction_sums_the_letters_that_its_result_lacks() -> None:
    x, mean = RANDOM.normal(size=(2, 3, 4)), RANDOM.normal(size=3)
    difference = ex.subtract(ex.Operand(0), ex.Operand(1))
    variance = Reduce(
        value("v", 3),
        (value("x", 2, 3, 4), value("mean", 3)),
        ("c", "bcp", "c"),
        ex.multiply(difference, difference),
        "global",
        "forward",
        HERE,
    )
    expected = ((x - mean[:, None]) ** 2).sum((0, 2))
    np.testing.assert_allclose(evaluate((variance,), {"x": x, "mean": mean})["v"], expected, rtol=1e-13)


def test_a_reduction_of_a_constant_counts_the_elements() -> None:
    count = Reduce(value("n"), (value("x", 2, 3),), ("", "bi"), ex.ONE, "global", "forward", HERE)
    assert evaluate((count,), {"x": np.zeros((2, 3))})["n"] == 6.0


def along(function: AlongFunction, *operands: np.ndarray, result: tuple[int, ...]) -> np.ndarray:
    names = tuple(value(f"x{place}", *operand.shape) for place, operand in enumerate(operands))
    operation = Along(value("y", *result), names, function, "forward", HERE)
    return evaluate((operation,), {name.name: operand for name, operand in zip(names, operands, strict=True)})["y"]


def test_softmax_is_the_normalised_exponential_along_axis_1() -> None:
    x = RANDOM.normal(size=(2, 3, 4))
    expected = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    np.testing.assert_allclose(along("softmax", x, result=x.shape), expected, rtol=1e-13)
    np.testing.assert_allclose(along("log_softmax", x, result=x.shape), np.log(expected), rtol=1e-12)


def test_softmax_of_large_values_stays_finite() -> None:
    x = np.array([[1000.0, 999.0, -1000.0]])
    np.testing.assert_allclose(along("softmax", x, result=x.shape)[0, :2], [0.731058578630005, 0.268941421369995])


@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
def test_the_gradient_along_an_axis_is_the_transposed_jacobian_times_the_gradient(function: AlongFunction) -> None:
    x, gradient, h = RANDOM.normal(size=(1, 4)), RANDOM.normal(size=(1, 4)), 1e-6
    y = along(function, x, result=x.shape)
    steps = h * np.eye(4)
    above = np.stack([along(function, x + step, result=x.shape)[0] for step in steps])
    below = np.stack([along(function, x - step, result=x.shape)[0] for step in steps])
    expected = ((above - below) / (2 * h)) @ gradient[0]
    backward: AlongFunction = "softmax_gradient" if function == "softmax" else "log_softmax_gradient"
    actual = along(backward, y, gradient, result=x.shape)[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-8, atol=1e-9)


def test_cross_entropy_is_the_surprise_at_the_label() -> None:
    x, label = np.log([[1.0, 3.0], [1.0, 1.0]]), np.array([1, 0])
    np.testing.assert_allclose(along("cross_entropy", x, label, result=(2,)), [np.log(4 / 3), np.log(2)], rtol=1e-14)


def test_the_gradient_of_cross_entropy_is_probability_minus_one_hot() -> None:
    x, label, weight = np.log([[1.0, 3.0], [1.0, 1.0]]), np.array([1, 0]), np.array([2.0, 0.5])
    actual = along("cross_entropy_gradient", x, label, weight, result=(2, 2))
    np.testing.assert_allclose(actual, [[0.5, -0.5], [-0.25, 0.25]], rtol=1e-14)


def test_top1_takes_the_first_of_equal_values() -> None:
    x = np.array([[1.0, 2.0, 2.0], [1.0, 2.0, 2.0], [3.0, 2.0, 2.0]])
    assert along("top1", x, np.array([1, 2, 0]), result=(3,)).tolist() == [1.0, 0.0, 1.0]


POOLS = [
    ((2, 2), (2, 2), (0, 0)),
    ((3, 2), (1, 2), (1, 0)),
    ((3, 3), (2, 2), (1, 1)),
    ((2, 3), (3, 1), (1, 1)),
]


def windows_of(
    shape: tuple[int, ...],
    pooled: tuple[int, ...],
    size: tuple[int, ...],
    stride: tuple[int, ...],
    pad: tuple[int, ...],
) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
    """For each pooled place, the places of its window inside the source, in row order."""
    for place in product(*map(range, pooled)):
        taps = product(*map(range, size))
        inside = [tuple(o * s + t - p for o, s, t, p in zip(place, stride, tap, pad, strict=True)) for tap in taps]
        yield place, [i for i in inside if all(0 <= part < n for part, n in zip(i, shape, strict=True))]


@pytest.mark.parametrize("kind", ["max", "mean"])
@pytest.mark.parametrize(("size", "stride", "pad"), POOLS)
def test_pooling_and_its_gradient_follow_each_window(
    kind: Literal["max", "mean"], size: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...]
) -> None:
    # Few distinct values, so that windows have equal largest elements.
    x = RANDOM.integers(0, 4, size=(2, 3, 6, 7)).astype(float)
    pooled = tuple((n + 2 * p - k) // s + 1 for n, p, k, s in zip((6, 7), pad, size, stride, strict=True))
    gradient = RANDOM.normal(size=(2, 3, *pooled))
    expected, expected_gradient = np.zeros(gradient.shape), np.zeros(x.shape)
    for b, c in product(range(2), range(3)):
        for place, inside in windows_of((6, 7), pooled, size, stride, pad):
            values = [x[b, c][i] for i in inside]
            if kind == "max":
                expected[b, c][place] = max(values)
                expected_gradient[b, c][inside[int(np.argmax(values))]] += gradient[b, c][place]
            else:
                expected[b, c][place] = sum(values) / (size[0] * size[1])
                for i in inside:
                    expected_gradient[b, c][i] += gradient[b, c][place] / (size[0] * size[1])
    forward = Pool(value("y", *gradient.shape), value("x", *x.shape), kind, size, stride, pad, "forward", HERE)
    backward = PoolGradient(
        value("dx", *x.shape), forward.source, forward.result, value("dy", *gradient.shape), kind, size, stride, pad,
        "backward", HERE,
    )  # fmt: skip
    known = evaluate((forward, backward), {"x": x, "dy": gradient})
    np.testing.assert_allclose(known["y"], expected, rtol=1e-14)
    np.testing.assert_allclose(known["dx"], expected_gradient, rtol=1e-13, atol=1e-14)


def test_a_mean_pool_s_gradient_needs_neither_source_nor_result() -> None:
    backward = PoolGradient(
        value("dx", 1, 1, 4), value("x", 1, 1, 4), value("y", 1, 1, 2), value("dy", 1, 1, 2), "mean", (2,), (2,), (0,),
        "backward", HERE,
    )  # fmt: skip
    known = evaluate((backward,), {"dy": np.array([[[2.0, 4.0]]])})
    assert known["dx"].tolist() == [[[1.0, 1.0, 2.0, 2.0]]]


def test_a_view_keeps_elements_in_row_order() -> None:
    x = np.arange(12.0).reshape(2, 3, 2)
    known = evaluate((View(value("y", 2, 6), value("x", 2, 3, 2), "forward", HERE),), {"x": x})
    assert known["y"].tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_a_slice_undoes_a_concatenation() -> None:
    x, y = RANDOM.normal(size=(2, 3, 2)), RANDOM.normal(size=(2, 1, 2))
    both = value("both", 2, 4, 2)
    joined = Concatenate(both, (value("x", 2, 3, 2), value("y", 2, 1, 2)), 1, "forward", HERE)
    parted = Slice(value("z", 2, 1, 2), both, 1, 3, "backward", HERE)
    known = evaluate((joined, parted), {"x": x, "y": y})
    np.testing.assert_array_equal(known["both"][:, :3], x)
    np.testing.assert_array_equal(known["z"], y)


def test_a_draw_is_the_runtime_s_mask_of_the_samples_in_the_global_batch() -> None:
    draw = Draw(value("mask", 4, 3, 2), stream=9, keep=0.75, phase="forward", origin=HERE)
    mask = evaluate((draw,), {}, seed=3, step=5, first_sample=8)["mask"]
    expected = philox.keep_mask(3, 9, 5, np.arange(8, 12), np.arange(6), 0.75)
    np.testing.assert_array_equal(mask.reshape(4, 6), np.where(expected, 1 / 0.75, 0.0))
    assert 0 < np.count_nonzero(mask) < mask.size


def test_a_rank_s_part_of_a_draw_is_that_part_of_the_whole_mask() -> None:
    whole = Draw(value("mask", 4, 6), stream=9, keep=0.5, phase="forward", origin=HERE)
    part = Draw(value("mask", 2, 3), stream=9, keep=0.5, phase="forward", origin=HERE, first=(1, 2))
    expected = evaluate((whole,), {}, seed=3, step=5)["mask"][1:3, 2:5]
    np.testing.assert_array_equal(evaluate((part,), {}, seed=3, step=5)["mask"], expected)


def test_an_update_changes_all_its_targets_at_once() -> None:
    weight, velocity, gradient = value("w", 2), value("w.velocity", 2), value("dw", 2)
    swap = Update(
        (weight, velocity),
        (weight, velocity, gradient),
        (ex.Operand(1), ex.add(ex.Operand(0), ex.Operand(2))),
        "update",
        HERE,
    )
    known = evaluate((swap,), {"w": [1.0, 2.0], "w.velocity": [3.0, 4.0], "dw": [10.0, 20.0]})
    assert known["w"].tolist() == [3.0, 4.0]
    assert known["w.velocity"].tolist() == [11.0, 22.0]


def test_given_arrays_are_never_written() -> None:
    given = np.array([1.0])
    negate = Update((value("w", 1),), (value("w", 1),), (ex.negate(ex.Operand(0)),), "update", HERE)
    evaluate((negate,), {"w": given})
    assert given.tolist() == [1.0]


def test_a_result_of_another_shape_than_the_program_says_is_a_defect_that_names_it() -> None:
    wrong = Contract(value("y", 4, 2), value("x", 4, 5), value("w", 3, 5), ("bo", "bi", "oi"), (), "forward", HERE)
    with pytest.raises(ValueError, match=r"y of layer layer has shape \(4, 3\), not \(4, 2\)"):
        evaluate((wrong,), {"x": np.zeros((4, 5)), "w": np.zeros((3, 5))})
