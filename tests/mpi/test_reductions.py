"""Reductions over MPI: the same bits as on pretended ranks, and runs that end in one message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from brainc.ir.scheme import Scheme
from brainrun.kernels import Cache, compile_missing, load
from brainrun.mesh import World
from brainrun.native import Loader
from brainrun.open_world import open_world
from brainrun.plan.schema import AllReduce, Mesh, Panels, Plain, Reduction
from brainrun.pool import Pool
from brainrun.processor import this_processor
from brainrun.reduction.collective import BoundReduction, UnderWay, tags_of
from brainrun.reduction.moment import Moment
from tests.mpi.harness import ROOT, launcher, ranks
from tests.runtime.pretended_ranks import SCHEMES, TENSORS, Ranks, Tensors, kernel_sources, reduction_of
from tests.runtime.test_reduction import random_gradients

STEPS = 3
LARGE: dict[str, Panels | Plain] = {"large.weight": Panels(700, 300), "large.bias": Plain((700,))}


def kernels_of(world: World, loader: Loader) -> dict[str, int]:
    """Compiled by rank 0, loaded by all."""
    cache = Cache(Path(os.environ["BRAINC_CACHE"]))
    sources = kernel_sources(list(SCHEMES.values()))
    if world.rank == 0:
        cache.folder.mkdir(exist_ok=True)
        compile_missing(sources, this_processor(), cache, member=0, members=1, processes=1)
    world.meet()
    return load(sources, this_processor(), cache, loader)


class Member:
    """This rank's part of some reductions that are under way together, beside a plain sum."""

    def __init__(self, world: World, kernels: dict[str, int], pool: Pool, reductions: list[Reduction]) -> None:
        self.moment, under_way = Moment(seed=7), UnderWay()
        self.tensors = [Tensors(r, LARGE if "large" in r.name else TENSORS, world.size) for r in reductions]
        self.bound = [
            BoundReduction(
                reduction,
                tensors.memory(kernels),
                pool,
                world.channel(reduction),
                world.node_sum(reduction, tensors.floats) if reduction.node > 1 else None,
                tag=1 + tags_of(reduction) * number,
                rank=world.rank,
                moment=self.moment,
                under_way=under_way,
                progress=under_way.progress,
            )
            for number, (reduction, tensors) in enumerate(zip(reductions, self.tensors, strict=True))
        ]
        self.values = np.zeros(50_000, np.float32)
        self.sum = world.bind(AllReduce("sum", "data", "values", 50_000, ""), lambda _: self.values)

    def step(self, given: list[dict[str, np.ndarray]], step: int) -> None:
        self.moment.step = step
        for tensors, gradients in zip(self.tensors, given, strict=True):
            for part in tensors.reduction.parts:
                tensors.set_gradient(part, gradients[part.gradient])
        self.values[:] = step
        self.sum.start()
        for bound in self.bound:
            bound.start()
        time.sleep(0.002 * np.random.default_rng().random())
        self.sum.wait()
        for bound in reversed(self.bound):
            bound.wait()


def reductions_under(scheme: Scheme, members: int, node: int) -> list[Reduction]:
    small = reduction_of(TENSORS, dict.fromkeys(TENSORS, scheme), members, node)
    large = reduction_of(LARGE, dict.fromkeys(LARGE, scheme), members, node)
    return [small, msgspec.structs.replace(large, name="large gradients")]


def check_against_pretended_ranks(*, node: int) -> None:
    world, loader = open_world(with_mpi=True), Loader()
    world.form(Mesh(world.size, 1))
    kernels = kernels_of(world, loader)
    with Pool(kernels["brainrun_pool"], 1) as pool:
        for scheme in SCHEMES.values():
            reductions = reductions_under(scheme, world.size, node)
            member = Member(world, kernels, pool, reductions)
            pretended = [
                Ranks(reduction, storages, world.size, kernels, pool, lambda: True)
                for reduction, storages in zip(reductions, (TENSORS, LARGE), strict=True)
            ]
            for step in range(STEPS):
                given = [random_gradients(reduction, world.size, seed=step) for reduction in reductions]
                member.step([of_reduction[world.rank] for of_reduction in given], step)
                np.testing.assert_array_equal(member.values, world.size * step)
                for place, group in enumerate(pretended):
                    group.step(given[place], step=step)
                    for part in group.reduction.parts:
                        mine, expected = member.tensors[place], group.tensors[world.rank]
                        np.testing.assert_array_equal(mine.gradient(part), expected.gradient(part))
                        np.testing.assert_array_equal(mine.error(part), expected.error(part))
            sent = [bound.bytes_sent for bound in member.bound]
            assert sent == [group.bound[world.rank].bytes_sent for group in pretended]
    world.meet()
    world.close()


