"""What does a plan say? The types of `plan.json`, which the compiler writes and the runtime executes.

A plan is data: buffers in one arena a rank, and steps over them. A step calls a kernel, starts a transfer, or waits for
one. Programs are written once and shared by all ranks that do the same; what differs from rank to rank (its place in
the mesh, its slices) stands in the rank's own entry.

Version log: 1 — the first format. 2 — reductions of gradients: transfers `reduction`, buffers of role `error`.
3 — what a member owns of a gradient may be encoded in several pieces. 4 — parameters may start as the rounded values of
another, `rounded`. 5 — plans for cores have codes of inputs, and samples of several ticks. 6 — the schedules
`exponential`, `cosine` and `warmup`.
"""

from __future__ import annotations

from brainrun.plan.schema.data import (
    Cast,
    CsvSource,
    DataSection,
    Field,
    IdxSource,
    InputFact,
    Normalize,
    NpySource,
    NpzSource,
    OneHot,
    PartSource,
    RandomAffine,
    RandomCrop,
    RandomElastic,
    RandomFlip,
    Rescale,
    Source,
    Standardize,
    SyntheticSource,
    Transform,
)
from brainrun.plan.schema.forecast import (
    Alternative,
    Choice,
    Interval,
    Layer,
    Prediction,
)
from brainrun.plan.schema.memory import (
    LANES,
    Buffer,
    BufferRole,
    Constant,
    Drawn,
    Initial,
    Lanes,
    Normal,
    Panels,
    Parameter,
    Plain,
    Rounded,
    Storage,
    Uniform,
)
from brainrun.plan.schema.mesh import (
    Mesh,
    Rank,
    Slice,
)
from brainrun.plan.schema.plan import (
    File,
    Plan,
)
from brainrun.plan.schema.program import (
    AllReduce,
    Call,
    Exchange,
    Feed,
    Kernel,
    Matrix,
    Message,
    Output,
    Part,
    Procedure,
    RankProgram,
    Reduction,
    Result,
    Start,
    Step,
    Transfer,
    Wait,
)
from brainrun.plan.schema.training import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    Schedule,
    StepSchedule,
    Training,
    WarmupSchedule,
)
from brainrun.plan.schema.value import (
    DType,
    Value,
)

VERSION = 6

__all__ = [
    "LANES",
    "VERSION",
    "AllReduce",
    "Alternative",
    "Buffer",
    "BufferRole",
    "Call",
    "Cast",
    "Choice",
    "Constant",
    "ConstantSchedule",
    "CosineSchedule",
    "CsvSource",
    "DType",
    "DataSection",
    "Drawn",
    "Exchange",
    "ExponentialSchedule",
    "Feed",
    "Field",
    "File",
    "IdxSource",
    "Initial",
    "InputFact",
    "Interval",
    "Kernel",
    "Lanes",
    "Layer",
    "Matrix",
    "Mesh",
    "Message",
    "Normal",
    "Normalize",
    "NpySource",
    "NpzSource",
    "OneHot",
    "Output",
    "Panels",
    "Parameter",
    "Part",
    "PartSource",
    "Plain",
    "Plan",
    "Prediction",
    "Procedure",
    "RandomAffine",
    "RandomCrop",
    "RandomElastic",
    "RandomFlip",
    "Rank",
    "RankProgram",
    "Reduction",
    "Rescale",
    "Result",
    "Rounded",
    "Schedule",
    "Slice",
    "Source",
    "Standardize",
    "Start",
    "Step",
    "StepSchedule",
    "Storage",
    "SyntheticSource",
    "Training",
    "Transfer",
    "Transform",
    "Uniform",
    "Value",
    "Wait",
    "WarmupSchedule",
]
