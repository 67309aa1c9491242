"""What does one rank do, and in what order? Kernels over local buffers, and transfers that start early and end late.

Values here are local: a rank's own part of a tensor, with the part's shape.

Rules, checked by `rules`:
C1 every started transfer is awaited once, later.
C2 nothing touches what a transfer under way sends or will write.
C3 an update comes after every other step that reads what it overwrites.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

from brainc.ir import factoring
from brainc.ir import tensor as ts
from brainc.ir.factoring import Factoring
from brainc.ir.kernel import Kernel
from brainc.ir.origin import Origin
from brainc.ir.scheme import Scheme
from brainc.ir.tensor import Output, Phase, Result, Value
from brainrun.plan.schema import Slice

StepPhase: TypeAlias = Literal["forward", "backward", "update", "message", "metric"]


@dataclass(frozen=True, slots=True)
class Copy:
    """`target` region := (or +=) `source` region: `samples` × `features` elements of two activations in lanes.

    First samples and features count from the beginning of each local buffer; features are flattened.
    """

    target: Value
    source: Value
    verb: Literal["copy", "add"]
    samples: int
    features: int
    target_first: tuple[int, int]
    source_first: tuple[int, int]
    phase: Phase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sum:
    """`value` becomes its sum over the group, in place; `result` is its name from then on."""

    name: str
    group: Literal["data", "model", "world"]
    value: Value
    result: Value
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sending:
    """A whole local value to (or from) the model group's member `peer`."""

    peer: int
    value: Value


@dataclass(frozen=True, slots=True)
class Exchange:
    """Messages between the ranks of a model group."""

    name: str
    kind: Literal["all_gather", "reduce_scatter", "all_to_all"]
    sends: tuple[Sending, ...]
    receives: tuple[Sending, ...]
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reduced:
    """One gradient of a reduction: `value` becomes its sum in place, and is named `result` from then on.

    `error` is what this rank has not sent of it yet; None for a scheme that sends everything. Where `value` is a
    velocity, `velocity` is the memory of it, from which what is sent is taken out. Where it is a factor of a gradient,
    `factor_of` is that gradient, and the value is sent as it is, whatever the scheme.
    """

    value: Value
    result: Value
    error: Value | None
    scheme: Scheme
    origin: Origin = field(compare=False, repr=False)
    velocity: Value | None = None
    factor_of: Value | None = None


@dataclass(frozen=True, slots=True)
class Reduction:
    """Gradients become their sums over the group's `members`, made small as their schemes say.

    So many consecutive members as `node` says sum theirs as they are first, because they share a node. `messages` is
    the memory, in int32, that the messages take meanwhile.
    """

    name: str
    group: Literal["data", "model", "world"]
    members: int
    parts: tuple[Reduced, ...]
    messages: Value
    node: int
    origin: Origin = field(compare=False, repr=False)


Transfer: TypeAlias = Sum | Exchange | Reduction
Local: TypeAlias = ts.Operation | Copy | Factoring | Transfer
"""What a rank does, before operations are made into kernels."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run a kernel, a copy between regions, or a step of factoring a gradient."""

    work: Kernel | Copy | Factoring
    phase: StepPhase
    origin: Origin = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Start:
    """The transfer begins."""

    transfer: Transfer


@dataclass(frozen=True, slots=True)
class Wait:
    """The transfer is over after this step."""

    transfer: Transfer


Item: TypeAlias = Run | Transfer
Step: TypeAlias = Run | Start | Wait


@dataclass(frozen=True, slots=True)
class Feed:
    """A local input: which samples of the rank's part of the mini-batch, and which of the input's flat features."""

    value: Value
    input: str
    first: int
    features: Slice


@dataclass(frozen=True, slots=True)
class Written:
    """A local part of an output: which samples of the rank's part of the mini-batch, and which flat features.

    `gives` is false where every model rank has the same part, of which only the first one's is written.
    """

    output: Output
    first: int
    features: Slice
    shape: tuple[int, ...]
    gives: bool


@dataclass(frozen=True, slots=True)
class RankProcedure:
    """One procedure of one rank, in order."""

    feeds: tuple[Feed, ...]
    steps: tuple[Step, ...]
    results: tuple[Result, ...]
    outputs: tuple[Written, ...]


