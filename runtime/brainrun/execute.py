"""How is a procedure carried out? Its steps, bound to addresses once, walked each time; nothing is decided here.

Calls between two transfers' starts and waits are one table for the pool. While something is under way, tables are cut
into short ones, so that messages move while the cores compute. In a step that a timeline records, calls are run one by
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from brainrun.arena import Arena
from brainrun.mesh import BoundTransfer, Nothing, World
from brainrun.plan.schema import (
    AllReduce,
    Call,
    Exchange,
    Feed,
    Mesh,
    Output,
    Plan,
    Procedure,
    RankProgram,
    Reduction,
    Start,
    Transfer,
    Wait,
)
from brainrun.pool import Pool
from brainrun.recorded import RecordedSteps
from brainrun.reduction.coding import Memory
from brainrun.reduction.collective import BoundReduction, UnderWay, tags_of
from brainrun.reduction.moment import Moment
from brainrun.table import Piece, Table, chains, short_tables

Inputs = Mapping[str, NDArray[Any]]
"""What is fed, by the feed's buffer, laid out as the buffer is."""


class BoundProcedure:
    """A procedure at its place in a rank's memory. It has state: its transfers. Running it allocates little."""

    def __init__(
        self,
        procedure: Procedure,
        arena: Arena,
        kernels: Mapping[str, int],
        pool: Pool,
        world: World,
        *,
        mesh: Mesh,
        moment: Moment,
    ) -> None:
        self.feeds: tuple[Feed, ...] = procedure.feeds
        self.outputs: tuple[Output, ...] = procedure.outputs
        self._reductions: list[BoundReduction] = []
        self._procedure, self._arena, self._kernels = procedure, arena, kernels
        self._pool, self._world, self._moment = pool, world, moment
        self._sizes = group_sizes(mesh)
        self._under_way = UnderWay()
        self._fed = [(feed.buffer, arena.view(feed.buffer)) for feed in procedure.feeds]
        self._results = {result.name: arena.view(result.buffer).reshape(-1) for result in procedure.results}
        self._read = {output.buffer: arena.view(output.buffer) for output in procedure.outputs}
        self._transfers = {transfer.name: self._bind(transfer) for transfer in procedure.transfers}
        self._kept: list[Table] = []
        self._actions = self._bound()
        self._recorded: RecordedSteps | None = None
        self._runs = 0

    def run(self, inputs: Inputs) -> None:
        """Copy the inputs in and do all steps."""
        for name, view in self._fed:
            np.copyto(view, inputs[name])
        self._runs += 1
        if self._moment.timeline is None:
            for action in self._actions:
                action()
        else:
            if self._recorded is None:
                self._recorded = self._bound_to_record()
            self._recorded.run(self._moment.timeline)

    def bytes_sent(self) -> dict[str, int]:
        """Bytes that this rank has sent in all runs so far, by transfer.

        Of a reduction, what was sent in truth; of others, what must be: for an all-reduce over N ranks 2·(N − 1)/N of
        its bytes, the least possible.
        """
        sent = {t.name: self._runs * _bytes_of(t, self._sizes) for t in self._procedure.transfers}
        return sent | {reduction.name: reduction.bytes_sent for reduction in self._reductions}

    def result(self, name: str) -> float:
        """One of the procedure's numbers, as the last run left it."""
        return float(self._results[name][0])

    @property
    def results(self) -> tuple[str, ...]:
        """The names of the procedure's numbers."""
        return tuple(self._results)

    def read(self, output: Output) -> NDArray[Any]:
        """The buffer of an output as the last run left it."""
        return self._read[output.buffer]

    def staging(self) -> dict[str, NDArray[Any]]:
        """Fresh arrays to prepare inputs in, by buffer."""
        return {name: np.zeros_like(view) for name, view in self._fed}

    def _progress(self) -> bool:
        """Let messages under way move on, and do what has become possible; whether anything had."""
        self._world.progress()
        return self._under_way.progress()

    def _bind(self, transfer: Transfer) -> BoundTransfer:
        match transfer:
            case AllReduce() | Exchange():
                return self._world.bind(transfer, self._arena.view)
            case Reduction(group=group) if self._sizes[group] == 1:
                return Nothing()
            case Reduction():
                names = {transfer.messages, *(part.gradient for part in transfer.parts)}
                names |= {name for part in transfer.parts for name in (part.error, part.velocity) if name}
                memory = Memory(
                    {name: self._arena.address(name) for name in names},
                    self._kernels,
                    self._arena.view(transfer.messages).reshape(-1).view(np.uint8),
                )
                reduction = BoundReduction(
                    transfer,
                    memory,
                    self._pool,
                    self._world.channel(transfer),
                    self._world.node_sum(transfer, self._arena.view) if transfer.node > 1 else None,
                    tag=_tag(self._procedure, transfer),
                    rank=self._world.rank,
                    moment=self._moment,
                    under_way=self._under_way,
                    progress=self._progress,
                )
                self._reductions.append(reduction)
                return reduction
            case _:
                assert_never(transfer)

    def _bound(self) -> list[Callable[[], object]]:
        actions: list[Callable[[], object]] = []
        stretch: list[Call] = []
        in_flight = 0

        def flush() -> None:
            tables = list(short_tables(stretch, self._pool.threads)) if in_flight else [list(chains(stretch))]
            for pieces in tables:
                if pieces:
                    actions.append(self._run_of(pieces))
                if pieces and in_flight:
                    actions.append(self._progress)
            stretch.clear()

        for step in self._procedure.steps:
            match step:
                case Call():
                    stretch.append(step)
                case Start(transfer=name):
                    flush()
                    actions.append(self._transfers[name].start)
                    in_flight += self._world.size > 1
                case Wait(transfer=name):
                    flush()
                    actions.append(self._transfers[name].wait)
                    in_flight -= self._world.size > 1
                case _:
                    assert_never(step)
        flush()
        return actions

    def _bound_to_record(self) -> RecordedSteps:
        named = {t.name: (t, self._transfers[t.name]) for t in self._procedure.transfers}
        return RecordedSteps(self._procedure.steps, named, self._run_of, self._progress, threads=self._pool.threads)

    def _run_of(self, pieces: Sequence[Piece]) -> Callable[[], None]:
        table = Table(pieces, self._arena, self._kernels)
        self._kept.append(table)
        return partial(self._pool.run_at, table.address, table.calls)


