"""Each mistake in this folder, `NAME.brain`, gets exactly the diagnostics in `NAME.txt`."""

from pathlib import Path

import pytest

from brainc.settings.check import check_sections
from brainc.settings.options import CompileOptions
from brainlang import BrainError, load_program

FOLDER = Path(__file__).parent
CASES = sorted(FOLDER.glob("*.brain"))


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_the_mistake_is_told_in_these_words(path, golden, monkeypatch):
    monkeypatch.chdir(FOLDER)
    with pytest.raises(BrainError) as caught:
        check_sections(load_program(Path(path.name)), CompileOptions(Path(path.name)))
    golden.check(path.with_suffix(".txt"), f"{caught.value}\n")


def test_no_expected_text_is_without_its_mistake():
    assert [path.stem for path in sorted(FOLDER.glob("*.txt"))] == [path.stem for path in CASES]
