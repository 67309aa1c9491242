"""Every network compiles on every mesh within the plan's rules, and always to the same bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainc.codegen.assemble import Assembled
from brainc.pipeline import compile_program
from brainc.settings.options import CompileOptions
from brainlang import parse_program
from brainrun.plan.schema import Call, Interval, Plan, Reduction, Rounded
from brainrun.plan.store import encoded

from .networks import BATCH, GROUPED, LENET, LOCAL, LOSSES, MEETING, MLP, NETWORKS, RESIDUAL, TIED

COMPILED = {**NETWORKS, "local": LOCAL}


def compiled(text: str, mesh: tuple[int, int], sections: str = "") -> Assembled:
    """The finished plan; compile_program itself checks the rules of every level and of the plan."""
    train = f"train {{\n    batch = {BATCH}\n    epochs = 1\n    optimizer = adam(rate=0.1)\n}}\n"
    source = f"network net {{\n{text}\n}}\n{train}"
    program = parse_program(source + sections)
    return compile_program(program, CompileOptions(Path("net.brain"), data=mesh[0], model=mesh[1])).assembled


def digest(plan: Plan, files: dict[str, str]) -> str:
    """One hash of the plan and all files beside it."""
    whole = hashlib.sha256(encoded(plan))
    for path, text in sorted(files.items()):
        whole.update(f"{path}\n{text}\n".encode())
    return whole.hexdigest()


@pytest.mark.parametrize("mesh", [(1, 1), (3, 1), (1, 3), (2, 2)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("name", COMPILED)
def test_every_network_keeps_the_plan_s_rules(name: str, mesh: tuple[int, int]) -> None:
    plan = compiled(COMPILED[name], mesh).plan
    assert len(plan.ranks) == mesh[0] * mesh[1]


@pytest.mark.parametrize("mesh", [(1, 1), (3, 1), (2, 2)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("name", ["lenet", "normalised", "tied", "spiking"])
def test_trinary_weights_keep_the_plan_s_rules(name: str, mesh: tuple[int, int]) -> None:
    plan = compiled(NETWORKS[name], mesh, "truenorth {}\n").plan
    copies = {parameter.name: parameter.shape for parameter in plan.parameters if not parameter.trained}
    rounded = [parameter for parameter in plan.parameters if isinstance(parameter.initial, Rounded)]
    assert rounded
    assert all(copies[parameter.initial.of] == parameter.shape for parameter in rounded)


@pytest.mark.parametrize("split", ["sample", "output", "input"])
@pytest.mark.parametrize("text", [RESIDUAL, LOSSES, MEETING], ids=["residual", "losses", "meeting"])
def test_forced_splits_keep_the_plan_s_rules(text: str, split: str) -> None:
    layers = [line.split(" = ")[0].strip() for line in text.splitlines() if "| dense" in line and "concat" not in line]
    places = "".join(f"    place {layer}.dense = split({split})\n" for layer in layers if f"{layer} = " in text)
    plan = compiled(text, (2, 2), f"parallel {{\n{places}}}\n").plan
    assert {layer.split for layer in plan.layers if layer.name == f"{layers[0]}.dense"} == {split}


@pytest.mark.parametrize("text", [LENET, GROUPED, TIED], ids=["lenet", "grouped", "tied"])
def test_compiling_twice_gives_the_same_bytes(text: str) -> None:
    one, other = compiled(text, (2, 2)), compiled(text, (2, 2))
    assert encoded(one.plan) == encoded(other.plan)
    assert one.files == other.files


def test_the_bytes_do_not_depend_on_the_order_of_hashes() -> None:
    script = (
        "from tests.laws.test_plans import compiled, digest, LENET, LOSSES\n"
        "for text in (LENET, LOSSES):\n"
        "    made = compiled(text, (2, 2))\n"
        "    print(digest(made.plan, made.files))\n"
    )
    root = Path(__file__).parents[2]
    printed = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]


def test_ranks_that_do_the_same_share_one_program() -> None:
    plan = compiled(MLP, (8, 1)).plan
    # 17 samples: one replica has three, seven have two.
    assert [rank.program for rank in plan.ranks] == [0, 1, 1, 1, 1, 1, 1, 1]


def intervals_of(plan: Plan, rank: int, *tracks: str) -> list[Interval]:
    return [each for each in plan.prediction.timeline if each.rank == rank and each.track in tracks]


@pytest.mark.parametrize("mesh", [(1, 1), (2, 1), (2, 2)], ids="{0[0]}x{0[1]}".format)
def test_the_predicted_step_is_a_sane_timeline(mesh: tuple[int, int]) -> None:
    plan = compiled(LENET, mesh).plan
    for number, rank in enumerate(plan.ranks):
        train = plan.programs[rank.program].train
        reductions = sum(isinstance(transfer, Reduction) for transfer in train.transfers)
        calls = sum(isinstance(step, Call) for step in train.steps)
        for tracks, count in (
            # What a step costs beside its calls comes first; a reduction encodes and decodes twice,
            (("compute", "encode", "decode"), 1 + calls + 4 * reductions),
            # and is on the wire twice.
            (("wire",), len(train.transfers) + reductions),
        ):
            found = intervals_of(plan, number, *tracks)
            assert len(found) == count
            assert all(each.start >= 0 and each.seconds >= 0 for each in found)
            ends = [each.start + each.seconds for each in found]
            assert all(after.start >= end - 1e-15 for end, after in zip(ends, found[1:], strict=False))
    last = max(each.start + each.seconds for each in plan.prediction.timeline)
    assert plan.prediction.step_seconds == last
    assert plan.prediction.samples_per_second == pytest.approx(BATCH / last)


def test_every_gradient_is_summed_over_the_ranks_that_have_a_term_of_it() -> None:
    plan = compiled(MLP, (2, 1)).plan
    reductions = [each for each in plan.programs[0].train.transfers if isinstance(each, Reduction)]
    summed = {part.gradient for reduction in reductions for part in reduction.parts}
    assert {f"train:{parameter.name}.grad" for parameter in plan.parameters} == summed
