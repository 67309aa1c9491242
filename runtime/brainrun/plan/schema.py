"""What does a plan say? The types of `plan.json`, which the compiler writes and the runtime executes.

A plan is data: buffers in one arena a rank, and steps over them. A step calls a kernel, starts a transfer, or waits for
one. Programs are written once and shared by all ranks that do the same; what differs from rank to rank (its place in
the mesh, its slices) stands in the rank's own entry.

Version log: 1 — the first format. 2 — reductions of gradients: transfers `reduction`, buffers of role `error`.
3 — what a member owns of a gradient may be encoded in several pieces. 4 — parameters may start as the rounded values of
another, `rounded`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

VERSION = 6
LANES = 16
"""Samples that lie side by side in an activation's innermost axis."""

DType: TypeAlias = Literal["f32", "i32", "i64"]


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every plan value: immutable, and strict about what it is read from."""


# ---- the mesh and its ranks ------------------------------------------------------------------------------------------


class Mesh(Value, frozen=True):
    """`data` replicas of a model spread over `model` ranks; rank = data coordinate · model + model coordinate."""

    data: int
    model: int


class Slice(Value, frozen=True):
    """Indices `start … stop − 1` of one axis."""

    start: int
    stop: int


class Rank(Value, frozen=True):
    """One rank: its place in the mesh, the program it runs, and where its part of the global mini-batch begins."""

    data: int
    model: int
    program: int
    first_sample: int
    parameter_slices: tuple[tuple[Slice, ...], ...]
    """For each parameter of the plan, one slice an axis of its shape: the part this rank holds."""


# ---- storage ---------------------------------------------------------------------------------------------------------


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


# ---- parameters and their first values -------------------------------------------------------------------------------


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


# ---- kernels ---------------------------------------------------------------------------------------------------------


class Kernel(Value, frozen=True):
    """A generated function `void name(void **operands, int64 begin, int64 end)` in a file of `kernels/`.

    It does part [begin, end) of its call's extent; parts are independent, and the bits of the result do not depend on
    how the extent is cut.
    """

    name: str
    language: Literal["numba", "llvm"]
    file: str


# ---- steps -----------------------------------------------------------------------------------------------------------


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


# ---- data ------------------------------------------------------------------------------------------------------------


class InputFact(Value, frozen=True):
    """What the network expects under a name: `kind` is a number type or `class`, which has `classes` values."""

    name: str
    kind: Literal["f32", "f16", "bf16", "f64", "i32", "u8", "class"]
    shape: tuple[int, ...]
    classes: int


class IdxSource(Value, frozen=True, tag="idx"):
    """Yann LeCun's idx files, plain or gzipped: fields `images` and `labels`."""

    images: str
    labels: str


class NpySource(Value, frozen=True, tag="npy"):
    """One `.npy` file a field."""

    files: tuple[tuple[str, str], ...]


class NpzSource(Value, frozen=True, tag="npz"):
    """One `.npz` file; its arrays' names are the fields."""

    file: str


class CsvSource(Value, frozen=True, tag="csv"):
    """A table with a header: its columns are fields, and `features`, `label` name groups of columns."""

    file: str
    features: tuple[str, ...]
    """Column names, or `first:last` ranges; empty: every column but the label."""
    label: str
    """The label's column, or empty."""
    delimiter: str


class SyntheticSource(Value, frozen=True, tag="synthetic"):
    """Deterministic samples that suit every input's type; each network input is a field of its own name."""

    count: int
    seed: int


class PartSource(Value, frozen=True, tag="part"):
    """A share of another role's samples, cut off its end; the other role keeps the rest."""

    role: str
    share: float


Source: TypeAlias = IdxSource | NpySource | NpzSource | CsvSource | SyntheticSource | PartSource


class Rescale(Value, frozen=True, tag="rescale"):
    """`x · factor`."""

    factor: float


