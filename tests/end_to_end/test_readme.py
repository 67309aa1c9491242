"""README promises nothing that the project does not keep."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from brainrun.errors import RunError
from brainrun.launch import find_launcher

from .command import ROOT, printed

README = (ROOT / "README.md").read_text(encoding="utf-8")
DIGITS = ROOT / "examples" / "digits.brain"


def blocks(language: str) -> list[str]:
    """The fenced blocks of README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def session() -> dict[str, list[str]]:
    """The commands of README's session and the lines shown after each, without the elisions."""
    shown: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in blocks("console")[0].splitlines():
        if line.startswith("$ "):
            lines = shown[line[2:]] = []
        elif line != "…":
            lines.append(line)
    return shown


def test_the_two_commands_are_scripts_of_the_project() -> None:
    assert blocks("sh") == ["sh examples/train_digits.sh\n", "sh tests/run.sh\n"]
    assert all((ROOT / command.split()[1]).is_file() for command in blocks("sh"))


def test_the_first_command_trains_the_digits() -> None:
    last = (ROOT / "examples" / "train_digits.sh").read_text().splitlines()[-1]
    assert last == 'exec .venv/bin/brainrun examples/digits.brain "$@"'


def test_continuous_integration_runs_the_second_command() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec sh tests/run.sh"


def test_the_network_shown_is_that_of_the_digits() -> None:
    of_file = iter(DIGITS.read_text(encoding="utf-8").splitlines())
    assert [line for line in blocks("brain")[0].splitlines() if line not in of_file] == []


def test_what_compiling_and_the_report_print_is_as_shown(tmp_path: Path) -> None:
    shown = session()
    compiled = printed("brainc", "compile", DIGITS, folder=tmp_path).splitlines()
    report = printed("brainc", "report", "digits.plan", folder=tmp_path).splitlines()
    assert compiled == shown["brainc compile examples/digits.brain"]
    assert [line for line in shown["brainc report digits.plan"] if line not in report] == []


def test_the_digits_train_on_four_ranks_to_96_percent(tmp_path: Path) -> None:
    try:
        find_launcher()
    except RunError as error:
        pytest.skip(str(error))
    output = printed("brainrun", DIGITS, "--json", "run.json", folder=tmp_path, seconds=300)
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["mesh"] == {"data": 2, "model": 2}
    assert report["epochs"][-1]["test"]["accuracy"] >= 0.96
    assert (tmp_path / "runs" / "digits-1" / "weights.safetensors").is_file()
    said = {forms(line) for line in output.splitlines()}
    assert [line for line in session()["brainrun digits.plan"] if forms(line) not in said] == []


def forms(line: str) -> str:
    """The line with every number left out: they differ a little from processor to processor."""
    return re.sub(r"[\d.,]+", "#", line)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_lead_to_files(link: str) -> None:
    assert (ROOT / link).is_file()
