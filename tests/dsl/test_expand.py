"""What remains of a network: calls in order, layers' names, blocks opened."""

import pytest

from brainlang import BrainError, parse_program
from brainlang.program import Input, Name, Number, TensorRef


def network(body, top="", settings=None):
    text = f"{top}\nnetwork n {{\n    input x: f32[4]\n    input y: class[3]\n{body}\n}}\n"
    return parse_program(text, settings=settings).network


def layers(body, top=""):
    return [call.layer for call in network(body, top).calls]


def tensors(call):
    return [value.tensor for value in call.positional if isinstance(value, TensorRef)]


RESIDUAL = """
block residual(x, channels, stride=1) {
    y = x | conv(channels, kernel=3, stride=stride) | relu | conv(channels, kernel=3)
    return add(x, y)
}
block outer(x) {
    return x | residual(8) | relu
}
"""


def test_inputs_keep_their_type_and_order():
    inputs = [(i.name, i.kind, i.dims) for i in network("").inputs]
    assert inputs == [("x", "f32", (4,)), ("y", "class", (3,))]
    assert all(isinstance(i, Input) for i in network("").inputs)


def test_a_pipe_hands_its_left_value_to_the_call():
    piped, nested = network("h = x | dense(3) | relu"), network("h = relu(dense(x, 3))")
    assert piped == nested


def test_an_operator_is_numbered_where_a_statement_has_several():
    assert layers("h = x | conv(2) | relu | conv(3)\ng = h | conv(2)") == ["h.conv1", "h.relu", "h.conv2", "g.conv"]


def test_a_later_statement_of_the_same_name_is_numbered():
    assert layers("h = x | dense(3)\nh = h | dense(3)\nh_2 = h | relu\nh = h | relu") == [
        "h.dense",
        "h_3.dense",
        "h_2.relu",
        "h_4.relu",
    ]


def test_a_rebound_name_means_the_newer_tensor():
    calls = network("h = x | dense(3)\nh = h | relu\ng = h | tanh").calls
    assert [tensors(call) for call in calls] == [["x"], ["h.dense"], ["h_2.relu"]]


def test_a_repeated_stage_counts_from_one_and_on():
    assert layers("h = x | dense(3) * 2 | relu * 1") == ["h.1.dense", "h.2.dense", "h.3.relu"]


def test_a_repeated_block_names_its_layers_by_the_repetition():
    repetition = ["conv1", "relu", "conv2", "add"]
    expected = [f"h.{i}.{layer}" for i in (1, 2) for layer in repetition]
    assert layers("h = x | residual(8) * 2", RESIDUAL) == expected


def test_a_block_used_once_stands_under_its_name():
    assert layers("h = x | residual(8)", RESIDUAL)[0] == "h.residual.conv1"
    assert layers("h = x | residual(8) | residual(8)", RESIDUAL)[4] == "h.residual2.conv1"
    assert layers("h = x | outer", RESIDUAL)[0] == "h.outer.residual.conv1"


def test_a_repetition_of_no_times_leaves_the_value():
    assert tensors(network("h = x | dense(3) * 0 | relu").calls[0]) == ["x"]


def test_a_name_given_to_a_layer_is_its_whole_name():
    calls = network('h = x | dense(3, name="c1") | relu').calls
    assert [call.layer for call in calls] == ["c1", "h.relu"]
    assert calls[0].named == ()
    assert tensors(calls[1]) == ["c1"]


def test_a_name_given_inside_a_block_is_the_last_part():
    top = 'block b(x) {\n    return x | dense(3, name="c1")\n}\n'
    assert layers("h = x | b * 2", top) == ["h.1.c1", "h.2.c1"]


