"""What may a generated Numba kernel use?

A kernel is one Python file with one function in it. Its operands are annotated with a number type and a constant shape,
row-major; `begin` and `end` are the part of the extent to do. Nothing else is an argument:

    \"\"\"hidden.relu, forward: y[b, f] = max(x[b, f], 0) for 128 samples, sixteen side by side.\"\"\"

    from __future__ import annotations

    from brainrun.kernel_prelude import f32, maximum


    def hidden_relu_forward(x: f32[8, 20, 16], y: f32[8, 20, 16], begin, end):
        for block in range(begin, end):
            for f in range(20):
                for lane in range(16):
                    y[block, f, lane] = maximum(x[block, f, lane], 0.0)

What holds inside:

- A float literal is float32. An integer times a float would become float64, so write `f32(count)`; a kernel in which
  float64 appears is refused, unless it names `f64` itself.
- Operands are promised not to overlap: a buffer that is read and written is passed once.
- Indices are not checked and must not be negative. Nothing may be allocated: scratch comes from `local(16)`.
- The innermost loop over a constant 16 becomes one vector operation, and so do branches written `a if c else b`. Sums
  may be reassociated by the compiler (the same way every time); NaN and infinities keep their meaning.
- `exp log log1p expm1 tanh logistic erf atan` are correct to a few units in the last place at every float32, and
  vectorise; `math.sqrt` and `abs` do as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, nan, pi, prod, sqrt
from typing import Any, TypeVar

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

__all__ = [
    "atan",
    "bits",
    "erf",
    "exp",
    "expm1",
    "f32",
    "f64",
    "from_bits",
    "i32",
    "i64",
    "local",
    "log",
    "log1p",
    "logistic",
    "maximum",
    "minimum",
    "philox",
    "sqrt",
    "tanh",
    "u32",
    "u64",
    "uniform",
]

f32 = types.float32
f64 = types.float64
i32 = types.int32
i64 = types.int64
u32 = types.uint32
u64 = types.uint64

_Python = TypeVar("_Python", bound=Callable[..., Any])


def _function(python: _Python) -> _Python:
    """Compiled without reassociation: exp and log subtract in parts on purpose."""
    options = {"error_model": "numpy", "forceinline": True, "no_cpython_wrapper": True}
    compiled: _Python = njit(fastmath={"contract", "nsz"}, **options)(python)
    return compiled


# ---- what Python cannot say ------------------------------------------------------------------------------------------


def _reinterpret(target: Any, source: Any, llvm_type: Any) -> Any:
    """An intrinsic that gives the bits of `source` the type `target`."""

    def typed(_typing: Any, value: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], llvm_type)

        return target(value if value == source else source), generate

    return intrinsic(typed)


def _of_two_floats(name: str) -> Any:
    """An intrinsic for LLVM's function `name` of two float32."""

    def typed(_typing: Any, left: Any, right: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            float_type = ir.FloatType()
            function_type = ir.FunctionType(float_type, [float_type, float_type])
            function = builder.module.declare_intrinsic(name, [float_type], function_type)
            return builder.call(function, arguments, fastmath=("nsz",))

        return (f32(f32, f32), generate) if {left, right} <= _NUMBERS else None

    return intrinsic(typed)


def _local(_typing: Any, lengths: Any) -> Any:
    """A float32 array on the stack, of constant shape and unset."""
    shape = [length.literal_value for length in getattr(lengths, "types", (lengths,))]
    array_type = types.Array(f32, len(shape), "C")

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        storage = cgutils.alloca_once(builder, ir.ArrayType(ir.FloatType(), prod(shape)))
        storage.align = 64
        return constant_shape_array(context, builder, array_type, shape, storage)

    return array_type(lengths), generate


def constant_shape_array(context: Any, builder: Any, array_type: Any, shape: Sequence[int], data: Any) -> Any:
    """Numba's array value over `data`, row-major, with its shape and strides as constants of the code."""
    word = ir.IntType(64)
    size = context.get_abi_sizeof(context.get_data_type(array_type.dtype))
    strides = [size * prod(shape[axis + 1 :]) for axis in range(len(shape))]
    array = make_array(array_type)(context, builder)
    data = builder.bitcast(data, array.data.type)
    populate_array(array, data, [word(n) for n in shape], [word(n) for n in strides], word(size), None)
    return array._getvalue()


_NUMBERS = {f32, f64, i32, i64}

bits = _reinterpret(i32, f32, ir.IntType(32))
"""The 32 bits of a float32, as int32."""
from_bits = _reinterpret(f32, i32, ir.FloatType())
"""The float32 with these bits (int32)."""
maximum = _of_two_floats("llvm.maximum")
"""The larger of two float32, NaN if either is."""
minimum = _of_two_floats("llvm.minimum")
"""The smaller of two float32, NaN if either is."""
local = intrinsic(prefer_literal=True)(_local)
"""`local(16)` or `local((4, 16))` is a float32 array on the stack, not set to anything; the lengths are literals."""


# ---- functions of one float32 ----------------------------------------------------------------------------------------


@_function
def _power_of_two(exponent: Any) -> Any:
    """2ⁿ for −126 ≤ n ≤ 127."""
    return from_bits(i32((exponent + i32(127)) << i32(23)))


@_function
def _reduced(x: Any) -> Any:
    """(n, r) with x = n·ln 2 + r, n the nearest integer (as int32), |r| ≤ ln 2 / 2, for |x| < 10⁵.

    Adding 1.5·2²³ rounds to an integer that stands in the low bits; ln 2 is subtracted in two parts (Cody and Waite).
    """
    shifted = x * f32(1.4426950408889634) + f32(12582912.0)
    whole = shifted - f32(12582912.0)
    rest = (x - whole * f32(0.693145751953125)) - whole * f32(1.42860682030941723212e-6)
    return i32(bits(shifted) - i32(0x4B400000)), rest


@_function
def _expm1_near_zero(r: Any) -> Any:
    """exp(r) − 1 for |r| ≤ ln 2 / 2: r + r²·P(r)."""
    p = f32(1.98756912e-4)
    p = p * r + f32(1.39819994e-3)
    p = p * r + f32(8.33345205e-3)
    p = p * r + f32(4.16657962e-2)
    p = p * r + f32(1.66666657e-1)
    p = p * r + f32(0.5)
    return p * (r * r) + r


@_function
def exp(x: Any) -> Any:
    """eˣ of a float32."""
    x = f32(x)
    x = f32(-104.0) if x < f32(-104.0) else x
    x = f32(89.0) if x > f32(89.0) else x
    n, r = _reduced(x)
    half = i32(n >> i32(1))
    return (_expm1_near_zero(r) + f32(1.0)) * _power_of_two(half) * _power_of_two(i32(n - half))


@_function
def expm1(x: Any) -> Any:
    """eˣ − 1 of a float32, exact near zero."""
    x = f32(x)
    x = f32(-18.0) if x < f32(-18.0) else x
    x = f32(89.0) if x > f32(89.0) else x
    n, r = _reduced(x)
    # One doubling is left for the end, because 2¹²⁸ is not a float32.
    scale = _power_of_two(i32(n - i32(1)))
    return f32(2.0) * (scale * _expm1_near_zero(r) + (scale - f32(0.5)))


@_function
def log(x: Any) -> Any:
    """Natural logarithm of a float32: −∞ at 0, NaN below. After musl's logf (FreeBSD's e_logf.c)."""
    x = f32(x)
    tiny = x < f32(1.1754943508222875e-38)
    scaled = x * f32(8388608.0) if tiny else x
    from_root_half = i32(bits(scaled) - i32(0x3F3504F3))
    n = i32(from_root_half >> i32(23))
    mantissa = from_bits(i32((from_root_half & i32(0x007FFFFF)) + i32(0x3F3504F3)))
    k = f32(n) - (f32(23.0) if tiny else f32(0.0))
    f = mantissa - f32(1.0)
    s = f / (f32(2.0) + f)
    z = s * s
    w = z * z
    odd = z * (f32(0.66666662693) + w * f32(0.28498786688))
    even = w * (f32(0.40000972152) + w * f32(0.24279078841))
    half_square = f32(0.5) * f * f
    r = s * (half_square + (odd + even)) + k * f32(9.0580006145e-06) - half_square + f + k * f32(6.9313812256e-01)
    r = x if x == f32(inf) else r
    r = f32(-inf) if x == f32(0.0) else r
    return f32(nan) if (x < f32(0.0)) | (x != x) else r


@_function
def log1p(x: Any) -> Any:
    """log(1 + x) of a float32, exact near zero (Kahan's correction of the rounded sum)."""
    x = f32(x)
    u = f32(1.0) + x
    lost = x - (u - f32(1.0)) if x < f32(1.0) else f32(1.0) - (u - x)
    r = log(u) + lost / u
    r = x if u == f32(1.0) else r
    return log(u) if (u == f32(0.0)) | (u == f32(inf)) else r


@_function
def tanh(x: Any) -> Any:
    """Hyperbolic tangent of a float32."""
    x = f32(x)
    magnitude = abs(x)
    magnitude = f32(10.0) if magnitude > f32(10.0) else magnitude
    e = expm1(f32(2.0) * magnitude)
    r = e / (e + f32(2.0))
    return -r if x < f32(0.0) else r


@_function
def logistic(x: Any) -> Any:
    """1 / (1 + e⁻ˣ) of a float32."""
    x = f32(x)
    e = exp(-abs(x))
    return (e if x < f32(0.0) else f32(1.0)) / (f32(1.0) + e)


@_function
def erf(x: Any) -> Any:
    """Error function of a float32: a polynomial near zero, 1 − exp(polynomial) beyond (after N. Juffa)."""
    x = f32(x)
    t = abs(x)
    t = f32(4.5) if t > f32(4.5) else t
    s = t * t
    far = f32(-1.72853470e-5) * t + f32(3.83197126e-4)
    far = far * s + (f32(-3.88396438e-3) * t + f32(2.42546219e-2))
    far = far * t + f32(-1.06777877e-1)
    far = far * t + f32(-6.34846687e-1)
    far = far * t + f32(-1.28717512e-1)
    far = f32(1.0) - exp(far * t - t)
    near = f32(-5.96761703e-4)
    near = near * s + f32(4.99119423e-3)
    near = near * s + f32(-2.67681349e-2)
    near = near * s + f32(1.12819925e-1)
    near = near * s + f32(-3.76125336e-1)
    near = near * s + f32(1.28379166e-1)
    near = near * t + t
    r = far if t > f32(0.927734375) else near
    return -r if x < f32(0.0) else r


@_function
def atan(x: Any) -> Any:
    """Arc tangent of a float32 (after Cephes' atanf, both reductions by selection)."""
    x = f32(x)
    t = abs(x)
    large = t > f32(2.414213562373095)
    middle = t > f32(0.4142135623730950)
    over = f32(-1.0) if large else t - f32(1.0)
    under = t if large else t + f32(1.0)
    y = over / under if middle else t
    start = f32(pi / 2) if large else f32(pi / 4)
    start = start if middle else f32(0.0)
    z = y * y
    p = f32(8.05374449538e-2)
    p = p * z - f32(1.38776856032e-1)
    p = p * z + f32(1.99777106478e-1)
    p = p * z - f32(3.33329491539e-1)
    r = start + (p * z * y + y)
    return -r if x < f32(0.0) else r


# ---- random numbers --------------------------------------------------------------------------------------------------


@_function
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """The four uint32 of Philox4x32-10 at counter (c0, c1, c2, c3) under key (k0, k1).

    Salmon, Moraes, Dror and Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011).
    """
    c0, c1, c2, c3, k0, k1 = u32(c0), u32(c1), u32(c2), u32(c3), u32(k0), u32(k1)
    for _ in range(10):
        first = u64(u64(0xD2511F53) * u64(c0))
        second = u64(u64(0xCD9E8D57) * u64(c2))
        c0, c1, c2, c3 = (
            u32(u32(second >> u64(32)) ^ c1 ^ k0),
            u32(second),
            u32(u32(first >> u64(32)) ^ c3 ^ k1),
            u32(first),
        )
        k0 = u32(k0 + u32(0x9E3779B9))
        k1 = u32(k1 + u32(0xBB67AE85))
    return c0, c1, c2, c3


@_function
def uniform(word: Any) -> Any:
    """A uint32 as a float32 on [0, 1): its upper 24 bits over 2²⁴."""
    return f32(i32(u32(word) >> u32(8))) * f32(5.9604644775390625e-08)
