"""What is wrong with a run's files is told in one line, on one rank and on several, and nothing is left behind."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.mpi.harness import ROOT, launcher

from .running import DIGITS, run

MESHES = {1: (1, 1), 4: (2, 2)}


@pytest.fixture(scope="module", params=MESHES, ids=lambda ranks: f"{ranks} ranks")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan for the digits, to be copied."""
    data, model = MESHES[request.param]
    if request.param > 1:
        launcher()
    plan = tmp_path_factory.mktemp("made") / "digits.plan"
    words = ("compile", DIGITS, "-o", plan, "--data", data, "--model", model)
    assert run("brainc", *words, folder=plan.parent).returncode == 0
    return plan


@pytest.fixture
def plan(made: Path, tmp_path: Path) -> Path:
    """A plan with its data beside it, to be damaged."""
    shutil.copytree(ROOT / "examples" / "data", tmp_path / "data")
    shutil.copytree(made, tmp_path / "digits.plan")
    return tmp_path / "digits.plan"


def complaint(plan: Path, *words: object) -> str:
    """The one line that a run says; nothing is left of the run."""
    folder = plan.parent
    before = sorted(folder.rglob("*"))
    ended = run("brainrun", plan.name, "--data-dir", ".", "--run-dir", "out", *words, folder=folder)
    assert (ended.returncode, ended.stdout) == (1, "")
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert sorted(folder.rglob("*")) == before
    return lines[0]


def rewritten(file: Path, change: Callable[[bytearray], None]) -> None:
    """Change a gzipped file's content."""
    content = bytearray(gzip.decompress(file.read_bytes()))
    change(content)
    file.write_bytes(gzip.compress(bytes(content)))


def without_last_label(content: bytearray) -> None:
    content[4:8] = (int.from_bytes(content[4:8], "big") - 1).to_bytes(4, "big")
    del content[-1]


def with_another_magic(content: bytearray) -> None:
    content[:4] = b"\1\2\3\4"


def with_label_10(content: bytearray) -> None:
    content[20] = 10


DATA: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("train-images", Path.unlink, "there is no such file"),
    "truncated": (
        "train-images",
        lambda file: file.write_bytes(file.read_bytes()[:-100]),
        "is not a whole gzip file",
    ),
    "another format": ("test-images", lambda file: rewritten(file, with_another_magic), "begins with 01 02 03 04"),
    "a label short": ("train-labels", lambda file: rewritten(file, without_last_label), "1296 labels do not match"),
    "label 10": ("test-labels", lambda file: rewritten(file, with_label_10), "record 12 has label 10"),
}


@pytest.mark.parametrize("name", DATA)
def test_damaged_data_are_told(name: str, plan: Path) -> None:
    part, damage, expected = DATA[name]
    file = next((plan.parent / "data" / "digits").glob(f"{part}*"))
    damage(file)
    said = complaint(plan)
    assert expected in said
    assert file.name in said


def edited(plan: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a plan's document."""
    document = json.loads((plan / "plan.json").read_text())
    change(document)
    (plan / "plan.json").write_text(json.dumps(document))


def first_kernel(plan: Path) -> Path:
    return min((plan / "kernels").iterdir())


PLAN: dict[str, tuple[Callable[[Path], object], str]] = {
    "another schema": (lambda plan: edited(plan, lambda d: d.update(schema=999)), "is in format 999"),
    "half a document": (
        lambda plan: (plan / "plan.json").write_text((plan / "plan.json").read_text()[:5000]),
        "is damaged",
    ),
    "no text": (lambda plan: (plan / "plan.json").write_bytes(b"\xff\xfe\0"), "is damaged"),
    "an edited kernel": (
        lambda plan: first_kernel(plan).write_text(first_kernel(plan).read_text() + "\n"),
        "is not the file that was planned",
    ),
    "a kernel short": (lambda plan: first_kernel(plan).unlink(), "cannot be read: No such file"),
    "a buffer outside": (
        lambda plan: edited(plan, lambda d: d["programs"][0]["buffers"][0].update(offset=10**9)),
        "breaks a rule of plans: P4",
    ),
}


@pytest.mark.parametrize("name", PLAN)
def test_a_damaged_plan_is_told(name: str, plan: Path) -> None:
    damage, expected = PLAN[name]
    damage(plan)
    assert expected in complaint(plan)


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ({"hidden.dense1.weight": (3, 3)}, "has hidden.dense1.weight of shape [3, 3], and the network's is [64, 64]"),
        ({"hidden.dense1.weigth": (64, 64)}, "its nearest name is hidden.dense1.weigth"),
        (None, "w.safetensors: there is no such file"),
    ],
)
def test_weights_of_another_network_are_told(
    tensors: dict[str, tuple[int, ...]] | None, expected: str, plan: Path
) -> None:
    if tensors is not None:
        arrays = {name: np.zeros(shape, np.float32) for name, shape in tensors.items()}
        save_file(arrays, plan.parent / "w.safetensors")
    assert expected in complaint(plan, "--from", "w.safetensors")


def test_a_run_folder_that_cannot_be_made_is_told(plan: Path) -> None:
    (plan.parent / "file").write_text("in the way")
    assert "file/out: cannot be written: Not a directory" in complaint(plan, "--run-dir", "file/out")


def test_wrong_usage_is_told_with_status_2(plan: Path) -> None:
    for words, expected in (
        (("--mode", "dance"), "invalid choice: 'dance'"),
        (("--seed", 2**70), "is not in 0 … 2⁶³ − 1"),
        (("--steps", "many"), "'many' is not a whole number"),
    ):
        ended = run("brainrun", plan, *words, folder=plan.parent)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert expected in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("started", [1, 2, 3])
def test_another_number_of_ranks_under_mpiexec_is_told_once(started: int, plan: Path) -> None:
    under = [*launcher(), "-n", str(started)]
    wanted = json.loads((plan / "plan.json").read_text())["mesh"]
    ranks = wanted["data"] * wanted["model"]
    if started == ranks:
        pytest.skip("that many it is for")
    ended = run("brainrun", plan, folder=plan.parent, under=under)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert [line for line in ended.stderr.splitlines() if line] == [ended.stderr.strip()]
    assert f"is for {ranks} ranks" in ended.stderr
    assert f"but {started} were started" in ended.stderr
