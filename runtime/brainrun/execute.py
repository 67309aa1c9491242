"""How is a procedure carried out? Its steps, bound to addresses once, walked each time; nothing is decided here.

Calls between two transfers' starts and waits are one table for the pool. While something is under way, tables are cut
into short ones with a call of `progress` between them, so that messages move while the cores compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from brainrun.arena import Arena
from brainrun.mesh import BoundTransfer, World
from brainrun.plan.schema import (
    AllReduce,
    Call,
    Exchange,
    Feed,
    Output,
    Plan,
    Procedure,
    RankProgram,
    Reduction,
    Start,
    Transfer,
    Wait,
)
from brainrun.pool import CALL_WORDS, Pool

CALLS_BETWEEN_PROGRESS = 4

Inputs = Mapping[str, NDArray[Any]]
"""What is fed, by the feed's buffer, laid out as the buffer is."""


class BoundProcedure:
    """A procedure at its place in a rank's memory. Running it allocates nothing."""

    def __init__(
        self, procedure: Procedure, arena: Arena, kernels: Mapping[str, int], pool: Pool, world: World
    ) -> None:
        self.feeds: tuple[Feed, ...] = procedure.feeds
        self.outputs: tuple[Output, ...] = procedure.outputs
        self._fed = [(feed.buffer, arena.view(feed.buffer)) for feed in procedure.feeds]
        self._results = {result.name: arena.view(result.buffer).reshape(-1) for result in procedure.results}
        self._read = {output.buffer: arena.view(output.buffer) for output in procedure.outputs}
        calls = [step for step in procedure.steps if isinstance(step, Call)]
        self._table, self._kept = _table(calls, arena, kernels)
        transfers = {t.name: _bind(t, arena, world) for t in procedure.transfers}
        self._actions = self._bound(procedure, transfers, pool, world)

    def run(self, inputs: Inputs) -> None:
        """Copy the inputs in and do all steps."""
        for name, view in self._fed:
            np.copyto(view, inputs[name])
        for action in self._actions:
            action()

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

    def _bound(
        self, procedure: Procedure, transfers: Mapping[str, BoundTransfer], pool: Pool, world: World
    ) -> list[Callable[[], None]]:
        actions: list[Callable[[], None]] = []
        done = waiting = in_flight = 0
        chains = [int(length) for length in self._table[:, 3]]

        def flush() -> None:
            nonlocal done, waiting
            for calls in _pieces(chains[done : done + waiting], CALLS_BETWEEN_PROGRESS if in_flight else waiting):
                actions.append(partial(pool.run_at, int(self._table[done:].ctypes.data), calls))
                done += calls
                if in_flight:
                    actions.append(world.progress)
            waiting = 0

        for step in procedure.steps:
            match step:
                case Call():
                    waiting += 1
                case Start(transfer=name):
                    flush()
                    actions.append(transfers[name].start)
                    in_flight += world.size > 1
                case Wait(transfer=name):
                    flush()
                    actions.append(transfers[name].wait)
                    in_flight -= world.size > 1
                case _:
                    assert_never(step)
        flush()
        return actions


class Executor:
    """One rank of a plan, ready to run: its memory and its three procedures."""

    def __init__(self, plan: Plan, kernels: Mapping[str, int], pool: Pool, world: World) -> None:
        self.plan = plan
        self.rank = plan.ranks[world.rank]
        self.program: RankProgram = plan.programs[self.rank.program]
        self.arena = Arena(self.program)
        self.train = BoundProcedure(self.program.train, self.arena, kernels, pool, world)
        self.evaluate = BoundProcedure(self.program.evaluate, self.arena, kernels, pool, world)
        self.predict = BoundProcedure(self.program.predict, self.arena, kernels, pool, world)
        names = {buffer.name for buffer in self.program.buffers}
        # A network without parameters or dropout has no use for some of them, and its plan may leave them out.
        self.objective = _objective(self.program.train)
        self._scalars = {name: self.arena.view(name) for name in ("context", "rate", "step") if name in names}

    def set_scalars(self, *, seed: int, step: int, rate: float) -> None:
        """What varies from step to step: `context` counts steps from 0, and `step` from 1, as Adam's formula does."""
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


def bytes_sent(procedure: Procedure, group_sizes: Mapping[str, int]) -> int:
    """What a rank sends in one run: for an all-reduce over N ranks, 2·(N − 1)/N of its bytes (the least possible)."""
    return sum(_bytes_of(transfer, group_sizes) for transfer in procedure.transfers)


def _bind(transfer: Transfer, arena: Arena, world: World) -> BoundTransfer:
    match transfer:
        case AllReduce() | Exchange():
            return world.bind(transfer, arena.view)
        case Reduction(name=name):
            raise ValueError(f"{name} is a reduction, which this runtime cannot carry out")
        case _:
            assert_never(transfer)


def _bytes_of(transfer: Transfer, group_sizes: Mapping[str, int]) -> int:
    match transfer:
        case AllReduce(group=group, elements=elements):
            members = group_sizes[group]
            return 2 * (members - 1) * 4 * elements // members
        case Exchange(sends=sends):
            return sum(4 * message.elements for message in sends)
        case Reduction():
            return 0  # they count what they send
        case _:
            assert_never(transfer)


def _table(
    calls: Sequence[Call], arena: Arena, kernels: Mapping[str, int]
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """The pool's table of these calls, and the arrays that it points to."""
    table = np.zeros((len(calls), CALL_WORDS), np.int64)
    kept = []
    chain = 1
    for place in range(len(calls) - 1, -1, -1):
        call = calls[place]
        pointers = [arena.address(name) for name in call.operands]
        if call.integers:
            integers = np.array(call.integers, np.int64)
            kept.append(integers)
            pointers.append(integers.ctypes.data)
        operands = np.array(pointers, np.int64)
        kept.append(operands)
        chain = chain + 1 if call.chained else 1
        table[place] = (kernels[call.kernel], operands.ctypes.data, call.extent, chain)
    return table, kept


def _pieces(chains: Sequence[int], most: int) -> list[int]:
    """How many calls each piece has: about `most`, never ending within a chain.

    `chains[i]` is the number of calls chained from call i on.
    """
    pieces: list[int] = []
    place = begin = 0
    while place < len(chains):
        place += chains[place]
        if place - begin >= most or place >= len(chains):
            pieces.append(place - begin)
            begin = place
    return pieces
