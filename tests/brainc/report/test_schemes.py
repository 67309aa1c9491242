"""docs/reductions.md says what the schemes' records say."""

import re
from pathlib import Path

import pytest

from brainc.graph.build import build
from brainc.ir.scheme import Scheme
from brainc.reductions.scheme import Method
from brainc.reductions.table import METHODS, scheme_text
from brainc.report.schemes import placed, schemes_text
from brainc.settings.options import CompileOptions
from brainc.settings.parallel import parallel_options
from tests.brainc.graph.networks import program_of
from tests.conftest import Golden

PAGE = Path(__file__).parents[3] / "docs" / "reductions.md"


def test_the_page_s_schemes_are_those_of_the_table(golden: Golden) -> None:
    golden.check(PAGE, placed(PAGE.read_text(encoding="utf-8"), "schemes", schemes_text()))


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_a_scheme_s_section_has_its_summary_and_arguments(method: Method) -> None:
    section = schemes_text().split(f"### {method.name}\n")[1].split("###")[0]
    assert method.summary in section
    assert all(f"- `{argument.name}`, " in section for argument in method.arguments)


def test_a_scheme_is_read_from_the_text_that_tells_it() -> None:
    """The texts of the page's table of sizes, each given to `reduce`."""
    for text in set(re.findall(r"\| `([a-z]+(?:\([^`]*\))?)` \|", schemes_text())):
        body = "s = image | dense(10)\nloss l = cross_entropy(s, label)"
        program = program_of(body, f"parallel {{\nreduce = {text}\n}}")
        ((_, scheme),) = parallel_options(program, build(program), CompileOptions(Path("net.brain"))).reductions
        assert isinstance(scheme, Scheme)
        assert scheme_text(scheme) == text


def test_what_stood_in_a_place_before_is_gone() -> None:
    page = "a\n<!-- b: begin -->\nold\n<!-- b: end -->\nc\n"
    assert placed(page, "b", "new\n") == "a\n<!-- b: begin -->\nnew\n<!-- b: end -->\nc\n"


def test_a_place_that_is_not_there_is_not_written_into() -> None:
    with pytest.raises(ValueError, match="no place 'd'"):
        placed("<!-- b: begin -->\n<!-- b: end -->", "d", "")
