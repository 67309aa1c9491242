"""The section `parallel`, and the command line before it."""

from pathlib import Path

import pytest

from brainc.graph.build import build
from brainc.ir.scheme import SUM
from brainc.settings.options import CompileOptions
from brainc.settings.parallel import ParallelOptions, parallel_options
from brainlang import BrainError
from tests.brainc.graph.networks import program_of

NETWORK = "h = image | conv(4, 3) | dense(20) | relu\ns = h | dense(10)\nloss l = cross_entropy(s, label)"
PLAIN = (("h.conv", SUM), ("h.dense", SUM), ("s.dense", SUM))


def options(section: str, **given):
    program = program_of(NETWORK, f"parallel {{\n{section}\n}}\n" if section else "")
    return parallel_options(program, build(program), CompileOptions(Path("net.brain"), **given))


def test_without_a_section_there_is_one_rank():
    assert options("") == ParallelOptions(data=1, model=1, ranks=1, placements=(), reductions=PLAIN)


def test_extents_are_read():
    expected = ParallelOptions(data=2, model=None, ranks=None, placements=(), reductions=PLAIN)
    assert options("data = 2\nmodel = auto") == expected


def test_the_command_line_goes_first():
    found = options("data = 2\nmodel = auto\n", data="auto", model=3)
    assert (found.data, found.model) == (None, 3)


@pytest.mark.parametrize(("section", "ranks"), [("data = 2\nmodel = auto", 4), ("data = 2\nmodel = 2", 4)])
def test_ranks_that_are_asked_for_are_what_there_will_be(section, ranks):
    assert options(section, ranks=ranks).ranks == ranks


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("data = 2\nmodel = auto", "data 2 × model auto cannot be 3 ranks, as was asked"),
        ("data = 2\nmodel = 1", "data 2 × model 1 cannot be 3 ranks, as was asked"),
    ],
)
def test_extents_that_cannot_make_the_ranks_asked_for_are_refused(section, message):
    with pytest.raises(BrainError, match=message):
        options(section, ranks=3)


def test_more_ranks_than_anybody_has_are_refused_before_they_are_searched():
    with pytest.raises(BrainError, match="data × model is 999,999,999 ranks, and 65,536 is the most"):
        options("data = auto\nmodel = auto", ranks=999_999_999)


def test_a_layer_is_placed_by_its_name_or_its_end():
    found = options("model = 2\nplace h.dense = split(output)\nplace s.dense = input\nplace conv = sample")
    assert found.placements == (("h.dense", "output"), ("s.dense", "input"), ("h.conv", "sample"))


def test_the_remedy_lists_the_splits_a_layer_has():
    with pytest.raises(BrainError) as caught:
        options("place h.conv = input")
    assert [diagnostic.remedy for diagnostic in caught.value.diagnostics] == ["use sample or replicate"]


def test_a_layer_of_ten_units_is_not_split_over_sixteen_ranks():
    with pytest.raises(BrainError, match="over 16 ranks"):
        options("place s.dense = output", model=16)
