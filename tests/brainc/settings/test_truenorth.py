"""The section `truenorth`."""

import pytest

from brainc.graph.build import build
from brainc.settings.truenorth import TrueNorthOptions, truenorth_options
from brainlang import BrainError
from tests.brainc.graph.networks import program_of


def options(section: str | None, layer: str = "dense(20)") -> TrueNorthOptions:
    body = f"h = image | {layer} | spike\ns = h | dense(10)\nloss l = cross_entropy(s, label)"
    wide = "" if section is None or "fan_in" in section else "fan_in = 192"  # the image's 192 numbers, for dense
    program = program_of(body, "" if section is None else f"truenorth {{\n{section}\n{wide}\n}}\n")
    return truenorth_options(program, build(program))


def test_without_a_section_weights_stay_as_they_are():
    assert options(None) == TrueNorthOptions("float")


def test_with_one_they_are_trinary():
    assert options("") == options("weights = trinary") == TrueNorthOptions("trinary", 0.1)


@pytest.mark.parametrize(("written", "hysteresis"), [("0", 0.0), ("1/4", 0.25), ("0.499", 0.499)])
def test_hysteresis_is_read(written, hysteresis):
    assert options(f"hysteresis = {written}") == TrueNorthOptions("trinary", hysteresis)


def test_weights_may_stay_as_they_are():
    assert options("weights = float") == TrueNorthOptions("float", 0.1)


@pytest.mark.parametrize("init", ["normal(0.5)", "normal(0.13)", "constant(0.6)", "constant(-1)"])
def test_an_initialiser_beyond_the_borders_is_taken(init):
    assert options("", f"dense(20, init={init})") == TrueNorthOptions("trinary", 0.1)


@pytest.mark.parametrize("init", ["he", "glorot", "lecun", "normal(0.125)", "constant(0.5)", "constant(-0.5)"])
def test_an_initialiser_within_the_borders_is_refused(init):
    with pytest.raises(BrainError, match="so all trinary weights at 0"):
        options("", f"dense(20, init={init})")


def test_an_initialiser_of_float_weights_is_no_matter():
    assert options("weights = float", "dense(20, init=he)") == TrueNorthOptions("float", 0.1)


@pytest.mark.parametrize(("written", "ensemble"), [("", 1), ("ensemble = 16", 16)])
def test_networks_may_be_drawn_of_weights_that_are_probabilities(written, ensemble):
    section = f"weights = probabilistic\n{written}"
    assert options(section, "dense(20, init=he)") == TrueNorthOptions("probabilistic", 0.1, ensemble)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("ensemble = 4", "ensemble is of probabilistic weights, and these are trinary"),
        ("weights = float\nhysteresis = 0.2", "hysteresis is of trinary weights, and these are float"),
        ("weights = probabilistic\nhysteresis = 0.2", "hysteresis is of trinary weights, and these are probabilistic"),
        ("weights = probabilistic\nensemble = 0", "ensemble"),
        ("weights = ternary", "did you mean 'trinary'"),
    ],
)
def test_keys_that_do_not_go_together_are_named(section, message):
    with pytest.raises(BrainError, match=message):
        options(section)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("dense(20) | batchnorm", "reads batchnorm, and drawn networks fire by sums of conv or dense"),
        ("dense(16) | spike | reshape([4, 2, 2]) | avgpool(2)", "reads avgpool, and drawn networks fire by sums"),
        ("dense(16) | spike | reshape([4, 2, 2]) | maxpool(2) | dense(4)", "the largest of several chances of a spike"),
    ],
)
def test_what_is_no_sum_over_synapses_is_refused_where_networks_are_drawn(layer, message):
    assert options("weights = trinary", layer)
    with pytest.raises(BrainError, match=message):
        options("weights = probabilistic", layer)


@pytest.mark.parametrize(
    ("layer", "seen", "remedy"),
    [
        ("dense(20)", 192, "let it read fewer"),
        ("conv(6, kernel=7)", 147, "use groups=2 or more, or a smaller kernel"),
        ("conv(16, kernel=3) | spike | dense(20, bias=false) | spike | dense(4)", 576, "let it read fewer"),
    ],
)
def test_units_that_would_see_too_much_are_refused_before_they_are_trained(layer, seen, remedy):
    with pytest.raises(BrainError) as refused:
        options("fan_in = 128", layer)
    assert f"see {seen} spikes, and a core offers 128 signed ones" in str(refused.value)
    assert remedy in str(refused.value)
    assert options(f"fan_in = {seen}", layer) == TrueNorthOptions("trinary", 0.1)


def test_groups_and_what_follows_the_last_spike_are_counted_as_they_are():
    assert options("fan_in = 64", "conv(6, kernel=8, groups=3) ")
    with pytest.raises(BrainError, match="see 64 spikes, and a core offers 63"):
        options("fan_in = 63", "conv(6, kernel=8, groups=3)")
