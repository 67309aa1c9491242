"""What generated kernels compute with: accuracy against float64, special values, and the convention itself."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import numpy as np
import pytest

from brainrun.native import Loader, object_code
from brainrun.numba_kernels import KernelSourceError, llvm_module
from brainrun.processor import this_processor

COUNT = 20_000

# What a compiler of networks writes, whole: the example of the convention.
EXAMPLE = '''"""hidden.dense + relu, forward: y[b, o] = max(Σ_i x[b, i] · w[o, i], 0); x[b=128, i=7], y[b=128, o=5].

Samples lie sixteen side by side: x[⌈b/16⌉, i, 16]. One part of the extent is one block of sixteen samples.
"""

from __future__ import annotations

from brainrun.kernel_prelude import f32, i64, local, maximum


def hidden_dense_forward(x: f32[8, 7, 16], w: f32[5, 7], y: f32[8, 5, 16], facts: i64[2], begin, end):
    total = local(16)
    for block in range(begin, end):
        for o in range(5):
            for lane in range(16):
                total[lane] = 0.0
            for i in range(7):
                for lane in range(16):
                    total[lane] += x[block, i, lane] * w[o, i]
            for lane in range(16):
                y[block, o, lane] = maximum(total[lane], 0.0) * f32(facts[1])
'''

Kernel = Callable[..., None]


def load(source: str, name: str, loader: Loader) -> Kernel:
    """The kernel of this source as a function of its arrays, then begin and end."""
    address = loader.address(object_code(llvm_module(source, name, f"{name}.py"), this_processor()), name)
    native = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)

    def call(*arrays: np.ndarray, begin: int, end: int) -> None:
        pointers = np.array([array.ctypes.data for array in arrays], dtype=np.int64)
        native(pointers.ctypes.data, begin, end)

    return call


@pytest.fixture(scope="module")
def loader() -> Loader:
    return Loader()


def elementwise(expression: str, count: int, loader: Loader) -> Kernel:
    source = f"""from __future__ import annotations
from brainrun.kernel_prelude import *


def apply(x: f32[{count}], y: f32[{count}], begin, end):
    for i in range(begin, end):
        y[i] = {expression}
"""
    return load(source, "apply", loader)


def wide(rng: np.random.Generator) -> np.ndarray:
    """Floats of every magnitude and sign, and the usual ranges more densely."""
    magnitudes = 10.0 ** rng.uniform(-44, 38, COUNT // 2)
    return np.concatenate([magnitudes * rng.choice([-1, 1], COUNT // 2), rng.uniform(-20, 20, COUNT // 2)])


REFERENCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "tanh": np.tanh,
    "logistic": lambda x: np.where(x > 0, 1 / (1 + np.exp(-abs(x))), np.exp(-abs(x)) / (1 + np.exp(-abs(x)))),
    "erf": np.vectorize(math.erf),
    "atan": np.arctan,
}


@pytest.mark.parametrize("function", REFERENCES)
def test_a_function_is_within_three_units_in_the_last_place_of_float64(function: str, loader: Loader) -> None:
    x = wide(np.random.default_rng(1)).astype(np.float32)
    y = np.empty_like(x)
    elementwise(f"{function}(x[i])", COUNT, loader)(x, y, begin=0, end=COUNT)
    with np.errstate(all="ignore"):
        expected = REFERENCES[function](x.astype(np.float64))
        rounded = expected.astype(np.float32)
    finite = np.isfinite(rounded)
    unit = np.spacing(np.abs(rounded[finite])).astype(np.float64)
    error = np.abs(y[finite].astype(np.float64) - expected[finite]) / unit
    worst = int(np.argmax(error))
    assert error[worst] <= 3.0, f"{function}({x[finite][worst]!r}) is {error[worst]:.2f} units off"
    np.testing.assert_array_equal(y[~finite], rounded[~finite])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("exp", [0.0, 1.0, math.inf, math.nan, math.inf, 0.0]),
        ("log", [math.nan, -math.inf, math.inf, math.nan, math.log(1e38), math.nan]),
        ("log1p", [math.nan, 0.0, math.inf, math.nan, math.log(1e38), math.nan]),
        ("expm1", [-1.0, 0.0, math.inf, math.nan, math.inf, -1.0]),
        ("tanh", [-1.0, 0.0, 1.0, math.nan, 1.0, -1.0]),
        ("logistic", [0.0, 0.5, 1.0, math.nan, 1.0, 0.0]),
        ("erf", [-1.0, 0.0, 1.0, math.nan, 1.0, -1.0]),
        ("atan", [-math.pi / 2, 0.0, math.pi / 2, math.nan, math.pi / 2, -math.pi / 2]),
        ("maximum", [0.0, 0.0, math.inf, math.nan, 1e38, 0.0]),
        ("minimum", [-math.inf, 0.0, 0.0, math.nan, 0.0, -1e38]),
    ],
)
def test_zero_infinities_and_nan_give_what_the_mathematics_gives(
    function: str, expected: list[float], loader: Loader
) -> None:
    # Sixteen of each, so that vectors see them, and one more, so that the scalar remainder does.
    inputs = [-math.inf, 0.0, math.inf, math.nan, 1e38, -1e38]
    arguments = "x[i], 0.0" if function in ("maximum", "minimum") else "x[i]"
    kernel = elementwise(f"{function}({arguments})", 17, loader)
    for value, wanted in zip(inputs, expected, strict=True):
        x = np.full(17, value, np.float32)
        y = np.empty_like(x)
        kernel(x, y, begin=0, end=17)
        np.testing.assert_allclose(y, np.full(17, wanted, np.float32), rtol=3e-7)


def test_exp_reaches_the_smallest_and_the_largest_float32(loader: Loader) -> None:
    x = np.array([88.72283, 88.72284, -87.3, -103.2, -103.98] * 16, np.float32)
    y = np.empty_like(x)
    elementwise("exp(x[i])", x.size, loader)(x, y, begin=0, end=x.size)
    with np.errstate(all="ignore"):
        expected = np.exp(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(y, expected, rtol=3e-7, atol=1.5e-45)


def test_the_bits_do_not_depend_on_how_the_extent_is_cut(loader: Loader) -> None:
    x = np.random.default_rng(2).normal(size=1003).astype(np.float32)
    kernel = elementwise("exp(x[i]) / (x[i] * 3.0 + 1.7) - tanh(x[i]) * 0.3", 1003, loader)
    whole, parts = np.empty_like(x), np.empty_like(x)
    kernel(x, whole, begin=0, end=1003)
    for begin, end in [(0, 5), (5, 6), (6, 700), (700, 1003)]:
        kernel(x, parts, begin=begin, end=end)
    np.testing.assert_array_equal(whole.view(np.int32), parts.view(np.int32))


def test_philox_gives_the_published_random_numbers(loader: Loader) -> None:
    source = """from __future__ import annotations
