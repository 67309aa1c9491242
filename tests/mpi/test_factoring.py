"""Plans whose gradients are summed by factors, on ranks of MPI's."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from brainc.pipeline import compile_file
from brainc.settings.options import CompileOptions
from brainrun.checkpoint import initialise
from brainrun.execute import Executor
from brainrun.kernels import Cache, KernelSource, compile_missing, load
from brainrun.native import Loader
from brainrun.open_world import open_world
from brainrun.plan.store import read_plan
from brainrun.pool import Pool, pool_source
from brainrun.processor import this_processor
from tests.mpi.harness import ranks
from tests.mpi.test_reductions import NETWORK, brainrun

SCHEME = "lowrank(rank=2)"
STEPS = 12


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def compiled(folder: Path, data: int, section: str) -> Path:
    """The plan of the small network, with a section more, for so many replicas."""
    source = folder / "tiny.brain"
    text = NETWORK.replace("DATA", str(data)).replace("RATE", "0.2").replace("SCHEME", SCHEME)
    source.write_text(f"{text}\n{section}\n")
    options = CompileOptions(source, output=folder / "tiny.plan")
    compile_file(options)
    return options.plan


def check_replicas(section: str = "") -> None:
    """Train on noise: the loss falls, parameters stay the same on all replicas, and what each keeps is its own."""
    world, loader, processor = open_world(with_mpi=True), Loader(), this_processor()
    with tempfile.TemporaryDirectory() as folder:
        plan, texts = read_plan(compiled(Path(folder), world.size, section))
    world.form(plan.mesh)
    sources = [pool_source(), *(KernelSource(k.name, k.language, texts[k.file], k.file) for k in plan.kernels)]
    cache = Cache(Path(os.environ["BRAINC_CACHE"]))
    if world.rank == 0:
        cache.folder.mkdir(exist_ok=True)
        compile_missing(sources, processor, cache, member=0, members=1, processes=1)
    world.meet()
    kernels = load(sources, processor, cache, loader)
    with Pool(kernels["brainrun_pool"], 1) as pool:
        executor = Executor(plan, kernels, pool, world)
        initialise(executor, 3)
        inputs = executor.train.staging()
        random = np.random.default_rng(world.rank)
        for feed in executor.train.feeds:
            staged = inputs[feed.buffer]
            match feed.input:
                case "x":
                    staged[...] = random.standard_normal(staged.shape)
                case "label":
                    staged[...] = random.integers(0, 3, staged.shape)
                case _:
                    staged[...] = 1 / plan.training.batch
        losses = []
        for step in range(STEPS):
            executor.set_scalars(seed=3, step=step, epoch=0, rate=0.2)
            executor.train.run(inputs)
            losses.append(executor.train.result("objective"))
        assert losses[-1] < 0.9 * losses[0]
        view = executor.arena.view
        buffers = [*(parameter.buffer for parameter in plan.parameters), "logits.dense1.weight.right"]
        alike = world.gather(np.concatenate([view(buffer).reshape(-1) for buffer in buffers]))
        kept = world.gather(view("logits.dense1.weight.error").copy())
        if world.rank == 0:
            assert len(alike) == world.size
            for of_rank in alike[1:]:
                np.testing.assert_array_equal(of_rank, alike[0])
            assert all(each is not None and each.any() for each in kept)
            assert not np.array_equal(kept[0], kept[1])
    world.meet()
    world.close()


@ranks(2)
def test_two_replicas_stay_equal() -> None:
    check_replicas()


@ranks(3)
def test_three_replicas_stay_equal() -> None:
    check_replicas()


@ranks(2)
def test_two_replicas_stay_equal_in_trinary_weights_and_their_hidden_copies() -> None:
    check_replicas("truenorth {}")


def test_a_run_can_be_repeated_and_sends_little(tmp_path: Path) -> None:
    reports = []
    for scheme in (SCHEME, SCHEME, "sum"):
        ended = brainrun(tmp_path, "--json", "report.json", data=2, rate="0.1", scheme=scheme)
        assert (ended.returncode, ended.stderr) == (0, "")
        reports.append(json.loads((tmp_path / "report.json").read_text()))
    assert reports[0]["parameters_sha256"] == reports[1]["parameters_sha256"] != reports[2]["parameters_sha256"]
    assert reports[0]["bytes_sent"][0] < 0.5 * reports[2]["bytes_sent"][0]


def test_a_gradient_that_is_not_finite_is_told_by_its_own_name(tmp_path: Path) -> None:
    ended = brainrun(tmp_path, data=2, rate="1e30", scheme=SCHEME)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("brainrun: [rank ")
    assert "left" not in line
    assert "right" not in line
    assert line.endswith(" is not finite: lower the learning rate, or look at the data")
