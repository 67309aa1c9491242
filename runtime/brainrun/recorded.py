"""How is a step carried out that is to be recorded? Call by call, so that each has its own interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import assert_never

from brainrun.mesh import BoundTransfer
from brainrun.plan.schema import Call, Reduction, Start, Step, Transfer, Wait
from brainrun.table import Piece, chains
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
    ) -> None:
        self._progress = progress
        self._transfers = transfers
        self._actions: list[tuple[Piece, Callable[[], None]] | Start | Wait] = []
        chain: list[Call] = []
        for step in steps:
            match step:
                case Call():
                    chain.append(step)
                    if not step.chained:
                        (piece,) = chains(chain)
                        self._actions.append((piece, run_of([piece])))
                        chain = []
                case Start() | Wait():
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
