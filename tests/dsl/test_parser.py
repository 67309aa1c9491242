"""What the text says: words, numbers, lines, and precedence."""

import pytest

from brainlang import BrainError, parse_program
from brainlang.program import Apply, Argument, Boolean, For, ListOf, Name, Nothing, Number, Piped, Text
from brainlang.source import Source, Span

NOWHERE = Span(Source("", ""), 0, 0)


def setting(text, top=""):
    program = parse_program(f"{top}\nnetwork n {{\n}}\ntrain {{\n    key = {text}\n}}\n")
    return program.train[0].settings[0].value


def number(value):
    return Number(value, NOWHERE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("0.05", 0.05),
        ("1e-3", 1e-3),
        ("1/64", 1 / 64),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("-2**2", -4),
        ("2**3**2", 512),
        ("2**-1", 0.5),
        ("7 // 2", 3),
        ("-7 % 3", 2),
        ("10 - 3 - 2", 5),
        ("1 if 2 > 1 else 3", 1),
        ("1 if 2 <= 1 else 3 if false else 4", 4),
        ("1 if not 2 == 2 or 1 != 2 and true else 3", 1),
        ('1 if "a" == "a" else 2', 1),
    ],
)
def test_arithmetic_on_constants(text, value):
    result = setting(text)
    assert result == number(value)
    assert type(result.value) is type(value)


def test_words_that_are_constants():
    assert setting("[true, false, none]") == ListOf(
        (Boolean(True, NOWHERE), Boolean(False, NOWHERE), Nothing(NOWHERE)), NOWHERE
    )


def test_texts_with_escapes():
    assert setting(r'"a\"b\\c\nd\te"') == Text('a"b\\c\nd\te', NOWHERE)


def test_a_list_may_end_with_a_comma_and_run_over_lines():
    assert setting("[1, # one\n\n  2,\n]") == ListOf((number(1), number(2)), NOWHERE)


def test_a_free_name_in_a_setting_stands_for_itself():
    assert setting("blocks.3.conv1") == Name("blocks.3.conv1", NOWHERE)


def test_keywords_are_names_in_settings_and_of_arguments():
    expected = Apply("part", (Name("train", NOWHERE),), (Argument("true", number(1), NOWHERE),), NOWHERE)
    assert setting("part(train, true=1)") == expected


def test_a_value_for_a_layer():
    assert setting("[sum for conv]") == ListOf((For(Name("sum", NOWHERE), "conv", NOWHERE),), NOWHERE)


def test_a_pipe_in_a_setting_keeps_its_stages():
    rescale = Apply("rescale", (number(0.5),), (), NOWHERE)
    flip = Apply("random_flip", (), (), NOWHERE)
    assert setting("images | rescale(1/2) * 2\n  # then\n  | random_flip") == Piped(
        Name("images", NOWHERE), (rescale, rescale, flip), NOWHERE
    )


def test_a_constant_stands_for_its_value_with_the_place_of_its_use():
    value = setting("momentum(rate=rate)", top="let rate = 0.5").named[0].value
    assert value == number(0.5)
    assert value.span.text == "rate"
    assert value.span.line == 5


def test_line_ends_of_any_system_and_a_byte_order_mark_are_read():
    text = "network n {\n    input x: f32[2]\n    h = x | relu\n}\n"
    for other in (text.replace("\n", "\r\n"), text.replace("\n", "\r"), "\ufeff" + text):
        assert parse_program(other) == parse_program(text)


def test_every_mistake_of_form_is_told_in_file_order():
    with pytest.raises(BrainError) as caught:
        parse_program("let a =\nnetwork n {\n    h = x |\n    input x f32[3]\n}\ntrain {\n    batch 3\n}\n")
    assert [d.span.line for d in caught.value.diagnostics] == [1, 3, 4, 7]


def test_a_span_knows_its_line_column_and_text():
    call = parse_program("network n {\n    input x: f32[2]\n    h = x | dense(3)\n}\n").network.calls[0]
    assert (call.span.line, call.span.column, call.span.text) == (3, 13, "dense(3)")
    assert call.operator_span.text == "dense"