from brainrun.kernel_prelude import philox, u32


def draw(counters: u32[3, 4], keys: u32[3, 2], drawn: u32[3, 4], begin, end):
    for i in range(begin, end):
        a, b, c, d = philox(
            counters[i, 0], counters[i, 1], counters[i, 2], counters[i, 3], keys[i, 0], keys[i, 1]
        )
        drawn[i, 0] = a
        drawn[i, 1] = b
        drawn[i, 2] = c
        drawn[i, 3] = d
"""
    # Known answers of Random123's kat_vectors for philox4x32-10.
    ones = 0xFFFFFFFF
    counters = np.array([[0] * 4, [ones] * 4, [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]], np.uint32)
    keys = np.array([[0, 0], [ones, ones], [0xA4093822, 0x299F31D0]], np.uint32)
    drawn = np.zeros((3, 4), np.uint32)
    load(source, "draw", loader)(counters, keys, drawn, begin=0, end=3)
    expected = [
        [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8],
        [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ]
    np.testing.assert_array_equal(drawn, np.array(expected, np.uint32))


def test_the_example_kernel_computes_its_formula(loader: Loader) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(8, 7, 16)).astype(np.float32), rng.normal(size=(5, 7)).astype(np.float32)
    y, facts = np.zeros((8, 5, 16), np.float32), np.array([0, 3], np.int64)
    load(EXAMPLE, "hidden_dense_forward", loader)(x, w, y, facts, begin=0, end=8)
    expected = np.maximum(np.einsum("bil,oi->bol", x.astype(np.float64), w.astype(np.float64)), 0) * 3
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def refused(body: str) -> str:
    source = f"from brainrun.kernel_prelude import *\ndef bad(x: f32[4], begin, end):\n{body}"
    with pytest.raises(KernelSourceError) as caught:
        llvm_module(source, "bad", "bad.py")
    return str(caught.value)


def test_a_kernel_that_slips_into_double_precision_is_refused_by_the_variable_s_name() -> None:
    body = "    for i in range(begin, end):\n        scaled = x[i] * i\n        x[i] = scaled\n"
    assert refused(body) == "bad.py: scaled became float64; write f32(…) around integers"


def test_a_kernel_that_needs_an_unknown_name_is_refused() -> None:
    assert "NameError: name 'cosine' is not defined" in refused("    x[begin] = cosine(x[begin])\n")
