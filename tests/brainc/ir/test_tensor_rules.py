"""The tensor program's rules, each broken once, and its texts and counts."""

from dataclasses import replace

import pytest

from brainc.ir import expression as ex
from brainc.ir import tensor
from brainc.ir.origin import Origin
from brainc.ir.tensor import Contract, Map, Operation, Procedure, Reduce, TensorProgram, Update, Value, View, Window
from brainlang.source import Source, Span
from brainrun.plan.schema import Constant

HERE = Origin("hidden.dense", Span(Source("net.brain", "hidden = x | dense(3)\n"), 9, 21))
X = Value("x", (4, 5), samples=True)
W = Value("w", (3, 5), samples=False)
Y = Value("y", (4, 3), samples=True)
RATE = Value("rate", (), samples=False)
DENSE = Contract(Y, X, W, ("bo", "bi", "oi"), (), "forward", HERE)


def program(*operations: Operation) -> TensorProgram:
    nothing = Procedure((), (), ())
    parameter = tensor.Parameter(W, Constant(0.0), True, (), HERE)
    return TensorProgram(
        "net", 4, (X,), (RATE,), (parameter,), Procedure(operations, (), ()), evaluate=nothing, predict=nothing
    )


def broken(*operations: Operation) -> list[str]:
    return list(tensor.rules(program(*operations)))


def test_a_sound_program_breaks_no_rule() -> None:
    step = Update((W,), (W, RATE), (ex.multiply(ex.Operand(0), ex.Operand(1)),), "update", HERE)
    assert broken(DENSE, step) == []


def test_t1_an_operand_that_nothing_made_is_named_with_its_layer() -> None:
    stranger = replace(X, name="stranger")
    assert broken(replace(DENSE, left=stranger)) == [
        "T1: stranger is read before it is made, in train, layer hidden.dense"
    ]


def test_t1_a_value_made_later_counts_as_unmade() -> None:
    relu = Map(replace(Y, name="r"), (Y,), ("bo", "bo"), ex.maximum(ex.Operand(0), ex.ZERO), "forward", HERE)
    assert broken(relu, DENSE) == ["T1: y is read before it is made, in train, layer hidden.dense"]


def test_t2_a_result_made_twice_is_named() -> None:
    assert broken(DENSE, DENSE) == ["T2: y is made twice, in train, layer hidden.dense"]


def test_t2_an_update_may_overwrite_its_targets() -> None:
    step = Update((W,), (W,), (ex.negate(ex.Operand(0)),), "update", HERE)
    assert broken(step, step) == []


def test_t3_letters_are_as_many_as_axes() -> None:
    assert broken(replace(DENSE, letters=("bo", "bik", "oi"))) == [
        "T3: x has 2 axes and letters 'bik', in train, layer hidden.dense"
    ]


def test_t3_a_letter_has_one_length() -> None:
    short = replace(Y, shape=(4, 2))
    assert broken(replace(DENSE, result=short)) == ["T3: letter o is 2 long, and 3 in w, in train, layer hidden.dense"]


def test_t4_the_letters_of_a_sum_occur_in_an_operand() -> None:
    wide = Reduce(Y, (X,), ("bo", "bi"), ex.Operand(0), "global", "forward", HERE)
    assert broken(wide) == ["T4: y has letters ['o'] that no operand has, in train, layer hidden.dense"]


def test_t4_the_letters_of_a_contraction_occur_in_an_operand() -> None:
    wide = replace(DENSE, letters=("bo", "bi", "ji"))
    assert broken(wide) == ["T4: y has letters ['o'] that no operand has, in train, layer hidden.dense"]


def test_t4_a_map_may_repeat_its_operands_along_letters_of_its_own() -> None:
    assert broken(Map(Y, (X,), ("bo", "bi"), ex.Operand(0), "forward", HERE)) == []


def test_t4_a_window_s_letters_need_no_operand() -> None:
    signal = Value("x", (4, 5), samples=True)
    taps = Value("w", (3, 5), samples=False)
    windowed = Contract(
        Value("y", (4, 3, 3), samples=True),
        signal,
        taps,
        ("bop", "bi", "or"),
        (Window("i", "p", "r", stride=1, dilation=1, pad=1),),
        "forward",
        HERE,
    )
    assert broken(windowed) == []


def test_t4_a_map_of_constants_may_have_letters_of_its_own() -> None:
    assert broken(Map(Y, (), ("bo",), ex.ONE, "backward", HERE)) == []


def test_t5_a_view_keeps_the_number_of_elements() -> None:
    flat = Value("flat", (4, 6), samples=True)
    assert broken(View(flat, X, "forward", HERE)) == [
        "T5: flat has 24 elements, its source 20, in train, layer hidden.dense"
    ]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (DENSE, "Σ_i x[bi] · w[oi] → [bo]"),
        (Reduce(RATE, (X,), ("", "bi"), ex.Operand(0), "global", "backward", HERE), "Σ_bi x[bi] → []"),
        (Reduce(RATE, (X,), ("", "bi"), ex.Operand(0), "local", "backward", HERE), "Σ_bi x[bi] → [] local"),
        (
            Map(Y, (Y, RATE), ("bo", "bo", ""), ex.multiply(ex.Operand(0), ex.Operand(1)), "forward", HERE),
            "(y[bo] * rate[]) → [bo]",
        ),
        (
            replace(DENSE, windows=(Window("i", "p", "r", stride=2, dilation=1, pad=3),)),
            "Σ_i x[bi] · w[oi] → [bo], i = 2p + 1r − 3",
        ),
    ],
)
def test_an_operation_reads_in_the_notation_of_the_field(operation: Operation, expected: str) -> None:
    assert tensor.operation_text(operation) == expected


def test_a_program_prints_one_operation_a_line() -> None:
    assert tensor.text(program(DENSE)) == (
        "tensor program net, batch 4\n"
        "  input      x: f32[b, 5]\n"
        "  parameter  w: f32[3, 5]\n"
        "train:\n"
        "  forward  y  f32[b, 3]  = Σ_i x[bi] · w[oi] → [bo]\n"
        "evaluate:\n"
        "predict:\n"
    )


def test_a_product_costs_two_operations_a_term() -> None:
    assert tensor.flops(DENSE) == 2 * 4 * 3 * 5


def test_a_convolution_costs_two_operations_a_tap_of_each_output() -> None:
    windowed = Contract(
        Value("y", (4, 7, 6), samples=True),
        Value("x", (4, 2, 8), samples=True),
        Value("w", (7, 2, 3), samples=False),
        ("bkp", "bci", "kcr"),
        (Window("i", "p", "r", stride=1, dilation=1, pad=0),),
        "forward",
        HERE,
    )
    assert tensor.flops(windowed) == 2 * 4 * 7 * 6 * 2 * 3
