"""How is a step carried out that is to be recorded? Call by call, so that each has its own interval.

While something is under way, a long call is cut as it is in other steps, and each piece of it has its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import assert_never

from brainrun.mesh import BoundTransfer
from brainrun.plan.schema import Call, Reduction, Start, Step, Transfer, Wait
from brainrun.table import Piece, chains, short_tables
from brainrun.timeline import Timeline


class RecordedSteps:
    """The steps of a procedure, one action each. `run_of` gives the action of one call, or of a chain of them.

    A reduction notes its own encoding, decoding and messages; of other transfers only start and end are known.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        transfers: Mapping[str, tuple[Transfer, BoundTransfer]],
        run_of: Callable[[Sequence[Piece]], Callable[[], None]],
        progress: Callable[[], bool],
        *,
        threads: int,
    ) -> None:
        self._progress = progress
        self._transfers = transfers
        self._actions: list[tuple[Piece, Callable[[], None]] | Start | Wait] = []
        chain: list[Call] = []
        in_flight = 0
        for step in steps:
            match step:
                case Call():
                    chain.append(step)
                    if not step.chained:
                        tables = short_tables(chain, threads) if in_flight else [chains(chain)]
                        self._actions += [(piece, run_of([piece])) for table in tables for piece in table]
                        chain = []
                case Start():
                    in_flight += 1
                    self._actions.append(step)
                case Wait():
                    in_flight -= 1
                    self._actions.append(step)
                case _:
                    assert_never(step)

    def run(self, timeline: Timeline) -> None:
        """Do all steps, and note when each was done."""
        started: dict[str, float] = {}
        step_began = perf_counter()
        for action in self._actions:
            began = perf_counter()
            match action:
                case Start(transfer=name):
                    self._transfers[name][1].start()
                    started[name] = began
                case Wait(transfer=name):
                    transfer, bound = self._transfers[name]
                    bound.wait()
                    ended = perf_counter()
                    timeline.note("wait", name, began, ended, layer=transfer.layer)
                    if not isinstance(transfer, Reduction):
                        timeline.note(f"wire: {name}", name, started[name], ended, layer=transfer.layer)
                    del started[name]
                case (piece, run):
                    run()
                    name = " + ".join(call.kernel for call in piece.calls)
                    timeline.note("compute", name, began, perf_counter(), layer=piece.calls[0].layer)
                    if started:
                        self._progress()
        timeline.note("step", "step", step_began, perf_counter())
