"""The picture of the layer graph."""

import re
from xml.etree import ElementTree

from brainc.graph.build import build
from brainc.graph.draw import svg
from brainlang import parse_program
from tests.brainc.graph.networks import graph_of
from tests.dsl.examples import LENET

SPACE = "{http://www.w3.org/2000/svg}"
RESIDUAL = """
a = image | conv(3, 3, pad=1)
b = a | relu | conv(3, 3, pad=1) | relu
c = a + b
loss l = mean_squared_error(c, c)
"""


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(picture).iter(f"{SPACE}text")]


def test_every_layer_and_input_is_named():
    graph = build(parse_program(LENET))
    names = {given.name for given in graph.inputs} | {node.name for node in graph.nodes}
    assert names <= set(texts(svg(graph)))


def test_a_box_tells_operator_shape_and_parameters():
    assert {"conv · channels 20, kernel 5", "20 × 24 × 24", "520 parameters"} <= set(
        texts(svg(build(parse_program(LENET))))
    )


def test_losses_metrics_and_outputs_are_marked():
    assert {"loss objective", "metric accuracy", "output logits"} <= set(texts(svg(build(parse_program(LENET)))))


def test_there_is_a_curve_for_every_edge():
    edges = re.findall(r'class="edge"', svg(graph_of(RESIDUAL)))
    assert len(edges) == len([1 for node in graph_of(RESIDUAL).nodes for _ in dict.fromkeys(node.inputs)])


def test_boxes_do_not_overlap():
    picture = ElementTree.fromstring(svg(graph_of(RESIDUAL)))
    boxes = [
        tuple(float(element.get(key, "")) for key in ("x", "y", "width", "height"))
        for element in picture.iter(f"{SPACE}rect")
        if element.get("class") == "card"
    ]
    assert len(boxes) > 5
    for place, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, _, _ in boxes[:place]:
            assert abs(x - other_x) >= width or abs(y - other_y) >= height


def test_the_picture_needs_nothing_from_elsewhere():
    picture = svg(build(parse_program(LENET))).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in picture
    assert "<script" not in picture


def test_the_same_graph_gives_the_same_picture():
    assert svg(graph_of(RESIDUAL)) == svg(graph_of(RESIDUAL))
