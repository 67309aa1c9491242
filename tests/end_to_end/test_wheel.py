"""The wheel holds the three packages whole, and a compute node can do with a part of what it names."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from .command import ROOT, printed

SOURCES = {
    "brainc": ROOT / "brainc",
    "brainlang": ROOT / "dsl" / "brainlang",
    "brainrun": ROOT / "runtime" / "brainrun",
}
WITHOUT = ("lark", "networkx", "brainc", "brainlang", "mpi4py")


@pytest.mark.skipif(
    int(version("setuptools").partition(".")[0]) < 77, reason="setuptools is older than the build needs"
)
def test_a_wheel_has_every_file_of_the_packages(tmp_path: Path) -> None:
    copy = tmp_path / "source"
    # A copy, because setuptools leaves its own files beside the sources.
    names = ("pyproject.toml", "README.md", "LICENSE", "brainc", "dsl", "runtime")
    copy.mkdir()
    subprocess.run(["cp", "-r", *names, copy], cwd=ROOT, check=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "-w", tmp_path, copy], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        f"{package}/{path.relative_to(folder)}"
        for package, folder in SOURCES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == wanted


def test_a_plan_runs_where_compiler_language_and_mpi_are_missing(tmp_path: Path) -> None:
    printed("brainc", "compile", ROOT / "examples" / "digits.brain", "--data", "1", "--model", "1", folder=tmp_path)
    hide = (
        f"import sys; sys.modules.update(dict.fromkeys({WITHOUT!r})); from brainrun.cli import main; sys.exit(main())"
    )
    words = ["digits.plan", "--epochs", "1", "--json", "run.json"]
    subprocess.run([sys.executable, "-c", hide, *words], cwd=tmp_path, check=True, timeout=120)
    assert json.loads((tmp_path / "run.json").read_text())["steps"] == 20


@pytest.mark.parametrize("command", ["brainc", "brainrun"])
def test_help_has_examples_and_exit_statuses(command: str, tmp_path: Path) -> None:
    text = printed(command, "--help", folder=tmp_path)
    assert "examples:" in text
    assert "exit status: 0 fine, 1 the input is at fault, 2 wrong usage" in text
