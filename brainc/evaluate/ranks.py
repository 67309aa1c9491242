"""What should the numbers be step by step? All ranks' steps played in lock step on pretended memories, without MPI.

A transfer's messages are taken where it starts and arrive where it is awaited; between the two, what will be written
holds not-a-number, so that a step which touches it too early spoils the result. Names that stand for the same memory
share it here too, so that sums and updates in place are proven as they will be done. Gradients are summed exactly,
whatever their scheme: what encoders do to them is their own matter. Those that are summed by factors are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

import numpy as np
import numpy.typing as npt

from brainc.evaluate import program as reference
from brainc.evaluate.factoring import factored
from brainc.evaluate.grid import Place, first_sample, places
from brainc.ir import expression as ex
from brainc.ir import tensor as ts
from brainc.ir.factoring import CONTEXT, Factoring, read_by, written_by
from brainc.ir.kernel import Extra, Kernel
from brainc.ir.schedule import Copy, Exchange, Feed, Local, Reduction, Run, Start, Step, Sum, Transfer, Wait, Written
from brainc.ir.tensor import Value
from brainrun.plan.schema import Mesh

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Script:
    """What one rank is fed and does; `aliases` are further names for the same memory."""

    feeds: tuple[Feed, ...]
    steps: tuple[Step | ts.Operation | Copy | Factoring, ...]
    aliases: tuple[tuple[str, str], ...]


def blocking(feeds: tuple[Feed, ...], items: Iterable[Local]) -> Script:
    """A rank's items before they are fused and reordered: each transfer is awaited as soon as it is started."""
    steps: list[Step | ts.Operation | Copy | Factoring] = []
    aliases: dict[str, str] = {}
    for item in items:
        match item:
            case Sum(value=value, result=result):
                aliases[result.name] = aliases.get(value.name, value.name)
                steps += [Start(item), Wait(item)]
            case Reduction(parts=parts):
                aliases |= {part.result.name: aliases.get(part.value.name, part.value.name) for part in parts}
                steps += [Start(item), Wait(item)]
            case Exchange():
                steps += [Start(item), Wait(item)]
            case ts.View(result=result, source=source):
                aliases[result.name] = aliases.get(source.name, source.name)
            case _:
                steps.append(item)
    return Script(feeds, tuple(steps), tuple(aliases.items()))


class Memory:
    """One rank's tensors by the names of their memory."""

    def __init__(self, aliases: Iterable[tuple[str, str]]) -> None:
        self.aliases = dict(aliases)
        self.arrays: dict[str, Array] = {}

    def read(self, value: Value) -> Array:
        """The tensor as this name's shape has it."""
        return self.arrays[self.aliases.get(value.name, value.name)].reshape(value.shape)

    def write(self, value: Value, array: Array) -> None:
        """Overwrite the tensor, and with it every other name for its memory."""
        self.arrays[self.aliases.get(value.name, value.name)] = np.array(array).reshape(value.shape)


def play(
    mesh: Mesh,
    batch: int,
    scripts: Mapping[Place, Script],
    values: Mapping[Place, Mapping[str, Array]],
    inputs: Mapping[str, Array],
    *,
    seed: int = 0,
    step: int = 0,
) -> dict[Place, Memory]:
    """Every rank's memory once all are through.

    `values` are each rank's own parameters, state and scalars; `inputs` the whole mini-batch by input.
    Raises ValueError where ranks wait for each other for ever.
    """
    ranks = {place: _Rank(mesh, batch, place, scripts[place], (seed, step)) for place in places(mesh)}
    for place, rank in ranks.items():
        rank.memory.arrays |= {name: np.array(array) for name, array in values[place].items()}
        rank.feed(inputs)
    post: dict[tuple[str, Place], tuple[Transfer, dict[str, Array]]] = {}
    moved = True
    while moved:
        moved = False
        for rank in ranks.values():
            while rank.advance(post):
                moved = True
    for place, rank in ranks.items():
        if rank.at < len(rank.script.steps):
            raise ValueError(f"rank {place} waits for ever at step {rank.at}: {rank.script.steps[rank.at]}")
    return {place: rank.memory for place, rank in ranks.items()}


