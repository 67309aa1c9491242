"""One rank's program: its procedures as steps over buffers in one arena, and the kernels they call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from brainc.codegen.emit import Emitted, emitted, refuses
from brainc.codegen.llvm.registers import RegisterFile
from brainc.ir import schedule as sc
from brainc.ir.factoring import CONTEXT, Factoring
from brainc.ir.kernel import KernelText, storage_of
from brainc.ir.schedule import RankProcedure
from brainc.ir.sharded import Procedure, ShardedProgram, held
from brainc.ir.tensor import Value
from brainc.reductions.parts import coders
from brainc.schedule.fuse import fuse
from brainc.schedule.localise import localise
from brainc.schedule.memory import aligned, lifetimes, place
from brainc.schedule.momentum import momentum_first
from brainc.schedule.order import overlap
from brainc.schedule.reduction import planned
from brainrun.plan import schema
from brainrun.plan.schema import Buffer, Plain, RankProgram
from brainrun.plan.storage import stored_bytes, stored_elements


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A rank's procedure in order, and which further names stand for which memory."""

    procedure: RankProcedure
    aliases: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Built:
    """A rank's program, the kernels it calls, and the schedule it was made from."""

    program: RankProgram
    kernels: tuple[KernelText, ...]
    schedules: tuple[tuple[str, RankProcedure], ...]


def schedule(program: ShardedProgram, procedure: Procedure, data: int, model: int) -> Scheduled:
    """The procedure of the rank at (data, model): localised, fused and put in order."""
    local = momentum_first(localise(program, procedure, data, model))
    fused = fuse(local, refuses)
    steps = overlap(fused.items, dict(fused.aliases))
    return Scheduled(RankProcedure(local.feeds, steps, local.results, local.outputs), fused.aliases)


def build(program: ShardedProgram, data: int, model: int, registers: RegisterFile) -> Built:
    """The program of the rank at (data, model)."""
    scheduled = {name: schedule(program, procedure, data, model) for name, procedure in program.procedures}
    resident = (*_resident(program, data, model), *_kept(scheduled.values()))
    offset = 0
    buffers = []
    for buffer in resident:
        buffers.append(_at(buffer, offset))
        offset += aligned(buffer.bytes)
    procedures: dict[str, schema.Procedure] = {}
    kernels: dict[str, KernelText] = {}
    schedules: list[tuple[str, RankProcedure]] = []
    furthest = offset
    for name, each in scheduled.items():
        schedules.append((name, each.procedure))
        layout = _Layout(name, each, {buffer.name for buffer in resident}, registers)
        placed, size = layout.buffers(offset)
        buffers += placed
        furthest = max(furthest, offset + size)
        procedures[name] = layout.procedure(model)
        kernels |= {text.name: text for text in layout.kernels}
    rank_program = RankProgram(
        name=f"model {model}",
        arena_bytes=furthest,
        buffers=tuple(buffers),
        train=procedures["train"],
        evaluate=procedures["evaluate"],
        predict=procedures["predict"],
    )
    return Built(rank_program, tuple(kernels.values()), tuple(schedules))


def _at(buffer: Buffer, offset: int) -> Buffer:
    return Buffer(buffer.name, buffer.role, buffer.dtype, buffer.storage, offset, buffer.bytes)


def _resident(program: ShardedProgram, data: int, model: int) -> tuple[Buffer, ...]:
    """What outlives a step: parameters, their state, and the numbers the runtime sets."""
    found = [Buffer(CONTEXT.name, "scalar", "i64", Plain((3,)), 0, 24)]
    found += [Buffer(value.name, "scalar", "f32", Plain(()), 0, 4) for value in program.scalars]
    for parameter, layout in program.parameters:
        parts = held(parameter.value, layout, program.mesh, data, model)
        shape = tuple(part.stop - part.start for part in parts)
        storage = storage_of(Value("", shape, False))
        size = stored_bytes("f32", storage)
        found.append(Buffer(parameter.value.name, "parameter", "f32", storage, 0, size))
        found += [Buffer(state.name, "state", "f32", storage, 0, size) for state in parameter.state]
    return tuple(found)


def _kept(scheduled: Iterable[Scheduled]) -> Iterable[Buffer]:
    """What reductions keep for the next step: what they have not sent yet, and factors to begin with."""
    for step in (step for each in scheduled for step in each.procedure.steps):
        match step:
            case sc.Start(transfer=sc.Reduction(parts=parts)):
                yield from (_lasting(part.error, "error") for part in parts if part.error is not None)
            case sc.Run(work=Factoring(stage="left", factors=factors)):
                yield _lasting(factors.error, "error")
                yield _lasting(factors.right, "state")


def _lasting(value: Value, role: schema.BufferRole) -> Buffer:
    storage = storage_of(value)
    return Buffer(value.name, role, "f32", storage, 0, stored_bytes("f32", storage))


