"""Which weights are probabilities, and how they start."""

from brainc.graph.probable import with_probable_weights
from brainc.ir.graph import LayerGraph, Probable, rules, text
from brainrun.plan.schema import Normal, Uniform

from .networks import graph_of


def made() -> LayerGraph:
    body = """
        f = image | conv(4, 3, init=normal(0.2)) | spike
        h = f | dense(9, name="first") | spike | dense(144, share=transpose(first)) | spike
        s = h | dense(10)
        loss l = cross_entropy(s, label)
    """
    return with_probable_weights(graph_of(body))


def test_synapses_of_what_fires_are_probable_and_those_of_scores_are_not() -> None:
    graph = made()
    assert list(rules(graph)) == []
    weights = {weight.name: weight for node in graph.nodes for weight in node.weights}
    probable = {name for name, weight in weights.items() if weight.constraint == Probable()}
    assert probable == {"f.conv.weight", "first.weight"}
    assert all(weight.trained for weight in weights.values())


def test_they_start_anywhere_in_the_range_or_as_their_layer_says() -> None:
    weights = {weight.name: weight.initial for node in made().nodes for weight in node.weights}
    assert weights["first.weight"] == Uniform(1.0)
    assert weights["f.conv.weight"] == Normal(0.2)


def test_the_graph_says_which_they_are() -> None:
    assert "weight[9, 144] probable  bias[9]" in text(made())
