"""The one layout: stable, and it changes nothing but the layout."""

from pathlib import Path
from random import Random

import pytest

from brainlang import BrainError, parse_program
from brainlang.format import format_source
from tests.dsl.examples import EXAMPLES, FORMS, LENET, PIECES
from tests.mutations import mutated

WRAPPED = (
    "network n {\n    input x: f32[4]\n"
    + "\n".join(
        [
            "    h = x | " + " | ".join(f"dense({i}00, bias=false)" for i in range(12)),
            "    g = concat(" + ", ".join(f"dense(x, {i}00)" for i in range(30)) + ")",
            "    k = reshape(x, [" + ", ".join(map(str, range(100))) + "]) | relu",
        ]
    )
    + "\n}\n"
)


def test_the_reference_s_example_is_laid_out_already():
    assert format_source(LENET) == LENET


@pytest.mark.parametrize("text", [*EXAMPLES, *PIECES, WRAPPED, "", "# only\n\n\n# comments\n"])
def test_a_second_time_changes_nothing(text):
    once = format_source(text)
    assert format_source(once) == once


@pytest.mark.parametrize("text", [*EXAMPLES, WRAPPED])
def test_the_meaning_stays(text, example_path):
    assert parse_program(format_source(text), example_path) == parse_program(text, example_path)


def test_every_comment_stays():
    comments = [line[line.index("#") :] for line in FORMS.splitlines() if "#" in line]
    formatted = format_source(FORMS)
    assert sorted(line[line.index("#") :] for line in formatted.splitlines() if "#" in line) == sorted(comments)


def test_lines_stay_within_the_width():
    assert max(map(len, format_source(WRAPPED).splitlines())) <= 100


def test_the_layout_of_each_form(golden):
    golden.check(Path(__file__).with_name("forms.golden"), format_source(FORMS))


def test_a_text_that_cannot_be_read_is_not_laid_out():
    with pytest.raises(BrainError):
        format_source("network {")


def test_damaged_texts_that_still_read_keep_their_meaning(example_path):
    random = Random(5)
    read = 0
    for _ in range(300):
        text = mutated(random.choice(PIECES), random)
        try:
            program = parse_program(text, example_path)
        except BrainError:
            continue
        once = format_source(text)
        assert parse_program(once, example_path) == program
        assert format_source(once) == once
        read += 1
    assert read > 30
