"""`brainc report` of a plan for cores: text, JSON or a page, with or without a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brainc import cli

from .conftest import Small


def test_the_account_is_printed(small: Small, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(small.plan_folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"small   {len(small.graph.cores)} of the 4,096 cores of 1 chip")


def test_a_run_stands_in_it(small: Small, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(small.plan_folder), "--run", str(small.run_folder)]) == 0
    assert "A RUN: test, 600 samples" in capsys.readouterr().out


def test_json_and_a_page_are_written(small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    asked = ["report", str(small.plan_folder), "--run", str(small.run_folder), "--html", str(page), "--json"]
    assert cli.main(asked) == 0
    assert json.loads(capsys.readouterr().out)["run"]["samples"] == 600
    assert "<title>small · cores</title>" in page.read_text(encoding="utf-8")


def test_a_folder_without_a_run_is_one_message(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", str(small.plan_folder), "--run", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"brainc: error: {tmp_path}/cores.json: cannot be read: No such file or directory: make it")
    assert err.count("\n") == 1