class Executor:
    """One rank of a plan, ready to run: its memory and its three procedures."""

    def __init__(self, plan: Plan, kernels: Mapping[str, int], pool: Pool, world: World) -> None:
        self.plan = plan
        self.rank = plan.ranks[world.rank]
        self.program: RankProgram = plan.programs[self.rank.program]
        self.arena = Arena(self.program)
        self.moment = Moment()
        bind = partial(
            BoundProcedure,
            arena=self.arena,
            kernels=kernels,
            pool=pool,
            world=world,
            mesh=plan.mesh,
            moment=self.moment,
        )
        self.train = bind(self.program.train)
        self.evaluate = bind(self.program.evaluate)
        self.predict = bind(self.program.predict)
        names = {buffer.name for buffer in self.program.buffers}
        # A network without parameters or dropout has no use for some of them, and its plan may leave them out.
        self.objective = _objective(self.program.train)
        self._scalars = {name: self.arena.view(name) for name in ("context", "rate", "step") if name in names}

    def set_scalars(self, *, seed: int, step: int, epoch: int, rate: float) -> None:
        """What varies from step to step: `context` counts steps from 0, and `step` from 1, as Adam's formula does."""
        self.moment.seed, self.moment.step, self.moment.epoch = seed, step, epoch
        if "context" in self._scalars:
            self._scalars["context"][...] = (seed, step, self.rank.first_sample)
        if "rate" in self._scalars:
            self._scalars["rate"][...] = rate
        if "step" in self._scalars:
            self._scalars["step"][...] = step + 1


def _objective(procedure: Procedure) -> str:
    """The name of the number that training makes small."""
    named = [result.name for result in procedure.results if result.kind == "objective"]
    return named[0] if named else ""


def group_sizes(mesh: Mesh) -> dict[str, int]:
    """How many members each kind of group has."""
    return {"data": mesh.data, "model": mesh.model, "world": mesh.data * mesh.model}


def _bytes_of(transfer: Transfer, group_sizes: Mapping[str, int]) -> int:
    """What a rank sends in a run, where that is known beforehand."""
    match transfer:
        case AllReduce(group=group, elements=elements):
            members = group_sizes[group]
            return 2 * (members - 1) * 4 * elements // members
        case Exchange(sends=sends):
            return sum(4 * message.elements for message in sends)
        case Reduction():
            return 0
        case _:
            assert_never(transfer)


def _tag(procedure: Procedure, reduction: Reduction) -> int:
    """The first of the reduction's own tags in its group; members may list their transfers in any order."""
    names = sorted(t.name for t in procedure.transfers if isinstance(t, Reduction) and t.group == reduction.group)
    return 1 + tags_of(reduction) * names.index(reduction.name)
