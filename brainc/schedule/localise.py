"""One rank's share of a sharded procedure: local shapes, and every redistribution as copies, messages and sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Literal, TypeAlias

from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.schedule import Copy, Exchange, Feed, Local, Reduced, Sending, Sum, Written
from brainc.ir.scheme import SUM
from brainc.ir.sharded import (
    Layout,
    Partial,
    Procedure,
    Redistribute,
    ShardedProgram,
    Split,
    gradients_of,
    held,
    kind,
)
from brainc.ir.tensor import Result, Value
from brainc.reductions.table import FACTORISATIONS, METHODS
from brainc.schedule.factoring import by_factors
from brainc.schedule.reduction import reduction
from brainrun.plan.schema import Slice

Group: TypeAlias = Literal["data", "model", "world"]
ExchangeKind: TypeAlias = Literal["all_gather", "reduce_scatter", "all_to_all"]


@dataclass(frozen=True, slots=True)
class LocalProcedure:
    """What one rank is fed, does, and reports; its values have local shapes."""

    feeds: tuple[Feed, ...]
    items: tuple[Local, ...]
    results: tuple[Result, ...]
    outputs: tuple[Written, ...]


def localise(program: ShardedProgram, procedure: Procedure, data: int, model: int) -> LocalProcedure:
    """The procedure of the rank at (data, model) of the mesh."""
    share = _Share(program, procedure, data, model)
    feeds = tuple(share.feed(given.value, given.input) for given in procedure.inputs)
    items = tuple(item for operation in procedure.operations for item in share.operation(operation))
    results = tuple(replace(result, value=share.local(result.value)) for result in procedure.results)
    outputs = tuple(share.written(output) for output in procedure.outputs)
    return LocalProcedure(feeds, items, results, outputs)


@dataclass(frozen=True, slots=True)
class _Region:
    """A box of an activation: samples of the global mini-batch, and flat features."""

    samples: Slice
    features: Slice

    def meet(self, other: _Region) -> _Region | None:
        """What both hold, or nothing."""
        samples = _overlap(self.samples, other.samples)
        features = _overlap(self.features, other.features)
        return _Region(samples, features) if samples and features else None

    @property
    def size(self) -> tuple[int, int]:
        """How many samples and features."""
        return self.samples.stop - self.samples.start, self.features.stop - self.features.start

    def first_in(self, outer: _Region) -> tuple[int, int]:
        """Where it begins, counted from the beginning of a region that contains it."""
        return self.samples.start - outer.samples.start, self.features.start - outer.features.start


def _overlap(left: Slice, right: Slice) -> Slice | None:
    start, stop = max(left.start, right.start), min(left.stop, right.stop)
    return Slice(start, stop) if start < stop else None


class _Share:
    """One rank's view of a procedure."""

    def __init__(self, program: ShardedProgram, procedure: Procedure, data: int, model: int) -> None:
        self.program = program
        self.parameters = gradients_of(procedure)
        self.layouts = dict(procedure.layouts)
        self.data = data
        self.model = model
        self.first_sample = self._region(
            Value("", (program.batch,), True), Layout(Split(0), Partial()), 0
        ).samples.start

    def local(self, value: Value) -> Value:
        """The value with this rank's shape."""
        parts = held(value, self.layouts[value.name], self.program.mesh, self.data, self.model)
        return replace(value, shape=tuple(part.stop - part.start for part in parts))

    def _region(self, value: Value, layout: Layout, model: int) -> _Region:
        """What the rank at `model` of this model group holds of an activation."""
        parts = held(value, layout, self.program.mesh, self.data, model)
        inner = prod(value.shape[2:])
        if len(value.shape) == 1:
            return _Region(parts[0], Slice(0, 1))
        return _Region(parts[0], Slice(parts[1].start * inner, parts[1].stop * inner))

    def feed(self, value: Value, given: str) -> Feed:
        """Which samples and features of a network input this rank reads."""
        region = self._region(value, self.layouts[value.name], self.model)
        return Feed(self.local(value), given, region.samples.start - self.first_sample, region.features)

    def written(self, output: ts.Output) -> Written:
        """Which samples and features of an output this rank has."""
        region = self._region(output.value, self.layouts[output.value.name], self.model)
        local = replace(output, value=self.local(output.value))
        first = region.samples.start - self.first_sample
        gives = isinstance(self.layouts[output.value.name].model, Split)
        return Written(local, first, region.features, output.value.shape[1:], gives)

    def operation(self, operation: ts.Operation | Redistribute) -> Iterator[Local]:
        """The rank's part of an operation."""
        if isinstance(operation, Redistribute):
            yield from self._redistribute(operation)
            return
        operands = tuple(self.local(value) for value in ts.operands_of(operation))
        results = tuple(self.local(value) for value in ts.results_of(operation))
        local = ts.with_results(ts.with_operands(operation, operands), results)
        if isinstance(operation, ts.PoolGradient) and isinstance(local, ts.PoolGradient) and local.kind == "mean":
            # Neither is read, nor brought into this layout: they only say the shapes.
            source = replace(operation.source, shape=local.result.shape)
            inner = operation.pooled.shape[2:]
            pooled = replace(operation.pooled, shape=(*local.gradient.shape[:2], *inner))
            local = replace(local, source=source, pooled=pooled)
        if isinstance(operation, ts.Draw) and isinstance(local, ts.Draw):
            region = self._region(operation.result, self.layouts[operation.result.name], self.model)
            local = replace(local, first=(region.samples.start - self.first_sample, region.features.start))
        if isinstance(local, ts.Reduce) and local.scope == "local":
            # The mean over the rank's own samples: the expression divides by the whole mini-batch.
            ratio = self.program.batch / next(value.shape[0] for value in operands if value.samples)
            local = replace(local, expression=ex.multiply(local.expression, ex.Constant(ratio)))
        yield local

    def _redistribute(self, move: Redistribute) -> Iterator[Local]:
        result, source = self.local(move.result), self.local(move.source)
        what = kind(move.before, move.after)
        if what == "all_reduce":
            over_data, over_model = move.before.data == Partial(), move.before.model == Partial()
            group: Group = ("world" if over_model else "data") if over_data else "model"
            yield from self._summed(move, group, source, result)
            return
        mine, wanted = (self._region(move.source, layout, self.model) for layout in (move.before, move.after))
        if what == "local":
            yield self._copy(move, result, wanted, source, mine, wanted, "copy")
            return
        yield from self._exchange(move, what, result, source)

    def _summed(self, move: Redistribute, group: Group, source: Value, result: Value) -> Iterator[Local]:
        """The sum over the group: for a parameter's gradient as its scheme says, and node by node."""
        parameter = self.parameters.get(move.result.name)
        if parameter is None or group == "model":
            yield Sum(f"sum of {move.source.name}", group, source, result, move.origin)
            return
        scheme = dict(self.program.schemes).get(parameter, SUM)
        summed = partial(reduction, group, self.program.members(group), node=self.program.sharing(group))
        if scheme.method in FACTORISATIONS:
            yield from by_factors(parameter, source, scheme, move.origin, summed)
            yield ts.View(result, source, move.phase, move.origin)
            return
        error = replace(source, name=f"{parameter}.error") if METHODS[scheme.method].keeps_error else None
        yield summed((Reduced(source, result, error, scheme, move.origin),), move.origin)

    def _exchange(self, move: Redistribute, what: ExchangeKind, result: Value, source: Value) -> Iterator[Local]:
        """Pack what each peer wants of mine, exchange, and unpack (or add up) what I want of theirs."""
        ranks = range(self.program.mesh.model)
        holds = [self._region(move.source, move.before, rank) for rank in ranks]
        wants = [self._region(move.source, move.after, rank) for rank in ranks]
        mine, wanted = holds[self.model], wants[self.model]
        sends, receives, unpacked = [], [], []
        for peer in ranks:
            if peer == self.model:
                continue
            leaving, coming = mine.meet(wants[peer]), holds[peer].meet(wanted)
            if leaving == mine:
                sends.append(Sending(peer, source))
            elif leaving:
                packed = self._message(f"{move.result.name} to {peer}", leaving, source)
                yield self._copy(move, packed, leaving, source, mine, leaving, "copy")
                sends.append(Sending(peer, packed))
            if coming:
                message = self._message(f"{move.result.name} from {peer}", coming, source)
                receives.append(Sending(peer, message))
                unpacked.append((message, coming))
        own = mine.meet(wanted)
        if own:
            yield self._copy(move, result, wanted, source, mine, own, "copy")
        # A tensor may be cut both ways, for two readers.
        cut = " by samples" if move.after.model == Split(0) else " by features" if move.after.model == Split(1) else ""
        yield Exchange(f"{what} of {move.source.name}{cut}", what, tuple(sends), tuple(receives), move.origin)
        verb: Literal["copy", "add"] = "add" if what == "reduce_scatter" else "copy"
        for message, region in unpacked:
            yield self._copy(move, result, wanted, message, region, region, verb)

    @staticmethod
    def _message(name: str, region: _Region, like: Value) -> Value:
        return Value(name, region.size, True, like.dtype)

    @staticmethod
    def _copy(
        move: Redistribute,
        target: Value,
        target_region: _Region,
        source: Value,
        source_region: _Region,
        what: _Region,
        verb: Literal["copy", "add"],
    ) -> Copy:
        samples, features = what.size
        return Copy(
            target,
            source,
            verb,
            samples,
            features,
            what.first_in(target_region),
            what.first_in(source_region),
            move.phase,
            move.origin,
        )
