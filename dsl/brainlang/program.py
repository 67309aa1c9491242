"""What remains of a `.brain` file once constants, blocks and repetitions are gone: inputs, calls and settings.

Spans never take part in comparison: two programs are equal when they mean the same.
"""

import dataclasses
from dataclasses import dataclass

from brainlang.source import Span

KINDS = ("f32", "f16", "bf16", "f64", "i32", "u8", "class")
ROLES = ("train", "validate", "test", "predict")


@dataclass(frozen=True, slots=True)
class Number:
    """A whole or floating-point number: |value| < 2⁶³ if whole, finite if not."""

    value: int | float
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text, escapes resolved."""

    value: str
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    value: bool
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Nothing:
    """`none`."""

    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A bare word, dotted or not, that is neither a constant nor a tensor: a layer, `sum`, `auto`, `images`."""

    identifier: str
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b, …]`."""

    items: tuple["Value", ...]
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """`name=value` of a call."""

    name: str
    value: "Value"
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """`function(…)` as a value: `momentum(rate=0.05)`, `transpose(c1)`."""

    function: str
    positional: tuple["Value", ...]
    named: tuple[Argument, ...]
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Piped:
    """`head | stage | …` as a value: `images | rescale(1/255)`. A repeated stage stands as often as it is repeated."""

    head: "Value"
    stages: tuple[Apply, ...]
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class For:
    """`value for target`: the value for all layers of an operator, or for one layer by name."""

    value: "Value"
    target: str
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A tensor of the network: an input's name or a call's result, and the field where a layer has several results."""

    tensor: str
    field: str | None
    span: Span = dataclasses.field(compare=False, repr=False)


Constant = Number | Text | Boolean | Nothing
Value = Constant | Name | ListOf | Apply | Piped | For | TensorRef


@dataclass(frozen=True, slots=True)
class Input:
    """What the data must provide: `kind` of KINDS, `dims` per sample; `class[K]` has dims `(K,)` and is one label."""

    name: str
    kind: str
    dims: tuple[int, ...]
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One operator applied. `result` is unique and equals `layer`; tensors among `positional` are TensorRefs.

    `a + b`, `a - b`, `a * b` and `-a` are calls of `add`, `subtract` and `multiply`. `span` is the whole call or pipe
    stage, `operator_span` the operator's name.
    """

    result: str
    operator: str
    positional: tuple[Value, ...]
    named: tuple[Argument, ...]
    layer: str
    span: Span = dataclasses.field(compare=False, repr=False)
    operator_span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Loss:
    """A term of the objective, times `weight`."""

    name: str
    value: TensorRef
    weight: float
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Metric:
    """A reported value, never differentiated."""

    name: str
    value: TensorRef
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Output:
    """What `predict` writes."""

    name: str
    value: TensorRef
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Network:
    """The graph. `calls` stand in the order of evaluation: each reads only inputs and earlier results."""

    name: str
    inputs: tuple[Input, ...]
    calls: tuple[Call, ...]
    losses: tuple[Loss, ...]
    metrics: tuple[Metric, ...]
    outputs: tuple[Output, ...]
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """`key = value` of a section."""

    key: str
    value: Value
    span: Span = dataclasses.field(compare=False, repr=False)
    key_span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Placement:
    """`place layer = split`."""

    layer: str
    split: Value
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DataSection:
    """`data role { … }`, `role` of ROLES."""

    role: str
    settings: tuple[Setting, ...]
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TrainStage:
    """`train name { … }`; a stage without a name is called `train`."""

    name: str
    settings: tuple[Setting, ...]
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Parallel:
    """`parallel { … }`; empty where the file has none."""

    settings: tuple[Setting, ...]
    placements: tuple[Placement, ...]
    span: Span = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Program:
    """All that a file says. `truenorth` is None where the file has no such section. `span` is the file's beginning."""

    path: str
    network: Network
    data: tuple[DataSection, ...]
    train: tuple[TrainStage, ...]
    parallel: Parallel
    truenorth: tuple[Setting, ...] | None
    span: Span = dataclasses.field(compare=False, repr=False)