class Normalize(Value, frozen=True, tag="normalize"):
    """`(x − mean) / deviation`, one pair a channel (or one for all)."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


class Standardize(Value, frozen=True, tag="standardize"):
    """Each sample to mean zero and deviation one."""


class OneHot(Value, frozen=True, tag="one_hot"):
    """A class label as a vector of zeros and a one."""

    classes: int


class RandomFlip(Value, frozen=True, tag="random_flip"):
    """Mirror left and right, with probability one half, in training only."""


class RandomCrop(Value, frozen=True, tag="random_crop"):
    """A random window of `size` × `size` out of the image padded by `pad` zeros; the middle one outside training."""

    size: int
    pad: int


class Cast(Value, frozen=True, tag="cast"):
    """Another number type."""

    kind: str


Transform: TypeAlias = Rescale | Normalize | Standardize | OneHot | RandomFlip | RandomCrop | Cast


class Field(Value, frozen=True):
    """A network input and what it is made from."""

    input: str
    field: str
    transforms: tuple[Transform, ...]


class DataSection(Value, frozen=True):
    """One `data ROLE { … }`."""

    role: Literal["train", "validate", "test", "predict"]
    source: Source
    fields: tuple[Field, ...]
    shuffle: bool
    cache: str
    """A node-local folder to stage files in, or empty."""
    workers: int


# ---- training --------------------------------------------------------------------------------------------------------


class StepSchedule(Value, frozen=True, tag="step"):
    """The rate is multiplied by `factor` after every `every` epochs."""

    every: int
    factor: float


class ConstantSchedule(Value, frozen=True, tag="constant"):
    """The rate stays as it is."""


class ExponentialSchedule(Value, frozen=True, tag="exponential"):
    """The rate is multiplied by `factor` after every epoch."""

    factor: float


class CosineSchedule(Value, frozen=True, tag="cosine"):
    """The rate falls as half a cosine, from the first step of the training to `least` times itself after the last.

    Source: Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5, without
    restarts.
    """

    least: float


class WarmupSchedule(Value, frozen=True, tag="warmup"):
    """The rate rises in equal parts over the first `steps` steps.

    Source: Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2.
    """

    steps: int


Schedule: TypeAlias = ConstantSchedule | StepSchedule | ExponentialSchedule | CosineSchedule | WarmupSchedule


class Training(Value, frozen=True):
    """How the network is trained; exactly one of `epochs` and `steps` is not zero."""

    batch: int
    epochs: int
    steps: int
    seed: int
    optimizer: str
    rate: float
    schedules: tuple[Schedule, ...]


# ---- what the report says --------------------------------------------------------------------------------------------


class Layer(Value, frozen=True):
    """One layer of the graph, for reading."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    """Names of the layers or network inputs that feed it."""
    shape: tuple[int, ...]
    parameters: int
    split: str
    """How its work is spread over the model ranks: sample, output, input, replicate, or `-` where it has none."""
    flops: int
    """Arithmetic operations of a training step for the whole mini-batch, on all ranks."""


class Interval(Value, frozen=True):
    """A predicted stretch of one training step on one rank; kernels, encoders and decoders share its core."""

    rank: int
    track: Literal["compute", "encode", "wire", "decode"]
    name: str
    start: float
    seconds: float


class Alternative(Value, frozen=True):
    """A split the partitioner weighed: the layers' splits in order, and its predicted step time."""

    mesh: Mesh
    splits: tuple[tuple[str, str], ...]
    step_seconds: float


class Choice(Value, frozen=True):
    """The chosen split and the next best one (an empty tuple where there was no other)."""

    chosen: Alternative
    runner_up: tuple[Alternative, ...]
    why: str


class Prediction(Value, frozen=True):
    """What the cost model says of a training step on the named machine."""

    machine: str
    step_seconds: float
    samples_per_second: float
    timeline: tuple[Interval, ...]


class File(Value, frozen=True):
    """A file of the plan folder and the SHA-256 of its bytes."""

    path: str
    sha256: str


class Plan(Value, frozen=True):
    """Everything a set of ranks needs to train one network."""

    schema: int
    made_by: str
    target: Literal["cpu"]
    name: str
    mesh: Mesh
    training: Training
    data: tuple[DataSection, ...]
    data_folder: str
    """Where relative data paths start: relative to the plan's own folder."""
    inputs: tuple[InputFact, ...]
    parameters: tuple[Parameter, ...]
    layers: tuple[Layer, ...]
    kernels: tuple[Kernel, ...]
    programs: tuple[RankProgram, ...]
    ranks: tuple[Rank, ...]
    prediction: Prediction
    choice: Choice
    files: tuple[File, ...]
