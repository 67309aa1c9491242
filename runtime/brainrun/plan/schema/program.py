"""What does a rank do? Steps that call kernels, start transfers and wait for them, in procedures."""

from __future__ import annotations

from typing import Literal, TypeAlias

from brainrun.plan.schema.memory import Buffer
from brainrun.plan.schema.mesh import Slice
from brainrun.plan.schema.value import Value


class Kernel(Value, frozen=True):
    """A generated function `void name(void **operands, int64 begin, int64 end)` in a file of `kernels/`.

    It does part [begin, end) of its call's extent; parts are independent, and the bits of the result do not depend on
    how the extent is cut.
    """

    name: str
    language: Literal["numba", "llvm"]
    file: str


class Call(Value, frozen=True, tag="call"):
    """Run a kernel over `[0, extent)`, shared by the rank's threads.

    The kernel's operands are the buffers named, then, where `integers` is not empty, one pointer to those int64.
    `chained` with the next call: both have the same extent, and part i of the next reads only part i of this one, so a
    thread may do this part and then that one before its next part.
    """

    kernel: str
    operands: tuple[str, ...]
    extent: int
    layer: str
    phase: Literal["forward", "backward", "update", "message", "metric"]
    flops: int
    bytes: int
    integers: tuple[int, ...] = ()
    chained: bool = False


class Start(Value, frozen=True, tag="start"):
    """Begin a transfer; its buffers belong to the transfer until its wait."""

    transfer: str


class Wait(Value, frozen=True, tag="wait"):
    """The transfer is complete after this step."""

    transfer: str


Step: TypeAlias = Call | Start | Wait


class AllReduce(Value, frozen=True, tag="all_reduce"):
    """The float32 buffer becomes its sum over the group, in place, on every member."""

    name: str
    group: Literal["data", "model", "world"]
    buffer: str
    elements: int
    layer: str


class Message(Value, frozen=True):
    """`elements` float32 (or int32) beginning at `first` of a buffer, from or to the group's member `peer`."""

    peer: int
    buffer: str
    first: int
    elements: int


class Exchange(Value, frozen=True, tag="exchange"):
    """Point-to-point messages within the model group; `kind` is what they amount to."""

    name: str
    kind: Literal["all_gather", "reduce_scatter", "all_to_all"]
    sends: tuple[Message, ...]
    receives: tuple[Message, ...]
    layer: str


class Matrix(Value, frozen=True):
    """How a gradient is seen by what makes it small: a column holds the weights into one output unit or filter.

    Entry i of column c lies at float `c · column_stride + (i // 16) · block_stride + i % 16` of its buffer.
    """

    rows: int
    columns: int
    column_stride: int
    block_stride: int


class Part(Value, frozen=True):
    """One tensor of a reduction, and how it is made small.

    Member r of the group owns the columns `owned[r]`: it gets the others' terms of them, adds them up, and gives the
    sum to all. Its columns are cut into `pieces` runs as equal as can be (`messages.piece_of`), each coded by itself,
    so that threads can share them; none of them takes more than `bounds[r]` bytes, a multiple of 4.
    """

    gradient: str
    error: str
    """The buffer of what is not sent yet, as `gradient` is laid out; empty for a scheme that sends everything."""
    matrix: Matrix
    scheme: str
    """As a user writes it."""
    parameters: tuple[float, ...]
    """The scheme's numbers, in the order of its arguments."""
    encode: str
    decode: str
    """Names of the kernels, whose operand is a table of segments (see `plan.segments`)."""
    owned: tuple[Slice, ...]
    bounds: tuple[int, ...]
    scratch: int
    """Bytes that the encoder needs beside a piece."""
    layer: str
    velocity: str = ""
    """Where the gradient is a velocity, the buffer of it, as `gradient` is laid out: what is sent is zeroed there."""
    warmup: tuple[tuple[float, ...], ...] = ()
    """The scheme's numbers in the first epochs, instead of `parameters`."""
    factor_of: str = ""
    """Where calls made the tensor as a factor of a gradient, and make that one of its sum, the gradient's buffer."""
    pieces: int = 1


class Reduction(Value, frozen=True, tag="reduction"):
    """Every part's gradient becomes its sum over the group, in place, bit for bit the same on every member.

    First each member sends every other one its terms of the columns which that one owns; the owner adds them to its
    own and sends the sum to all, who decode the same bytes, the owner too. `messages` has room for all messages of a
    step (`plan.messages` says where each lies); `expected_bytes` is what a member is predicted to send in a step,
    to members of other nodes where there are nodes.

    With `node` greater than 1, so many consecutive members share a node. They sum their gradients as they are; then
    member i of each node speaks with member i of the others alone, and passes the sums that it gets on within its node.
    """

    name: str
    group: Literal["data", "model", "world"]
    parts: tuple[Part, ...]
    messages: str
    expected_bytes: int
    layer: str
    node: int = 1


Transfer: TypeAlias = AllReduce | Exchange | Reduction


class Feed(Value, frozen=True):
    """Before the procedure runs, `buffer` is filled with samples of one network input.

    The samples are positions `rank.first_sample + first … + samples − 1` of the global batch; `features` is the part of
    the flattened features wanted. The input named `sample_weight` is what a sample counts in sums: 1/batch in training,
    1 or 0 in evaluation.
    """

    input: str
    buffer: str
    first: int
    samples: int
    features: Slice


class Result(Value, frozen=True):
    """After the procedure, one number: the batch's sum of a loss, a metric, or the objective, equal on all ranks."""

    name: str
    kind: Literal["objective", "loss", "metric"]
    buffer: str


class Output(Value, frozen=True):
    """What `predict` writes: where this rank finds its part of a named output.

    Samples are counted as in `Feed`; a rank with `samples` 0 has none to give.
    """

    name: str
    buffer: str
    first: int
    samples: int
    features: Slice
    shape: tuple[int, ...]
    """The global feature shape."""


class Procedure(Value, frozen=True):
    """One thing that a rank can do with a mini-batch: train on it, evaluate it, or predict from it."""

    feeds: tuple[Feed, ...]
    steps: tuple[Step, ...]
    transfers: tuple[Transfer, ...]
    results: tuple[Result, ...]
    outputs: tuple[Output, ...]


class RankProgram(Value, frozen=True):
    """What one kind of rank holds and does.

    Three buffers are set by the runtime before each step: `context` (i64: seed, step, the rank's first sample),
    `rate` and `step` (f32 numbers).
    """

    name: str
    arena_bytes: int
    buffers: tuple[Buffer, ...]
    train: Procedure
    evaluate: Procedure
    predict: Procedure
