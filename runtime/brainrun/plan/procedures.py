"""Which procedures does a program have?"""

from __future__ import annotations

from brainrun.plan.schema import Procedure, RankProgram


def procedures(program: RankProgram) -> tuple[tuple[str, Procedure], ...]:
    """Each procedure with its name."""
    return (("train", program.train), ("evaluate", program.evaluate), ("predict", program.predict))
