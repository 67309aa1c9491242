"""Which weights are rounded, from which copies, and how both start."""

from dataclasses import replace

from brainc.graph.trinary import with_trinary_weights
from brainc.ir.graph import LayerGraph, Trinary, rules, text
from brainrun.plan.schema import Constant, Normal, Rounded, Uniform

from .networks import graph_of

ALL = Uniform(1.0)


def made() -> LayerGraph:
    body = """
        f = image | conv(4, 3, init=normal(0.5)) | batchnorm | spike
        h = f | dense(9, name="first") | spike | dense(144, share=transpose(first))
        s = h | dense(10, bias=false)
        loss l = cross_entropy(s, label)
    """
    return with_trinary_weights(graph_of(body), hysteresis=0.2)


def starts(layer: str) -> dict[str, object]:
    """How the layer's weights start, by the ends of their names."""
    node = next(node for node in made().nodes if node.name == layer)
    return {weight.name.removeprefix(f"{layer}."): weight.initial for weight in node.weights}


def test_weights_of_dense_and_conv_have_hidden_copies_and_all_else_has_none() -> None:
    assert {node.name: tuple(starts(node.name)) for node in made().nodes if node.weights} == {
        "f.conv": ("weight", "weight.hidden", "bias"),
        "f.batchnorm": ("weight", "bias", "running_mean", "running_var"),
        "first": ("weight", "weight.hidden", "bias"),
        "h.dense": ("bias",),
        "s.dense": ("weight", "weight.hidden"),
    }


def test_a_copy_starts_anywhere_between_the_least_and_the_greatest_weight() -> None:
    assert starts("s.dense") == {"weight": Rounded("s.dense.weight.hidden", ALL), "weight.hidden": ALL}


def test_a_copy_starts_as_its_layer_says() -> None:
    own = Normal(0.5)
    assert starts("f.conv") == {
        "weight": Rounded("f.conv.weight.hidden", own), "weight.hidden": own, "bias": Constant(0.0)
    }  # fmt: skip


def test_a_weight_knows_its_copy_which_nothing_differentiates() -> None:
    weight, hidden = next(node.weights for node in made().nodes if node.name == "s.dense")
    assert weight.constraint == Trinary("s.dense.weight.hidden", 0.2)
    assert (weight.trained, hidden.trained, hidden.shape) == (True, False, weight.shape)


def test_the_graph_says_which_weights_are_trinary() -> None:
    assert "weight[10, 144] trinary(hysteresis=0.2)  hidden[10, 144]" in text(made())


def test_g4_a_weight_without_its_copy_is_named() -> None:
    graph = made()
    assert list(rules(graph)) == []
    nodes = tuple(replace(node, weights=node.weights[:1]) if node.name == "s.dense" else node for node in graph.nodes)
    broken = list(rules(replace(graph, nodes=nodes)))
    assert broken == ["G4: s.dense has no hidden copy s.dense.weight.hidden of s.dense.weight"]