def outputs(
    mesh: Mesh, batch: int, written: Mapping[Place, Sequence[Written]], memory: Mapping[Place, Memory]
) -> dict[str, Array]:
    """Every output, put together of the parts that the ranks give; an element that nobody gives is not-a-number."""
    found: dict[str, Array] = {}
    for place in places(mesh):
        for each in written[place]:
            whole = found.setdefault(each.output.name, np.full((batch, int(np.prod(each.shape))), np.nan))
            if each.gives or place[1] == 0:
                part = memory[place].read(each.output.value)
                begin = first_sample(batch, mesh, place[0]) + each.first
                rows = slice(begin, begin + part.shape[0])
                whole[rows, each.features.start : each.features.stop] = part.reshape(part.shape[0], -1)
    shapes = {each.output.name: each.shape for parts in written.values() for each in parts}
    return {name: whole.reshape(batch, *shapes[name]) for name, whole in found.items()}


class _Rank:
    """One rank on its way through its script."""

    def __init__(self, mesh: Mesh, batch: int, place: Place, script: Script, draw: tuple[int, int]) -> None:
        self.mesh = mesh
        self.place = place
        self.script = script
        self.memory = Memory(script.aliases)
        self.first_sample = first_sample(batch, mesh, place[0])
        self.draw = draw
        self.at = 0

    def feed(self, inputs: Mapping[str, Array]) -> None:
        """Take the rank's samples and features of each input."""
        for feed in self.script.feeds:
            whole = np.asarray(inputs[feed.input])
            begin = self.first_sample + feed.first
            part = whole.reshape(whole.shape[0], -1)[begin : begin + feed.value.shape[0]]
            self.memory.write(feed.value, part[:, feed.features.start : feed.features.stop])

    def advance(self, post: dict[tuple[str, Place], tuple[Transfer, dict[str, Array]]]) -> bool:
        """Do one step; False where none is left, or the next must wait for others."""
        if self.at == len(self.script.steps):
            return False
        match self.script.steps[self.at]:
            case Start(transfer=transfer):
                self._start(transfer, post)
            case Wait(transfer=transfer):
                if any((transfer.name, place) not in post for place in self._partners(transfer)):
                    return False
                self._wait(transfer, post)
            case Run(work=Copy() as copy) | (Copy() as copy):
                self._copy(copy)
            case Run(work=Kernel() as kernel):
                self._run(kernel)
            case Run(work=Factoring() as factoring) | (Factoring() as factoring):
                self._factor(factoring)
            case operation:
                assert not isinstance(operation, Run)
                for value, array in zip(ts.results_of(operation), self._evaluated(operation), strict=True):
                    self.memory.write(value, array)
        self.at += 1
        return True

    def _start(self, transfer: Transfer, post: dict[tuple[str, Place], tuple[Transfer, dict[str, Array]]]) -> None:
        if (transfer.name, self.place) in post:
            raise ValueError(f"{transfer.name} is started twice on rank {self.place}")
        match transfer:
            case Sum(value=value):
                post[transfer.name, self.place] = transfer, {"": self.memory.read(value).copy()}
                self._spoil(value)
            case Reduction(parts=parts):
                terms = {part.value.name: self.memory.read(part.value).copy() for part in parts}
                post[transfer.name, self.place] = transfer, terms
                for part in parts:
                    self._spoil(part.value)
            case Exchange(sends=sends, receives=receives):
                messages = {str(sending.peer): self.memory.read(sending.value).copy() for sending in sends}
                post[transfer.name, self.place] = transfer, messages
                for receiving in receives:
                    self._spoil(receiving.value)
            case _:
                assert_never(transfer)

    def _wait(self, transfer: Transfer, post: dict[tuple[str, Place], tuple[Transfer, dict[str, Array]]]) -> None:
        match transfer:
            case Sum(value=value):
                terms = [post[transfer.name, place][1][""] for place in self._partners(transfer)]
                self.memory.write(value, np.sum(terms, axis=0))
            case Reduction(parts=parts):
                posted = [post[transfer.name, place][1] for place in self._partners(transfer)]
                for part in parts:
                    self.memory.write(part.value, np.sum([terms[part.value.name] for terms in posted], axis=0))
            case Exchange(receives=receives):
                for receiving in receives:
                    sent = post[transfer.name, (self.place[0], receiving.peer)][1][str(self.place[1])]
                    if sent.size != np.prod(receiving.value.shape):
                        raise ValueError(f"{transfer.name} sends {sent.shape} and receives {receiving.value.shape}")
                    self.memory.write(receiving.value, sent)
            case _:
                assert_never(transfer)

    def _partners(self, transfer: Transfer) -> tuple[Place, ...]:
        data, model = self.place
        match transfer:
            case Sum(group="data") | Reduction(group="data"):
                return tuple((other, model) for other in range(self.mesh.data))
            case Sum(group="model") | Reduction(group="model"):
                return tuple((data, other) for other in range(self.mesh.model))
            case Sum() | Reduction():
                return places(self.mesh)
            case Exchange(receives=receives):
                return tuple((data, receiving.peer) for receiving in receives)
            case _:
                assert_never(transfer)

    def _spoil(self, value: Value) -> None:
        self.memory.write(value, np.full(value.shape, np.nan))

    def _copy(self, copy: Copy) -> None:
        if self.memory.aliases.get(copy.target.name, copy.target.name) not in self.memory.arrays:
            self._spoil(copy.target)
        target = self.memory.read(copy.target).copy().reshape(copy.target.shape[0], -1)
        source = self.memory.read(copy.source).reshape(copy.source.shape[0], -1)
        into, out = (
            (slice(first[0], first[0] + copy.samples), slice(first[1], first[1] + copy.features))
            for first in (copy.target_first, copy.source_first)
        )
        assert target[into].shape == source[out].shape == (copy.samples, copy.features)
        target[into] = source[out] + (target[into] if copy.verb == "add" else 0.0)
        self.memory.write(copy.target, target)

    def _factor(self, work: Factoring) -> None:
        """Do a step of factoring; what it keeps from step to step is zero at the start."""
        seed, step = self.draw
        for value in (work.factors.error, work.factors.right):
            self.memory.arrays.setdefault(value.name, np.zeros(value.shape))
        given = {value.name: self.memory.read(value) for value in read_by(work) if value != CONTEXT}
        for value, array in zip(written_by(work), factored(work, given, seed=seed, step=step), strict=True):
            self.memory.write(value, array)

    def _evaluated(self, operation: ts.Operation) -> tuple[Array, ...]:
        """The results of an operation, not yet written."""
        own = {value.name: self.memory.read(value) for value in ts.operands_of(operation)}
        seed, step = self.draw
        known = reference.evaluate((operation,), own, seed=seed, step=step, first_sample=self.first_sample)
        return tuple(known[value.name] for value in ts.results_of(operation))

    def _run(self, kernel: Kernel) -> None:
        """Do the core operation, and then what the stores make of each element."""
        expressions = tuple(store.expression for store in kernel.stores)
        targets = tuple(store.target.value for store in kernel.stores)
        made: tuple[Array, ...]
        match kernel.core:
            case ts.Map() as core:
                assert expressions == (core.expression,)
                made = self._evaluated(core)
            case ts.Update() as core:
                assert expressions == core.expressions
                made = self._evaluated(core)
            case core:
                (element,) = self._evaluated(core)
                operands = [element, *(self._extra(extra, element.ndim) for extra in kernel.extras)]
                made = tuple(np.broadcast_to(ex.evaluate(e, operands), element.shape) for e in expressions)
        for target, array in zip(targets, made, strict=True):
            self.memory.write(target, array)

    def _extra(self, extra: Extra, axes: int) -> Array:
        value = self.memory.read(extra.placed.value)
        match extra.access:
            case "row":
                return value.reshape(1, -1, *(1,) * (axes - 2))
            case "same" | "scalar":
                return value
            case _:
                assert_never(extra.access)
