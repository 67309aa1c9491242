"""Whatever the text, the answer is a Program or a BrainError, soon."""

from random import Random
from time import perf_counter

import pytest
from hypothesis import given, settings, strategies

from brainlang import BrainError, Program, parse_program
from tests.dsl.examples import EXAMPLES, LENET, PIECES
from tests.mutations import mutants, mutated


def answer(text, path):
    """The program, or the text of all diagnostics."""
    try:
        program = parse_program(text, path)
    except BrainError as error:
        places = [(d.span.path, d.span.start) for d in error.diagnostics]
        assert places
        return str(error)
    assert isinstance(program, Program)
    return program


def test_two_thousand_damaged_files(example_path):
    random = Random(2026)
    for _ in range(1_850):
        answer(mutated(random.choice(PIECES), random), example_path)
    for _ in range(150):
        answer(mutated(random.choice(EXAMPLES), random), example_path)


@settings(max_examples=200, deadline=None)
@given(text=mutants(*PIECES))
def test_damaged_files(text):
    answer(text, "nowhere/net.brain")


@settings(max_examples=200, deadline=None)
@given(text=strategies.text(max_size=200))
def test_any_text(text):
    answer(text, "nowhere/net.brain")


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "[" * 5000 + "]" * 5000,
        "- " * 5000 + "1",
        "not " * 5000 + "true",
        "2" + "**2" * 5000,
        "1" + " if true else 1" * 5000,
        "1" * 100_000,
        "9**9**9**9",
        "f(" * 60 + ")" * 60,
        '"' + "a" * 100_000 + '"',
    ],
)
def test_an_expression_that_would_take_for_ever_is_answered_soon(expression):
    began = perf_counter()
    answer(f"let a = {expression}\n{LENET}", "net.brain")
    assert perf_counter() - began < 5


def test_a_long_sum_is_no_deep_one():
    assert isinstance(answer("let a = 1" + " + 1" * 5000 + "\n" + LENET, "net.brain"), Program)


def test_a_chain_of_blocks_ends_in_a_diagnostic():
    blocks = "".join(f"block b{i}(x) {{\n    return b{i + 1}(x)\n}}\n" for i in range(500))
    last = "block b500(x) {\n    return x\n}\n"
    text = f"{blocks}{last}network n {{\n    input x: f32[2]\n    h = b0(x)\n}}\n"
    assert "nested more than" in answer(text, "net.brain")


def test_lenet_is_read_in_fifty_milliseconds():
    answer(LENET, "net.brain")  # the grammar is built once
    times = []
    for _ in range(5):
        began = perf_counter()
        answer(LENET, "net.brain")
        times.append(perf_counter() - began)
    assert min(times) < 0.05
