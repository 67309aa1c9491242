"""Which cores does a rank simulate? A stretch of them, one after the other, as long as any other rank's."""

from __future__ import annotations

from dataclasses import dataclass

from brainrun.errors import RunError


@dataclass(frozen=True, slots=True)
class Share:
    """Member m of a run simulates cores `bounds[m]` … `bounds[m + 1] − 1`."""

    bounds: tuple[int, ...]
    member: int

    @property
    def first(self) -> int:
        """The member's first core."""
        return self.bounds[self.member]

    @property
    def cores(self) -> range:
        """The member's cores."""
        return range(self.first, self.bounds[self.member + 1])

    @property
    def members(self) -> int:
        """How many members share the cores."""
        return len(self.bounds) - 1


def even_share(cores: int, members: int, member: int, where: str = "") -> Share:
    """A member's share of so many cores. RunError: there are too few; `where` names the network."""
    if members > cores:
        counted = "1 core" if cores == 1 else f"{cores:,} cores"
        raise RunError(f"has {counted}, too few for {members} ranks", where=where, remedy=f"start at most {cores}")
    return Share(tuple(cores * each // members for each in range(members + 1)), member)
