"""Which mistakes end a run? One exception a kind, each with one message: where, what, and the remedy."""

from __future__ import annotations


class RunError(Exception):
    """A run cannot go on for a reason that lies with its user, its files or its machine, not with this program.

    The message reads `[rank 3, step 12, hidden.dense] where: what: remedy`, each part where it is known.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        remedy: str = "",
        rank: int | None = None,
        layer: str | None = None,
        step: int | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        self.rank = rank
        self.layer = layer
        self.step = step
        super().__init__(self.message())

    def message(self) -> str:
        """The whole message in one line."""
        parts = (
            None if self.rank is None else f"rank {self.rank}",
            None if self.step is None else f"step {self.step}",
            self.layer,
        )
        place = ", ".join(part for part in parts if part is not None)
        text = ": ".join(part for part in (self.where, self.what, self.remedy) if part)
        return f"[{place}] {text}" if place else text

    def __str__(self) -> str:
        return self.message()


class DataError(RunError):
    """A data set is missing, broken, or not what the network expects; `where` names the file."""


class PlanError(RunError):
    """A plan is missing, broken, or made for other circumstances than these; `where` names the plan."""