def reads(item: Local | Item) -> tuple[Value, ...]:
    """The local values that an item reads."""
    match item:
        case Copy(source=source, target=target, verb=verb):
            return (source, target) if verb == "add" else (source,)
        case Sum(value=value):
            return (value,)
        case Exchange(sends=sends):
            return tuple(sending.value for sending in sends)
        case Reduction(parts=parts):
            read = (value for part in parts for value in (part.value, part.error, part.velocity))
            return tuple(value for value in read if value is not None)
        case Run(work=Kernel(operands=operands, extras=extras)):
            return (*(placed.value for placed in operands), *(extra.placed.value for extra in extras))
        case Run(work=Copy() as copy):
            return reads(copy)
        case (Factoring() as step) | Run(work=Factoring() as step):
            return factoring.read_by(step)
        case _:
            assert not isinstance(item, Run)
            return ts.operands_of(item)


def writes(item: Local | Item) -> tuple[Value, ...]:
    """The local values that an item writes."""
    match item:
        case Copy(target=target):
            return (target,)
        case Sum(value=value, result=result):
            return (value, result)
        case Exchange(receives=receives):
            return tuple(sending.value for sending in receives)
        case Reduction(parts=parts, messages=messages):
            written = (value for part in parts for value in (part.value, part.result, part.error, part.velocity))
            return (*(value for value in written if value is not None), messages)
        case Run(work=Kernel(stores=stores)):
            return tuple(store.target.value for store in stores)
        case Run(work=Copy(target=target)):
            return (target,)
        case (Factoring() as step) | Run(work=Factoring() as step):
            return factoring.written_by(step)
        case _:
            assert not isinstance(item, Run)
            return ts.results_of(item)


def step_text(step: Step) -> str:
    """The step on one line."""
    match step:
        case Start(transfer=transfer):
            return f"start  {transfer.name}"
        case Wait(transfer=transfer):
            return f"wait   {transfer.name}"
        case Run(work=Copy(verb=verb)):
            return f"{verb:<6} {writes(step)[0].name} ← {reads(step)[0].name}"
        case Run(work=Factoring(stage=stage, factors=factors)):
            return f"factor {factors.gradient.name}: {stage}"
        case Run(work=Kernel(core=core, stores=stores)):
            made = ", ".join(store.target.value.name for store in stores)
            return f"run    {made} = {ts.operation_text(core)}" + (" …" if len(stores) > 1 else "")
        case _:
            raise AssertionError(step)


def text(name: str, procedures: tuple[tuple[str, RankProcedure], ...]) -> str:
    """One rank's procedures, one step a line."""
    lines = [f"schedule of {name}"]
    for title, procedure in procedures:
        lines.append(f"{title}:")
        lines += [f"  feed   {feed.value.name} ← {feed.input}" for feed in procedure.feeds]
        lines += [f"  {step_text(step)}" for step in procedure.steps]
    return "\n".join(lines) + "\n"


def rules(procedure: RankProcedure) -> Iterator[str]:
    """Every broken rule (C1…C3)."""
    busy: dict[str, Transfer] = {}
    overwritten: set[str] = set()
    for step in procedure.steps:
        match step:
            case Start(transfer=transfer):
                if transfer.name in busy:
                    yield f"C1: {transfer.name} is started twice"
                busy[transfer.name] = transfer
            case Wait(transfer=transfer):
                if busy.pop(transfer.name, None) is None:
                    yield f"C1: {transfer.name} is awaited and was not started"
            case Run():
                read, written = {v.name for v in reads(step)}, {v.name for v in writes(step)}
                for transfer in busy.values():
                    if (read | written) & {value.name for value in (*reads(transfer), *writes(transfer))}:
                        yield f"C2: {step_text(step)} touches {transfer.name} under way"
                stale = (read - written) & overwritten
                if stale:
                    yield f"C3: {step_text(step)} reads {sorted(stale)} after its update"
                if step.phase == "update" or (isinstance(step.work, Kernel) and step.work.overwrites):
                    overwritten |= written & read
            case _:
                assert_never(step)
    yield from (f"C1: {name} is never awaited" for name in busy)
