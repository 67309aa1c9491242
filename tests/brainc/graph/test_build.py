"""From a program to the layer graph: names, arguments, shapes, parameters and what is asked of the network."""

import numpy as np
import pytest

from brainc.graph.build import build
from brainc.ir.graph import rules
from brainc.operators.operator import Required
from brainc.operators.table import OPERATORS, TO_COME
from brainlang import BrainError, parse_program
from brainrun.plan.schema import Constant, Normal, Uniform
from tests.brainc.graph.networks import graph_of, node_of
from tests.dsl.examples import LENET


def messages(body: str) -> list[str]:
    with pytest.raises(BrainError) as caught:
        graph_of(body)
    return [diagnostic.message for diagnostic in caught.value.diagnostics]


def test_lenet_has_pytorchs_shapes():
    graph = build(parse_program(LENET))
    assert {node.name: node.tensor.shape for node in graph.nodes} == {
        "features.conv1": (20, 24, 24),
        "features.relu1": (20, 24, 24),
        "features.maxpool1": (20, 12, 12),
        "features.conv2": (50, 8, 8),
        "features.relu2": (50, 8, 8),
        "features.maxpool2": (50, 4, 4),
        "hidden.dense": (500,),
        "hidden.relu": (500,),
        "hidden.dropout": (500,),
        "logits.dense": (10,),
        "objective.cross_entropy": (),
        "accuracy.top1": (),
    }


def test_lenet_has_431080_parameters():
    graph = build(parse_program(LENET))
    assert sum(np.prod(weight.shape) for node in graph.nodes for weight in node.weights) == 431_080


def test_the_graph_keeps_its_rules():
    assert list(rules(build(parse_program(LENET)))) == []


def test_a_positional_argument_is_bound_by_its_place():
    assert node_of("c = image | conv(8, 3, 2, 1)", "c.conv").arguments == (
        ("channels", 8),
        ("kernel", 3),
        ("stride", 2),
        ("pad", 1),
        ("dilation", 1),
        ("groups", 1),
        ("bias", True),
        ("init", None),
    )


def test_a_list_gives_a_size_for_each_axis():
    assert node_of("c = image | conv(8, kernel=[3, 5])", "c.conv").tensor.shape == (8, 6, 4)


def test_a_default_can_be_another_arguments_value():
    assert node_of("p = image | maxpool(4)", "p.maxpool").argument("stride") == 4


def test_an_initialiser_is_a_word_a_call_or_a_text():
    starts = [
        node_of(f"d = image | dense(4, init={init})", "d.dense").weights[0].initial
        for init in ("he", "normal(0.5)", '"constant(2)"', "none")
    ]
    assert starts == [
        Normal(np.sqrt(2 / 192)),
        Normal(0.5),
        Constant(2.0),
        Uniform(pytest.approx(1 / np.sqrt(192))),
    ]


def test_a_number_beside_a_tensor_is_the_constant_operand():
    node = node_of("y = 2 * image", "y.multiply")
    assert (node.inputs, node.argument("by")) == (("image",), 2)


def test_a_number_minus_a_tensor_is_the_negated_tensor_plus_the_number():
    nodes = graph_of("y = 1 - image").nodes
    assert [(node.name, node.operator, node.inputs, node.argument("by")) for node in nodes] == [
        ("y.subtract.negated", "multiply", ("image",), -1),
        ("y.subtract", "add", ("y.subtract.negated",), 1),
    ]


def test_a_tensor_minus_a_number_stays_a_subtraction():
    node = node_of("y = image - 1", "y.subtract")
    assert (node.operator, node.inputs, node.argument("by")) == ("subtract", ("image",), 1)


def test_a_shared_layer_has_no_parameters_of_its_own():
    node = node_of("a = image | dense(4)\nb = image | dense(4, share=a)", "b.dense")
    assert (node.weights, node.shared, node.transposed) == ((), "a.dense", False)


def test_a_shared_layer_is_found_by_the_end_of_its_name():
    node = node_of('a = image | dense(4, name="enc.c1")\nb = image | dense(4, share=c1)', "b.dense")
    assert node.shared == "enc.c1"


def test_a_layer_that_shares_a_shared_layer_uses_the_first_ones_parameters():
    node = node_of("a = image | dense(4)\nb = image | dense(4, share=a)\nc = image | dense(4, share=b)", "c.dense")
    assert node.shared == "a.dense"


def test_a_transposed_share_keeps_a_bias_of_its_own():
    node = node_of("a = image | dense(4)\nb = a | dense(192, share=transpose(a))", "b.dense")
    assert (node.shared, node.transposed) == ("a.dense", True)
    assert [(weight.name, weight.shape) for weight in node.weights] == [("b.dense.bias", (192,))]


def test_losses_add_up_with_their_weights():
    body = "s = image | dense(10)\nloss a = cross_entropy(s, label)\nloss weight(0.3) b = mean_squared_error(s, s)"
    assert [(term.name, term.node, term.weight) for term in graph_of(body).losses] == [
        ("a", "a.cross_entropy", 1.0),
        ("b", "b.mean_squared_error", 0.3),
    ]


def test_mean_squared_error_may_be_a_metric():
    graph = graph_of("metric m = mean_squared_error(image, image)")
    assert [(term.name, term.node) for term in graph.metrics] == [("m", "m.mean_squared_error")]


def test_without_an_output_it_is_what_the_first_loss_judges():
    graph = graph_of("s = image | dense(10)\nloss a = cross_entropy(s, label)")
    assert [(output.name, output.tensor_name) for output in graph.outputs] == [("s", "s.dense")]


def test_a_network_without_a_loss_has_a_graph():
    assert graph_of("s = image | dense(10)").losses == ()


def test_an_input_of_bytes_enters_as_numbers_and_keeps_its_type():
    graph = build(parse_program("network n {\n    input x: u8[4]\n    y = x | relu\n}\n"))
    assert (graph.inputs[0].kind, graph.nodes[0].tensor.written) == ("u8", "f32[4]")


def test_what_reads_a_faulty_layer_is_not_blamed():
    assert messages("a = image | conv(8, 9) | relu | maxpool(2)\nb = a + image") == [
        "a.conv: kernel 9 does not fit in height 8"
    ]


def test_all_mistakes_are_told_in_file_order():
    found = messages("a = image | maxpol(2)\nb = image | conv(8, 9)\nc = image | dense(0)")
    assert [message.split()[0] for message in found] == ["there", "b.conv:", "dense:"]


def test_a_faulty_stage_that_is_repeated_is_told_once():
    assert len(messages("a = image | dense(-1) * 8")) == 1


@pytest.mark.parametrize("name", sorted(TO_COME))
def test_an_operator_that_is_not_built_says_so(name):
    assert messages(f"a = {name}(image)") == [f"operator '{name}' is in the language but not built yet"]


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_every_default_of_the_table_suits_its_argument(name):
    for argument in OPERATORS[name].arguments:
        default = argument.default
        match argument.kind:
            case _ if isinstance(default, Required) or default is None:
                continue
            case "size" if isinstance(default, str):
                assert default[1:] in [other.name for other in OPERATORS[name].arguments]
            case "count" | "size":
                assert isinstance(default, int)
                assert default > 0
            case "fraction":
                assert isinstance(default, float)
                assert 0 <= default < 1


def test_a_tensor_of_five_terabytes_is_a_diagnostic():
    (message,) = messages("a = image | dense(1099511627777)")
    assert message.startswith("a.dense: f32[1099511627777] is 1,099,511,627,777 elements")