class _Layout:
    """A procedure while its values are being given places."""

    def __init__(self, name: str, scheduled: Scheduled, resident: set[str], registers: RegisterFile) -> None:
        self.name = name
        self.steps = scheduled.procedure.steps
        self.scheduled = scheduled.procedure
        self.aliases = dict(scheduled.aliases)
        self.resident = resident
        self.emitted: dict[int, Emitted] = {
            place: emitted(step, registers) for place, step in enumerate(self.steps) if isinstance(step, sc.Run)
        }
        self.chained = self._chains()

    @property
    def kernels(self) -> Iterable[KernelText]:
        """The texts of all kernels that are called, by us or by a reduction."""
        yield from (each.text for each in self.emitted.values())
        for step in self.steps:
            if isinstance(step, sc.Start) and isinstance(step.transfer, sc.Reduction):
                for part in step.transfer.parts:
                    yield from coders(part.scheme)

    def buffers(self, offset: int) -> tuple[list[Buffer], int]:
        """A buffer for every value that is not resident, from `offset` on, and the bytes they take together."""
        values, roles = self._values()
        sizes = {name: stored_bytes(value.dtype, storage_of(value)) for name, value in values.items()}
        kept = [self._root(result.value.name) for result in self.scheduled.results]
        kept += [self._root(written.output.value.name) for written in self.scheduled.outputs]
        lives = lifetimes(self._touched(), sizes, [name for name in kept if name in sizes])
        offsets, total = place(lives)
        found = [
            Buffer(
                self._buffer(name),
                roles[name],
                values[name].dtype,
                storage_of(values[name]),
                offset + offsets[name],
                sizes[name],
            )
            for name in offsets
        ]
        return found, total

    def procedure(self, model: int) -> schema.Procedure:
        """The procedure in the plan's words."""
        feeds = tuple(
            schema.Feed(feed.input, self._buffer(feed.value.name), feed.first, feed.value.shape[0], feed.features)
            for feed in self.scheduled.feeds
        )
        results = tuple(
            schema.Result(result.name, result.kind, self._buffer(result.value.name))
            for result in self.scheduled.results
        )
        outputs = tuple(
            schema.Output(
                written.output.name,
                self._buffer(written.output.value.name),
                written.first,
                written.output.value.shape[0] if written.gives or model == 0 else 0,
                written.features,
                written.shape,
            )
            for written in self.scheduled.outputs
        )
        transfers = tuple(self._transfer(step.transfer) for step in self.steps if isinstance(step, sc.Start))
        return schema.Procedure(feeds, tuple(self._steps()), transfers, results, outputs)

    def _root(self, name: str) -> str:
        return self.aliases.get(name, name)

    def _buffer(self, name: str) -> str:
        root = self._root(name)
        return root if root in self.resident else f"{self.name}:{root}"

    def _values(self) -> tuple[dict[str, Value], dict[str, schema.BufferRole]]:
        """Every value that needs a place, by the name of its memory, with the role the report shows it under."""
        values: dict[str, Value] = {}
        roles: dict[str, schema.BufferRole] = {}
        results = {self._root(result.value.name) for result in self.scheduled.results}
        for feed in self.scheduled.feeds:
            values[feed.value.name], roles[feed.value.name] = feed.value, "input"
        for step in self.steps:
            item = step if isinstance(step, sc.Run) else step.transfer
            for value in (*sc.writes(item), *sc.reads(item)):
                name = self._root(value.name)
                if name in self.resident or name in values or name != value.name:
                    continue
                values[name] = value
                roles[name] = "result" if name in results else _role(step)
        return values, roles

    def _touched(self) -> list[set[str]]:
        """The memory that each moment of the step uses; a chain of calls is one moment, as its blocks run abreast.

        A transfer's buffers are named by its start and by its wait, and so live throughout.
        """
        moments: list[set[str]] = [{feed.value.name for feed in self.scheduled.feeds}]
        for place_, step in enumerate(self.steps):
            item = step if isinstance(step, sc.Run) else step.transfer
            names = {self._root(value.name) for value in (*sc.reads(item), *sc.writes(item))} - self.resident
            if place_ and self.chained.get(place_ - 1):
                moments[-1] |= names
            else:
                moments.append(names)
        return moments

    def _chains(self) -> dict[int, bool]:
        """Which calls go on into the next one block by block."""
        found = {}
        for place_, each in self.emitted.items():
            after = self.emitted.get(place_ + 1)
            found[place_] = (
                after is not None
                and each.text.chainable
                and after.text.chainable
                and each.text.extent == after.text.extent
            )
        return found

    def _steps(self) -> Iterable[schema.Step]:
        for place_, step in enumerate(self.steps):
            match step:
                case sc.Start(transfer=transfer):
                    yield schema.Start(transfer.name)
                case sc.Wait(transfer=transfer):
                    yield schema.Wait(transfer.name)
                case sc.Run(phase=phase, origin=origin):
                    each = self.emitted[place_]
                    yield schema.Call(
                        kernel=each.text.name,
                        operands=tuple(self._buffer(name) for name in each.operands),
                        extent=each.text.extent,
                        layer=origin.layer,
                        phase=phase,
                        flops=each.flops,
                        bytes=each.bytes,
                        integers=each.text.integers,
                        chained=self.chained[place_],
                    )

    def _transfer(self, transfer: sc.Transfer) -> schema.Transfer:
        match transfer:
            case sc.Sum(name=name, group=group, value=value, origin=origin):
                elements = stored_elements(storage_of(value))
                return schema.AllReduce(name, group, self._buffer(value.name), elements, origin.layer)
            case sc.Reduction():
                return planned(transfer, self._buffer)
            case sc.Exchange(name=name, kind=kind, sends=sends, receives=receives, origin=origin):
                return schema.Exchange(
                    name,
                    kind,
                    tuple(self._message(sending) for sending in sends),
                    tuple(self._message(sending) for sending in receives),
                    origin.layer,
                )

    def _message(self, sending: sc.Sending) -> schema.Message:
        elements = stored_elements(storage_of(sending.value))
        return schema.Message(sending.peer, self._buffer(sending.value.name), 0, elements)


def _role(step: sc.Step) -> schema.BufferRole:
    if not isinstance(step, sc.Run):
        return "gradient" if isinstance(step.transfer, sc.Sum) else "message"
    if step.phase == "message":
        return "message"
    return "gradient" if step.phase in ("backward", "update") else "activation"
