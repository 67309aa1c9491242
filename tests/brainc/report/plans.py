"""Plans built by hand for the tests: LeNet on any mesh, with its storage, steps, transfers and a predicted timeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Literal

import msgspec

from brainc.report.memory import Life, lives_in
from brainrun.plan.schema import (
    VERSION,
    AllReduce,
    Alternative,
    Buffer,
    Call,
    Choice,
    Constant,
    ConstantSchedule,
    DataSection,
    Exchange,
    Feed,
    Field,
    Initial,
    InputFact,
    Interval,
    Kernel,
    Layer,
    Matrix,
    Mesh,
    Message,
    Parameter,
    Part,
    Plan,
    Prediction,
    Procedure,
    Rank,
    RankProgram,
    Reduction,
    Result,
    Slice,
    Start,
    Step,
    SyntheticSource,
    Training,
    Transfer,
    Uniform,
    Wait,
)

BATCH = 128
FLOPS_PER_SECOND = 40e9
BYTES_PER_SECOND = 2.5e9

LAYERS: tuple[tuple[str, str, str, tuple[int, ...], tuple[int, ...], int], ...] = (
    # name, operator, input, output shape, weight shape, FLOP a sample of a training step
    ("features.conv1", "conv", "image", (20, 24, 24), (20, 1, 5, 5), 3 * 2 * 20 * 24 * 24 * 25),
    ("features.relu1", "relu", "features.conv1", (20, 24, 24), (), 2 * 20 * 24 * 24),
    ("features.maxpool1", "maxpool", "features.relu1", (20, 12, 12), (), 2 * 20 * 24 * 24),
    ("features.conv2", "conv", "features.maxpool1", (50, 8, 8), (50, 20, 5, 5), 3 * 2 * 50 * 8 * 8 * 500),
    ("features.relu2", "relu", "features.conv2", (50, 8, 8), (), 2 * 50 * 8 * 8),
    ("features.maxpool2", "maxpool", "features.relu2", (50, 4, 4), (), 2 * 50 * 8 * 8),
    ("hidden.dense", "dense", "features.maxpool2", (500,), (500, 800), 3 * 2 * 500 * 800),
    ("hidden.relu", "relu", "hidden.dense", (500,), (), 2 * 500),
    ("hidden.dropout", "dropout", "hidden.relu", (500,), (), 2 * 500),
    ("logits.dense", "dense", "hidden.dropout", (10,), (10, 500), 3 * 2 * 10 * 500),
    ("objective.cross_entropy", "cross_entropy", "logits.dense", (), (), 60),
)
SPLIT_OF_OPERATOR = {"conv": "sample", "dense": "output", "cross_entropy": "replicate"}


def share(length: int, parts: int, part: int) -> Slice:
    """Part number `part` of an axis cut into `parts` slices that differ by at most one."""
    return Slice(length * part // parts, length * (part + 1) // parts)


@dataclass
class Arena:
    """The buffers of one rank's program, as it is written."""

    buffers: list[Buffer] = field(default_factory=list)

    def take(self, name: str, role: str, elements: int) -> str:
        """A float32 buffer of whole cache lines, not yet placed."""
        fact = {"name": name, "role": role, "dtype": "f32", "storage": {"type": "plain", "shape": [elements]}}
        self.buffers.append(msgspec.convert(fact | {"offset": 0, "bytes": -(-4 * elements // 64) * 64}, Buffer))
        return name


def placed(program: RankProgram) -> RankProgram:
    """The program with its buffers as low as they go: the largest first, clear of all that live at the same time."""
    lives = sorted(lives_in(program), key=lambda life: (life.first, -life.last, -life.buffer.bytes))
    done: list[Life] = []
    for life in lives:
        offset = 0
        for other in sorted(done, key=lambda other: other.buffer.offset):
            apart = other.last < life.first or life.last < other.first
            if not apart and offset + life.buffer.bytes > other.buffer.offset:
                offset = max(offset, other.buffer.offset + other.buffer.bytes)
        done.append(Life(msgspec.structs.replace(life.buffer, offset=offset), life.first, life.last))
    buffers = tuple(life.buffer for life in done)
    top = max(buffer.offset + buffer.bytes for buffer in buffers)
    return msgspec.structs.replace(program, buffers=buffers, arena_bytes=top)


def slices_of(shape: tuple[int, ...], model: int, part: int) -> tuple[Slice, ...]:
    """A dense weight or bias is split by outputs, a filter is whole."""
    whole = tuple(Slice(0, length) for length in shape)
    return whole if len(shape) == 4 else (share(shape[0], model, part), *whole[1:])


def parameters() -> tuple[Parameter, ...]:
    """LeNet's eight trained tensors, each with a momentum."""
    made = []
    for name, _, _, _, weight, _ in LAYERS:
        if weight:
            bound: Initial = Uniform(prod(weight[1:]) ** -0.5)
            made.append(Parameter(f"{name}.weight", weight, bound, True, f"{name}.weight", ("momentum",)))
            start = Constant(0.0)
            made.append(Parameter(f"{name}.bias", (weight[0],), start, True, f"{name}.bias", ("momentum",)))
    return tuple(made)


def held(parameter: Parameter, model: int, part: int) -> tuple[Slice, ...]:
    """The slices of a parameter that a model rank holds."""
    if parameter.name.startswith("features"):
        return tuple(Slice(0, length) for length in parameter.shape)
    return slices_of(parameter.shape, model, part)


def program(mesh: Mesh, part: int, scheme: str = "") -> RankProgram:
    """What the model rank `part` of each replica does; gradients are reduced by the scheme, if one is given."""
    arena, steps, transfers = Arena(), list[Step](), list[Transfer]()
    for parameter in parameters():
        elements = prod(piece.stop - piece.start for piece in held(parameter, mesh.model, part))
        arena.take(parameter.name, "parameter", elements)
        arena.take(f"{parameter.name}.momentum", "state", elements)
    for scalar in ("rate", "step"):
        arena.take(scalar, "scalar", 1)
    samples = BATCH // (mesh.data * mesh.model)
    arena.take("image", "input", samples * 784)
    arena.take("label", "input", samples)
    _forward(mesh, part, samples, arena, steps, transfers)
    _backward(mesh, samples, arena, steps, transfers, scheme)
    feeds = (
        Feed("image", "image", part * samples, samples, Slice(0, 784)),
        Feed("label", "label", part * samples, samples, Slice(0, 1)),
    )
    results = (Result("objective", "objective", "objective.cross_entropy"),)
    train = Procedure(feeds, tuple(steps), tuple(transfers), results, ())
    nothing = Procedure((), (), (), (), ())
    return placed(RankProgram(f"model{part}", 0, tuple(arena.buffers), train, nothing, nothing))


def _forward(mesh: Mesh, part: int, samples: int, arena: Arena, steps: list[Step], transfers: list[Transfer]) -> None:
    for name, operator, source, shape, weight, flops in LAYERS:
        width = SPLIT_OF_OPERATOR.get(operator) == "output" and mesh.model > 1
        if name == "hidden.dense" and mesh.model > 1:
            gathered = arena.take("features.gathered", "message", samples * mesh.model * 800)
            peers = [other for other in range(mesh.model) if other != part]
            sends = tuple(Message(peer, source, 0, samples * 800) for peer in peers)
            receives = tuple(Message(peer, gathered, peer * samples * 800, samples * 800) for peer in peers)
            transfers.append(Exchange("gather features", "all_gather", sends, receives, name))
            steps += [Start("gather features"), Wait("gather features")]
            source = gathered
        cut = share(shape[0], mesh.model, part) if width else None
        elements = samples * mesh.model * (cut.stop - cut.start) if cut else samples * prod(shape)
        result = arena.take(name, "result" if operator == "cross_entropy" else "activation", max(1, elements))
        reads = [source, *([f"{name}.weight", f"{name}.bias"] if weight else []), result]
        own = flops * samples // 3 if weight else flops * samples // 2
        steps.append(Call(f"{name}.forward", tuple(reads), samples, name, "forward", own, 4 * elements))


def _backward(
    mesh: Mesh, samples: int, arena: Arena, steps: list[Step], transfers: list[Transfer], scheme: str
) -> None:
    started: list[tuple[str, str]] = []
    for name, operator, source, _, weight, flops in reversed(LAYERS):
        gradient = f"{source}.gradient"
        elements = next((b.bytes // 4 for b in arena.buffers if b.name == source), samples)
        arena.take(gradient, "gradient", elements)
        work = 2 * flops * samples // 3 if weight else flops * samples // 2
        made = [gradient]
        if weight:
            for kind in ("weight", "bias"):
                size = next(b.bytes // 4 for b in arena.buffers if b.name == f"{name}.{kind}")
                made.append(arena.take(f"{name}.{kind}.gradient", "gradient", size))
        over: Literal["data", "world"] = "world" if operator == "conv" else "data"
        members = {"world": mesh.data * mesh.model, "data": mesh.data}[over]
        reads = (f"{name}.weight", source, *made) if weight else (source, name, gradient)
        steps.append(Call(f"{name}.backward", reads, samples, name, "backward", work, 4 * elements))
        if weight and members > 1:
            size = next(b.bytes // 4 for b in arena.buffers if b.name == f"{name}.weight.gradient")
            transfer = f"sum {name}.weight"
            made = reduction(transfer, over, members, size, name, scheme, arena)
            transfers.append(made if scheme else AllReduce(transfer, over, f"{name}.weight.gradient", size, name))
            steps.append(Start(transfer))
            started.append((transfer, name))
    for transfer, _ in started:
        steps.append(Wait(transfer))
    for name, _, _, _, weight, _ in reversed(LAYERS):
        if weight:
            operands = (f"{name}.weight", f"{name}.weight.momentum", f"{name}.weight.gradient", "rate")
            steps.append(Call(f"{name}.update", operands, 16, name, "update", 4 * prod(weight), 12 * prod(weight)))


def reduction(
    name: str,
    over: Literal["data", "world"],
    members: int,
    size: int,
    layer: str,
    scheme: str,
    arena: Arena,
) -> Reduction:
    """A weight's gradient by a scheme that needs an eighth of its bytes, and never more than a quarter."""
    columns = size // 16
    owned = tuple(share(columns, members, part) for part in range(members))
    gradient, error, messages = f"{layer}.weight.gradient", f"{layer}.weight.error", f"messages of {layer}"
    if scheme:
        arena.take(error, "error", size)
        arena.take(messages, "message", size)
    part = Part(
        gradient=gradient,
        error=error,
        matrix=Matrix(16, columns, 16, 16),
        scheme=scheme,
        parameters=(),
        encode="encode",
        decode="decode",
        owned=owned,
        bounds=tuple(16 * (own.stop - own.start) for own in owned),
        scratch=0,
        layer=layer,
    )
    return Reduction(name, over, (part,), messages, (members - 1) * size // members, layer)


def timeline(rank: int, program: RankProgram, delay: float) -> list[Interval]:
    """One rank's step by list scheduling: calls one after another, transfers one after another, waits in between."""
    transfers = {transfer.name: transfer for transfer in program.train.transfers}
    clock, wire, intervals, ends = delay, delay, list[Interval](), dict[str, float]()
    for step in program.train.steps:
        match step:
            case Call(layer=layer, phase=phase, flops=flops):
                seconds = 1e-6 + flops / FLOPS_PER_SECOND
                intervals.append(Interval(rank, "compute", f"{layer} {phase}", clock, seconds))
                clock += seconds
            case Start(transfer=name):
                transfer = transfers[name]
                sent = 0
                match transfer:
                    case AllReduce(elements=elements):
                        sent = 8 * elements
                    case Exchange(sends=sends):
                        sent = 4 * sum(message.elements for message in sends)
                    case Reduction(expected_bytes=expected):
                        sent = expected
                        intervals.append(Interval(rank, "encode", name, clock, 2e-6))
                        clock += 2e-6
                seconds = 4e-6 + sent / BYTES_PER_SECOND
                begins = max(clock, wire)
                intervals.append(Interval(rank, "wire", name, begins, seconds))
                wire = ends[name] = begins + seconds
            case Wait(transfer=name):
                clock = max(clock, ends[name])
                if isinstance(transfers[name], Reduction):
                    intervals.append(Interval(rank, "decode", name, clock, 1e-6))
                    clock += 1e-6
    return intervals


def lenet_plan(data: int = 2, model: int = 2, *, name: str = "lenet", stagger: float = 0.0, scheme: str = "") -> Plan:
    """LeNet-5 on a `data × model` mesh; with `stagger`, no two ranks begin their step at the same moment.

    Gradients are reduced by the scheme, if one is given.
    """
    mesh = Mesh(data, model)
    programs = tuple(program(mesh, part, scheme) for part in range(model))
    tensors = parameters()
    samples = BATCH // data
    ranks = tuple(
        Rank(replica, part, part, replica * samples, tuple(held(parameter, model, part) for parameter in tensors))
        for replica in range(data)
        for part in range(model)
    )
    intervals = [
        interval
        for number, rank in enumerate(ranks)
        for interval in timeline(number, programs[rank.program], stagger * number)
    ]
    seconds = max(interval.start + interval.seconds for interval in intervals)
    layers = tuple(
        Layer(
            layer,
            operator,
            (source, "label") if operator == "cross_entropy" else (source,),
            shape,
            prod(weight) + weight[0] if weight else 0,
            SPLIT_OF_OPERATOR.get(operator, "-") if model > 1 else "sample",
            flops * BATCH,
        )
        for layer, operator, source, shape, weight, flops in LAYERS
    )
    splits = tuple((layer.name, layer.split) for layer in layers)
    other = tuple((layer.name, "sample") for layer in layers)
    chosen = Alternative(mesh, splits, seconds)
    runner_up = (Alternative(Mesh(data * model, 1), other, 1.25 * seconds),) if data * model > 1 else ()
    why = (
        "Splitting the outputs of hidden.dense keeps 1.6 MB of its gradient off the wire." if runner_up else "One rank."
    )
    kernels = tuple(
        Kernel(step.kernel, "numba", f"kernels/{step.layer}.py")
        for step in programs[0].train.steps
        if isinstance(step, Call)
    )
    image, label = InputFact("image", "f32", (1, 28, 28), 0), InputFact("label", "class", (), 10)
    source = DataSection(
        "train", SyntheticSource(6000, 1), (Field("image", "image", ()), Field("label", "label", ())), True, "", 2
    )
    return Plan(
        VERSION,
        "brainc 0.1.0",
        "cpu",
        name,
        mesh,
        Training(BATCH, 5, 0, 7, "momentum", 0.05, (ConstantSchedule(),)),
        (source,),
        ".",
        (image, label),
        tensors,
        layers,
        kernels,
        programs,
        ranks,
        Prediction("catalyst", seconds, BATCH / seconds, tuple(intervals)),
        Choice(chosen, runner_up, why),
        (),
    )
