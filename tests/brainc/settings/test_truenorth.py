"""The section `truenorth`."""

import pytest

from brainc.graph.build import build
from brainc.settings.truenorth import TrueNorthOptions, truenorth_options
from brainlang import BrainError
from tests.brainc.graph.networks import program_of


def options(section: str | None, layer: str = "dense(20)") -> TrueNorthOptions:
    body = f"h = image | {layer} | spike\ns = h | dense(10)\nloss l = cross_entropy(s, label)"
    program = program_of(body, "" if section is None else f"truenorth {{\n{section}\n}}\n")
    return truenorth_options(program, build(program))


def test_without_a_section_weights_stay_as_they_are():
    assert options(None) == TrueNorthOptions(hysteresis=None)


def test_with_one_they_are_trinary():
    assert options("") == options("weights = trinary") == TrueNorthOptions(hysteresis=0.1)


@pytest.mark.parametrize(("written", "hysteresis"), [("0", 0.0), ("1/4", 0.25), ("0.499", 0.499)])
def test_hysteresis_is_read(written, hysteresis):
    assert options(f"hysteresis = {written}") == TrueNorthOptions(hysteresis)


def test_weights_may_stay_as_they_are():
    assert options("weights = float") == TrueNorthOptions(hysteresis=None)


@pytest.mark.parametrize("init", ["normal(0.5)", "normal(0.13)", "constant(0.6)", "constant(-1)"])
def test_an_initialiser_beyond_the_borders_is_taken(init):
    assert options("", f"dense(20, init={init})") == TrueNorthOptions(hysteresis=0.1)


@pytest.mark.parametrize("init", ["he", "glorot", "lecun", "normal(0.125)", "constant(0.5)", "constant(-0.5)"])
def test_an_initialiser_within_the_borders_is_refused(init):
    with pytest.raises(BrainError, match="so all trinary weights at 0"):
        options("", f"dense(20, init={init})")


def test_an_initialiser_of_float_weights_is_no_matter():
    assert options("weights = float", "dense(20, init=he)") == TrueNorthOptions(hysteresis=None)