@pytest.mark.parametrize(
    ("written", "meant"), [("c1", "c1"), ("h", "h.relu"), ("h.tanh", "h.tanh"), ("later.dense", "later.dense")]
)
def test_share_names_a_layer(written, meant):
    call = network(f'h = x | dense(3, name="c1") | tanh | relu\ng = h | dense(4, share=transpose({written}))').calls[-1]
    (share,) = call.named
    assert isinstance(share.value.positional[0], Name)
    assert share.value.positional[0].identifier == meant


def test_share_inside_a_block_finds_the_block_s_own_layer():
    top = 'block b(x) {\n    h = x | dense(3, name="e")\n    return h | dense(3, share=e)\n}\n'
    calls = network("h = x | b * 2", top).calls
    assert [call.named[0].value.identifier for call in calls if call.named] == ["h.1.e", "h.2.e"]


def test_signs_on_tensors_are_calls():
    calls = network("h = x + x - 2 * x\ng = -x\nk = x / 4").calls
    assert [call.layer for call in calls] == ["h.add", "h.multiply", "h.subtract", "g.multiply", "k.multiply"]
    assert [value.value for call in calls for value in call.positional if isinstance(value, Number)] == [2, -1, 0.25]


def test_a_choice_makes_only_the_layers_of_its_branch():
    assert layers("h = (x | dense(3)) if deep else (x | relu)", "let deep = false") == ["h.relu"]
    assert layers("h = x | (dense(3) if deep else relu)", "let deep = true") == ["h.dense"]


def test_a_field_of_a_layer():
    (pool, unpool) = network("p = x | maxpool(2)\nu = unpool(p.values, of=p.indices)").calls
    assert unpool.positional[0] == TensorRef(pool.result, "values", unpool.span)
    assert unpool.named[0].value == TensorRef(pool.result, "indices", unpool.span)


def test_losses_metrics_and_outputs():
    n = network("loss a = mse(x, y)\nloss weight(1/4) b = mse(x, y)\nmetric m = top1(x, y)\noutput o = x")
    assert [(loss.name, loss.value.tensor, loss.weight) for loss in n.losses] == [
        ("a", "a.mse", 1.0),
        ("b", "b.mse", 0.25),
    ]
    assert [(metric.name, metric.value.tensor) for metric in n.metrics] == [("m", "m.top1")]
    assert [(output.name, output.value.tensor) for output in n.outputs] == [("o", "x")]


def test_a_block_takes_an_operator_as_an_argument():
    top = "block b(x, act) {\n    return x | dense(3) | act\n}\n"
    assert layers("h = x | b(act=tanh)", top) == ["h.b.dense", "h.b.tanh"]


def test_a_default_may_use_the_parameters_before_it():
    top = "block b(x, k, wide=2*k) {\n    return x | dense(wide)\n}\n"
    assert network("h = x | b(3)", top).calls[0].positional[1].value == 6


def test_a_block_sees_no_names_of_the_network():
    with pytest.raises(BrainError, match="'h' is no tensor"):
        network("h = x | relu\ng = x | b", "block b(x) {\n    return x + h\n}\n")


def test_a_constant_is_replaced_from_outside():
    assert network("h = x | dense(width)", "let width = 3", {"width": "2*8"}).calls[0].positional[1].value == 16


@pytest.mark.parametrize("text", ["", "2 +", "relu", "1\n2", '"a', "x = 3", "(1"])
def test_a_value_from_outside_must_be_a_constant(text):
    with pytest.raises(BrainError) as caught:
        network("h = x", "let width = 3", {"width": text})
    assert {d.span.path for d in caught.value.diagnostics} == {"--set width"}


def test_an_unknown_constant_from_outside_is_told():
    with pytest.raises(BrainError, match="did you mean 'width'"):
        network("h = x", "let width = 3", {"widht": "3"})


def test_calls_stand_in_the_order_of_evaluation():
    known = {"x", "y"}
    for call in network("h = concat(dense(x, 3), x | residual(2) * 3) | outer", RESIDUAL).calls:
        assert set(tensors(call)) <= known
        known.add(call.result)
