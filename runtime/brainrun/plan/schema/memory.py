"""What lies in a rank's memory, and how? Buffers and their storage, parameters and their first values."""

from __future__ import annotations

from typing import Literal, TypeAlias

from brainrun.plan.schema.value import DType, Value

LANES = 16
"""Samples that lie side by side in an activation's innermost axis."""


class Lanes(Value, frozen=True, tag="lanes"):
    """An activation of `samples` samples: `[⌈samples/16⌉][features…][16]`, sixteen samples side by side.

    Lanes beyond the last sample hold unspecified values; whatever sums over samples leaves them out.
    """

    samples: int
    features: tuple[int, ...]


class Panels(Value, frozen=True, tag="panels"):
    """A weight matrix `[outputs, inputs]` kept as `[⌈inputs/16⌉][outputs][16]`; lanes beyond `inputs` are zero."""

    outputs: int
    inputs: int


class Plain(Value, frozen=True, tag="plain"):
    """Row-major, as NumPy has it; `shape` is empty for a single number."""

    shape: tuple[int, ...]


Storage: TypeAlias = Lanes | Panels | Plain


BufferRole: TypeAlias = Literal[
    "parameter", "state", "error", "input", "activation", "gradient", "message", "result", "scalar"
]
"""`error` is what a reduction has not sent yet of a gradient: each rank's own, zero at the start."""


class Buffer(Value, frozen=True):
    """A place in the arena: `offset` and `bytes`, and how what lies there is laid out."""

    name: str
    role: BufferRole
    dtype: DType
    storage: Storage
    offset: int
    bytes: int


class Constant(Value, frozen=True, tag="constant"):
    """Every element is `value`."""

    value: float


class Uniform(Value, frozen=True, tag="uniform"):
    """Uniform on [−bound, bound)."""

    bound: float


class Normal(Value, frozen=True, tag="normal"):
    """Gaussian of mean zero and this standard deviation."""

    deviation: float


Drawn: TypeAlias = Constant | Uniform | Normal


class Rounded(Value, frozen=True, tag="rounded"):
    """The nearest of −1, 0 and 1 to what the parameter `of`, of the same shape, starts as: `drawn`. Halves become 0."""

    of: str
    drawn: Drawn


Initial: TypeAlias = Drawn | Rounded


class Parameter(Value, frozen=True):
    """A tensor that outlives the step: a weight or, not `trained`, what is kept beside one.

    That is a running statistic, or the hidden copy from which a trinary weight is rounded.

    `shape` is global and in PyTorch's order. The element at flat index i of `shape` starts as the i-th draw of the
    stream named by the parameter, whatever the mesh. `state` names the optimiser's tensors beside it.
    """

    name: str
    shape: tuple[int, ...]
    initial: Initial
    trained: bool
    buffer: str
    """The buffer of every program that holds this rank's slice; state tensor `s` lies in buffer `{buffer}.{s}`."""
    state: tuple[str, ...]
