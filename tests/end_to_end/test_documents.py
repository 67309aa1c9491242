"""The pages for users and developers speak of what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from brainc.machine import description
from brainc.settings import data, fields, parallel, reductions, sources, train
from brainlang.format import format_source

from .command import ROOT, printed

LANGUAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"^```brain\n(.*?)^```", LANGUAGE, re.DOTALL | re.MULTILINE)[0]
WORDS = (
    *(*sources.READERS, *sources.TO_COME, *fields.ARGUMENTS, *data.KEYS, *data.ROLES),
    *(*train.KEYS, *train.KEYS_TO_COME, *train.SCHEDULES),
    *(*train.PRECISIONS_TO_COME, *train.ALGORITHMS, *train.ALGORITHMS_TO_COME),
    *(*parallel.KEYS, *parallel.SPLITS, *parallel.SPLITS_TO_COME),
    *reductions.REDUCTIONS,
)


@pytest.mark.parametrize("word", sorted(set(WORDS)))
def test_the_language_page_has_every_word_of_the_sections(word: str) -> None:
    assert re.search(rf"`[^`]*\b{word}\b[^`]*`", LANGUAGE)


def test_the_language_page_s_machine_can_be_compiled_for(tmp_path: Path) -> None:
    (described,) = re.findall(r"^```toml\n(.*?)^```", LANGUAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "here.toml").write_text(described, encoding="utf-8")
    assert description.load(tmp_path / "here.toml").name == "workstation"


def test_the_language_page_s_example_is_in_the_one_layout() -> None:
    assert format_source(EXAMPLE, "edges.brain") == EXAMPLE


def test_the_language_page_s_example_compiles(tmp_path: Path) -> None:
    (tmp_path / "edges.brain").write_text(EXAMPLE, encoding="utf-8")
    compiled = printed("brainc", "compile", "edges.brain", folder=tmp_path)
    assert compiled.startswith("edges.plan: data 2 × model 2;")


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:dsl|runtime|brainc|tests|benchmarks|docs)/[^` ]*)`", ARCHITECTURE)))
)
def test_the_architecture_page_speaks_of_files_that_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_architecture_page_is_short() -> None:
    assert len(ARCHITECTURE.splitlines()) <= 250


def test_the_lock_file_has_hashes_and_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = [line for line in lock.splitlines() if "==" in line and not line.startswith("#")]
    assert pinned
    assert all(line.endswith("\\") for line in pinned)
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert "://" not in lock
    assert "index" not in lock
