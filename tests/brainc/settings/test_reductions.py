"""What `reduce` and `--reduce` say of each layer."""

from pathlib import Path

import pytest

from brainc.graph.build import build
from brainc.ir.scheme import AUTO, SUM, Scheme
from brainc.settings.options import CompileOptions
from brainc.settings.parallel import parallel_options
from brainlang import BrainError
from tests.brainc.graph.networks import program_of

NETWORK = """
    h = image | conv(4, 3) | dense(20) | relu
    t = h | dense(20, name="last") | dense(20, share=last)
    s = t | dense(10)
    loss l = cross_entropy(s, label)
"""


def reductions(section: str = "", command: str | None = None):
    """How every layer of the network is reduced, by its name."""
    program = program_of(NETWORK, f"parallel {{\n{section}\n}}\n")
    options = CompileOptions(Path("net.brain"), reduce=command)
    return dict(parallel_options(program, build(program), options).reductions)


def mistakes(section: str = "", command: str | None = None) -> list[str]:
    """The messages, each with its place."""
    with pytest.raises(BrainError) as caught:
        reductions(section, command)
    return [str(diagnostic).splitlines()[0] for diagnostic in caught.value.diagnostics]


def test_every_layer_with_parameters_of_its_own_is_summed_where_nothing_is_said():
    assert reductions() == {"h.conv": SUM, "h.dense": SUM, "last": SUM, "s.dense": SUM}


def test_what_is_said_for_a_layer_goes_before_its_operator_and_that_before_the_rest():
    found = reductions("reduce = [sum for s.dense, auto for dense, sum]")
    assert found == {"h.conv": SUM, "h.dense": AUTO, "last": AUTO, "s.dense": SUM}


@pytest.mark.parametrize(
    ("written", "scheme"),
    [
        ("sum", SUM),
        ("auto", AUTO),
        ("onebit", Scheme("onebit")),
        ("threshold(0.001)", Scheme("threshold", (0.001,))),
        ("threshold(tau=1)", Scheme("threshold", (1.0,))),
        ("adaptive", Scheme("adaptive", (1 / 64,))),
        ("adaptive(density=1/128)", Scheme("adaptive", (1 / 128,))),
        ("adaptive(density=1)", Scheme("adaptive", (1.0,))),
    ],
)
def test_a_scheme_has_its_numbers_given_or_by_default(written, scheme):
    assert set(reductions(f"reduce = {written}").values()) == {scheme}
    assert set(reductions(command=written).values()) == {scheme}


@pytest.mark.parametrize(
    "written", ["threshold(0)", "threshold(-1)", "adaptive(0)", "adaptive(1.01)", "threshold(1e39)", "threshold(1e-39)"]
)
def test_a_number_that_no_scheme_can_work_with_is_refused(written):
    assert len(mistakes(f"reduce = {written}")) == 1


def test_the_order_of_the_items_means_nothing():
    items = ("auto for dense", "sum for last", "sum")
    assert reductions(f"reduce = [{', '.join(items)}]") == reductions(f"reduce = [{', '.join(reversed(items))}]")


def test_layers_that_no_item_names_are_summed():
    assert reductions("reduce = [auto for conv]")["last"] == SUM


def test_a_layer_is_named_by_its_end():
    assert reductions("reduce = [auto for h.dense]") == reductions("reduce = [auto for h.dense, sum for last]")


def test_the_command_line_goes_before_the_section():
    found = reductions("reduce = auto", "[sum, auto for conv]")
    assert found == {"h.conv": AUTO, "h.dense": SUM, "last": SUM, "s.dense": SUM}


def test_a_mistake_in_the_section_is_told_even_where_the_command_line_goes_before_it():
    assert mistakes("reduce = summ", "sum") == ["net.brain:12:10: error: there is no reduction 'summ'"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("summ", "--reduce:1:1: error: there is no reduction 'summ'"),
        ("[sum for h.cnv]", "--reduce:1:10: error: there is no layer 'h.cnv' and no operator of that name"),
        ("[sum for conv", "--reduce:1:1: error: this '[' is never closed"),
        ("sum for conv", "--reduce:1:5: error: 'for' stands inside a list only"),
        ("sum\nauto", "--reduce:1:1: error: a value is one line"),
        ("", "--reduce:1:1: error: the end of the line cannot stand here: expected an expression"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_with_its_place_there(command, message):
    assert mistakes(command=command) == [message]
