"""What does a plan say? All of `plan.json`."""

from __future__ import annotations

from typing import Literal

from brainrun.plan.schema.data import DataSection, InputFact
from brainrun.plan.schema.forecast import Choice, Layer, Prediction
from brainrun.plan.schema.memory import Parameter
from brainrun.plan.schema.mesh import Mesh, Rank
from brainrun.plan.schema.program import Kernel, RankProgram
from brainrun.plan.schema.training import Training
from brainrun.plan.schema.value import Value


class File(Value, frozen=True):
    """A file of the plan folder and the SHA-256 of its bytes."""

    path: str
    sha256: str


class Plan(Value, frozen=True):
    """Everything a set of ranks needs to train one network."""

    schema: int
    made_by: str
    target: Literal["cpu"]
    name: str
    mesh: Mesh
    training: Training
    data: tuple[DataSection, ...]
    data_folder: str
    """Where relative data paths start: relative to the plan's own folder."""
    inputs: tuple[InputFact, ...]
    parameters: tuple[Parameter, ...]
    layers: tuple[Layer, ...]
    kernels: tuple[Kernel, ...]
    programs: tuple[RankProgram, ...]
    ranks: tuple[Rank, ...]
    prediction: Prediction
    choice: Choice
    files: tuple[File, ...]