@ranks(2)
def test_two_ranks_get_what_pretended_ranks_get() -> None:
    check_against_pretended_ranks(node=1)


@ranks(4)
def test_four_ranks_get_what_pretended_ranks_get() -> None:
    check_against_pretended_ranks(node=1)


@ranks(4)
def test_two_nodes_of_two_ranks_get_what_pretended_ranks_get() -> None:
    check_against_pretended_ranks(node=2)


# ---- whole runs ------------------------------------------------------------------------------------------------------

NETWORK = """network tiny {
    input x: f32[20]
    input label: class[3]

    logits = x | dense(33) | relu | dense(3)

    loss   objective = cross_entropy(logits, label)
}

data train {
    source = synthetic(count=100, seed=1)
    x      = x
    label  = label
}

train {
    batch     = 32
    epochs    = 4
    optimizer = sgd(rate=RATE)
    seed      = 3
}

parallel {
    data   = DATA
    model  = 1
    reduce = SCHEME
}
"""


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def brainrun(folder: Path, *arguments: str, data: int, rate: str, scheme: str) -> subprocess.CompletedProcess[str]:
    launcher()
    text = NETWORK.replace("DATA", str(data)).replace("RATE", rate).replace("SCHEME", scheme)
    (folder / "tiny.brain").write_text(text)
    command = [sys.executable, "-m", "brainrun.cli", "tiny.brain", "--run-dir", "out", "--quiet", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("scheme", ["sum", "onebit"])
def test_a_gradient_that_is_not_finite_ends_the_run_with_one_message(tmp_path: Path, scheme: str) -> None:
    began = time.perf_counter()
    ended = brainrun(tmp_path, data=3, rate="1e30", scheme=scheme)
    assert time.perf_counter() - began < 60
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("brainrun: [rank ")
    assert ", step " in line
    assert ", logits.dense" in line
    assert line.endswith(" is not finite: lower the learning rate, or look at the data")


def test_a_run_tells_what_it_sent_and_can_be_repeated(tmp_path: Path) -> None:
    reports = []
    for _ in range(2):
        ended = brainrun(tmp_path, "--json", "report.json", data=2, rate="0.1", scheme="onebit")
        assert (ended.returncode, ended.stderr) == (0, "")
        reports.append(json.loads((tmp_path / "report.json").read_text()))
    assert reports[0]["parameters_sha256"] == reports[1]["parameters_sha256"]
    assert reports[0]["bytes_sent"] == reports[1]["bytes_sent"]
    for total, by_transfer in zip(reports[0]["bytes_sent"], reports[0]["bytes_sent_by_transfer"], strict=True):
        assert total == sum(by_transfer.values()) > 0


def test_recorded_steps_are_on_every_rank_s_timeline(tmp_path: Path) -> None:
    ended = brainrun(tmp_path, "--timeline", "3-4", data=2, rate="0.1", scheme="onebit")
    assert (ended.returncode, ended.stderr) == (0, "")
    timeline = json.loads((tmp_path / "out" / "timeline.json").read_text())
    assert timeline["otherData"]["steps"] == [3, 4]
    assert timeline["otherData"]["clocks_agree_within_seconds"] < 1
    events = timeline["traceEvents"]
    for rank in range(2):
        mine = [event for event in events if event["pid"] == rank]
        tracks = {event["tid"]: event["args"]["name"] for event in mine if event["name"] == "thread_name"}
        lasting = [event for event in mine if event["ph"] == "X"]
        assert {event["cat"] for event in lasting} == {"step", "compute", "encode", "decode", "wait", "wire"}
        assert [event["cat"] for event in lasting].count("step") == 2
        for tid in tracks:
            on_track = [(event["ts"], event["ts"] + event["dur"]) for event in lasting if event["tid"] == tid]
            assert all(end <= begin + 0.01 for (_, end), (begin, _) in pairwise(on_track))
