"""A small network on cores, with splitters, and a run of it over known data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from brainc.graph.build import build
from brainc.graph.trinary import with_trinary_weights
from brainc.ir.graph import LayerGraph
from brainc.ir.spiking import SpikingGraph
from brainc.pipeline import compile_file_onto_cores
from brainc.report.cores.facts import CoreReport, core_report
from brainc.settings.options import CompileOptions
from brainc.truenorth.layers import spiking_graph
from brainc.truenorth.weights import first_weights
from brainlang import load_program
from brainrun import cli
from brainrun.plan.cores import CORES_FILE, CorePlan
from brainrun.plan.store import read_core_plan
from brainrun.truenorth.activity import RoleActivity, read_activity
from brainrun.truenorth.file import decoded
from brainrun.truenorth.graph import CoreGraph

TEXT = """network small {
    input image: f32[60]
    input label: class[4]

    seen   = image | spike(threshold=0.5)
    first  = seen | dense(100, bias=false) | batchnorm | spike
    wide   = first | dense(1024, bias=false) | batchnorm | spike
    logits = wide | reshape([4, 16, 16]) | avgpool(16) | flatten

    loss   objective = cross_entropy(logits, label)
    metric accuracy  = top1(logits, label)
}

data train {
    source = npy(images="images.npy", labels="labels.npy")
    image  = images
    label  = labels
}

data test {
    source = npy(images="images.npy", labels="labels.npy")
    image  = images
    label  = labels
}

train {
    batch = 16
}

truenorth {
    weights = trinary
}
"""
SAMPLES = 600
SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Small:
    """The network, its plan, and what its run left."""

    folder: Path
    layers: LayerGraph
    units: SpikingGraph
    plan: CorePlan
    graph: CoreGraph
    run: RoleActivity
    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    said: Mapping[str, float]
    """Numbers that `brainrun --json` gives of the run."""

    @property
    def plan_folder(self) -> Path:
        return self.folder / "small.plan"

    @property
    def run_folder(self) -> Path:
        return self.folder / "run"

    def report(self, *, with_run: bool) -> CoreReport:
        return core_report(self.plan, self.graph, self.run if with_run else None)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("cores")
    numbers = np.random.default_rng(5)
    images = numbers.random((SAMPLES, 60), np.float32)
    labels = numbers.integers(0, 4, SAMPLES)
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)
    source = folder / "small.brain"
    source.write_text(TEXT, encoding="utf-8")
    compile_file_onto_cores(CompileOptions(source, output=folder / "small.plan", target="truenorth"))
    plan, files = read_core_plan(folder / "small.plan")
    graph = decoded(files[CORES_FILE], "small.plan")
    asked = [str(folder / "small.plan"), "--mode", "eval", "--quiet", "--run-dir", str(folder / "run")]
    assert cli.main([*asked, "--json", str(folder / "run.json")]) == 0
    program = load_program(source)
    layers = with_trinary_weights(build(program), 0.1)
    run = read_activity(folder / "run", len(graph.cores), plan).roles[-1]
    said = msgspec.json.decode((folder / "run.json").read_bytes())["roles"]["test"]
    units = spiking_graph(layers, first_weights(layers, SEED))
    return Small(folder, layers, units, plan, graph, run, images, labels, said)
